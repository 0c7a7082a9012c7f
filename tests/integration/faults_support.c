/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t fault_now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *fault_op_name(fault_op op) {
    static const char *const names[FAULT_OPS] = {"reserve",
                                                 "confirm",
                                                 "cancel",
                                                 "refund",
                                                 "enqueue",
                                                 "refuse",
                                                 "poll of a lost place",
                                                 "queue_process",
                                                 "expire",
                                                 "load",
                                                 "withdraw",
                                                 "transfers_finish",
                                                 "reconcile",
                                                 "event_repeat",
                                                 "events_ack",
                                                 "lookup",
                                                 "poll",
                                                 "stock",
                                                 "events",
                                                 "item_define",
                                                 "resume",
                                                 "get",
                                                 "list",
                                                 "blacklist_add",
                                                 "blacklist_remove",
                                                 "blacklist_check",
                                                 "once"};

    return names[op];
}

void fault_command(redis_server *server, const char *format, ...) {
    enum { WORDS = 16 };
    char line[600], *rest = NULL;
    const char *argv[WORDS];
    size_t sizes[WORDS];
    int argc = 0;
    va_list arguments;
    redisReply *reply;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *word = strtok_r(line, " ", &rest); word != NULL && argc < WORDS; word = strtok_r(NULL, " ", &rest)) {
        argv[argc] = strcmp(word, "\"\"") == 0 ? "" : word;
        sizes[argc] = strlen(argv[argc]);
        argc++;
    }
    reply = redis_server_command_argv(server, argc, argv, sizes);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", line, reply->str);
    redis_server_forget(reply);
}

/* ---- the stage ---- */

void fault_user(sale *on, uint32_t shard, unsigned n, char user[8]) {
    sale_item_answer item = sale_get(on);

    assert_int_equal(item.status, SECKILL_OK);
    for (unsigned i = 0;; i++) {
        seckill_bytes bytes = {user, 0};

        bytes.size = (size_t)snprintf(user, 8, "u%u", i % 100000);
        if (seckill_shard_of(bytes, item.seed, item.settings.shards) == shard && n-- == 0)
            return;
    }
}

static sale_answer reserve(fault_stage *stage, const char *user) {
    sale_answer answer = sale_reserve(&stage->sale, user, user, 1);

    assert_int_equal(answer.status, SECKILL_OK);
    return answer;
}

static void set_settings(fault_stage *stage, uint32_t hold_ms) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.hold_ms = hold_ms;
    settings.limit = 5;
    assert_int_equal(sale_define(&stage->sale, 2, &settings).status, SECKILL_OK);
}

static void fill_queue(fault_stage *stage) {
    char waiting[8], key[SECKILL_SHARD_KEY_SIZE];
    sale_ticket_answer queued;

    fault_user(&stage->sale, 0, 5, stage->joiner);
    fault_user(&stage->sale, 0, 6, waiting);
    queued = sale_enqueue(&stage->sale, waiting, waiting, 1);
    assert_int_equal(queued.state, SECKILL_TICKET_QUEUED);
    stage->waits = queued.ticket;
    stage->lost = queued.ticket;
    fault_user(&stage->sale, 0, 7, waiting);
    stage->lost.user_size = strlen(waiting);
    memcpy(stage->lost.user, waiting, strlen(waiting));
    stage->lost.reservation_id[0] ^= 1;
    stage->lost.n += 1000;
    fault_command(stage->server, "HINCRBY %s epoch 1", sale_key(&stage->sale, 0, "stock", key));
}

static void note(fault_answer *answer, seckill_status status, const char *message) {
    answer->status = status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", message);
    answer->calls++;
}

static const seckill_subject listed = {SECKILL_KIND_USER, {"listed", 6}};

static void on_listed(const seckill_blacklist_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = result->changed;
    note(user_data, result->status, result->message);
}

static void list_one(fault_stage *stage) {
    seckill_blacklist_entry entry = {.subject = listed};
    fault_answer answer;

    memset(&answer, 0, sizeof(answer));
    assert_int_equal(seckill_blacklist_add(stage->sale.client, &entry, 1, 0, on_listed, &answer), SECKILL_OK);
    while (answer.calls == 0)
        uv_run(&stage->sale.loop, UV_RUN_ONCE);
    fault_assert_status(answer, SECKILL_OK);
}

