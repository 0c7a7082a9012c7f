#include "engine/op.h"

#include "base/histogram.h"
#include "engine/batch.h"
#include "engine/blacklist.h"
#include "script/ticket.h"

#include <string.h>

enum { RETRY_AFTER_MS = 100 };

seckill_bytes sk__op_user(const seckill_op *op) {
    seckill_bytes bytes = {op->bytes, op->user_size};

    return bytes;
}

static uint32_t home_of(const seckill_item *item, seckill_bytes user) {
    return seckill_shard_of(user, item->info.seed, item->settings.shards);
}

uint32_t sk__home_of(const seckill_op *op) {
    return home_of(op->item, sk__op_user(op));
}

bool sk__op_is_outside(const seckill_op *op) {
    return op->kind == SK__POLL && op->about.place.n == 0;
}

seckill_bytes sk__op_order_ref(const seckill_op *op) {
    seckill_bytes bytes = {op->bytes + op->user_size, op->ref_size};

    return bytes;
}

/* Whether an earlier sending was lost. */
static bool may_be_done(const seckill_op *op) {
    return op->may_be_done || (op->batch != NULL && sk__batch_may_be_done(op->batch));
}

/* Where it goes, or what it waits for first. */
static uint32_t slot_of(const seckill_op *op) {
    const seckill_item *item = op->item;

    return item->has_map ? item->shards[sk__home_of(op)].slot : item->map_slot;
}

/* What to say if it cannot wait longer. */
static seckill_status verdict_of(const seckill_op *op) {
    if (op->may_be_done)
        return SECKILL_UNKNOWN;
    return op->batch != NULL ? sk__batch_verdict(op->batch) : sk__engine_trouble(op->item->engine, slot_of(op));
}

static const char *why(const seckill_op *op, seckill_status status) {
    sk__engine *engine = op->item->engine;
    uint32_t slot = slot_of(op);

    return status == sk__engine_trouble(engine, slot) ? sk__engine_cause(engine, slot) : seckill_status_message(status);
}

static void on_deadline(sk__engine *engine, sk__timer *timer) {
    seckill_op *op = SK__CONTAINER(timer, seckill_op, deadline);
    seckill_status status = verdict_of(op);

    if (engine->closing && status != SECKILL_UNKNOWN)
        status = SECKILL_CLOSED;
    sk__op_fail(op, status, why(op, status));
}

/* ---- short of units ---- */

static void answer_shortage(seckill_op *op, seckill_status status) {
    sk__answer answer;

    memset(&answer, 0, sizeof(answer));
    answer.status = status;
    sk__op_answer(op, &answer);
}

static void on_supply(sk__want *want, seckill_status status, const char *cause) {
    seckill_op *op = SK__CONTAINER(want, seckill_op, want);
    bool is_shortage = status == SECKILL_SOLD_OUT || status == SECKILL_NOT_ENOUGH;

    if (is_shortage && op->kind == SK__RESERVE) {
        answer_shortage(op, status);
        return;
    }
    op->proven = op->proven || is_shortage; /* a late confirm is refused by the script, which keeps that */
    if (status != SECKILL_OK && !is_shortage)
        sk__op_fail(op, may_be_done(op) ? SECKILL_UNKNOWN : status, cause[0] != '\0' ? cause : seckill_status_message(status));
    else if (!sk__line_add_first(op))
        sk__op_fail(op, SECKILL_NO_MEMORY, seckill_status_message(SECKILL_NO_MEMORY));
}

/* The script has looked for its record: whatever was sent before has not been done, and what is remembered holds for it too. */
void sk__op_short(seckill_op *op) {
    sk__supply *supply = op->item->supply;
    seckill_status status;

    sk__batch_forget(op);
    if (op->kind == SK__RESERVE && sk__supply_remembers(supply, op->quantity, &status)) {
        answer_shortage(op, status);
        return;
    }
    op->want.told = on_supply;
    op->want.n = 0;
    sk__supply_add(supply, &op->want, op->at->shard->index, op->quantity);
}

