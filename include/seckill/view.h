/* SPDX-License-Identifier: MIT */
/** @defgroup view view.h: reading Redis without a client, for hosts that have connections of their own to it
 *
 * Above all nginx, whose Lua calls C (LuaJIT's FFI) but cannot be called back cheaply. The library writes each command; the
 * host sends it to the master that serves its slot, and gives back what came; the library says what it means:
 *
 * - seckill_view_ask_...: writes a command
 * - (the host): sends command->data, and reads one reply
 * - seckill_view_take_...: takes a bulk string
 * - seckill_view_read_error: says of an error what is to be done: send it again with the script's text, go to another server,
 *   ask for the mapping list again, try later, or give up, and why
 *
 * Nothing here changes anything in Redis. All the same every command must go to a master: a replica answers READONLY, as it may
 * not know yet what its master said. What is read is what that one server knows; who waits for replicas (client.h) must know
 * that these calls do not.
 *
 * Pure functions: no I/O, no clock, no thread, no callback, no global state. A command and a view are used by one thread at a
 * time; different ones by different threads at once. All commands that were written stay good whatever is asked meanwhile: only
 * for the numbers of shards the order matters (see seckill_view_begin).
 *
 * For FFI: every structure is plain, of whole-number fields of fixed width, pointers, sizes and arrays; an enum in it is an int
 * of 4 bytes. The caller sets struct_size to the size it knows; what that leaves room for is filled, so that a declaration
 * which was copied from this header goes on being right when later releases add fields at the end. Those without it
 * (reservations, references, tickets, findings, numbers of a shard) keep their size: declare `spare` too, and let it be zero in
 * what is given to the library. How structures grow is said in base.h; what may change, a soname's number says.
 *
 * Replies are ranges of bytes, such as a string of Lua, and are read before the call returns. What points into them is named.
 * @{
 */
#ifndef SECKILL_VIEW_H
#define SECKILL_VIEW_H

#include "blacklist.h"
#include "queue.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- commands ---- */

/** One command, as the last call has written it that was given it. All that it points to is its own, until it is written anew
 * or freed: it can be used again and again, and one is enough for who sends (or copies) each before writing the next. */
typedef struct {
    size_t struct_size;      /**< the size of this structure in the library that made it */
    const char *data;        /**< the whole command as it goes over the wire: an array of bulk strings (RESP 2 and 3) */
    size_t size;             /**< of `data`, in bytes */
    const char *const *argv; /**< the same for who has a client of Redis: argc arguments of sizes[i] bytes each */
    const size_t *sizes;     /**< one for each argument */
    uint32_t argc;           /**< how many arguments */
    uint32_t slot;           /**< of a Redis Cluster, 0 to SECKILL_SLOTS - 1: where all its keys are */
    uint32_t round;          /**< of seckill_view_ask_shard; else 0 */
} seckill_command;

/** Makes an empty command of some 100 KiB.
 *
 * @param command  gets it, and is the caller's to free with seckill_command_free; untouched where it could not be made
 * @retval SECKILL_OK         it is made
 * @retval SECKILL_INVALID    `command` is NULL
 * @retval SECKILL_NO_MEMORY  out of memory
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_command_new(seckill_command **command);

/** Frees a command, and all that it points to.
 *
 * @param command  NULL is allowed
 */
SECKILL_API void seckill_command_free(seckill_command *command);

/** Flags of commands. */
enum {
    /** A flag of all calls that write a command: EVAL with the script's text, 10 to 40 KB, instead of EVALSHA with its digest.
     * For a server that has said NOSCRIPT; it knows the script from then on, for every client. */
    SECKILL_WITH_TEXT = 1
};

/* ---- errors ---- */

/** Sizes, and what is to be done about an error. */
enum {
    SECKILL_HOST_SIZE = 256, /**< bytes of a host name or an address, with its NUL */

