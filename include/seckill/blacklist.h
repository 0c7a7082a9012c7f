/* SPDX-License-Identifier: MIT */
/** @defgroup blacklist blacklist.h: who is refused, shop-wide, whatever is left
 *
 * A subject is a kind and a value: a user, an address or a network of addresses, or whatever else the shop can tell people by
 * (a device, a card): it names the kind. Redis has the list, with a reason and an end for each subject. A client that follows
 * it keeps a copy in its memory, so that nearly every check costs neither a message nor a microsecond.
 *
 * A user who is listed is refused by seckill_reserve and seckill_enqueue of a client that follows the list: at once, from
 * memory, where SECKILL_FIRST_ATTEMPT is set; else the request still finds what was granted to it before. A worker names those
 * whom it finds in its copy to seckill_queue_process. What else is to be checked (addresses, devices, who may poll or order) is
 * for the host to ask.
 *
 * The list is shared by all activities of a prefix. Of its keys all lie in one slot of a Redis Cluster; no hash of it holds
 * more than a sixteenth, so that the slot can move.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h; SECKILL_NOT_DEFINED is none of them.
 * @{
 */
#ifndef SECKILL_BLACKLIST_H
#define SECKILL_BLACKLIST_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Limits and flags. */
enum {
    SECKILL_KIND_MAX = 16,             /**< bytes of a kind: 1 to 16 of A-Za-z0-9._- */
    SECKILL_SUBJECT_MAX = 64,          /**< bytes of a value: 1 to 64, any */
    SECKILL_REASON_MAX = 64,           /**< bytes of a reason: 0 to 64, any */
    SECKILL_BLACKLIST_BATCH = 256,     /**< subjects of one call */
    SECKILL_BLACKLIST_LENGTHEN = 1,    /**< flag of an entry: where it is listed for as long or longer already, that stays */
    SECKILL_BLACKLIST_CURSOR_SIZE = 40 /**< bytes of a cursor */
};

/** A kind: its value is the user, as given to seckill_reserve. */
#define SECKILL_KIND_USER "user"
/** A kind: its value is text: 192.0.2.7, 192.0.2.0/24, 2001:db8::1, 2001:db8::/32. Who adds one names no bits behind the
 * prefix; who checks one finds every network that has it. An IPv4 address written as one of IPv6 is that IPv4 address; so a
 * network of all IPv6 addresses has every IPv4 address too. */
#define SECKILL_KIND_ADDRESS "address"

/** Who is meant. The bytes are the caller's, and copied. */
typedef struct {
    const char *kind;    /**< NUL-terminated, 1 to SECKILL_KIND_MAX of A-Za-z0-9._- */
    seckill_bytes value; /**< 1 to SECKILL_SUBJECT_MAX bytes */
} seckill_subject;

/** What is listed. Begin with {0}, or with what seckill_blacklist_read said. */
typedef struct {
    seckill_subject subject; /**< who is listed */
    seckill_bytes reason;    /**< for a person; 0 to SECKILL_REASON_MAX bytes */
    int64_t until_ms;        /**< the server's clock; 0: until it is removed. What is over is as if it were not listed */
    int64_t since_ms;        /**< since when it is listed with this end and reason; ignored by seckill_blacklist_add */
    uint32_t flags;          /**< SECKILL_BLACKLIST_LENGTHEN */
    uint64_t spare[2];       /**< 0, in what is given too: room for fields of later releases */
} seckill_blacklist_entry;

/** What a change did. */
typedef struct {
    seckill_status status; /**< SECKILL_OK: all of it is done; else none of it, or that is not known */
    const char *message;   /**< the cause, for a person; never NULL */
    /** of the subjects named: they were not listed before, or otherwise; or they were, and are removed. What is over and not
     * cleared away yet counts as listed */
    uint32_t changed;
    uint64_t entries;       /**< in the whole list, with those that are over and not cleared away yet */
    int64_t server_time_ms; /**< 0: no server answered */
} seckill_blacklist_result;

