#include "rules_oracle.h"

#include <string.h>

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static oracle_shard *home(oracle *o, int user) {
    return &o->shards[o->users[user].home];
}

static oracle_record *find(oracle_user *user, int request) {
    for (size_t i = 0; i < user->count; i++) {
        if (user->records[i].request == request)
            return &user->records[i];
    }
    return NULL;
}

static int64_t held(const oracle_user *user) {
    int64_t units = 0;

    for (size_t i = 0; i < user->count; i++) {
        if (user->records[i].state == SECKILL_RESERVED || user->records[i].state == SECKILL_RESERVATION_SOLD)
            units += user->records[i].quantity;
    }
    return units;
}

static size_t unsettled(const oracle_user *user) {
    size_t count = 0;

    for (size_t i = 0; i < user->count; i++)
        count += user->records[i].state != SECKILL_RESERVATION_SOLD && user->records[i].state != SECKILL_RESERVATION_REFUNDED;
    return count;
}

/* A reservation gives its units back, and its id is remembered: past the window, and past the token. */
static void give_back(const oracle *o, oracle_shard *shard, oracle_record *record, seckill_reservation_state state) {
    shard->reserved -= record->quantity;
    shard->available += record->quantity;
    if (state == SECKILL_RESERVATION_CANCELLED)
        shard->cancelled += record->quantity;
    else
        shard->expired += record->quantity;
    record->state = (int)state;
    record->since = o->now;
    record->ends = larger(o->now + o->settings.remember_ms + o->settings.max_skew_ms, record->valid_until + 1);
}

/* What time did to a user: overdue holds expire, and what was remembered long enough is forgotten. */
static void settle(const oracle *o, oracle_user *user, oracle_shard *shard) {
    size_t kept = 0;

    for (size_t i = 0; i < user->count; i++) {
        oracle_record record = user->records[i];
        bool is_due = record.ends != 0 && record.ends <= o->now;

        if (is_due && record.state != SECKILL_RESERVED)
            continue;
        if (is_due)
            give_back(o, shard, &record, SECKILL_RESERVATION_EXPIRED);
        user->records[kept++] = record;
    }
    user->count = kept;
}

oracle_record *oracle_find(oracle *o, int user, int request) {
    settle(o, &o->users[user], home(o, user));
    return find(&o->users[user], request);
}

static void reclaim(oracle *o, uint32_t shard) {
    for (int i = 0; i < ORACLE_USERS; i++) {
        if (o->users[i].home == shard)
            settle(o, &o->users[i], &o->shards[shard]);
    }
}

seckill_status oracle_sale_status(const oracle *o) {
    if (o->state == SECKILL_ITEM_ENDED || (o->settings.end_ms != 0 && o->now >= o->settings.end_ms))
        return SECKILL_ENDED;
    if (o->now < o->settings.start_ms)
        return SECKILL_NOT_STARTED;
    return o->state == SECKILL_ITEM_PAUSED ? SECKILL_PAUSED : SECKILL_OK;
}

static oracle_answer say(seckill_status status, bool replayed, const oracle_record *record) {
    oracle_answer answer = {status, replayed, record};

    return answer;
}

/* What is final, for who asks for units. */
static seckill_status over(const oracle_record *record) {
    switch (record->state) {
    case SECKILL_RESERVATION_CANCELLED:
        return SECKILL_CANCELLED;
    case SECKILL_RESERVATION_REFUNDED:
        return SECKILL_REFUNDED;
    case SECKILL_RESERVATION_REFUSED:
        return record->reason;
    default:
        return SECKILL_EXPIRED;
    }
}

/* Refused for want of something, not for who the user is. */
static bool was_short(const oracle_record *record) {
    return record->state == SECKILL_RESERVATION_REFUSED && record->reason != SECKILL_BLACKLISTED;
}

/* The same as over() for who takes it for a reservation. */
static seckill_status gone(const oracle_record *record) {
    return was_short(record) ? SECKILL_NO_RESERVATION : over(record);
}

static bool stands(const oracle_record *record) {
    return record->state == SECKILL_RESERVED || record->state == SECKILL_RESERVATION_SOLD;
}

/* ---- reserve ---- */

seckill_status oracle_refuse_user(const oracle *o, int user, uint32_t quantity) {
    const oracle_user *who = &o->users[user];

    if (who->count - unsettled(who) >= SECKILL_USER_RECORDS_MAX)
        return SECKILL_LIMIT_REACHED;
    if (who->count >= SECKILL_USER_RECORDS_MAX || unsettled(who) >= SECKILL_USER_UNSETTLED_MAX)
        return SECKILL_BUSY;
    return held(who) + quantity > o->settings.limit ? SECKILL_LIMIT_REACHED : SECKILL_OK;
}

