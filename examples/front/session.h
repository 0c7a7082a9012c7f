/* seckill-front: who asks. A session token in `Authorization: Bearer`, or, behind a gateway that is trusted, a header field.
 *
 * A verified token is remembered, so that the next request of the same session costs a comparison instead of a verification; a
 * bounded number of them for each loop, the older ones making room.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_SESSION_H
#define FRONT_SESSION_H

#include "codes.h"
#include "http/request.h"

typedef struct {
    uint8_t bytes[SECKILL_USER_MAX];
    size_t size;
} session_user;

typedef struct sessions sessions;

/* Whether it is this user, to the last byte. */
bool session_is(const session_user *user, const uint8_t *bytes, size_t size);

/* `count` tokens are remembered (rounded to a power of two); 0: none. The ring must outlive it. NULL: out of memory. */
sessions *sessions_new(const seckill_keyring *ring, uint32_t count, uint32_t leeway_ms);
void sessions_free(sessions *all);

/* Verifies with another ring from now on, and forgets what the former one has verified. */
void sessions_use_ring(sessions *all, const seckill_keyring *ring);

/* Who sent a request. CODE_OK, or why it is not known. `trusted_field` is the name of the field to take the user from, or
 * NULL. */
front_code sessions_identify(sessions *all, const http_request *request, const char *trusted_field, int64_t now_ms,
                             session_user *user, const char **detail);

#endif