/* ---- the beginning ---- */

static seckill_op *make(seckill_item *item, const sk__op_wish *wish) {
    seckill_op *op = sk__engine_alloc(item->engine, sizeof(*op) + wish->user.size + wish->order_ref.size);

    if (op == NULL)
        return NULL;
    op->item = item;
    op->kind = (uint8_t)wish->kind;
    op->user_data = wish->user_data;
    op->quantity = wish->quantity;
    op->time_ms = wish->time_ms;
    op->about = wish->about;
    op->one_record = wish->one_record;
    op->user_size = (uint8_t)wish->user.size;
    op->ref_size = (uint8_t)wish->order_ref.size;
    if (wish->kind == SK__LOOKUP)
        op->cb.lookup = wish->lookup_cb;
    else if (sk__is_of_queue((sk__op_kind)op->kind))
        op->cb.ticket = wish->ticket_cb;
    else
        op->cb.result = wish->result_cb;
    if (wish->id != NULL)
        memcpy(op->id, wish->id, sizeof(op->id));
    memcpy(op->bytes, wish->user.data, wish->user.size);
    if (wish->order_ref.size != 0)
        memcpy(op->bytes + op->user_size, wish->order_ref.data, wish->order_ref.size);
    op->ordered = wish->ordered;
    op->listed = wish->listed;
    sk__list_init(&op->line.link);
    return op;
}

/* The item's map was read, or could not be. */
static void on_map(sk__waiter *waiter, seckill_status status, const char *cause) {
    seckill_op *op = SK__CONTAINER(waiter, seckill_op, line);

    if (status != SECKILL_OK)
        sk__op_fail(op, status, cause[0] != '\0' ? cause : seckill_status_message(status));
    else if (!sk__line_add(op))
        sk__op_fail(op, SECKILL_NO_MEMORY, seckill_status_message(SECKILL_NO_MEMORY));
}

/* False: out of memory. */
static bool line_up(seckill_op *op) {
    op->line.told = on_map;
    return op->item->has_map ? sk__line_add(op) : sk__item_wait(op->item, &op->line);
}

static void begun(seckill_op *op, seckill_op **op_or_null) {
    sk__item_use(op->item);
    if (op_or_null != NULL)
        *op_or_null = op;
    sk__engine_wake(op->item->engine);
}

seckill_status sk__op_start(seckill_item *item, const sk__op_wish *wish, seckill_op **op_or_null) {
    sk__engine *engine = item->engine;
    uint32_t timeout = wish->timeout_ms != 0 ? wish->timeout_ms : engine->config.timeout_ms;
    seckill_op *op;

    if (engine->closing)
        return SECKILL_CLOSED;
    if (!sk__engine_enter(engine))
        return SECKILL_BUSY;
    op = make(item, wish);
    if (op == NULL || !sk__timer_start_wait(engine, &op->deadline, timeout, on_deadline)) {
        sk__engine_release(engine, op);
        sk__engine_leave(engine, SECKILL_NO_MEMORY);
        return SECKILL_NO_MEMORY;
    }
    op->begun_us = sk__engine_now_us(engine);
    op->sequence = engine->sequence++;
    if (!line_up(op)) {
        sk__timer_stop(engine, &op->deadline);
        sk__engine_release(engine, op);
        sk__engine_leave(engine, SECKILL_NO_MEMORY);
        return SECKILL_NO_MEMORY;
    }
    begun(op, op_or_null);
    return SECKILL_OK;
}

/* ---- the end ---- */

static void measure(const seckill_op *op) {
    static const size_t places[SK__OP_KINDS] = {
        [SK__RESERVE] = offsetof(seckill_client_stats, reserves), [SK__CONFIRM] = offsetof(seckill_client_stats, confirms),
        [SK__CANCEL] = offsetof(seckill_client_stats, cancels),   [SK__REFUND] = offsetof(seckill_client_stats, refunds),
        [SK__LOOKUP] = offsetof(seckill_client_stats, lookups),   [SK__ENQUEUE] = offsetof(seckill_client_stats, enqueues),
        [SK__POLL] = offsetof(seckill_client_stats, polls),       [SK__REFUSE] = offsetof(seckill_client_stats, refuses),
    };
    sk__engine *engine = op->item->engine;
    char *times = (char *)&engine->stats + places[op->again ? SK__POLL : op->kind];

    sk__histogram_count((seckill_histogram *)(void *)times, sk__time_ends, engine->now_us - op->begun_us);
}