static void fill(fault_stage *stage) {
    char *const users[] = {stage->buyer, stage->payer, stage->quitter, stage->returner, stage->late};
    sale_events_answer *events = calloc(1, sizeof(*events));

    set_settings(stage, 1);
    for (unsigned i = 0; i < 5; i++)
        fault_user(&stage->sale, 0, i, users[i]);
    fault_user(&stage->sale, 1, 0, stage->stranger);
    assert_int_equal(sale_load(&stage->sale, "first", 8).status, SECKILL_OK);
    (void)reserve(stage, stage->late);
    set_settings(stage, 600000);
    stage->paid = reserve(stage, stage->payer).ref;
    memcpy(stage->quit, reserve(stage, stage->quitter).reservation.id, sizeof(stage->quit));
    memcpy(stage->sold, reserve(stage, stage->returner).reservation.id, sizeof(stage->sold));
    {
        sale_lookup_answer found = sale_lookup(&stage->sale, stage->returner, NULL);

        assert_int_equal(sale_confirm(&stage->sale, &found.refs[0], "order").status, SECKILL_OK);
    }
    assert_non_null(events);
    *events = sale_events(&stage->sale, 0, 1);
    assert_int_equal(events->count, 1);
    stage->ack.id = events->events[0].id;
    memcpy(stage->ack.reservation_id, stage->sold, sizeof(stage->sold));
    free(events);
    fill_queue(stage);
    list_one(stage);
}

static void open_sale(fault_stage *stage, const seckill_client_options *options) {
    seckill_client_options given = SECKILL_CLIENT_OPTIONS_INIT;

    given.timeout_ms = 20000;
    given.command_timeout_ms = 10000;
    if (options != NULL)
        given = *options;
    given.address = redis_server_address(stage->server);
    sale_open_with(&stage->sale, &given);
    stage->sale.shards = 2;
}

void fault_stage_reopen(fault_stage *stage, const seckill_client_options *options) {
    sale_close(&stage->sale);
    open_sale(stage, options);
}

void fault_stage_set(fault_stage *stage, const redis_server_options *server, const seckill_client_options *options) {
    memset(stage, 0, sizeof(*stage));
    stage->server = redis_server_start(server);
    assert_non_null(stage->server);
    open_sale(stage, NULL);
    fill(stage);
    fault_stage_reopen(stage, options);
}

void fault_stage_strike(fault_stage *stage) {
    sale_close(&stage->sale);
    redis_server_free(stage->server);
}

/* ---- the operations ---- */

static void on_result(const seckill_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_transfers(const seckill_transfers_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_reconciled(const seckill_reconcile_result *result, void *user_data) {
    assert_int_equal(result->status == SECKILL_OK ? result->faults : 0, 0);
    note(user_data, result->status, result->message);
}

static void on_item(const seckill_item_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = result->amount;
    note(user_data, result->status, result->message);
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_expire(const seckill_expire_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = result->units;
    note(user_data, result->status, result->message);
}

static void on_events(const seckill_events_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = (int64_t)result->count;
    note(user_data, result->status, result->message);
}

static void on_list(const seckill_list_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = (int64_t)result->count;
    note(user_data, result->status, result->message);
}

static void on_checked(const seckill_blacklist_check_result *result, void *user_data) {
    note(user_data, result->status == SECKILL_BLACKLISTED ? SECKILL_OK : result->status, result->message);
}

static void on_used(const seckill_once_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static seckill_status start_once(fault_stage *stage, fault_answer *answer) {
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;

    options.id = options.holder = listed.value;
    options.until_ms = INT64_C(1000) * time(NULL) + 3600000;
    return seckill_once(stage->sale.client, &options, on_used, answer);
}

static seckill_status start_blacklist(fault_stage *stage, fault_answer *answer) {
    seckill_blacklist_entry entry = {.subject = {SECKILL_KIND_ADDRESS, {"192.0.2.0/24", 12}}};

    return seckill_blacklist_add(stage->sale.client, &entry, 1, 0, on_listed, answer);
}

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = (int64_t)result->position;
    note(user_data, result->status, result->message);
}

static void on_queue(const seckill_queue_result *result, void *user_data) {
    ((fault_answer *)user_data)->amount = result->decided;
    note(user_data, result->status, result->message);
}

static seckill_bytes bytes_of(const char *text) {
    seckill_bytes bytes = {text, strlen(text)};

    return bytes;
}

static seckill_status start_reserve(fault_stage *stage, const char *user, fault_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user = bytes_of(user);
    options.request_id = bytes_of("again");
    return seckill_reserve(stage->sale.item, &options, NULL, on_result, answer);
}

static seckill_status start_confirm(fault_stage *stage, fault_answer *answer) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;

    options.ref = &stage->paid;
    options.order_ref = bytes_of("order of the payer");
    return seckill_confirm(stage->sale.item, &options, NULL, on_result, answer);
}

static seckill_status start_release(fault_stage *stage, bool is_refund, fault_answer *answer) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user = bytes_of(is_refund ? stage->returner : stage->quitter);
    memcpy(options.reservation_id, is_refund ? stage->sold : stage->quit, sizeof(options.reservation_id));
    return is_refund ? seckill_refund(stage->sale.item, &options, NULL, on_result, answer)
                     : seckill_cancel(stage->sale.item, &options, NULL, on_result, answer);
}

static seckill_status start_enqueue(fault_stage *stage, fault_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user = bytes_of(stage->joiner);
    options.request_id = bytes_of("again");
    return seckill_enqueue(stage->sale.item, &options, NULL, on_ticket, answer);
}

/* Of somebody who has nothing yet; the id is not that of other calls. */
static seckill_status start_refuse(fault_stage *stage, fault_answer *answer) {
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;

    options.user = bytes_of(stage->joiner);
    options.request_id = bytes_of("refused");
    options.reason = SECKILL_SOLD_OUT;
    return seckill_refuse(stage->sale.item, &options, NULL, on_ticket, answer);
}

static seckill_status start_poll(fault_stage *stage, const seckill_ticket *ticket, fault_answer *answer) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;

    options.ticket = ticket;
    return seckill_poll(stage->sale.item, &options, NULL, on_ticket, answer);
}

