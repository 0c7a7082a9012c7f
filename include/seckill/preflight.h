/* SPDX-License-Identifier: MIT */
/** @defgroup preflight preflight.h: everything that must be right before a sale, looked at while there is time to mend it
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_PREFLIGHT_H
#define SECKILL_PREFLIGHT_H

#include "item.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is judged by. */
enum {
    /** users of one shard that are warned of: a larger hash blocks its server for more than a second when its slot moves to
     * another one */
    SECKILL_USERS_PER_SHARD = 100000,
    /** of Redis memory for each planned user: a reservation takes less than 160, a request that waits in the queue the rest;
     * with users of 16 bytes */
    SECKILL_USER_BYTES = 256
};

/** What is looked at: X(NAME, "stable_name"). */
#define SECKILL_CHECK_MAP(X)                                                                                                   \
    X(REACH, "reach")             /* every shard answered */                                                                   \
    X(ITEM, "item")               /* it is defined, and its mapping list is sound */                                           \
    X(VERSION, "version")         /* Redis 7.0 or Valkey 7.2, or later */                                                      \
    X(EVICTION, "eviction")       /* a full server refuses instead of deleting keys */                                         \
    X(MEMORY, "memory")           /* there is enough for the planned users */                                                  \
    X(PERSISTENCE, "persistence") /* what was answered survives a crash of the server */                                       \
    X(REPLICAS, "replicas")       /* as many are in step as answers wait for */                                                \
    X(CLOCK, "clock")             /* of the servers, and of this process */                                                    \
    X(ACL, "acl")                 /* every command that the scripts use is allowed */                                          \
    X(CLUSTER, "cluster")         /* all slots are served */                                                                   \
    X(SPREAD, "spread")           /* the shards are spread evenly over the masters */                                          \
    X(KEYS, "keys")               /* every shard has its six keys, each of its type */                                         \
    X(LAYOUT, "layout")           /* they have the layout of this release */                                                   \
    X(SETTINGS, "settings")       /* every shard is of this item, and has its settings */                                      \
    X(SALE, "sale")               /* its state, start and end */                                                               \
    X(STOCK, "stock")             /* there is some, and the account of every shard holds */                                    \
    X(USERS, "users")             /* not too many for a shard */                                                               \
    X(WARM, "warm")               /* every server knows every script */

/** What is looked at: SECKILL_CHECK_REACH, SECKILL_CHECK_ITEM ... as SECKILL_CHECK_MAP lists them. */
typedef enum {
#define SECKILL_CHECK_ENUM(name, text) SECKILL_CHECK_##name,
    SECKILL_CHECK_MAP(SECKILL_CHECK_ENUM)
#undef SECKILL_CHECK_ENUM
} seckill_check;

/** How bad what was found is. */
typedef enum {
    SECKILL_LEVEL_OK = 0,      /**< as it should be */
    SECKILL_LEVEL_WARNING = 1, /**< a person should know of it */
    SECKILL_LEVEL_FAILED = 2   /**< the sale must not start so */
} seckill_level;

/** Flags of seckill_preflight. */
enum {
    SECKILL_PREFLIGHT_VOLATILE = 1 /**< servers without an append-only log will do: what they lose in a crash may be lost */
};

/** What to judge by. Begin with SECKILL_PREFLIGHT_OPTIONS_INIT. */
typedef struct {
    size_t struct_size; /**< SECKILL_PREFLIGHT_OPTIONS_INIT sets it */
    /** how many are planned for, each with a reservation, to SECKILL_AMOUNT_MAX; 0: memory is judged by what is used now */
    int64_t users;
    /** that each master must have in step, to SECKILL_REPLICAS_MAX; 0: as many as the client waits for */
    uint32_t replicas;
    uint32_t max_skew_ms; /**< how far clocks may differ, to 3,600,000; 0: the item's max_skew_ms, at least 500 */
    uint32_t timeout_ms;  /**< of the whole call; 0: the client's default */
    uint32_t flags;       /**< SECKILL_PREFLIGHT_VOLATILE */
} seckill_preflight_options;

/** All defaults. */
#define SECKILL_PREFLIGHT_OPTIONS_INIT                                                                                         \
    { sizeof(seckill_preflight_options), 0, 0, 0, 0, 0 }

/** What a finding is about that is about no shard. */
#define SECKILL_NO_SHARD UINT32_MAX

/** What one look found. */
typedef struct {
    seckill_check check; /**< what was looked at */
    const char *name;    /**< of the check: it never changes */
    seckill_level level; /**< how bad it is */
    uint32_t shard;      /**< what it is about, or SECKILL_NO_SHARD */
    const char *server;  /**< what it is about, "host:port" or "unix:/path"; "" where it is none, or its address is not known */
    const char *found;   /**< a sentence for a person, without a full stop */
    const char *remedy;  /**< what to do; "" where it is SECKILL_LEVEL_OK */
    uint64_t spare[2];   /**< 0: room for fields of later releases */
} seckill_finding;

/** What all looks found. */
typedef struct {
    seckill_status status;  /**< SECKILL_OK: everything could be looked at; what was found may still be bad */
    const char *message;    /**< the cause, for a person; never NULL */
    seckill_level worst;    /**< of all findings; SECKILL_LEVEL_FAILED where there are none */
    int64_t server_time_ms; /**< of the last shard that answered; 0: none has */
    uint32_t servers;       /**< that answered */
    uint32_t shards;        /**< that answered */
    /** in the order of SECKILL_CHECK_MAP, at least one; each check that could be made has one */
    const seckill_finding *findings;
    size_t count; /**< of the findings */
} seckill_preflight_result;

/** Gets what all looks found, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_preflight_cb)(const seckill_preflight_result *result, void *user_data);

/** Asks every shard of an item and every server that serves one, judges what they say, and loads the scripts into these
 * servers, so that no first request has to bring its script along. Nothing of the item is changed; it can be done while it
 * sells.
 *
 * What cannot be seen from here: the clocks of replicas, and how much of their memory the servers must share with others. Where
 * the ACL forbids CONFIG GET it is not seen either how often the log is synced, and that is a warning.
 *
 * @param item       an open handle
 * @param options    copied; NULL: the defaults
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call; SECKILL_OK: everything could be looked at, whatever was found. Where only some shards
 * answered, the status is that of the first which did not; with any status there are findings, unless memory ran out.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_preflight(seckill_item *item, const seckill_preflight_options *options,
                                                             seckill_preflight_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
