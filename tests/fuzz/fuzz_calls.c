/* The calls that an input can make.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_engine.h"

#include "engine/blacklist.h"
#include "engine/once.h"
#include "engine/task.h"
#include "fuzz_results.h"

/* ---- calls: each says what it returned; its argument chooses users, shards and variants */

typedef seckill_status call(fuzz_engine *test, uint8_t argument, fuzz_ask *ask);

/* One of eight users, on several shards. */
static seckill_bytes user_of(uint8_t argument) {
    static const char names[][3] = {"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"};
    seckill_bytes user = {names[argument & 7], 2};

    return user;
}

static void id_of(seckill_bytes user, uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    fuzz_check(seckill_reservation_id("sale", "phone", user, user, id) == SECKILL_OK);
}

static seckill_reserve_options wish_of(uint8_t argument) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user = options.request_id = user_of(argument);
    options.flags = (argument & 8) != 0 ? SECKILL_FIRST_ATTEMPT : 0;
    options.quantity = 1U + (argument >> 4);
    return options;
}

static seckill_status call_reserve(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_reserve_options options = wish_of(argument);

    return seckill_reserve(test->item, &options, NULL, fuzz_on_result, ask);
}

static seckill_status call_confirm(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_reservation_ref ref = {.user_size = 2, .activity = "sale", .item = "phone", .quantity = 1U + (argument >> 4)};
    seckill_bytes user = user_of(argument);

    memcpy(ref.user, user.data, user.size);
    id_of(user, ref.reservation_id);
    ref.price = 100;
    ref.valid_until_ms = test->wire.wall_ms + 3600000;
    options.ref = &ref;
    options.flags = (argument & 8) != 0 ? SECKILL_CONFIRM_ORDERED : 0;
    return seckill_confirm(test->item, &options, NULL, fuzz_on_result, ask);
}

static seckill_release_options release_of(uint8_t argument) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user = user_of(argument);
    id_of(options.user, options.reservation_id);
    return options;
}

static seckill_status call_cancel(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_release_options options = release_of(argument);

    return seckill_cancel(test->item, &options, NULL, fuzz_on_result, ask);
}

static seckill_status call_refund(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_release_options options = release_of(argument);

    return seckill_refund(test->item, &options, NULL, fuzz_on_result, ask);
}

static seckill_status call_lookup(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;

    options.user = user_of(argument);
    if ((argument & 8) != 0)
        options.request_id = options.user;
    return seckill_lookup(test->item, &options, NULL, fuzz_on_lookup, ask);
}

static seckill_status call_enqueue(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_reserve_options options = wish_of(argument);

    return seckill_enqueue(test->item, &options, NULL, fuzz_on_ticket, ask);
}

static seckill_status poll_at(fuzz_engine *test, uint8_t argument, uint64_t epoch, uint64_t n, fuzz_ask *ask) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    seckill_ticket ticket = {.user_size = 2, .activity = "sale", .item = "phone", .quantity = 1, .epoch = epoch, .n = n};
    seckill_bytes user = user_of(argument);

    memcpy(ticket.user, user.data, user.size);
    id_of(user, ticket.reservation_id);
    ticket.since_ms = test->wire.wall_ms - 500;
    options.ticket = &ticket;
    return seckill_poll(test->item, &options, NULL, fuzz_on_ticket, ask);
}

static seckill_status call_poll(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return poll_at(test, argument, 1, 1U + (argument >> 4), ask);
}

static seckill_status call_poll_outside(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return poll_at(test, argument, 0, 0, ask);
}

static seckill_status call_refuse(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    static const seckill_status reasons[] = {SECKILL_SOLD_OUT, SECKILL_BLACKLISTED};
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;

    options.user = options.request_id = user_of(argument);
    options.quantity = 1U + (argument >> 4);
    options.reason = reasons[(argument & 8) != 0];
    return seckill_refuse(test->item, &options, NULL, fuzz_on_ticket, ask);
}

static seckill_status call_queue_process(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    static const uint8_t blacklisted[] = {0, 1};
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = argument & 3;
    options.max = argument >> 4;
    if ((argument & 4) != 0) {
        options.from = options.to = (seckill_queue_id){1, 1};
        options.to.n += argument >> 6;
        options.blacklisted = blacklisted;
        options.blacklisted_count = 1;
    }
    return seckill_queue_process(test->item, &options, fuzz_on_queue, ask);
}

static seckill_status call_define(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.shards = argument & 7;
    return seckill_item_define(test->item, &settings, 0, fuzz_on_item, ask);
}

static seckill_status call_get(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return seckill_item_get(test->item, 0, fuzz_on_item, ask);
}

static seckill_status call_state(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return sk__state_start(test->item, (seckill_item_state)(argument % 3), 0, fuzz_on_item, ask);
}

static seckill_status call_purge(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return seckill_item_purge(test->item, 0, fuzz_on_item, ask);
}

static seckill_status call_list(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return sk__list_start(test->engine, "sale", 0, fuzz_on_list, ask);
}

static seckill_status call_load(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return seckill_stock_load(test->item, "op", 1 + argument, 0, fuzz_on_item, ask);
}

static seckill_status call_withdraw(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return seckill_stock_withdraw(test->item, "op", 1 + argument, 0, fuzz_on_item, ask);
}

static seckill_status call_stock(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return seckill_stock_get(test->item, 0, fuzz_on_stock, ask);
}

static seckill_status call_expire(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return seckill_expire(test->item, 0, fuzz_on_expire, ask);
}