static seckill_status start_process(fault_stage *stage, fault_answer *answer) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.max = 10;
    options.from.epoch = stage->waits.epoch;
    options.from.n = stage->waits.n;
    options.to = options.from;
    return seckill_queue_process(stage->sale.item, &options, on_queue, answer);
}

static seckill_status start_lookup(fault_stage *stage, fault_answer *answer) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;

    options.user = bytes_of(stage->payer);
    return seckill_lookup(stage->sale.item, &options, NULL, on_lookup, answer);
}

static seckill_status start_define(fault_stage *stage, fault_answer *answer) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.hold_ms = 600000;
    settings.limit = 5;
    return seckill_item_define(stage->sale.item, &settings, 0, on_item, answer);
}

static seckill_status start_reconcile(fault_stage *stage, fault_answer *answer) {
    seckill_reconcile_options options = SECKILL_RECONCILE_OPTIONS_INIT;

    options.flags = SECKILL_RECONCILE_REPAIR;
    options.timeout_ms = 2000;
    return seckill_reconcile(stage->sale.item, &options, on_reconciled, answer);
}

static seckill_status start_repeat(fault_stage *stage, fault_answer *answer) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user = bytes_of(stage->returner);
    memcpy(options.reservation_id, stage->sold, sizeof(options.reservation_id));
    return seckill_event_repeat(stage->sale.item, &options, on_item, answer);
}

seckill_status fault_start(fault_stage *stage, fault_op op, fault_answer *answer) {
    seckill_item *item = stage->sale.item;

    switch (op) {
    case FAULT_RESERVE:
        return start_reserve(stage, stage->buyer, answer);
    case FAULT_CONFIRM:
        return start_confirm(stage, answer);
    case FAULT_CANCEL:
        return start_release(stage, false, answer);
    case FAULT_REFUND:
        return start_release(stage, true, answer);
    case FAULT_ENQUEUE:
        return start_enqueue(stage, answer);
    case FAULT_REFUSE:
        return start_refuse(stage, answer);
    case FAULT_REQUEUE:
        return start_poll(stage, &stage->lost, answer);
    case FAULT_PROCESS:
        return start_process(stage, answer);
    case FAULT_POLL:
        return start_poll(stage, &stage->waits, answer);
    case FAULT_EXPIRE:
        return seckill_expire(item, 0, on_expire, answer);
    case FAULT_LOAD:
        return seckill_stock_load(item, "more", 6, 0, on_item, answer);
    case FAULT_WITHDRAW:
        return seckill_stock_withdraw(item, "less", 2, 0, on_item, answer);
    case FAULT_FINISH:
        return seckill_transfers_finish(item, 0, on_transfers, answer);
    case FAULT_RECONCILE:
        return start_reconcile(stage, answer);
    case FAULT_REPEAT:
        return start_repeat(stage, answer);
    case FAULT_ACK:
        return seckill_events_ack(item, 0, &stage->ack, 1, 0, on_item, answer);
    case FAULT_LOOKUP:
        return start_lookup(stage, answer);
    case FAULT_STOCK:
        return seckill_stock_get(item, 0, on_stock, answer);
    case FAULT_EVENTS:
        return seckill_events_read(item, 0, 10, 0, on_events, answer);
    case FAULT_DEFINE:
        return start_define(stage, answer);
    case FAULT_RESUME:
        return seckill_item_resume(item, 0, on_item, answer);
    case FAULT_GET:
        return seckill_item_get(item, 0, on_item, answer);
    case FAULT_LIST:
        return seckill_item_list(stage->sale.client, "sale", 0, on_list, answer);
    case FAULT_BLACKLIST:
        return start_blacklist(stage, answer);
    case FAULT_UNLIST:
        return seckill_blacklist_remove(stage->sale.client, &listed, 1, 0, on_listed, answer);
    case FAULT_CHECK:
        return seckill_blacklist_check(stage->sale.client, &listed, 1, 0, on_checked, answer);
    case FAULT_ONCE:
        return start_once(stage, answer);
    case FAULT_OPS:
        break;
    }
    abort();
}

