/* What the tests of tokens share: keys, a usual reservation, issuing and verifying.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef TEST_TOKEN_FIXTURE_H
#define TEST_TOKEN_FIXTURE_H

#include "seckill/token.h"

#define TOKEN_ISSUED_MS INT64_C(1795367481123) /* 2026-11-22T17:11:21.123Z */

/* Rings of one new key each: a local key, a secret key, and its public half. */
typedef struct {
    seckill_keyring *local, *secret, *public_half;
    char local_text[SECKILL_KEY_TEXT_SIZE], secret_text[SECKILL_KEY_TEXT_SIZE], public_text[SECKILL_KEY_TEXT_SIZE];
} token_fixture;

/* The state of the group is a token_fixture. */
int token_set_up(void **state);
int token_tear_down(void **state);

seckill_keyring *token_ring_of(const char *text);

/* Two units for alice, valid for eleven minutes. */
seckill_reservation_ref token_usual_ref(void);

/* For two units for alice; two minutes long. */
seckill_ticket token_usual_ticket(void);

/* Issues, must succeed; the token's size. */
size_t token_issue(const seckill_keyring *ring, seckill_token_purpose purpose, const seckill_reservation_ref *ref,
                   char token[SECKILL_TOKEN_SIZE]);

/* Verifies at TOKEN_ISSUED_MS. The token is copied to an allocation that ends where it ends: a sanitizer or valgrind sees one
 * byte too many. */
seckill_status token_verify(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size);

#endif