_Static_assert(offsetof(sk__waiter, link) == offsetof(sk__want, link),
               "whatever it waits for, it is taken out by the same link");

/* Takes the op out of everything; its callback comes next, then it is freed. */
static void leave(seckill_op *op, seckill_status status) {
    sk__engine *engine = op->item->engine;

    measure(op);
    sk__timer_stop(engine, &op->deadline);
    if (op->kind == SK__CANCEL || op->kind == SK__REFUND)
        sk__supply_forget(op->item->supply); /* whatever the status: it may be done all the same */
    if (op->batch != NULL)
        sk__batch_forget(op);
    else
        sk__line_remove(op);
    sk__engine_leave(engine, status);
}

static void release(seckill_op *op) {
    seckill_item *item = op->item;

    sk__engine_release(item->engine, op);
    sk__item_unuse(item);
}

static void make_ref(const seckill_op *op, const sk__record *record, seckill_reservation_ref *ref) {
    sk__record_ref(record, sk__op_user(op), op->item->activity, op->item->name, ref);
}

static uint32_t retry_after(const seckill_op *op, seckill_status status) {
    const seckill_item *item = op->item;

    if (seckill_status_class(status) == SECKILL_CLASS_FINAL)
        return 0;
    if (status == SECKILL_NOT_STARTED) {
        sk__transport *transport = item->engine->config.transport;
        int64_t wait = item->settings.start_ms - transport->wall_ms(transport);

        return wait <= 0 ? 1 : wait > INT32_MAX ? INT32_MAX : (uint32_t)wait;
    }
    return RETRY_AFTER_MS;
}

/* `record` is NULL where there is none. */
static void call_back(seckill_op *op, seckill_status status, const char *message, bool replayed, const sk__record *record) {
    seckill_result result;
    seckill_reservation_ref ref;

    if (op->cb.result == NULL)
        return;
    memset(&result, 0, sizeof(result));
    result.status = status;
    result.message = message;
    result.replayed = replayed;
    result.retry_after_ms = retry_after(op, status);
    if (record != NULL) {
        result.reservation = record->shown;
        if (record->shown.state == SECKILL_RESERVED) {
            make_ref(op, record, &ref);
            result.ref = &ref;
        }
    }
    op->cb.result(&result, op->user_data);
}

static void call_back_lookup(seckill_op *op, const seckill_lookup_result *result) {
    if (op->cb.lookup != NULL)
        op->cb.lookup(result, op->user_data);
}

static void call_back_ticket(seckill_op *op, const seckill_ticket_result *result) {
    if (op->cb.ticket != NULL)
        op->cb.ticket(result, op->user_data);
}

void sk__op_fail(seckill_op *op, seckill_status status, const char *cause) {
    leave(op, status);
    if (op->kind == SK__LOOKUP) {
        seckill_lookup_result result = {status, cause, 0, NULL, NULL, 0};

        call_back_lookup(op, &result);
    } else if (sk__is_of_queue((sk__op_kind)op->kind)) {
        seckill_ticket_result result;

        memset(&result, 0, sizeof(result));
        result.status = status;
        result.message = cause;
        result.retry_after_ms = retry_after(op, status);
        call_back_ticket(op, &result);
    } else {
        call_back(op, status, cause, false, NULL);
    }
    release(op);
}

/* ---- refused from memory ---- */

bool sk__op_is_foreseen(seckill_item *item, uint32_t quantity, seckill_status *status) {
    if (!item->has_map || !sk__supply_remembers(item->supply, quantity, status))
        return false;
    sk__supply_keep(item->supply);
    return true;
}

