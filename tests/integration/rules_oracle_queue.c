/* The oracle's queue: as rules_oracle.c, from the text of queue.h. */
#include "rules_oracle.h"

#include <string.h>

static oracle_ticket nothing(seckill_status status) {
    oracle_ticket ticket;

    memset(&ticket, 0, sizeof(ticket));
    ticket.status = status;
    return ticket;
}

static oracle_ticket refused(seckill_status reason) {
    oracle_ticket ticket = nothing(SECKILL_OK);

    ticket.state = SECKILL_TICKET_REFUSED;
    ticket.reason = reason;
    return ticket;
}

static oracle_ticket queued(uint64_t n, uint64_t position) {
    oracle_ticket ticket = nothing(SECKILL_OK);

    ticket.state = SECKILL_TICKET_QUEUED;
    ticket.n = n;
    ticket.position = position;
    return ticket;
}

static oracle_ticket of_record(const oracle_record *record) {
    oracle_ticket ticket = nothing(SECKILL_OK);

    if (record->state == SECKILL_RESERVATION_REFUSED)
        ticket = refused(record->reason);
    else if (record->state == ORACLE_EXPIRED_FOR_GOOD)
        ticket.state = SECKILL_TICKET_EXPIRED;
    else
        ticket.state = (seckill_ticket_state)(record->state + 1);
    ticket.record = record;
    return ticket;
}

/* What stands under an id already. */
static oracle_ticket known(const oracle_record *record, uint32_t quantity) {
    oracle_ticket ticket = nothing(SECKILL_CONFLICT);

    if (record->quantity == quantity) {
        ticket = of_record(record);
        ticket.replayed = true;
    }
    return ticket;
}

oracle_ticket oracle_enqueue(oracle *o, int user, int request, uint32_t quantity, int64_t created) {
    oracle_shard *shard = &o->shards[o->users[user].home];
    oracle_record *record = oracle_find(o, user, request);
    seckill_status status = oracle_sale_status(o);
    oracle_waiting *place;

    if (record != NULL)
        return known(record, quantity);
    if (created + o->settings.window_ms < o->now)
        return nothing(SECKILL_TOO_OLD);
    if (status == SECKILL_OK && shard->enqueued - shard->decided >= o->settings.max_queue)
        status = SECKILL_BUSY;
    if (status == SECKILL_OK)
        status = oracle_refuse_user(o, user, quantity);
    if (status != SECKILL_OK)
        return nothing(status);
    place = &shard->queue[shard->enqueued++];
    place->user = user;
    place->request = request;
    place->quantity = quantity;
    place->since = created < o->now ? created : o->now;
    return queued(shard->enqueued, shard->enqueued - shard->decided);
}

/* For a record that is not settled. */
static bool has_room(const oracle *o, int user) {
    return oracle_refuse_user(o, user, 0) != SECKILL_BUSY && o->users[user].count < SECKILL_USER_RECORDS_MAX;
}

/* Why it was refused is judged by how things stand now. */
static seckill_status reason(const oracle *o, int user, uint32_t quantity) {
    int64_t available = o->shards[o->users[user].home].available;
    seckill_status status = oracle_refuse_user(o, user, quantity);

    if (status != SECKILL_OK)
        return status;
    if (available >= quantity)
        return oracle_sale_status(o) == SECKILL_ENDED ? SECKILL_ENDED : SECKILL_SOLD_OUT;
    return available > 0 ? SECKILL_NOT_ENOUGH : SECKILL_SOLD_OUT;
}

oracle_ticket oracle_poll(oracle *copy, int user, int request, uint32_t quantity, uint64_t n, int64_t since) {
    const oracle_shard *shard = &copy->shards[copy->users[user].home];
    const oracle_record *record = oracle_find(copy, user, request);

    if (record != NULL)
        return record->quantity != quantity ? refused(SECKILL_CONFLICT) : of_record(record);
    if (copy->now >= since + copy->settings.remember_ms)
        return nothing(SECKILL_TOO_OLD);
    if (n == 0)
        return has_room(copy, user) ? queued(0, 0) : refused(oracle_refuse_user(copy, user, quantity));
    return n > shard->decided ? queued(n, n - shard->decided) : refused(reason(copy, user, quantity));
}

/* ---- refusals that are remembered ---- */

/* NULL: there is no room. */
static const oracle_record *remember_refused(oracle *o, int user, int request, uint32_t quantity, seckill_status reason) {
    oracle_user *who = &o->users[user];
    oracle_record *record = &who->records[who->count];

    if (!has_room(o, user))
        return NULL;
    who->count++;
    memset(record, 0, sizeof(*record));
    record->request = request;
    record->state = SECKILL_RESERVATION_REFUSED;
    record->quantity = quantity;
    record->since = o->now;
    record->ends = o->now + o->settings.remember_ms + o->settings.max_skew_ms;
    record->reason = reason;
    return record;
}

oracle_ticket oracle_refuse(oracle *o, int user, int request, uint32_t quantity, int64_t created, seckill_status reason) {
    const oracle_record *record = oracle_find(o, user, request);

    if (record != NULL)
        return known(record, quantity);
    if (o->now >= created + o->settings.remember_ms)
        return nothing(SECKILL_TOO_OLD);
    record = remember_refused(o, user, request, quantity, reason);
    return record != NULL ? of_record(record) : nothing(SECKILL_BUSY);
}

/* ---- workers ---- */

static void decide(oracle *o, const oracle_waiting *place, bool blacklisted, oracle_decisions *decisions) {
    if (oracle_find(o, place->user, place->request) != NULL)
        return;
    decisions->decided++;
    if (o->now >= place->since + o->settings.remember_ms || oracle_sale_status(o) == SECKILL_ENDED) {
        decisions->refused++;
    } else if (blacklisted) {
        decisions->blacklisted++;
        (void)remember_refused(o, place->user, place->request, place->quantity, SECKILL_BLACKLISTED);
    } else if (oracle_refuse_user(o, place->user, place->quantity) != SECKILL_OK ||
               oracle_refuse_stock(o, place->user, place->quantity) != SECKILL_OK) {
        decisions->refused++;
    } else {
        decisions->granted++;
        (void)oracle_grant(o, place->user, place->request, place->quantity);
    }
}

oracle_decisions oracle_process(oracle *o, uint32_t shard, uint64_t from, uint64_t to, const uint8_t *blacklisted) {
    oracle_shard *queue = &o->shards[shard];
    oracle_decisions decisions = {SECKILL_OK, 0, 0, 0, 0};
    seckill_status status = oracle_sale_status(o);

    if (from == 0 || from != queue->decided + 1 || queue->decided == queue->enqueued)
        return decisions;
    if (status == SECKILL_NOT_STARTED || status == SECKILL_PAUSED) {
        decisions.stopped = status;
        return decisions;
    }
    while (queue->decided < to && queue->decided < queue->enqueued) {
        queue->decided++;
        decide(o, &queue->queue[queue->decided - 1], blacklisted[queue->decided - from] != 0, &decisions);
    }
    return decisions;
}
