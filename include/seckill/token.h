/* SPDX-License-Identifier: MIT */
/** @defgroup token token.h: tokens, the signed proof of a reservation, a session or a place in the queue
 *
 * Tokens are PASETO version 4: `v4.local` (encrypted: only holders of the key read them) or `v4.public` (signed: others verify
 * but cannot issue). The footer is `{"kid":"..."}` with the PASERK id of the key; the implicit assertion names the purpose, so
 * that one kind never passes for another. Claims of a reservation: `sub` user (or `sub64`, base64url, where the user is not
 * UTF-8 or has control characters), `aud` activity/item, `jti` reservation in hexadecimal, `iat` granted at, `hold` end of the
 * hold, `exp` end of the token, `qty` units, `price` of one unit; times in ISO 8601 with milliseconds, UTC. All of them come
 * from the record, so each issue of a reservation's token says the same. Claims of a ticket: `sub`, `aud`, `jti` and `qty` as
 * above, `shard`, `epoch` and `n`: its place (0 and 0: in the shop's own queue), `iat` since when it waits, `exp` until when it
 * may be polled.
 *
 * All functions here are pure: no I/O, no clock (times are arguments). A key ring may be used by many threads at once as long
 * as none adds to it or frees it.
 *
 * Sources: https://github.com/paseto-standard/paseto-spec (Version 4), https://github.com/paseto-standard/paserk.
 * @{
 */
#ifndef SECKILL_TOKEN_H
#define SECKILL_TOKEN_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Sizes and limits. */
enum {
    SECKILL_TOKEN_SIZE = 1536,   /**< bytes that hold any token this library issues, with its NUL; longer ones are garbage */
    SECKILL_KEY_TEXT_SIZE = 128, /**< bytes that hold any PASERK key, with its NUL */
    SECKILL_KEYS_MAX = 64        /**< keys of one ring */
};

/** What a token is for. It is bound into the token and cannot be changed. */
typedef enum {
    SECKILL_TOKEN_RESERVATION = 1, /**< proof of a reservation */
    SECKILL_TOKEN_TICKET = 2,      /**< proof of a place in the queue: see seckill_ticket_issue */
    SECKILL_TOKEN_SESSION = 3      /**< proof of who the user is: only `user`, `issued_ms` and `valid_until_ms` are used */
} seckill_token_purpose;

/** What a token says. Self-contained: it owns its bytes. Times are milliseconds since 1970-01-01T00:00:00Z. */
typedef struct {
    uint8_t user[SECKILL_USER_MAX];                      /**< `user_size` bytes of it */
    size_t user_size;                                    /**< 1 to SECKILL_USER_MAX */
    char activity[SECKILL_ID_MAX + 1];                   /**< "" in a session */
    char item[SECKILL_ID_MAX + 1];                       /**< "" in a session */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< zero in a session */
    uint32_t quantity;                                   /**< units; 0 in a session */
    int64_t price;          /**< of one unit, in minor units, 0 to SECKILL_AMOUNT_MAX; 0 in a session */
    int64_t issued_ms;      /**< when the reservation was granted, or the session began */
    int64_t hold_until_ms;  /**< when the hold ends and the units go back; 0 in a session */
    int64_t valid_until_ms; /**< when the token ends: hold + grace */
    uint64_t spare[4];      /**< 0, in what is given too: room for fields of later releases */
} seckill_reservation_ref;

/** What a ticket says: where a request stands in the queue. Self-contained: it owns its bytes. */
typedef struct {
    uint8_t user[SECKILL_USER_MAX];    /**< `user_size` bytes of it */
    size_t user_size;                  /**< 1 to SECKILL_USER_MAX */
    char activity[SECKILL_ID_MAX + 1]; /**< NUL-terminated */
    char item[SECKILL_ID_MAX + 1];     /**< NUL-terminated */
    /** what it becomes if it is granted; a hash that names the request id */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
    uint32_t quantity; /**< units, at least 1 */
    /** whose queue, below SECKILL_SHARDS_MAX: for who reads Redis himself; the library knows it from the user */
    uint32_t shard;
    uint64_t epoch; /**< its place there: of which life of the server, 1 to SECKILL_AMOUNT_MAX; 0: see `n` */
    uint64_t n;     /**< its number in that, 1 to SECKILL_AMOUNT_MAX; both 0: it waits in the shop's own queue */
    /** when it was enqueued, or made if that was earlier; the server's clock; kept if it is enqueued again */
    int64_t since_ms;
    int64_t valid_until_ms; /**< until when it can be polled */
    uint64_t spare[4];      /**< 0, in what is given too: room for fields of later releases */
} seckill_ticket;