    SECKILL_THEN_GIVE_UP = 0,   /**< it is the answer: `status` */
    SECKILL_THEN_SEND_TEXT = 1, /**< write it again, SECKILL_WITH_TEXT, and send that to the same server */
    SECKILL_THEN_GO_TO = 2,     /**< MOVED: send it to host:port, and from now on all for this slot */
    SECKILL_THEN_ASK_AT = 3,    /**< ASK: send ASKING and then it to host:port, this once */
    /** OLDER: the shard does not know the settings, or the item, that this view knows: ask for the item's mapping list, then
     * write it again. If it says so again, the shard lacks what only writing brings it (a client's next call does): then it is
     * as SECKILL_THEN_TRY_LATER */
    SECKILL_THEN_ASK_ITEM = 4,
    SECKILL_THEN_REPEAT = 5, /**< it did a part: send it again at once */
    /** the server cannot serve now (it loads, fails over, is busy, is a replica): again after a while, in a cluster with a look
     * at who serves the slot; meanwhile the answer is `status` */
    SECKILL_THEN_TRY_LATER = 6
};

/** What an error reply means. */
typedef struct {
    size_t struct_size; /**< set by the caller: what the structure has room for */
    int32_t then;       /**< what is to be done: SECKILL_THEN_... */
    int32_t status;     /**< a seckill_status: what to answer, also where nobody can wait for what is to be done */
    uint32_t slot;      /**< SECKILL_THEN_GO_TO, SECKILL_THEN_ASK_AT: which slot is meant, ... */
    uint32_t port;      /**< ... at which port ... */
    /** ... and who serves it; "": the host of the server that says so, on that port. IPv6 without brackets */
    char host[SECKILL_HOST_SIZE];
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
} seckill_reply_error;

/** Says what an error reply to any of these commands means. A redirection that names nobody is SECKILL_THEN_TRY_LATER.
 *
 * @param text   without the "-" before it; need not be NUL-terminated
 * @param size   of `text`, in bytes
 * @param error  gets what its struct_size leaves room for
 * @retval SECKILL_OK       it is filled
 * @retval SECKILL_INVALID  a NULL argument, or an impossible struct_size
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_read_error(const char *text, size_t size, seckill_reply_error *error);

/* ---- the items of an activity ---- */

/** Writes the command that lists the items of an activity.
 *
 * @param prefix    of all keys, NUL-terminated; NULL: "seckill", as for a client
 * @param activity  a NUL-terminated id
 * @param flags     SECKILL_WITH_TEXT, or 0; as everywhere below
 * @param command   gets it
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    an argument is NULL or malformed; the command is empty
 * @retval SECKILL_NO_MEMORY  its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_items(const char *prefix, const char *activity, uint32_t flags,
                                                                  seckill_command *command);

/** Takes the reply. An activity that nobody has defined an item of has none.
 *
 * @param reply  a bulk string
 * @param size   of `reply`, in bytes
 * @param items  gets up to `max` ids, sorted; they point into `reply`, and have no NUL; NULL only where `max` is 0
 * @param max    how many there is room for; SECKILL_ITEMS_MAX are always enough
 * @param count  gets how many there are; 0 unless SECKILL_OK
 * @retval SECKILL_OK        they are taken
 * @retval SECKILL_PROTOCOL  this is no such reply
 * @retval SECKILL_NO_SPACE  there are more than `max`
 * @retval SECKILL_INVALID   a NULL argument
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_items(const char *reply, size_t size, seckill_bytes *items,
                                                                   uint32_t max, uint32_t *count);

/* ---- the blacklist ---- */

/** Writes the command that asks whether subjects are listed. It is exact, and costs Redis what seckill_blacklist_check costs
 * it.
 *
 * @param prefix    of all keys, NUL-terminated; NULL: "seckill"
 * @param subjects  copied
 * @param count     of them, 1 to SECKILL_BLACKLIST_BATCH
 * @param flags     SECKILL_WITH_TEXT, or 0
 * @param command   gets it
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    an argument is NULL or malformed, or a subject is none; the command is empty
 * @retval SECKILL_NO_MEMORY  its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_listed(const char *prefix, const seckill_subject *subjects,
                                                                   size_t count, uint32_t flags, seckill_command *command);

/** Takes the reply.
 *
 * @param reply           a bulk string
 * @param size            of `reply`, in bytes
 * @param findings        gets what is said of each, in the order of the subjects; each reason points into `reply`
 * @param count           of the subjects that were asked about
 * @param server_time_ms  gets the server's clock, for who wants to know how long until_ms is away; may be NULL
 * @retval SECKILL_OK           none is listed
 * @retval SECKILL_BLACKLISTED  at least one is
 * @retval SECKILL_PROTOCOL     this is no answer about so many; all findings are zero
 * @retval SECKILL_INVALID      a NULL argument, or a count out of range
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_listed(const char *reply, size_t size,
                                                                    seckill_blacklist_finding *findings, size_t count,
                                                                    int64_t *server_time_ms);

/* ---- an item ---- */

