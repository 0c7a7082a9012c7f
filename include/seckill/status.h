/* SPDX-License-Identifier: MIT */
/** @defgroup status status.h: what an answer says
 *
 * Every call and every result has a seckill_status: 0 is ok, a positive one is an answer of the business (the sale works as it
 * should, and the answer is no), a negative one is an error. seckill_status_class says what the caller may do with it.
 *
 * All functions here are pure and return static strings or numbers: any thread may call them at any time.
 * @{
 */
#ifndef SECKILL_STATUS_H
#define SECKILL_STATUS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a caller may do with a status. */
typedef enum {
    /** asking again with the same request id gives the same answer, as long as nobody frees units, changes the item or repairs
     * what is wrong */
    SECKILL_CLASS_FINAL = 0,
    /** nothing was taken or changed (of a call over several shards: on the shard that says so); the same request may
     * succeed later */
    SECKILL_CLASS_RETRYABLE = 1,
    SECKILL_CLASS_UNKNOWN = 2 /**< it was sent and no answer came: it may stand or not; ask again with the same request id */
} seckill_class;

/** All statuses: X(NAME, number, CLASS, "stable_name", "message"). A program can make tables of its own from it. */
#define SECKILL_STATUS_MAP(X)                                                                                                  \
    X(OK, 0, FINAL, "ok", "done")                                                                                              \
    /* answers of the business */                                                                                              \
    X(SOLD_OUT, 1, FINAL, "sold_out", "no unit is left")                                                                       \
    X(NOT_ENOUGH, 2, FINAL, "not_enough", "fewer units are left than were asked for")                                          \
    X(LIMIT_REACHED, 3, FINAL, "limit_reached", "the user would hold more units than the item's limit allows")                 \
    X(NOT_STARTED, 4, RETRYABLE, "not_started", "the sale has not started")                                                    \
    X(PAUSED, 5, RETRYABLE, "paused", "the sale is paused")                                                                    \
    X(ENDED, 6, FINAL, "ended", "the sale has ended")                                                                          \
    X(CANCELLED, 7, FINAL, "cancelled", "the reservation was cancelled")                                                       \
    X(EXPIRED, 8, FINAL, "expired", "the reservation expired")                                                                 \
    X(SOLD, 9, FINAL, "sold", "the reservation is confirmed: refund it instead")                                               \
    X(REFUNDED, 10, FINAL, "refunded", "the reservation was refunded")                                                         \
    X(NO_RESERVATION, 11, FINAL, "no_reservation", "the user has no such reservation")                                         \
    X(TOO_OLD, 12, FINAL, "too_old", "the request was created longer ago than the item's window allows")                       \
    X(CONFLICT, 13, FINAL, "conflict", "the same id was used before for something else")                                       \
    X(BLACKLISTED, 14, FINAL, "blacklisted", "the user is blacklisted")                                                        \
    X(RATE_LIMITED, 15, RETRYABLE, "rate_limited", "too many requests in too little time")                                     \
    /* errors of the caller */                                                                                                 \
    X(INVALID, -1, FINAL, "invalid", "an argument is missing or out of range")                                                 \
    X(NOT_DEFINED, -2, FINAL, "not_defined", "no such item is defined")                                                        \
    X(DENIED, -3, FINAL, "denied", "Redis refused the login or a command: check password and ACL")                             \
    X(CLOSED, -4, RETRYABLE, "closed", "the client was closed before the request was sent")                                    \
    /* limits and passing faults */                                                                                            \
    X(BUSY, -10, RETRYABLE, "busy", "a documented limit is reached; nothing was done")                                         \
    X(NO_MEMORY, -11, RETRYABLE, "no_memory", "the process is out of memory; nothing was done")                                \
    X(UNREACHABLE, -12, RETRYABLE, "unreachable", "Redis could not be reached before the deadline; nothing was sent")          \
    X(SERVER_BUSY, -13, RETRYABLE, "server_busy", "Redis could not serve yet (loading, moving or failing over)")               \
    X(SERVER_MEMORY, -14, RETRYABLE, "server_memory", "Redis has reached maxmemory; nothing was done")                         \
    X(UNKNOWN, -20, UNKNOWN, "unknown", "sent, but no answer came in time: ask again with the same id")                        \
    /* what should not be */                                                                                                   \
    X(DAMAGED, -30, FINAL, "damaged", "a key is missing or of the wrong type")                                                 \
    X(LAYOUT, -31, FINAL, "layout", "the keys were written by a release with another key layout")                              \
    X(SERVER_ERROR, -32, FINAL, "server_error", "Redis answered with an error")                                                \
    X(PROTOCOL, -33, UNKNOWN, "protocol", "Redis answered with something that is no answer to this script")                    \
    /* tokens */                                                                                                               \
    X(TOKEN_GARBAGE, -40, FINAL, "token_garbage", "this is not a v4.local or v4.public token")                                 \
    X(TOKEN_TRUNCATED, -41, FINAL, "token_truncated", "the token is cut short")                                                \
    X(TOKEN_FORGED, -42, FINAL, "token_forged", "the token was changed or made with another key")                              \
    X(TOKEN_PURPOSE, -43, FINAL, "token_purpose", "the token was issued for another purpose")                                  \
    X(TOKEN_KEY, -44, FINAL, "token_key", "the key that the token names is not in the key ring")                               \
    X(TOKEN_EXPIRED, -45, FINAL, "token_expired", "the token has expired")                                                     \
    X(TOKEN_CLAIMS, -46, FINAL, "token_claims", "the token is genuine but its claims are not those of its purpose")            \
    X(NO_SPACE, -47, FINAL, "no_space", "the buffer is too small")                                                             \
    X(KEY_GARBAGE, -48, FINAL, "key_garbage", "this is not a PASERK key, or not of the kind asked for")

/** What an answer says: SECKILL_OK, SECKILL_SOLD_OUT ... as SECKILL_STATUS_MAP lists them. */
typedef enum {
#define SECKILL_STATUS_ENUM(name, number, status_class, text, message) SECKILL_##name = (number),
    SECKILL_STATUS_MAP(SECKILL_STATUS_ENUM)
#undef SECKILL_STATUS_ENUM
} seckill_status;

/** The stable name of a status, such as "sold_out": it never changes, and is what the HTTP interface calls `code`.
 *
 * @param status  any number
 * @return a static string; "no_such_status" for a number that is no status
 */
SECKILL_API const char *seckill_status_name(seckill_status status);

/** What a status says, as one English sentence for a person.
 *
 * @param status  any number
 * @return a static string without a full stop; another sentence for a number that is no status
 */
SECKILL_API const char *seckill_status_message(seckill_status status);

/** What the caller may do after this answer.
 *
 * @param status  any number
 * @return its class; SECKILL_CLASS_UNKNOWN for a number that is no status
 */
SECKILL_API seckill_class seckill_status_class(seckill_status status);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