static seckill_status call_transfers_finish(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    (void)argument;
    return seckill_transfers_finish(test->item, 0, fuzz_on_transfers, ask);
}

static seckill_status call_reconcile(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    static const uint32_t flags[] = {0, SECKILL_RECONCILE_REPAIR, SECKILL_RECONCILE_REPAIR | SECKILL_RECONCILE_GIVE_BACK, 0};
    seckill_reconcile_options options = SECKILL_RECONCILE_OPTIONS_INIT;

    options.timeout_ms = 5000;
    options.flags = flags[argument & 3];
    options.step = argument >> 2;
    options.on_fault = fuzz_on_fault;
    options.on_reservation = fuzz_on_seen_reservation;
    options.on_event = fuzz_on_seen_event;
    return seckill_reconcile(test->item, &options, fuzz_on_reconcile, ask);
}

static seckill_status call_reservations(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_reservations_cursor cursor = SECKILL_RESERVATIONS_CURSOR_INIT;

    return seckill_reservations_read(test->item, argument & 3, &cursor, 1U + (argument >> 2), 0, fuzz_on_reservations, ask);
}

static seckill_status call_events_read(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    return seckill_events_read(test->item, argument & 3, 1U + (argument >> 2), 0, fuzz_on_events, ask);
}

static seckill_status call_events_ack(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_event_ack acks[2] = {{{1, 1}, {0}}, {{1, 2}, {0}}};

    return seckill_events_ack(test->item, argument & 3, acks, 1U + ((argument & 4) != 0), 0, fuzz_on_item, ask);
}

static seckill_status call_event_repeat(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_release_options options = release_of(argument);

    return seckill_event_repeat(test->item, &options, fuzz_on_item, ask);
}

static seckill_status call_preflight(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_preflight_options options = SECKILL_PREFLIGHT_OPTIONS_INIT;

    options.users = argument;
    options.replicas = argument & 1;
    return seckill_preflight(test->item, &options, fuzz_on_preflight, ask);
}

static seckill_subject subject_of(uint8_t argument) {
    static const char *const texts[][2] = {{"user", "u0"},           {"address", "192.0.2.7"}, {"address", "192.0.2.0/24"},
                                           {"address", "2001::/32"}, {"card", "1234"},         {"user", "u3"},
                                           {"address", "2001::9"},   {"address", "nowhere"}};
    const char *const *text = texts[argument & 7];
    seckill_subject subject = {text[0], {text[1], strlen(text[1])}};

    return subject;
}

static seckill_status call_blacklist_add(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_blacklist_entry entries[2] = {{.subject = subject_of(argument)}, {.subject = subject_of(argument + 1)}};

    return sk__blacklist_add_start(test->engine, entries, 1U + (argument >> 7), 0, fuzz_on_blacklist, ask);
}

static seckill_status call_blacklist_remove(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_subject subjects[2] = {subject_of(argument), subject_of(argument + 1)};

    return sk__blacklist_remove_start(test->engine, subjects, 1U + (argument >> 7), 0, fuzz_on_blacklist, ask);
}

static seckill_status call_blacklist_check(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_subject subjects[2] = {subject_of(argument), subject_of(argument + 1)};

    return sk__blacklist_check_start(test->engine, subjects, 1U + (argument >> 7), 0, fuzz_on_blacklist_check, ask);
}

static seckill_status call_blacklist_read(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_blacklist_cursor cursor = {{0}};

    return sk__blacklist_read_start(test->engine, &cursor, 1U + argument, 0, fuzz_on_blacklist_read, ask);
}

/* Has no callback, so what it returns says that none is owed. */
static seckill_status call_blacklist_follow(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    sk__subject subject;
    seckill_subject asked = subject_of(argument);

    (void)ask;
    (void)sk__blacklist_follow(test->engine, 100, 1U + (argument >> 4));
    if (sk__subject_of(&asked, &subject))
        (void)sk__blacklist_find(test->engine->blacklist, &subject);
    return SECKILL_CONFLICT;
}

static seckill_status call_once(fuzz_engine *test, uint8_t argument, fuzz_ask *ask) {
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;

    options.id = user_of(argument);
    options.holder = user_of(argument >> 4);
    options.until_ms = test->wire.wall_ms + 60000;
    return sk__once_start(test->engine, &options, fuzz_on_once, ask);
}

/* The corpus depends on their order: new ones go to the end. */
static call *const calls[] = {
    call_reserve,
    call_confirm,
    call_cancel,
    call_refund,
    call_lookup,
    call_enqueue,
    call_poll,
    call_queue_process,
    call_define,
    call_get,
    call_state,
    call_purge,
    call_list,
    call_load,
    call_withdraw,
    call_stock,
    call_expire,
    call_transfers_finish,
    call_reconcile,
    call_reservations,
    call_events_read,
    call_events_ack,
    call_event_repeat,
    call_preflight,
    call_blacklist_add,
    call_blacklist_remove,
    call_blacklist_check,
    call_blacklist_read,
    call_blacklist_follow,
    call_once,
    call_refuse,
    call_poll_outside,
};

void fuzz_engine_call(fuzz_engine *test, uint8_t number, uint8_t argument) {
    fuzz_ask *ask = &test->asks[test->count];

    if (test->count == FUZZ_ASKS_MAX || number >= sizeof(calls) / sizeof(calls[0]))
        return;
    test->count++;
    ask->started = calls[number](test, argument, ask) == SECKILL_OK;
    fuzz_check(ask->told == 0); /* callbacks run later */
}