/** Gets what a change did, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_blacklist_cb)(const seckill_blacklist_result *result, void *user_data);

/** Adds entries, all of them or none, in one step; what is listed already gets the new reason and end, but see
 * SECKILL_BLACKLIST_LENGTHEN. Clears away what is over, a few times as many as are added. Safe to repeat.
 *
 * @param client      an open client
 * @param entries     copied; each subject once
 * @param count       of them, 1 to SECKILL_BLACKLIST_BATCH
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also an address that is none or has bits behind its prefix, a subject that stands there twice
 *
 * The callback's status: as every call; after SECKILL_UNKNOWN add them again.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_blacklist_add(seckill_client *client, const seckill_blacklist_entry *entries,
                                                                 size_t count, uint32_t timeout_ms, seckill_blacklist_cb cb,
                                                                 void *user_data);

/** Removes subjects: a network only by its own name, not by an address in it; of who is not listed nothing is said. Works also
 * where Redis has reached maxmemory.
 *
 * @param client      an open client
 * @param subjects    copied; each once
 * @param count       of them, 1 to SECKILL_BLACKLIST_BATCH
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also a subject that is none or stands there twice
 *
 * The callback's status: as every call.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_blacklist_remove(seckill_client *client, const seckill_subject *subjects,
                                                                    size_t count, uint32_t timeout_ms, seckill_blacklist_cb cb,
                                                                    void *user_data);

/** What is said of one subject. */
typedef struct {
    int is_listed;        /**< 1 or 0 */
    int64_t until_ms;     /**< until when; 0: without an end, or not listed; of an address the entry that lasts longest */
    int64_t since_ms;     /**< since when; 0: not listed */
    seckill_bytes reason; /**< valid during the callback */
    uint64_t spare[2];    /**< 0: room for fields of later releases */
} seckill_blacklist_finding;

/** What is said of all subjects. */
typedef struct {
    seckill_status status;                     /**< SECKILL_OK: none is listed; SECKILL_BLACKLISTED: at least one is */
    const char *message;                       /**< the cause, for a person; never NULL */
    const seckill_blacklist_finding *findings; /**< in the order of the subjects; NULL where Redis has not answered */
    size_t count;                              /**< of the findings */
    int64_t server_time_ms;                    /**< the server's clock; 0: no server answered */
} seckill_blacklist_check_result;

/** Gets what is said of all subjects, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_blacklist_check_cb)(const seckill_blacklist_check_result *result, void *user_data);

/** Asks Redis whether subjects are listed: exact, and as dear as any script; an address is looked up once for each length of
 * prefix that is listed: of all 129 lengths, 256 addresses take Redis some 60 ms.
 *
 * @param client      an open client
 * @param subjects    copied
 * @param count       of them, 1 to SECKILL_BLACKLIST_BATCH
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also a subject that is none
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: none is listed
 * - SECKILL_BLACKLISTED: at least one is
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_blacklist_check(seckill_client *client, const seckill_subject *subjects,
                                                                   size_t count, uint32_t timeout_ms,
                                                                   seckill_blacklist_check_cb cb, void *user_data);

/** Where a walk over the whole list goes on. Zero: at its beginning. */
typedef struct {
    uint8_t bytes[SECKILL_BLACKLIST_CURSOR_SIZE]; /**< the library's */
} seckill_blacklist_cursor;

/** A page of the list. */
typedef struct {
    seckill_status status;         /**< SECKILL_OK: the page was read */
    const char *message;           /**< the cause, for a person; never NULL */
    seckill_blacklist_cursor next; /**< for the next page */
    int complete;  /**< the walk has come round: who was listed all the time was met, some twice. A new one begins at zero */
    int restarted; /**< another server answers than before: of what was read already, some comes again */
    const seckill_blacklist_entry *entries; /**< valid during the callback; without those that are over */
    size_t count;                           /**< may be 0 before the end */
    int64_t server_time_ms;                 /**< the server's clock; 0: no server answered */
} seckill_blacklist_read_result;

