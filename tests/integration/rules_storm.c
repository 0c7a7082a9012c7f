/* Everything at once: random calls in one turn, from two clients, with holds of a few milliseconds. What each answers depends
 * on the moment; the laws do not.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"
#include "sale_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 60, REQUESTS = 6, CALLS = 120, TOKENS = 400, LIMIT = 4 };

typedef struct {
    rules *r;
    sale other, auditor;
    sale_audit audit; /* one is always under way */
    seckill_reservation_ref tokens[TOKENS];
    size_t token_count;
    uint32_t audits;
    sale_answer answers[CALLS];
    sale_events_answer events;
    int64_t confirmed, refunded; /* units, as the answers say */
    int64_t event_confirmed, event_refunded;
} storm;

/* ---- calls ---- */

/* One id mostly asks for one quantity: the others are conflicts. */
static seckill_status start_reserve(storm *s, seckill_item *item, sale_answer *answer) {
    char user[8], id[8];
    uint32_t request = rules_below(s->r, REQUESTS);
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = user;
    options.user.size = (size_t)snprintf(user, sizeof(user), "u%u", rules_below(s->r, USERS));
    options.request_id.data = id;
    options.request_id.size = (size_t)snprintf(id, sizeof(id), "r%u", request);
    options.quantity = rules_below(s->r, 20) != 0 ? 1 + request % 3 : 1 + rules_below(s->r, 3);
    return seckill_reserve(item, &options, NULL, sale_on_result, answer);
}

static seckill_status start_confirm(storm *s, seckill_item *item, sale_answer *answer) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;

    options.ref = &s->tokens[rules_below(s->r, (uint32_t)s->token_count)];
    return seckill_confirm(item, &options, NULL, sale_on_result, answer);
}

static seckill_status start_release(storm *s, seckill_item *item, bool is_refund, sale_answer *answer) {
    const seckill_reservation_ref *ref = &s->tokens[rules_below(s->r, (uint32_t)s->token_count)];
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user.data = ref->user;
    options.user.size = ref->user_size;
    memcpy(options.reservation_id, ref->reservation_id, sizeof(options.reservation_id));
    return is_refund ? seckill_refund(item, &options, NULL, sale_on_result, answer)
                     : seckill_cancel(item, &options, NULL, sale_on_result, answer);
}

/* What kind of call each was is kept where the answer has no use for it. */
typedef enum { RESERVE, CONFIRM, CANCEL, REFUND } call_kind;

static call_kind start(storm *s, sale_answer *answer) {
    seckill_item *item = rules_below(s->r, 2) != 0 ? s->r->sale.item : s->other.item;
    uint32_t chance = s->token_count != 0 ? rules_below(s->r, 10) : 0;
    call_kind kind = chance < 5 ? RESERVE : chance < 7 ? CONFIRM : chance < 9 ? CANCEL : REFUND;
    seckill_status status;

    memset(answer, 0, sizeof(*answer));
    if (kind == RESERVE)
        status = start_reserve(s, item, answer);
    else if (kind == CONFIRM)
        status = start_confirm(s, item, answer);
    else
        status = start_release(s, item, kind == REFUND, answer);
    assert_status(status, SECKILL_OK);
    return kind;
}

static void go_on_auditing(storm *s) {
    (void)uv_run(&s->auditor.loop, UV_RUN_NOWAIT);
    if (!s->audit.done)
        return;
    if (s->audit.status != SECKILL_OK || s->audit.faults != 0) {
        sale_print_audit(&s->audit);
        fail();
    }
    s->audits++;
    assert_status(sale_start_audit(&s->auditor, 0, 1 + rules_below(s->r, 4), &s->audit), SECKILL_OK);
}

static void wait_for_all(storm *s, size_t count) {
    size_t done = 0;

    while (done < count) {
        (void)uv_run(&s->r->sale.loop, UV_RUN_NOWAIT);
        (void)uv_run(&s->other.loop, UV_RUN_NOWAIT);
        go_on_auditing(s);
        done = 0;
        for (size_t i = 0; i < count; i++)
            done += s->answers[i].calls != 0;
    }
}