bool sk__is_listed(const seckill_item *item, seckill_bytes user) {
    return sk__blacklist_has_user(item->engine->blacklist, user);
}

seckill_status sk__op_start_refused(seckill_item *item, seckill_status status, seckill_result_cb result_cb,
                                    seckill_ticket_cb ticket_cb, void *user_data, seckill_op **op_or_null) {
    sk__engine *engine = item->engine;
    seckill_op *op;

    if (engine->closing)
        return SECKILL_CLOSED;
    if (!sk__engine_enter(engine))
        return SECKILL_BUSY;
    op = sk__malloc(engine->config.allocator, offsetof(seckill_op, deadline));
    if (op == NULL) {
        sk__engine_leave(engine, SECKILL_NO_MEMORY);
        return SECKILL_NO_MEMORY;
    }
    op->item = item;
    op->kind = ticket_cb != NULL ? SK__ENQUEUE : SK__RESERVE;
    if (ticket_cb != NULL)
        op->cb.ticket = ticket_cb;
    else
        op->cb.result = result_cb;
    op->user_data = user_data;
    op->want.status = status;
    sk__list_append(&engine->refused, &op->want.link);
    begun(op, op_or_null);
    return SECKILL_OK;
}

static void call_back_refused_ticket(seckill_op *op, seckill_status status) {
    seckill_ticket_result result;

    memset(&result, 0, sizeof(result));
    result.status = status;
    result.message = seckill_status_message(status);
    call_back_ticket(op, &result);
}

void sk__ops_refuse(sk__engine *engine) {
    sk__link line;

    sk__list_move(&engine->refused, &line);
    while (!sk__list_is_empty(&line)) {
        seckill_op *op = SK__CONTAINER(line.next, seckill_op, want.link);
        seckill_status status = op->want.status;

        sk__list_remove(&op->want.link);
        engine->stats.from_memory++;
        sk__engine_leave(engine, status);
        if (op->kind == SK__ENQUEUE)
            call_back_refused_ticket(op, status);
        else
            call_back(op, status, seckill_status_message(status), false, NULL);
        release(op);
    }
}

/* ---- the end of others ---- */

/* Whoever is listed asks with a time that is always too old: the script finds what was granted to him before, and nothing else.
 */
static seckill_status said_to(const seckill_op *op, seckill_status status) {
    return op->listed && status == SECKILL_TOO_OLD ? SECKILL_BLACKLISTED : status;
}

void sk__op_answer(seckill_op *op, const sk__answer *answer) {
    seckill_client_stats *stats = &op->item->engine->stats;
    seckill_status status = said_to(op, answer->status);

    leave(op, status);
    stats->replayed += answer->replayed;
    if (op->kind == SK__RESERVE && status == SECKILL_OK && !answer->replayed)
        stats->granted++;
    call_back(op, status, seckill_status_message(status), answer->replayed, answer->has_record ? &answer->record : NULL);
    release(op);
}

/* ---- enqueue, poll and refuse ---- */

void sk__ticket_make(const seckill_item *item, seckill_bytes user, const uint8_t id[SECKILL_RESERVATION_ID_SIZE],
                     uint32_t quantity, const sk__place *place, seckill_ticket *ticket) {
    const seckill_item_settings *settings = &item->settings;

    memset(ticket, 0, sizeof(*ticket));
    memcpy(ticket->user, user.data, user.size);
    ticket->user_size = user.size;
    memcpy(ticket->activity, item->activity, sizeof(ticket->activity));
    memcpy(ticket->item, item->name, sizeof(ticket->item));
    memcpy(ticket->reservation_id, id, sizeof(ticket->reservation_id));
    ticket->quantity = quantity;
    ticket->shard = home_of(item, user);
    ticket->epoch = place->epoch;
    ticket->n = place->n;
    ticket->since_ms = place->since_ms;
    /* Decided within remember_ms; then it can be polled for as long as a token can be used. */
    ticket->valid_until_ms = place->since_ms + settings->remember_ms + settings->hold_ms + settings->grace_ms;
}