/** What is known of an item: its mapping list, and the latest numbers of its shards. It knows nothing until a mapping list was
 * taken; until then all other calls of it say SECKILL_NOT_DEFINED. */
typedef struct seckill_view seckill_view;

/** Makes a view. Some 600 bytes, and 240 for each shard.
 *
 * @param prefix    of all keys, NUL-terminated, copied; NULL: "seckill"
 * @param activity  a NUL-terminated id, copied
 * @param item      a NUL-terminated id, copied
 * @param view      gets it, and is the caller's to free with seckill_view_free; untouched where it could not be made
 * @retval SECKILL_OK         it is made
 * @retval SECKILL_INVALID    an argument is NULL or malformed
 * @retval SECKILL_NO_MEMORY  out of memory
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_new(const char *prefix, const char *activity, const char *item,
                                                            seckill_view **view);

/** Frees a view, and all that it points to.
 *
 * @param view  NULL is allowed
 */
SECKILL_API void seckill_view_free(seckill_view *view);

/** Writes the command that reads the mapping list: settings, state, shards.
 *
 * @param view     not NULL
 * @param flags    SECKILL_WITH_TEXT, or 0
 * @param command  gets it
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    an argument is NULL or malformed; the command is empty
 * @retval SECKILL_NO_MEMORY  its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_item(const seckill_view *view, uint32_t flags,
                                                                 seckill_command *command);

/** Takes the reply. Where it is another item of the same name (purged, and defined anew), what was known of its shards is
 * forgotten.
 *
 * @param view   not NULL
 * @param reply  a bulk string
 * @param size   of `reply`, in bytes
 * @retval SECKILL_OK           the view knows it
 * @retval SECKILL_NOT_DEFINED  there is no such item, or it is being purged: the view knows nothing any more
 * @retval SECKILL_PROTOCOL     this is no mapping list; what was known stays
 * @retval SECKILL_NO_MEMORY    out of memory; what was known stays
 * @retval SECKILL_INVALID      a NULL argument
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_item(seckill_view *view, const char *reply, size_t size);

/** Whether a shard has answered with newer settings than the view knows: ask for the mapping list again, soon; until then
 * everything works.
 *
 * @param view  NULL is allowed
 * @return 1 or 0
 */
SECKILL_API int32_t seckill_view_is_stale(const seckill_view *view);

/** What the mapping list says. */
typedef struct {
    size_t struct_size; /**< set by the caller: what the structure has room for */
    /** every default filled in, but struct_size, which is 0. It, seed and tags are the view's: valid until the next mapping
     * list is taken, or it is freed */
    const seckill_item_settings *settings;
    const uint8_t *seed;     /**< SECKILL_SEED_SIZE bytes */
    const char *const *tags; /**< `shards` of them, NUL-terminated */
    uint64_t version;        /**< of settings and state */
    int64_t wait_ms;         /**< not started: until it does; else 0 */
    uint32_t shards;         /**< 1 to SECKILL_SHARDS_MAX */
    int32_t state;           /**< a seckill_item_state */
    /** at now_ms: SECKILL_OK: it is on; SECKILL_NOT_STARTED, SECKILL_PAUSED, SECKILL_ENDED. Redis says so by its own clock:
     * near the start and the end let it decide */
    int32_t sale;
} seckill_view_sale;

/** Fills `sale`.
 *
 * @param view    not NULL
 * @param now_ms  the servers' clock as well as the host knows it: milliseconds since 1970
 * @param sale    gets what its struct_size leaves room for
 * @retval SECKILL_OK           it is filled
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, or an impossible struct_size
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_get_sale(const seckill_view *view, int64_t now_ms,
                                                                 seckill_view_sale *sale);

/* ---- its stock, in rounds ---- */

/** How long a proof is good. */
enum {
    SECKILL_PROOF_MS = 200 /**< for so long it may be told, see seckill_view_stock */
};