/** Keys that issue and verify; in guarded memory, at most SECKILL_KEYS_MAX. */
typedef struct seckill_keyring seckill_keyring;

/** The kinds of keys. */
typedef enum {
    SECKILL_KEY_LOCAL = 1,  /**< 32 bytes: issues and verifies v4.local */
    SECKILL_KEY_SECRET = 2, /**< 64 bytes, Ed25519 seed and public key: issues and verifies v4.public */
    SECKILL_KEY_PUBLIC = 3  /**< 32 bytes, Ed25519 public key: verifies v4.public */
} seckill_key_kind;

/** Makes an empty key ring.
 *
 * @param ring  gets it, and is the caller's to free with seckill_keyring_free; NULL where it could not be made
 * @retval SECKILL_OK         it is made
 * @retval SECKILL_INVALID    `ring` is NULL
 * @retval SECKILL_NO_MEMORY  out of memory (libsodium, which holds the keys in guarded memory, included)
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_keyring_new(seckill_keyring **ring);

/** Wipes and frees a ring.
 *
 * @param ring  may be NULL
 */
SECKILL_API void seckill_keyring_free(seckill_keyring *ring);

/** Adds a key to a ring. It is given as PASERK text (`k4.local.`, `k4.secret.` or `k4.public.`, and base64url). The first key
 * that can issue is the one that issues, until seckill_keyring_issue_with names another; all keys verify. Adding a key twice
 * changes nothing.
 *
 * @param ring  gets a copy of the key
 * @param text  need not be NUL-terminated; the caller should wipe it
 * @param size  of `text`, in bytes
 * @retval SECKILL_OK           it is in the ring
 * @retval SECKILL_KEY_GARBAGE  not a PASERK key of version 4, wrong size, a secret key whose halves do not fit, or a public key
 *     that is no point of the curve
 * @retval SECKILL_BUSY         the ring holds SECKILL_KEYS_MAX keys
 * @retval SECKILL_INVALID      a NULL argument
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_keyring_add(seckill_keyring *ring, const char *text, size_t size);

/** Names the key that issues from now on: the step of a key's rotation.
 *
 * @param ring  has the key
 * @param kid   its PASERK id (`k4.lid....`, `k4.sid....`), NUL-terminated
 * @retval SECKILL_OK         it issues
 * @retval SECKILL_TOKEN_KEY  no such key in the ring
 * @retval SECKILL_INVALID    the key cannot issue, or a NULL argument
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_keyring_issue_with(seckill_keyring *ring, const char *kid);

/** Makes a new random key.
 *
 * @param kind  SECKILL_KEY_LOCAL or SECKILL_KEY_SECRET
 * @param text  gets its PASERK text with its NUL; the caller should wipe it after use
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    another kind, or NULL
 * @retval SECKILL_NO_MEMORY  libsodium could not start
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_key_generate(seckill_key_kind kind, char text[SECKILL_KEY_TEXT_SIZE]);

/** Writes the public key of a secret one.
 *
 * @param secret_text  a `k4.secret.` key; need not be NUL-terminated
 * @param size         of `secret_text`, in bytes
 * @param text         gets the public key's PASERK text with its NUL
 * @retval SECKILL_OK           it is written
 * @retval SECKILL_KEY_GARBAGE  not a `k4.secret.` key, or one whose halves do not fit
 * @retval SECKILL_INVALID      a NULL argument
 * @retval SECKILL_NO_MEMORY    libsodium could not start
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_key_public(const char *secret_text, size_t size,
                                                              char text[SECKILL_KEY_TEXT_SIZE]);

/** Writes the PASERK id of a key: what seckill_keyring_issue_with takes. It is `k4.lid.`, `k4.sid.` or `k4.pid.` and base64url,
 * and no secret. (A token made by a secret key names the `k4.pid.` id of its public half in its footer, so that a ring with
 * either half finds it.)
 *
 * @param text  a PASERK key of any kind; need not be NUL-terminated
 * @param size  of `text`, in bytes
 * @param kid   gets the id with its NUL
 * @retval SECKILL_OK           it is written
 * @retval SECKILL_KEY_GARBAGE  not a PASERK key of version 4, or a secret one whose halves do not fit
 * @retval SECKILL_INVALID      a NULL argument
 * @retval SECKILL_NO_MEMORY    libsodium could not start
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_key_id(const char *text, size_t size, char kid[SECKILL_KEY_TEXT_SIZE]);

/** Issues a token with the ring's issuing key. A v4.public token is the same for the same ref; a v4.local one has a new nonce
 * each time. Allocates nothing.
 *
 * @param ring      has a key that issues
 * @param purpose   SECKILL_TOKEN_RESERVATION or SECKILL_TOKEN_SESSION; for tickets see seckill_ticket_issue
 * @param ref       what it says; every field in its range, 0 <= issued_ms < valid_until_ms <= the end of the year 9999, and but
 *     for a session issued_ms <= hold_until_ms <= valid_until_ms and at least one unit
 * @param out       gets the token and a NUL; "" where it does not fit
 * @param out_size  bytes of `out`; SECKILL_TOKEN_SIZE is always enough
 * @param written   gets the token's size without the NUL; may be NULL
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    a NULL argument, an unknown purpose or SECKILL_TOKEN_TICKET, a field out of range
 * @retval SECKILL_NO_SPACE   `out_size` is too small
 * @retval SECKILL_TOKEN_KEY  the ring has no key that issues
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_token_issue(const seckill_keyring *ring, seckill_token_purpose purpose,
                                                               const seckill_reservation_ref *ref, char *out, size_t out_size,
                                                               size_t *written);

/** Verifies a token and says what it says. Needs no Redis. Comparisons of secrets take constant time. Allocates nothing.
 *
 * @param ring       has the keys
 * @param purpose    what the token must be for
 * @param token      need not be NUL-terminated
 * @param size       of `token`, in bytes
 * @param now_ms     the caller's clock, milliseconds since 1970
 * @param leeway_ms  how long after its end a token still passes (clocks differ), 0 to 3,600,000
 * @param ref        filled on SECKILL_OK, and on SECKILL_TOKEN_EXPIRED (for messages: trust nothing that has expired); else
 *     zero, but untouched on SECKILL_INVALID
 * @retval SECKILL_OK               it is genuine, of this purpose, and has not ended
 * @retval SECKILL_TOKEN_GARBAGE    not a PASETO v4 token; an empty one too
 * @retval SECKILL_TOKEN_TRUNCATED  begins like one, if only with one character, but ends before its parts (header, body,
 *     footer) are whole
 * @retval SECKILL_TOKEN_KEY        names a key that the ring does not hold
 * @retval SECKILL_TOKEN_FORGED     authentication failed: a changed bit, or another key
 * @retval SECKILL_TOKEN_PURPOSE    genuine, but for another purpose
 * @retval SECKILL_TOKEN_CLAIMS     genuine, but a claim is missing, out of range, or none of its purpose's
 * @retval SECKILL_TOKEN_EXPIRED    now_ms > valid_until_ms + leeway_ms
 * @retval SECKILL_INVALID          a NULL argument, an unknown purpose or SECKILL_TOKEN_TICKET, a leeway out of range
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_token_verify(const seckill_keyring *ring, seckill_token_purpose purpose,
                                                                const char *token, size_t size, int64_t now_ms,
                                                                uint32_t leeway_ms, seckill_reservation_ref *ref);

/** Issues a token for a ticket, as seckill_token_issue does.
 *
 * @param ring      has a key that issues
 * @param ticket    what it says; 0 <= since_ms < valid_until_ms; epoch and n are 0 only together
 * @param out       gets the token and a NUL; "" where it does not fit
 * @param out_size  bytes of `out`; SECKILL_TOKEN_SIZE is always enough
 * @param written   gets the token's size without the NUL; may be NULL
 * @return as seckill_token_issue
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_ticket_issue(const seckill_keyring *ring, const seckill_ticket *ticket,
                                                                char *out, size_t out_size, size_t *written);

/** Verifies a ticket's token, as seckill_token_verify does.
 *
 * @param ring       has the keys
 * @param token      need not be NUL-terminated
 * @param size       of `token`, in bytes
 * @param now_ms     the caller's clock, milliseconds since 1970
 * @param leeway_ms  how long after its end it still passes, 0 to 3,600,000
 * @param ticket     filled as `ref` is there
 * @return as seckill_token_verify
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_ticket_verify(const seckill_keyring *ring, const char *token, size_t size,
                                                                 int64_t now_ms, uint32_t leeway_ms, seckill_ticket *ticket);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
