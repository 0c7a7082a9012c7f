/* What must hold after a small sale in which a process was killed. */
#include "sale_crash_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- users ask again ---- */

static void fail_note(const crash_note *note, const char *what, seckill_status status) {
    fail_msg("%s (%s %" PRIu32 ", wish %d): %s: %s", note->user, note->queues ? "queues for" : "reserves", note->quantity,
             (int)note->wish, what, seckill_status_name(status));
}

/* The state in which its reservation may be, as far as the shopper knows. */
static bool may_be(const crash_note *note, seckill_reservation_state state) {
    bool cancels = note->settling && note->wish == WISH_CANCEL, confirms = note->settling && !cancels;

    switch (state) {
    case SECKILL_RESERVED:
        return !note->settled;
    case SECKILL_RESERVATION_SOLD:
        return confirms && !note->is_refunded;
    case SECKILL_RESERVATION_CANCELLED:
        return cancels;
    case SECKILL_RESERVATION_REFUNDED:
        return confirms; /* by the user, or where the inventory is short by the worker */
    default:
        return false;
    }
}

/* It is there, and it is the same one: granted at the same time where it still stands as granted. */
static void check_grant(crash_check *check, const crash_note *note) {
    const seckill_reservation *grant = crash_grant(note);
    sale_lookup_answer found = sale_lookup(&check->shop->sale, note->user, note->user);

    if (found.status != SECKILL_OK)
        fail_note(note, "the grant is lost", found.status);
    assert_int_equal(found.count, 1);
    assert_memory_equal(found.reservations[0].id, grant->id, sizeof(grant->id));
    assert_int_equal(found.reservations[0].quantity, note->quantity);
    if (!may_be(note, found.reservations[0].state))
        fail_msg("%s is in state %d", note->user, (int)found.reservations[0].state);
    if (found.reservations[0].state == SECKILL_RESERVED) {
        assert_int_equal(found.reservations[0].since_ms, grant->since_ms);
        assert_int_equal(found.reservations[0].ends_ms, grant->ends_ms);
    }
}

/* Twice in a row. One that is sold may be refunded at any time, where the inventory is short. */
static void repeat_reserve(crash_check *check, const crash_note *note) {
    sale *with = &check->shop->sale;
    sale_answer first = sale_reserve_at(with, note->user, note->user, note->quantity, note->created_ms);
    sale_answer again = sale_reserve_at(with, note->user, note->user, note->quantity, note->created_ms);

    if (!sale_is_documented(first.status) || first.status < 0)
        fail_note(note, "asked again", first.status);
    if (crash_grant(note) != NULL && !first.replayed)
        fail_note(note, "was granted, and then is not known", first.status);
    if (first.status == SECKILL_OK) {
        assert_true(again.status == SECKILL_OK || again.status == SECKILL_REFUNDED);
        assert_true(again.replayed);
        assert_memory_equal(again.reservation.id, first.reservation.id, sizeof(first.reservation.id));
        if (again.reservation.state == first.reservation.state)
            assert_int_equal(again.reservation.since_ms, first.reservation.since_ms);
    }
}

static void repeat_enqueue(crash_check *check, const crash_note *note) {
    sale_ticket_answer answer = sale_enqueue_at(&check->shop->sale, note->user, note->user, note->quantity, note->created_ms);

    if (answer.status != SECKILL_OK)
        fail_note(note, "enqueued again", answer.status);
    if (crash_grant(note) != NULL && !answer.replayed)
        fail_note(note, "was granted, and then is not known", answer.status);
}

/* What was being settled is settled: to the end. */
static void repeat_settlement(crash_check *check, crash_note *note) {
    sale *with = &check->shop->sale;
    bool cancels = note->wish == WISH_CANCEL;
    sale_answer answer =
        cancels ? sale_cancel(with, note->user, crash_grant(note)->id) : sale_confirm(with, crash_ref(note), note->user);

    /* One that is refunded meanwhile was sold before. */
    if (answer.status != SECKILL_OK && (cancels || answer.status != SECKILL_REFUNDED))
        fail_note(note, "settled again", answer.status);
    if (note->settled && answer.status == SECKILL_OK)
        assert_true(answer.replayed);
    note->settled = true;
}

