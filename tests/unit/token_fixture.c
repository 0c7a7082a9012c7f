/* What the tests of tokens share.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

seckill_keyring *token_ring_of(const char *text) {
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_OK);
    return ring;
}

int token_set_up(void **state) {
    static token_fixture f;
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, f.local_text), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_SECRET, f.secret_text), SECKILL_OK);
    assert_int_equal(seckill_key_public(f.secret_text, strlen(f.secret_text), f.public_text), SECKILL_OK);
    f.local = token_ring_of(f.local_text);
    f.secret = token_ring_of(f.secret_text);
    f.public_half = token_ring_of(f.public_text);
    *state = &f;
    return 0;
}

int token_tear_down(void **state) {
    token_fixture *f = *state;
    seckill_keyring_free(f->local);
    seckill_keyring_free(f->secret);
    seckill_keyring_free(f->public_half);
    return 0;
}

seckill_reservation_ref token_usual_ref(void) {
    seckill_reservation_ref ref;
    memset(&ref, 0, sizeof ref);
    memcpy(ref.user, "alice", 5);
    ref.user_size = 5;
    strcpy(ref.activity, "618-2026");
    strcpy(ref.item, "10001");
    for (uint8_t i = 0; i < SECKILL_RESERVATION_ID_SIZE; i++)
        ref.reservation_id[i] = (uint8_t)(i * 17);
    ref.quantity = 2;
    ref.price = 199900;
    ref.issued_ms = TOKEN_ISSUED_MS;
    ref.hold_until_ms = TOKEN_ISSUED_MS + 600000;
    ref.valid_until_ms = TOKEN_ISSUED_MS + 660000;
    return ref;
}

size_t token_issue(const seckill_keyring *ring, seckill_token_purpose purpose, const seckill_reservation_ref *ref,
                   char token[SECKILL_TOKEN_SIZE]) {
    size_t size = 0;
    assert_int_equal(seckill_token_issue(ring, purpose, ref, token, SECKILL_TOKEN_SIZE, &size), SECKILL_OK);
    assert_int_equal(size, strlen(token));
    return size;
}

seckill_status token_verify(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size) {
    seckill_reservation_ref ref;
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, token, size);
    seckill_status status = seckill_token_verify(ring, purpose, copy + 1, size, TOKEN_ISSUED_MS, 0, &ref);
    free(copy);
    return status;
}

seckill_ticket token_usual_ticket(void) {
    seckill_ticket ticket;
    memset(&ticket, 0, sizeof ticket);
    memcpy(ticket.user, "alice", 5);
    ticket.user_size = 5;
    memcpy(ticket.activity, "618", 3);
    memcpy(ticket.item, "10001", 5);
    memset(ticket.reservation_id, 0xa5, sizeof ticket.reservation_id);
    ticket.quantity = 2;
    ticket.shard = 7;
    ticket.epoch = 1795367481000;
    ticket.n = 100001;
    ticket.since_ms = TOKEN_ISSUED_MS;
    ticket.valid_until_ms = TOKEN_ISSUED_MS + 120000;
    return ticket;
}