static void take(storm *s, call_kind kind, const sale_answer *answer) {
    assert_int_equal(answer->calls, 1);
    assert_true(answer->status >= SECKILL_OK || answer->status == SECKILL_BUSY);
    if (answer->status == SECKILL_OK && !answer->replayed) {
        s->confirmed += kind == CONFIRM ? answer->reservation.quantity : 0;
        s->refunded += kind == REFUND ? answer->reservation.quantity : 0;
    }
    if (kind == RESERVE && answer->has_ref)
        s->tokens[s->token_count < TOKENS ? s->token_count++ : rules_below(s->r, TOKENS)] = answer->ref;
}

/* ---- laws ---- */

static void no_user_holds_more_than_the_limit(storm *s) {
    for (int i = 0; i < USERS; i++) {
        rules_record records[SECKILL_USER_RECORDS_MAX];
        char user[8];
        size_t count;
        int64_t held = 0;

        (void)snprintf(user, sizeof(user), "u%d", i);
        count = rules_records(s->r, user, records);
        for (size_t k = 0; k < count; k++)
            held += records[k].state == RECORD_RESERVED || records[k].state == RECORD_SOLD ? records[k].quantity : 0;
        assert_in_range(held, 0, LIMIT);
    }
}

static void read_all_events(storm *s) {
    for (uint32_t k = 0; k < s->r->sale.shards; k++) {
        seckill_event_ack acks[SECKILL_BATCH_MAX];

        do {
            s->events = sale_events(&s->r->sale, k, SECKILL_BATCH_MAX);
            for (size_t i = 0; i < s->events.count; i++) {
                const seckill_event *event = &s->events.events[i];

                s->event_confirmed += event->kind == SECKILL_EVENT_CONFIRMED ? event->quantity : 0;
                s->event_refunded += event->kind == SECKILL_EVENT_REFUNDED ? event->quantity : 0;
                acks[i].id = event->id;
                memcpy(acks[i].reservation_id, event->reservation_id, sizeof(acks[i].reservation_id));
            }
            if (s->events.count != 0)
                assert_int_equal(sale_ack(&s->r->sale, k, acks, s->events.count).amount, s->events.count);
        } while (s->events.waiting > s->events.count);
    }
}

static void the_events_tell_what_was_answered(storm *s) {
    sale_stock_answer stock = sale_stock(&s->r->sale);

    read_all_events(s);
    assert_int_equal(s->event_confirmed, s->confirmed);
    assert_int_equal(s->event_refunded, s->refunded);
    assert_int_equal(stock.total.sold, s->confirmed - s->refunded);
}

static void random_calls_all_at_once_keep_the_laws(void **state) {
    rules *r = *state;
    uint32_t rounds = rules_rounds(60, 2000);
    storm *s = calloc(1, sizeof(*s));
    call_kind kinds[CALLS];

    assert_non_null(s);
    s->r = r;
    redis_server_forget(redis_server_command(r->server, "CONFIG SET hash-max-listpack-entries 0")); /* to be walked in steps */
    rules_sell(r, 1 + rules_below(r, 4), LIMIT, 1 + rules_below(r, 20), rules_below(r, 30), 90);
    rules_open_other(r, &s->other);
    rules_open_other(r, &s->auditor);
    assert_status(sale_start_audit(&s->auditor, 0, 1, &s->audit), SECKILL_OK);
    for (uint32_t i = 0; i < rounds; i++) {
        size_t count = 1 + rules_below(r, CALLS);

        for (size_t k = 0; k < count; k++)
            kinds[k] = start(s, &s->answers[k]);
        wait_for_all(s, count);
        for (size_t k = 0; k < count; k++)
            take(s, kinds[k], &s->answers[k]);
        if (i % 5 == 0)
            assert_status(sale_expire(&r->sale).status, SECKILL_OK);
        if (i % 10 == 9) {
            rules_check(r);
            no_user_holds_more_than_the_limit(s);
            the_events_tell_what_was_answered(s);
        }
    }
    while (s->audits < 2)
        go_on_auditing(s);
    sale_close(&s->other);
    sale_close(&s->auditor);
    free(s);
    /* Nothing is stranded: a while later every unit is sold or available. */
    rules_freeze(r);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 0);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(random_calls_all_at_once_keep_the_laws),
    };

    return RULES_RUN(tests);
}