static void repeat_refund(crash_check *check, crash_note *note) {
    assert_status(sale_refund(&check->shop->sale, note->user, crash_grant(note)->id).status, SECKILL_OK);
    note->is_refunded = true;
}

void crash_repeat(crash_check *check) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &check->script->notes[i];

        if (!note->asked)
            continue;
        if (crash_grant(note) != NULL)
            check_grant(check, note);
        if (note->queues)
            repeat_enqueue(check, note);
        else
            repeat_reserve(check, note);
        if (note->settling)
            repeat_settlement(check, note);
        if (note->refunding)
            repeat_refund(check, note);
        if (crash_grant(note) != NULL)
            check_grant(check, note);
    }
}

/* ---- the end ---- */

static bool is_decided(shop *s, const void *unused) {
    sale_stock_answer stock = sale_stock(&s->sale);

    (void)unused;
    return stock.status == SECKILL_OK && stock.total.queued == 0;
}

static bool is_quiet(shop *s, const void *unused) {
    orders_db_item_account account;

    return is_decided(s, unused) && shop_no_events(s, unused) && shop_account(s, &account) && account.refunds_due == 0;
}

/* An hour is over on all shards at once. */
static void end_holds(crash_check *check) {
    sale *with = &check->shop->sale;
    int64_t later = sale_expire(with).server_time_ms + 3600000;

    for (uint32_t shard = 0; shard < CRASH_SHARDS; shard++) {
        char key[SECKILL_SHARD_KEY_SIZE];

        redis_server_forget(redis_server_command(check->shop->server, "HSET %s clock %lld", sale_key(with, shard, "stock", key),
                                                 (long long)later));
    }
    assert_status(sale_expire(with).status, SECKILL_OK);
}

/* The order of a note's reservation against its record. Units that it has taken. */
static int64_t check_order(crash_check *check, const crash_note *note) {
    seckill_bytes user = {note->user, strlen(note->user)};
    sale_lookup_answer found = sale_lookup(&check->shop->sale, note->user, note->user);
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    int state;

    assert_int_equal(seckill_reservation_id("sale", "phone", user, user, id), SECKILL_OK);
    state = shop_order_state(check->shop, id);
    if (found.count != 0 && found.reservations[0].state == SECKILL_RESERVATION_SOLD) {
        assert_int_equal(state, ORDERS_DB_CONFIRMED);
        return found.reservations[0].quantity;
    }
    if (found.count != 0 && found.reservations[0].state == SECKILL_RESERVATION_REFUNDED)
        assert_int_equal(state, ORDERS_DB_REFUNDED);
    else
        assert_int_equal(state, -1);
    return 0;
}

static void check_orders(crash_check *check, int64_t sold) {
    orders_db_item_account account;
    int64_t ordered = 0;

    for (size_t i = 0; i < CRASH_USERS; i++)
        ordered += check_order(check, &check->script->notes[i]);
    assert_true(shop_account(check->shop, &account));
    assert_int_equal(ordered, sold);
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], sold);
    assert_int_equal(account.units_total - account.units_left, sold);
}

void crash_check_end(crash_check *check, worker_process *worker) {
    sale *with = &check->shop->sale;
    sale_stock_answer stock;

    shop_wait(check->shop, is_decided, NULL, "the queue to be decided");
    (void)sale_check_account(with, check->units);
    end_holds(check);
    shop_wait(check->shop, is_quiet, NULL, "the orders to be written");
    worker_wait_log(worker, "at work"); /* there may have been nothing to do: it could be told to stop before it listens */
    assert_int_equal(worker_end(worker, SIGTERM).exit_code, 0);
    stock = sale_check_account(with, check->units);
    assert_int_equal(stock.total.reserved, 0);
    check_orders(check, stock.total.sold);
    sale_check_rest(with, "later", stock.total.available);
}
