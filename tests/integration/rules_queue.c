/* The queue: first come, first served; what a ticket's poll says; what workers can and cannot do.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sale_ticket_answer enqueue(rules *r, const char *user, const char *request_id, uint32_t quantity) {
    return sale_enqueue_at(&r->sale, user, request_id, quantity, r->now_ms);
}

static sale_ticket_answer poll_of(rules *r, const sale_ticket_answer *from) {
    assert_true(from->has_ticket);
    return sale_poll(&r->sale, &from->ticket);
}

static void assert_queued(const sale_ticket_answer *answer, uint64_t position) {
    assert_status(answer->status, SECKILL_OK);
    assert_int_equal(answer->state, SECKILL_TICKET_QUEUED);
    assert_true(answer->has_ticket && !answer->has_ref);
    assert_int_equal(answer->position, position);
}

static void assert_refused(const sale_ticket_answer *answer, seckill_status reason) {
    assert_status(answer->status, SECKILL_OK);
    assert_int_equal(answer->state, SECKILL_TICKET_REFUSED);
    assert_status(answer->reason, reason);
    assert_false(answer->has_ticket || answer->has_ref);
}

/* ---- the whole way ---- */

static void requests_wait_are_decided_in_order_and_polled(void **state) {
    rules *r = *state;
    sale_ticket_answer a, b, c, polled;

    rules_sell(r, 1, 1, 1000, 500, 2);
    rules_freeze(r);
    a = enqueue(r, "ann", "a", 1);
    b = enqueue(r, "bob", "b", 1);
    c = enqueue(r, "cid", "c", 1);
    assert_queued(&a, 1);
    assert_queued(&b, 2);
    assert_queued(&c, 3);
    assert_int_equal(c.ticket.n, a.ticket.n + 2);
    assert_int_equal(a.ticket.enqueued_ms, r->now_ms);
    assert_int_equal(a.ticket.valid_until_ms, r->now_ms + 2000 + 1000 + 500);
    polled = poll_of(r, &c);
    assert_queued(&polled, 3);
    assert_memory_equal(&polled.ticket, &c.ticket, sizeof(c.ticket));
    assert_int_equal(sale_stock(&r->sale).total.queued, 3);

    assert_int_equal(sale_decide_all(&r->sale), 3);
    polled = poll_of(r, &a);
    assert_status(polled.status, SECKILL_OK);
    assert_int_equal(polled.state, SECKILL_TICKET_GRANTED);
    assert_true(polled.has_ref && !polled.has_ticket);
    assert_memory_equal(polled.ref.reservation_id, a.ticket.reservation_id, sizeof(a.ticket.reservation_id));
    assert_int_equal(polled.ref.hold_until_ms, r->now_ms + 1000);
    assert_int_equal(poll_of(r, &b).state, SECKILL_TICKET_GRANTED);
    polled = poll_of(r, &c);
    assert_refused(&polled, SECKILL_SOLD_OUT);

    polled = poll_of(r, &a);
    assert_status(sale_confirm(&r->sale, &polled.ref, "o").status, SECKILL_OK);
    assert_int_equal(poll_of(r, &a).state, SECKILL_TICKET_SOLD);
    assert_status(sale_cancel(&r->sale, "bob", b.ticket.reservation_id).status, SECKILL_OK);
    assert_int_equal(poll_of(r, &b).state, SECKILL_TICKET_CANCELLED);
    assert_status(sale_refund(&r->sale, "ann", a.ticket.reservation_id).status, SECKILL_OK);
    assert_int_equal(poll_of(r, &a).state, SECKILL_TICKET_REFUNDED);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(requests_wait_are_decided_in_order_and_polled),
    };

    return RULES_RUN(tests);
}