static fault_answer wait_for(fault_stage *stage, fault_answer *answer, seckill_status started) {
    if (started != SECKILL_OK)
        note(answer, started, "not started");
    while (answer->calls == 0) {
        if (uv_run(&stage->sale.loop, UV_RUN_ONCE) == 0 && answer->calls == 0)
            abort();
    }
    return *answer;
}

fault_answer fault_run(fault_stage *stage, fault_op op) {
    fault_answer answer;

    memset(&answer, 0, sizeof(answer));
    return wait_for(stage, &answer, fault_start(stage, op, &answer));
}

fault_answer fault_reserve(fault_stage *stage, const char *user) {
    fault_answer answer;

    memset(&answer, 0, sizeof(answer));
    return wait_for(stage, &answer, start_reserve(stage, user, &answer));
}

/* ---- pictures ---- */

fault_picture *fault_picture_take(redis_server *server) {
    /* For each key its name, its dump, and what is compared: a hash that is a table dumps its fields in an order that changes.
     */
    static const char script[] = "local function rows_of(key) "
                                 "  if redis.call('TYPE', key).ok ~= 'hash' then return '' end "
                                 "  local rows, fields = {}, redis.call('HGETALL', key) "
                                 "  for i = 1, #fields, 2 do rows[#rows + 1] = cmsgpack.pack(fields[i], fields[i + 1]) end "
                                 "  table.sort(rows) "
                                 "  return table.concat(rows) "
                                 "end "
                                 "local keys, out = redis.call('KEYS', '*'), {} table.sort(keys) "
                                 "for _, key in ipairs(keys) do "
                                 "  local rows, dump = rows_of(key), redis.call('DUMP', key) "
                                 "  out[#out + 1] = key out[#out + 1] = dump out[#out + 1] = rows == '' and dump or rows "
                                 "end "
                                 "return out";
    redisReply *reply = redis_server_command(server, "EVAL %s 0", script);

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    return reply;
}

enum { KEY, DUMP, COMPARED, EACH };

static const redisReply *find(const fault_picture *picture, const char *key) {
    for (size_t i = 0; i < picture->elements; i += EACH) {
        if (strcmp(picture->element[i + KEY]->str, key) == 0)
            return picture->element[i + COMPARED];
    }
    return NULL;
}

static bool same(const redisReply *one, const redisReply *other) {
    return one != NULL && other != NULL && one->len == other->len && memcmp(one->str, other->str, (size_t)one->len) == 0;
}

static bool all_in(const fault_picture *one, const fault_picture *other, const char *except, const char *what) {
    bool all = true;

    for (size_t i = 0; i < one->elements; i += EACH) {
        const char *key = one->element[i + KEY]->str;

        if ((except != NULL && strcmp(key, except) == 0) || same(one->element[i + COMPARED], find(other, key)))
            continue;
        (void)fprintf(stderr, "%s: %s\n", what, key);
        all = false;
    }
    return all;
}

bool fault_picture_holds(const fault_picture *picture, redis_server *server, const char *except) {
    fault_picture *now = fault_picture_take(server);
    bool holds = all_in(picture, now, except, "changed or gone") && all_in(now, picture, except, "changed or new");

    redis_server_forget(now);
    return holds;
}

void fault_picture_restore(const fault_picture *picture, redis_server *server) {
    static const char script[] = "redis.call('FLUSHDB') "
                                 "for i = 1, #ARGV, 3 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end";
    int argc = 3 + (int)picture->elements;
    const char **argv = calloc((size_t)argc, sizeof(*argv));
    size_t *sizes = calloc((size_t)argc, sizeof(*sizes));
    redisReply *reply;

    assert_true(argv != NULL && sizes != NULL);
    argv[0] = "EVAL";
    argv[1] = script;
    argv[2] = "0";
    for (int i = 0; i < argc; i++) {
        if (i >= 3)
            argv[i] = picture->element[i - 3]->str;
        sizes[i] = i < 3 ? strlen(argv[i]) : (size_t)picture->element[i - 3]->len;
    }
    reply = redis_server_command_argv(server, argc, argv, sizes);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    redis_server_forget(reply);
    free((void *)argv);
    free(sizes);
}