static int64_t available_in_all(const oracle *o) {
    int64_t units = 0;

    for (uint32_t i = 0; i < o->settings.shards; i++)
        units += o->shards[i].available;
    return units;
}

/* Whose shard is short gets the units of the others; who looks there takes back what is overdue. */
static bool is_short(oracle *o, int user, uint32_t quantity) {
    const oracle_shard *shard = home(o, user);

    if (shard->available < quantity)
        reclaim(o, o->users[user].home);
    if (shard->available >= quantity)
        return false;
    for (uint32_t i = 0; i < o->settings.shards; i++)
        reclaim(o, i);
    return available_in_all(o) < quantity;
}

seckill_status oracle_refuse_stock(oracle *o, int user, uint32_t quantity) {
    if (is_short(o, user, quantity))
        return available_in_all(o) == 0 ? SECKILL_SOLD_OUT : SECKILL_NOT_ENOUGH;
    return SECKILL_OK;
}

static seckill_status refusal(oracle *o, int user, uint32_t quantity, int64_t created) {
    seckill_status status = oracle_sale_status(o);

    if (created + o->settings.window_ms < o->now || created + o->settings.window_ms >= o->now + o->settings.remember_ms)
        return SECKILL_TOO_OLD;
    if (status == SECKILL_OK)
        status = oracle_refuse_user(o, user, quantity);
    return status == SECKILL_OK ? oracle_refuse_stock(o, user, quantity) : status;
}

oracle_record *oracle_grant(oracle *o, int user, int request, uint32_t quantity) {
    oracle_user *who = &o->users[user];
    oracle_shard *shard = home(o, user);
    oracle_record *record = &who->records[who->count++];

    shard->available -= quantity;
    shard->reserved += quantity;
    record->request = request;
    record->state = SECKILL_RESERVED;
    record->quantity = quantity;
    record->price = o->settings.price;
    record->since = o->now;
    record->ends = o->now + o->settings.hold_ms;
    record->valid_until = record->ends + o->settings.grace_ms;
    record->reason = SECKILL_OK;
    return record;
}

oracle_answer oracle_reserve(oracle *o, int user, int request, uint32_t quantity, int64_t created) {
    oracle_record *record = oracle_find(o, user, request);
    seckill_status refused;

    if (record != NULL && record->quantity != quantity)
        return say(SECKILL_CONFLICT, false, NULL);
    if (record != NULL)
        return say(stands(record) ? SECKILL_OK : over(record), true, record);
    refused = refusal(o, user, quantity, created);
    if (refused != SECKILL_OK)
        return say(refused, false, NULL);
    return say(SECKILL_OK, false, oracle_grant(o, user, request, quantity));
}

/* ---- confirm ---- */

static void add_event(oracle *o, int user, const oracle_record *record, seckill_event_kind kind) {
    oracle_shard *shard = home(o, user);
    size_t i = shard->event_count++;

    shard->events[i].kind = kind;
    shard->events[i].user = user;
    shard->events[i].request = record->request;
    shard->events[i].quantity = record->quantity;
    shard->events[i].n = ++shard->events_ever;
}

static oracle_answer sell(oracle *o, int user, oracle_record *record) {
    home(o, user)->sold += record->quantity;
    record->state = SECKILL_RESERVATION_SOLD;
    record->since = o->now;
    record->ends = 0;
    add_event(o, user, record, SECKILL_EVENT_CONFIRMED);
    return say(SECKILL_OK, false, record);
}

static oracle_answer refuse_for_good(const oracle *o, oracle_record *record, int64_t valid_until) {
    record->state = ORACLE_EXPIRED_FOR_GOOD;
    record->since = o->now;
    record->ends = larger(o->now + o->settings.remember_ms + o->settings.max_skew_ms, valid_until + 1);
    return say(SECKILL_EXPIRED, false, record);
}

/* What was refused in place of a grant that got lost is as if it was not there. */
static void forget_refusal(oracle_record *record, const oracle_record *token) {
    if (record != NULL && was_short(record))
        *record = *token;
}

static oracle_answer confirm_late(oracle *o, int user, oracle_record *record, const oracle_record *token) {
    oracle_user *who = &o->users[user];
    oracle_shard *shard = home(o, user);

    if (o->now > token->valid_until) {
        forget_refusal(record, token);
        return record == NULL ? say(SECKILL_EXPIRED, false, NULL) : refuse_for_good(o, record, token->valid_until);
    }
    if (oracle_sale_status(o) == SECKILL_PAUSED || oracle_sale_status(o) == SECKILL_NOT_STARTED)
        return say(oracle_sale_status(o), false, NULL);
    if (record == NULL && who->count >= SECKILL_USER_RECORDS_MAX)
        return say(SECKILL_BUSY, false, NULL);
    forget_refusal(record, token);
    if (record == NULL) {
        record = &who->records[who->count++];
        *record = *token;
    }
    if (oracle_sale_status(o) != SECKILL_OK || held(who) + record->quantity > o->settings.limit)
        return refuse_for_good(o, record, token->valid_until);
    if (is_short(o, user, record->quantity))
        return refuse_for_good(o, record, token->valid_until);
    shard->available -= record->quantity;
    return sell(o, user, record);
}