/** Gets a page of the list, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_blacklist_read_cb)(const seckill_blacklist_read_result *result, void *user_data);

/** Reads a page of the list. Changes nothing.
 *
 * @param client      an open client
 * @param cursor      copied; where to go on; zero: at the beginning
 * @param max         about how many entries, 1 to SECKILL_BATCH_MAX
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also a cursor that is none
 *
 * The callback's status: as every call.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_blacklist_read(seckill_client *client,
                                                                  const seckill_blacklist_cursor *cursor, uint32_t max,
                                                                  uint32_t timeout_ms, seckill_blacklist_read_cb cb,
                                                                  void *user_data);

/** Options of the copy. Begin with SECKILL_BLACKLIST_OPTIONS_INIT; 0 means the default. */
typedef struct {
    size_t struct_size;   /**< SECKILL_BLACKLIST_OPTIONS_INIT sets it */
    uint32_t poll_ms;     /**< how often changes are asked for, 1 to 60,000; default 100 */
    uint32_t max_entries; /**< kept in memory, 1 to 67,108,864; default 4,000,000. One more is not kept: see `dropped` */
} seckill_blacklist_options;

/** All defaults. */
#define SECKILL_BLACKLIST_OPTIONS_INIT                                                                                         \
    { sizeof(seckill_blacklist_options), 0, 0 }

/** Begins to follow the list: reads it in steps of some 512 entries, and then its changes every `poll_ms`, until the client is
 * closed. While a connection is lost the copy stays as it is, and goes on where it was afterwards. Only where that is not
 * possible (the list was restored from elsewhere, a failover has lost changes, more than 65,536 changes were missed) it is read
 * anew, beside the old copy, which is used until the new one is whole. How far it is says seckill_blacklist_get_state; there is
 * no callback.
 *
 * Memory: 21 to 43 bytes for each entry, once there are some thousands; while it is read anew, of both copies. In Redis 70 to
 * 210 bytes for each, by what it says, 170 to 400 for one that ends; and for the changes up to 7 MB.
 *
 * @param client   an open client
 * @param options  copied; not NULL
 * @retval SECKILL_OK         it is followed
 * @retval SECKILL_CONFLICT   the client follows it already
 * @retval SECKILL_INVALID    an argument is NULL, or an option out of range
 * @retval SECKILL_NO_MEMORY  out of memory
 * @retval SECKILL_CLOSED     the client is being closed
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_blacklist_follow(seckill_client *client,
                                                                    const seckill_blacklist_options *options);

/** Looks into the copy. Well under a microsecond with a million entries; an address is looked up once for each length of prefix
 * that is listed. What is known of a copy that is not loaded yet counts. On the client's thread.
 *
 * @param client    one that follows the list
 * @param subject   only looked at
 * @param until_ms  gets when it ends by the server's clock; 0: not at all, or it is not listed; may be NULL
 * @retval SECKILL_OK           not listed
 * @retval SECKILL_BLACKLISTED  listed
 * @retval SECKILL_INVALID      a NULL argument, no subject, or the client does not follow the list
 */
SECKILL_API seckill_status seckill_blacklist_check_local(const seckill_client *client, const seckill_subject *subject,
                                                         int64_t *until_ms);

/** How the copy is. */
typedef struct {
    size_t struct_size; /**< set by the caller: what the structure has room for */
    int is_following;   /**< 1 or 0 */
    int is_loaded;      /**< 1: all that was listed has been read once; else 0 */
    /** the copy has everything that was listed so long ago; -1: not loaded yet. While Redis answers at most poll_ms and twice
     * what an answer takes; rising while it does not */
    int64_t behind_ms;
    uint64_t entries; /**< in the copy, with those that are over and not cleared away yet */
    uint64_t dropped; /**< not kept for want of room or memory: only seckill_blacklist_check knows of them */
    uint64_t bytes;   /**< of the copy */
    uint64_t changes; /**< followed so far */
    uint64_t loads;   /**< times that it was read from the beginning, completely */
} seckill_blacklist_state;

/** Says how the copy is. On the client's thread.
 *
 * @param client  an open client
 * @param state   gets what `state->struct_size` leaves room for
 * @retval SECKILL_OK       it is filled
 * @retval SECKILL_INVALID  a NULL argument or an impossible size
 */
SECKILL_API seckill_status seckill_blacklist_get_state(const seckill_client *client, seckill_blacklist_state *state);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