/** Begins a round: what seckill_view_ask_shard writes from now on belongs to it. To be called before any command of the round
 * is sent. A round is whole when the numbers of every shard were taken; who begins the next one before gives it up.
 *
 * @param view    not NULL
 * @param now_ms  any clock of the host that never goes back; it comes back as begun_ms and proven_ms
 * @retval SECKILL_OK           it is begun
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      `view` is NULL
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_begin(seckill_view *view, int64_t now_ms);

/** Writes the command that reads the numbers of a shard; command->round says which round it belongs to.
 *
 * @param view     one whose round was begun
 * @param shard    0 to shards - 1
 * @param flags    SECKILL_WITH_TEXT, or 0
 * @param command  gets it
 * @retval SECKILL_OK           it is written
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      an argument is NULL or out of range, or no round was begun since the item's shards are known;
 *     the command is empty
 * @retval SECKILL_NO_MEMORY    its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_shard(const seckill_view *view, uint32_t shard, uint32_t flags,
                                                                  seckill_command *command);

/** Takes the reply.
 *
 * @param view   not NULL
 * @param shard  0 to shards - 1
 * @param round  command->round of the command that it answers, so that a reply which is late counts for no other round
 * @param reply  a bulk string
 * @param size   of `reply`, in bytes
 * @retval SECKILL_OK           it is taken
 * @retval SECKILL_CONFLICT     it is of another round than the one under way, or was taken already: nothing is changed
 * @retval SECKILL_PROTOCOL     this is no such reply; the shard is as if nothing had come
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, or no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_shard(seckill_view *view, uint32_t shard, uint32_t round,
                                                                   const char *reply, size_t size);

/** The stock of the shards that have answered in the round that was begun last, added up. Units and counts as in item.h.
 *
 * Proven: at proven_ms no more than `left` units were available or on their way. Who asks for more, and came before
 * SECKILL_PROOF_MS had passed since then, may be told so without asking Redis: SECKILL_SOLD_OUT where left is 0, else
 * SECKILL_NOT_ENOUGH; but only at the first attempt of a request id, as the grant of an earlier one may stand. It takes two
 * whole rounds, one after the other, in which no shard's version and epoch differ, nothing is overdue, and no more was taken
 * than sent. It stands until the next round is whole, which proves it anew or ends it; a round that is given up ends it too.
 * Behind a failover nothing is proven until somebody has written to the shard: it has no epoch yet. */
typedef struct {
    size_t struct_size;     /**< set by the caller: what the structure has room for */
    uint32_t shards;        /**< of the item */
    uint32_t missing;       /**< of these, how many have not answered; 0: the round is whole. See seckill_view_get_shard */
    int64_t begun_ms;       /**< when the round was begun; 0: none was */
    int64_t server_time_ms; /**< of the last shard that answered; 0: none has */
    int64_t loaded;         /**< loaded less withdrawn */
    int64_t available;      /**< units that can be reserved */
    int64_t reserved;       /**< units reserved, and not confirmed yet */
    int64_t sold;           /**< units confirmed, and not refunded */
    int64_t moving;         /**< units on their way between shards: right only where nothing is missing */
    int64_t queued;         /**< requests that wait */
    int64_t longest_queue;  /**< of one shard */
    int64_t left;           /**< proven, see above: units that can be left at most */
    int64_t proven_ms;      /**< when the second of the two was begun */
    int32_t is_proven;      /**< 1 or 0; 0: left and proven_ms are 0 */
    int32_t is_overdue;     /**< 1: somewhere something is overdue, and units may come back as soon as somebody looks */
} seckill_view_stock;

/** Fills `stock`.
 *
 * @param view   not NULL
 * @param stock  gets what its struct_size leaves room for
 * @retval SECKILL_OK           it is filled
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, or an impossible struct_size
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_get_stock(const seckill_view *view, seckill_view_stock *stock);

/** Reads the numbers of one shard in the round that was begun last.
 *
 * @param view   not NULL
 * @param shard  0 to shards - 1
 * @param stock  filled as seckill_stock_get does, but for `node`, which is NULL. Its status: SECKILL_OK, or SECKILL_UNREACHABLE
 *     where it has not answered; then the numbers are 0
 * @retval SECKILL_OK           it is filled
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, or no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_get_shard(const seckill_view *view, uint32_t shard,
                                                                  seckill_stock *stock);

/* ---- its users ---- */