oracle_answer oracle_confirm(oracle *o, int user, int request, uint32_t quantity, int64_t price, int64_t valid_until) {
    oracle_user *who = &o->users[user];
    oracle_shard *shard = home(o, user);
    oracle_record token = {request, SECKILL_RESERVATION_EXPIRED, quantity, price, 0, 0, valid_until, SECKILL_OK};
    oracle_record *record;

    settle(o, who, shard);
    record = find(who, request);
    if (record != NULL && record->quantity != quantity)
        return say(SECKILL_CONFLICT, false, NULL);
    if (record != NULL && record->state == SECKILL_RESERVATION_SOLD)
        return say(SECKILL_OK, true, record);
    if (record != NULL && record->state != SECKILL_RESERVED && record->state != SECKILL_RESERVATION_EXPIRED &&
        !was_short(record))
        return say(over(record), true, record);
    if (shard->event_count >= o->settings.max_events)
        return say(SECKILL_BUSY, false, NULL);
    if (record == NULL || record->state != SECKILL_RESERVED)
        return confirm_late(o, user, record, &token);
    shard->reserved -= record->quantity;
    return sell(o, user, record);
}

/* ---- cancel, refund ---- */

oracle_answer oracle_cancel(oracle *o, int user, int request) {
    oracle_record *record;

    settle(o, &o->users[user], home(o, user));
    record = find(&o->users[user], request);
    if (record == NULL)
        return say(SECKILL_NO_RESERVATION, false, NULL);
    if (record->state == SECKILL_RESERVATION_SOLD)
        return say(SECKILL_SOLD, true, record);
    if (record->state == SECKILL_RESERVATION_CANCELLED)
        return say(SECKILL_OK, true, record);
    if (record->state != SECKILL_RESERVED)
        return say(gone(record), true, record);
    give_back(o, home(o, user), record, SECKILL_RESERVATION_CANCELLED);
    return say(SECKILL_OK, false, record);
}

oracle_answer oracle_refund(oracle *o, int user, int request) {
    oracle_shard *shard = home(o, user);
    oracle_record *record;

    settle(o, &o->users[user], shard);
    record = find(&o->users[user], request);
    if (record == NULL)
        return say(SECKILL_NO_RESERVATION, false, NULL);
    if (record->state == SECKILL_RESERVED)
        return say(SECKILL_CONFLICT, true, record);
    if (record->state == SECKILL_RESERVATION_REFUNDED)
        return say(SECKILL_OK, true, record);
    if (record->state != SECKILL_RESERVATION_SOLD)
        return say(gone(record), true, record);
    if (shard->event_count >= o->settings.max_events)
        return say(SECKILL_BUSY, false, NULL);
    shard->sold -= record->quantity;
    shard->available += record->quantity;
    shard->refunded += record->quantity;
    record->state = SECKILL_RESERVATION_REFUNDED;
    record->since = o->now;
    add_event(o, user, record, SECKILL_EVENT_REFUNDED);
    return say(SECKILL_OK, false, record);
}

/* ---- the rest ---- */

int64_t oracle_expire(oracle *o) {
    int64_t before = 0, after = 0;

    for (uint32_t i = 0; i < o->settings.shards; i++) {
        before += o->shards[i].expired;
        reclaim(o, i);
        after += o->shards[i].expired;
    }
    return after - before;
}

void oracle_load(oracle *o, int64_t units) {
    for (uint32_t i = 0; i < o->settings.shards; i++) {
        int64_t share = units / o->settings.shards + (i < units % o->settings.shards);

        o->shards[i].loaded += share;
        o->shards[i].available += share;
    }
}

int64_t oracle_withdraw(oracle *o, int64_t units) {
    int64_t left = units;

    for (uint32_t i = 0; i < o->settings.shards; i++) {
        int64_t share = o->shards[i].available < left ? o->shards[i].available : left;

        o->shards[i].loaded -= share;
        o->shards[i].available -= share;
        left -= share;
    }
    return units - left;
}

oracle_user oracle_lookup(const oracle *o, int user) {
    oracle copy = *o;

    settle(&copy, &copy.users[user], home(&copy, user));
    return copy.users[user];
}