/* That it was not enqueued now does not say that it does not wait: an earlier sending whose answer was lost leaves no record
 * that the script could have found. Only a record says what holds for both; a refusal that was remembered has one. */
static seckill_status status_of(const seckill_op *op, seckill_status status) {
    return may_be_done(op) && status != SECKILL_CONFLICT && op->kind != SK__REFUSE ? SECKILL_UNKNOWN : status;
}

/* A poll only reads: what it finds was there. */
static bool is_replayed(const seckill_op *op, const sk__answer *answer) {
    return answer->replayed && op->kind != SK__POLL && !op->again;
}

/* What the answer says, as far as it can be said without more memory. */
static void begin_ticket_result(const seckill_op *op, const sk__answer *answer, seckill_ticket_result *result) {
    memset(result, 0, sizeof(*result));
    result->replayed = is_replayed(op, answer);
    result->requeued = op->again && answer->queued;
    result->state = sk__ticket_state(answer, &result->reason);
    if (answer->has_record)
        result->reservation = answer->record.shown;
    if (result->state == 0)
        result->status = status_of(op, said_to(op, answer->status)); /* not enqueued; or a ticket of long ago */
    result->message = seckill_status_message(result->reason != SECKILL_OK ? result->reason : result->status);
    result->retry_after_ms = retry_after(op, result->status);
}

void sk__op_placed(seckill_op *op, const sk__answer *answer, const sk__shard *shard, const sk__progress *progress) {
    seckill_client_stats *stats = &op->item->engine->stats;
    seckill_ticket_result result;
    seckill_reservation_ref ref;
    seckill_ticket ticket;

    begin_ticket_result(op, answer, &result);
    if (answer->queued) {
        sk__ticket_make(op->item, sk__op_user(op), op->id, op->quantity, &answer->place, &ticket);
        result.ticket = &ticket;
        result.position = sk__ticket_position(&answer->place, progress);
        result.wait_ms = sk__pace_wait_ms(&shard->pace, result.position);
        stats->enqueued += op->kind == SK__ENQUEUE;
    }
    if (result.state == SECKILL_TICKET_GRANTED) {
        make_ref(op, &answer->record, &ref);
        result.ref = &ref;
    }
    stats->replayed += (uint64_t)result.replayed;
    leave(op, result.status);
    call_back_ticket(op, &result);
    release(op);
}

/* ---- lookup ---- */

static size_t select_record(const seckill_op *op, const sk__record **records, size_t count) {
    if (!op->one_record)
        return count;
    for (size_t i = 0; i < count; i++) {
        if (memcmp((*records)[i].shown.id, op->id, sizeof(op->id)) == 0) {
            *records += i;
            return 1;
        }
    }
    return 0;
}

void sk__op_found(seckill_op *op, int64_t now_ms, const sk__record *records, size_t count) {
    seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
    seckill_lookup_result result = {SECKILL_OK, "", now_ms, NULL, NULL, 0};

    result.count = select_record(op, &records, count);
    if (op->one_record && result.count == 0)
        result.status = SECKILL_NO_RESERVATION;
    leave(op, result.status);
    for (size_t i = 0; i < result.count; i++) {
        reservations[i] = records[i].shown;
        memset(&refs[i], 0, sizeof(refs[i]));
        if (reservations[i].state == SECKILL_RESERVED)
            make_ref(op, &records[i], &refs[i]);
    }
    result.message = seckill_status_message(result.status);
    result.reservations = result.count != 0 ? reservations : NULL;
    result.refs = result.count != 0 ? refs : NULL;
    call_back_lookup(op, &result);
    release(op);
}

void seckill_op_detach(seckill_op *op) {
    if (op == NULL)
        return;
    if (op->kind == SK__LOOKUP)
        op->cb.lookup = NULL;
    else if (sk__is_of_queue((sk__op_kind)op->kind))
        op->cb.ticket = NULL;
    else
        op->cb.result = NULL;
}