/** One state more. */
enum {
    /** Beside the states of queue.h: the ticket's place was lost with a server, or it was refused before that; a client that
     * polls it enqueues the request again, which this cannot: hand the poll to one (to the front). */
    SECKILL_TICKET_LOST = 8
};

/** What has become of a ticket's request. */
typedef struct {
    size_t struct_size;              /**< set by the caller: what the structure has room for */
    int32_t state;                   /**< a seckill_ticket_state, or SECKILL_TICKET_LOST; 0 unless SECKILL_OK */
    int32_t reason;                  /**< refused: why, as in queue.h; else SECKILL_OK */
    uint64_t position;               /**< queued: as in queue.h; 0 for one that waits in the shop's own queue */
    uint32_t wait_ms;                /**< queued: how long that will take, by the speed that this view has seen; 0: not known */
    int32_t has_ref;                 /**< 1: granted, and `ref` is for seckill_token_issue; else 0, and it is zero */
    int64_t server_time_ms;          /**< 0: no server answered */
    seckill_reservation_ref ref;     /**< see `has_ref` */
    seckill_reservation reservation; /**< where there is one, else zero */
} seckill_view_ticket;

/** Writes the command that asks what has become of a ticket's request.
 *
 * @param view     not NULL
 * @param ticket   what seckill_ticket_verify has filled; its activity and item must be the view's. It stays as it is: nothing
 *     here gives a new one
 * @param flags    SECKILL_WITH_TEXT, or 0
 * @param command  gets it
 * @retval SECKILL_OK           it is written
 * @retval SECKILL_NOT_DEFINED  no mapping list is known; the command is empty
 * @retval SECKILL_INVALID      an argument is NULL or malformed, or the ticket is none, or another item's; the command is empty
 * @retval SECKILL_NO_MEMORY    its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_ticket(const seckill_view *view, const seckill_ticket *ticket,
                                                                   uint32_t flags, seckill_command *command);

/** Takes the reply.
 *
 * @param view    not NULL
 * @param ticket  the same as it was asked for
 * @param reply   a bulk string
 * @param size    of `reply`, in bytes
 * @param answer  gets what its struct_size leaves room for, unless SECKILL_INVALID
 * @retval SECKILL_OK           see `state`
 * @retval SECKILL_TOO_OLD      no such request is known, and its time is over
 * @retval SECKILL_SERVER_BUSY  ask again
 * @retval SECKILL_PROTOCOL     this is no such reply
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, an impossible struct_size, or the ticket is none, or another item's
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_ticket(seckill_view *view, const seckill_ticket *ticket,
                                                                    const char *reply, size_t size,
                                                                    seckill_view_ticket *answer);

/** Writes the command that reads a user's reservations of this item: of all items of an activity, they are the cart.
 *
 * @param view     not NULL
 * @param user     any bytes, copied
 * @param size     how many, 1 to SECKILL_USER_MAX
 * @param flags    SECKILL_WITH_TEXT, or 0
 * @param command  gets it
 * @retval SECKILL_OK           it is written
 * @retval SECKILL_NOT_DEFINED  no mapping list is known; the command is empty
 * @retval SECKILL_INVALID      an argument is NULL or out of range; the command is empty
 * @retval SECKILL_NO_MEMORY    its bytes have found no room; the command is empty
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_ask_user(const seckill_view *view, const char *user, size_t size,
                                                                 uint32_t flags, seckill_command *command);

/** Takes the reply.
 *
 * @param view          not NULL
 * @param user          the same as it was asked for
 * @param user_size     of `user`, in bytes
 * @param reply         a bulk string
 * @param size          of `reply`, in bytes
 * @param reservations  gets up to SECKILL_USER_RECORDS_MAX of them, oldest first; what is overdue is shown as expired
 * @param refs          gets beside each what seckill_token_issue takes; zero unless reserved
 * @param count         gets how many; 0 unless SECKILL_OK
 * @retval SECKILL_OK           they are taken; there may be none
 * @retval SECKILL_PROTOCOL     this is no such reply
 * @retval SECKILL_NOT_DEFINED  no mapping list is known
 * @retval SECKILL_INVALID      a NULL argument, or no user
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_view_take_user(seckill_view *view, const char *user, size_t user_size,
                                                                  const char *reply, size_t size,
                                                                  seckill_reservation *reservations,
                                                                  seckill_reservation_ref *refs, uint32_t *count);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
