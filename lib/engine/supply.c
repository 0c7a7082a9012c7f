/* Who waits for units, the rounds of the search, and what follows from each. */
#include "engine/supply_parts.h"

enum {
    PATIENCE_MS = 30,     /* for shards that do not answer, before moves between the others begin; what they say later counts */
    MOVES_MS = 100,       /* for shards that were to send units, before others are looked for */
    PAUSE_MIN_MS = 2,     /* between rounds that brought nothing, ... */
    PAUSE_MAX_MS = 50,    /* ... rising to this */
    PROVEN_PAUSE_MS = 20, /* after a proof; and four times as long as the round took: proofs are not all that Redis does */
    REFRESH_MS = 100,     /* how old a proof is when it is renewed for those who are refused from memory */
    STILL_MS = 100        /* how long units must have been on their way before others than the sender take them */
};

static void go_on(sk__supply *supply);
static void conclude(sk__supply *supply);

/* ---- life ---- */

sk__supply *sk__supply_new(seckill_item *item) {
    uint32_t count = item->settings.shards;
    sk__supply *supply = sk__engine_alloc(item->engine, sizeof(*supply) + count * sizeof(supply->standings[0]));

    if (supply == NULL)
        return NULL;
    supply->item = item;
    supply->count = count;
    sk__list_init(&supply->wants);
    sk__list_init(&supply->settlers);
    return supply;
}

void sk__supply_free(sk__supply *supply) {
    sk__engine *engine;

    if (supply == NULL)
        return;
    engine = supply->item->engine;
    sk__timer_stop(engine, &supply->timer);
    for (uint32_t i = 0; i < supply->count; i++)
        sk__engine_release(engine, supply->standings[i].rows);
    sk__engine_release(engine, supply);
}

/* ---- memory ---- */

static seckill_status shortage(uint64_t units) {
    return units == 0 ? SECKILL_SOLD_OUT : SECKILL_NOT_ENOUGH;
}

bool sk__supply_remembers(const sk__supply *supply, uint64_t units, seckill_status *status) {
    if (supply == NULL || !supply->remembers || units <= supply->proven_units ||
        sk__engine_now(supply->item->engine) - supply->proven_ms >= SK__MEMORY_MS)
        return false;
    *status = shortage(supply->proven_units);
    return true;
}

void sk__supply_keep(sk__supply *supply) {
    supply->kept = true;
}

void sk__supply_forget(sk__supply *supply) {
    if (supply == NULL)
        return;
    supply->remembers = false;
    supply->units_came = ++supply->tick;
}

/* ---- rounds ---- */

/* Whoever was to send units may never answer. If it does, what it sent counts all the same. */
static void forget_moves(sk__supply *supply) {
    supply->moves = 0;
    supply->forgot = ++supply->tick;
    for (uint32_t i = 0; i < supply->count; i++)
        supply->standings[i].receiving = false;
}

static void on_timer(sk__engine *engine, sk__timer *timer) {
    sk__supply *supply = SK__CONTAINER(timer, sk__supply, timer);

    if (engine->closing)
        return;
    if (supply->running) {
        conclude(supply);
        return;
    }
    forget_moves(supply);
    go_on(supply);
}

/* False: out of memory. */
static bool wait(sk__supply *supply, int64_t ms) {
    sk__engine *engine = supply->item->engine;

    sk__timer_stop(engine, &supply->timer);
    supply->resting = false;
    return sk__timer_start(engine, &supply->timer, sk__engine_now(engine) + ms, on_timer);
}

static void fail(sk__supply *supply, seckill_status status, const char *cause);

bool sk__supply_is_wanted(const sk__supply *supply) {
    return supply->refreshing || !sk__list_is_empty(&supply->wants) || !sk__list_is_empty(&supply->settlers);
}

/* Asks every shard, but for those that have not answered yet what they were asked before. */
static void begin_round(sk__supply *supply) {
    supply->began = ++supply->tick;
    supply->running = true;
    supply->asked = 0;
    supply->began_ms = sk__engine_now(supply->item->engine);
    supply->item->engine->stats.surveys++;
    for (uint32_t i = 0; i < supply->count; i++) {
        if (supply->standings[i].asking)
            continue;
        if (!sk__supply_survey(supply, i)) {
            supply->running = false;
            fail(supply, SECKILL_NO_MEMORY, "");
            return;
        }
        supply->asked++;
    }
    if (!wait(supply, PATIENCE_MS) && supply->asked == 0) { /* else the answers alone go on */
        supply->running = false;
        fail(supply, SECKILL_NO_MEMORY, "");
    }
}

/* Nobody waits, but some are spared the wait by what is remembered: one round is enough to renew it, if nothing has changed. */
static void keep_fresh(sk__supply *supply) {
    int64_t age = sk__engine_now(supply->item->engine) - supply->proven_ms;

    if (!supply->kept || !supply->remembers || age >= SK__MEMORY_MS)
        return;
    if (age < REFRESH_MS) {
        supply->resting = wait(supply, REFRESH_MS - age);
        return;
    }
    supply->kept = false;
    supply->refreshing = true;
    begin_round(supply);
}

/* Unless something is under way that will go on by itself. */
static void go_on(sk__supply *supply) {
    if (supply->running || supply->moves != 0 || (supply->timer.node.place != 0 && !supply->resting))
        return;
    if (sk__supply_is_wanted(supply)) {
        begin_round(supply);
        return;
    }
    supply->fruitless = 0; /* whoever comes next begins anew */
    keep_fresh(supply);
}

void sk__supply_add(sk__supply *supply, sk__want *want, uint32_t shard, uint64_t units) {
    want->shard = shard;
    want->units = units;
    want->since = ++supply->tick;
    want->decided = false;
    sk__list_append(&supply->wants, &want->link);
    go_on(supply);
}

void sk__supply_settle(sk__supply *supply, sk__want *want) {
    want->units = 0; /* units sent in all, as they are seen first */
    want->since = ++supply->tick;
    want->decided = false;
    sk__list_append(&supply->settlers, &want->link);
    go_on(supply);
}

void sk__supply_look(const sk__supply *supply, uint64_t *transit, uint64_t *owed) {
    sk__sums sums = sk__standings_sum(supply->standings, supply->count, 0);

    *transit = sums.transit;
    *owed = sums.owed;
}

void sk__want_remove(sk__want *want) {
    sk__list_remove(&want->link);
}

/* Of what was asked in an earlier round, only what it saw counts. */
void sk__supply_surveyed(sk__supply *supply, sk__tick asked) {
    if (supply->running && asked > supply->began && --supply->asked == 0)
        conclude(supply);
}

/* ---- telling ---- */

static void decide(sk__want *want, seckill_status status) {
    want->decided = true;
    want->status = status;
}

/* From the last to the first: who is told to ask again goes to the front of its line. Callbacks may do anything, but they end
 * no other want. */
static void tell_list(sk__link *list, const char *cause) {
    sk__link *link = list->previous;

    while (link != list) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);

        link = link->previous;
        if (!want->decided)
            continue;
        sk__list_remove(&want->link);
        want->told(want, want->status, cause);
    }
}

static void tell(sk__supply *supply, const char *cause) {
    tell_list(&supply->wants, cause);
    tell_list(&supply->settlers, cause);
}

/* All of a list who are not decided yet. */
static void decide_all(sk__link *list, seckill_status status) {
    for (sk__link *link = list->next; link != list; link = link->next) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);

        if (!want->decided)
            decide(want, status);
    }
}

static void fail(sk__supply *supply, seckill_status status, const char *cause) {
    seckill_item *item = supply->item;

    supply->refreshing = false;
    decide_all(&supply->wants, status);
    decide_all(&supply->settlers, status);
    sk__item_use(item); /* callbacks may close it */
    tell(supply, cause);
    sk__item_unuse(item);
}

/* ---- what follows from a round ---- */

/* What it takes to serve a want from nothing: what the shard owes comes first. */
static uint64_t full_need(const sk__supply *supply, const sk__want *want) {
    int64_t available = supply->standings[want->shard].now.available;

    return want->units + (available < 0 ? (uint64_t)-available : 0);
}

/* Their own shards have units meanwhile. */
static void serve_at_home(sk__supply *supply) {
    for (sk__link *link = supply->wants.next; link != &supply->wants; link = link->next) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);
        sk__standing *home = &supply->standings[want->shard];

        if (!sk__is_fresh(home, supply->began) || home->left < (int64_t)want->units)
            continue;
        home->left -= (int64_t)want->units;
        decide(want, SECKILL_OK);
    }
}

/* All that wait for this shard, from this one on. */
static uint64_t need_of_all(const sk__supply *supply, const sk__want *first) {
    uint64_t need = full_need(supply, first) - first->units;

    for (const sk__link *link = &first->link; link != &supply->wants; link = link->next) {
        const sk__want *want = SK__CONTAINER(link, sk__want, link);

        if (want->shard == first->shard && !want->decided)
            need += want->units;
    }
    return need;
}

static void take_off(sk__standing *donor, uint64_t units) {
    int64_t half = donor->left - donor->left / 2;

    donor->left -= (int64_t)units > half ? (int64_t)units : half;
    if (donor->left < 0)
        donor->left = 0;
}

/* The richest of those that have as much as is of use. */
static bool find_donor(const sk__supply *supply, sk__move *move) {
    move->from = sk__standings_richest(supply->standings, supply->count, supply->began, (int64_t)move->least, move->to);
    return move->from != supply->count;
}

/* Where the shard owes so much that no other can pay it and serve too, what there is goes there: debts only fall. */
static bool pay_debt(const sk__supply *supply, sk__move *move) {
    int64_t available = supply->standings[move->to].now.available;

    if (available >= 0)
        return false;
    move->least = 1;
    move->want = (uint64_t)-available;
    move->gather = true;
    return find_donor(supply, move);
}

/* Another shard has all that is needed: one move for each shard that is short. */
static void move_in_full(sk__supply *supply) {
    for (sk__link *link = supply->wants.next; link != &supply->wants; link = link->next) {
        const sk__want *want = SK__CONTAINER(link, sk__want, link);
        sk__standing *home = &supply->standings[want->shard];
        sk__move move = {0, want->shard, full_need(supply, want), 0, false};

        if (want->decided || home->receiving || !sk__is_fresh(home, supply->began))
            continue;
        if (find_donor(supply, &move))
            move.want = need_of_all(supply, want);
        else if (!pay_debt(supply, &move))
            continue;
        if (sk__supply_move(supply, &move))
            take_off(&supply->standings[move.from], move.want);
    }
}

/* At the instant that all shards are known to have stood still there were no more units than these. */
static bool prove(sk__supply *supply, const sk__sums *sums) {
    const sk__standing *instant = sk__standings_stood_still(supply->standings, supply->count);
    uint64_t units = sums->units + sums->transit;
    bool any = false;

    if (instant == NULL)
        return false;
    supply->remembers = instant->now.asked > supply->units_came;
    supply->proven_ms = instant->now.asked_ms;
    supply->proven_units = units;
    for (uint32_t i = 0; i < supply->count; i++) {
        const sk__standing *standing = &supply->standings[i];
        uint64_t enqueued = sk__standing_enqueued(standing, instant->now.asked);

        supply->item->shards[i].proof = (sk__proof){standing->now.epoch, standing->now.version, units, enqueued};
    }
    for (sk__link *link = supply->wants.next; link != &supply->wants; link = link->next) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);
        sk__proof *proof = &supply->item->shards[want->shard].proof;

        if (want->decided || want->since >= instant->now.asked || want->units <= units)
            continue;
        decide(want, shortage(units));
        any = true;
        /* Of a queue that was asked again since the instant only this is known: who waits now stood in it then. */
        if (proof->enqueued < want->n)
            proof->enqueued = want->n;
    }
    return any;
}

/* The first that waits, of those whose shard answers, and for whom there is enough in all. */
static const sk__want *first_to_gather(const sk__supply *supply, uint64_t units) {
    for (const sk__link *link = supply->wants.next; link != &supply->wants; link = link->next) {
        const sk__want *want = SK__CONTAINER(link, sk__want, link);
        const sk__standing *home = &supply->standings[want->shard];

        if (!want->decided && sk__is_fresh(home, supply->began) && full_need(supply, want) <= units)
            return want;
    }
    return NULL;
}

/* All have enough together, but none alone: to the lowest that has any come the units of the next ones, as many as one survey
 * takes. */
static void gather(sk__supply *supply, const sk__sums *sums) {
    const sk__want *want = first_to_gather(supply, sums->units);
    uint32_t to = 0;
    uint64_t need, have;

    if (want == NULL)
        return;
    need = full_need(supply, want);
    while (to < supply->count && (!sk__is_fresh(&supply->standings[to], supply->began) || supply->standings[to].left <= 0))
        to++;
    have = to < supply->count ? (uint64_t)supply->standings[to].left : 0;
    for (uint32_t from = to + 1; from < supply->count && have < need && supply->moves < SK__TAKES_MAX; from++) {
        sk__standing *donor = &supply->standings[from];
        sk__move move = {from, to, 1, (uint64_t)donor->left, true};

        if (!sk__is_fresh(donor, supply->began) || donor->left <= 0)
            continue;
        have += move.want;
        if (sk__supply_move(supply, &move))
            donor->left = 0;
    }
}

/* What a failover lost is booked where it was sent. */
static void book(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken) {
    sk__supply *supply = context;
    const sk__move move = {from, to, 0, 0, false};

    if (taken > sent)
        (void)sk__supply_move(supply, &move);
}

/* Whoever sent them is gone. */
static void take_adrift(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken) {
    sk__supply *supply = context;

    if (sent > taken)
        sk__takes_add(&supply->standings[to].adrift, from, sent);
}

static void look_at_transit(sk__supply *supply, const sk__sums *sums) {
    int64_t now = sk__engine_now(supply->item->engine);

    sk__standings_differences(supply->standings, supply->count, supply->began, book, supply);
    if (sums->sent != supply->sums.sent || sums->taken != supply->sums.taken) {
        supply->still_ms = now;
    } else if (sums->transit != 0 && now - supply->still_ms >= STILL_MS) {
        sk__standings_differences(supply->standings, supply->count, 0, take_adrift, supply);
        supply->still_ms = now;
    }
}

static sk__tick asked_last(const sk__supply *supply) {
    sk__tick oldest = supply->standings[0].now.asked;

    for (uint32_t i = 1; i < supply->count; i++) {
        if (supply->standings[i].now.asked < oldest)
            oldest = supply->standings[i].now.asked;
    }
    return oldest;
}

/* Nothing is on its way; or all that was when they were seen first has been taken: the totals only rise. */
static void settle(sk__supply *supply, const sk__sums *sums) {
    sk__tick oldest = asked_last(supply);

    for (sk__link *link = supply->settlers.next; link != &supply->settlers; link = link->next) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);

        if (oldest <= want->since || sums->unbooked != 0)
            continue;
        if (sums->transit == 0 || (want->units != 0 && sums->taken >= want->units))
            decide(want, SECKILL_OK);
        want->since = supply->tick;
        if (want->units == 0)
            want->units = sums->sent;
    }
}

/* One shard can never answer, and what the others have does not help. */
static void give_up_in_trouble(sk__supply *supply) {
    if (supply->moves != 0 && !supply->move_failed)
        supply->trouble = SECKILL_OK; /* what failed was a survey, and the next one finds out whether it is for good */
    if (supply->trouble == SECKILL_OK || supply->moves != 0)
        return;
    decide_all(&supply->wants, supply->trouble);
    decide_all(&supply->settlers, supply->trouble);
    supply->trouble = SECKILL_OK;
    supply->move_failed = false;
}

/* From what was not used before, so that nothing is planned twice; what was on its way long ago still is. */
static void plan_moves(sk__supply *supply, const sk__sums *all) {
    sk__sums fresh = sk__standings_sum(supply->standings, supply->count, supply->began);

    supply->moved = false;
    move_in_full(supply);
    look_at_transit(supply, all);
    if (supply->moves == 0)
        gather(supply, &fresh);
    for (uint32_t i = 0; i < supply->count; i++)
        supply->standings[i].unused = false;
}

static int64_t pause_after(sk__supply *supply, bool proven) {
    int64_t took = sk__engine_now(supply->item->engine) - supply->began_ms;
    int64_t pause = PAUSE_MIN_MS;

    if (proven) {
        supply->fruitless = 0;
        return PROVEN_PAUSE_MS + 4 * took;
    }
    /* The second round, which may be the proof, follows at once. */
    if (supply->fruitless++ == 0)
        return 0;
    for (uint32_t i = 1; i < supply->fruitless && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

/* The round is over, or has waited long enough for shards that do not answer. */
static void conclude(sk__supply *supply) {
    seckill_item *item = supply->item;
    sk__sums all = sk__standings_sum(supply->standings, supply->count, 0);
    bool refreshed = supply->refreshing;
    bool proven, wanted;

    supply->running = false;
    supply->refreshing = false;
    sk__timer_stop(item->engine, &supply->timer);
    for (uint32_t i = 0; i < supply->count; i++)
        supply->standings[i].left = supply->standings[i].now.available;
    serve_at_home(supply);
    if (!supply->move_failed)
        plan_moves(supply, &all);
    supply->sums = all;
    if (all.units + all.transit > supply->proven_units)
        supply->remembers = false;
    proven = prove(supply, &all);
    settle(supply, &all);
    give_up_in_trouble(supply);
    sk__item_use(item); /* callbacks may close it */
    tell(supply, supply->cause);
    wanted = sk__supply_is_wanted(supply);
    if (supply->moves != 0)
        (void)wait(supply, MOVES_MS); /* without it the moves alone go on */
    else if ((wanted || proven || refreshed) && !wait(supply, pause_after(supply, proven || !wanted)))
        fail(supply, SECKILL_NO_MEMORY, "");
    sk__item_unuse(item);
}

static void moves_are_over(sk__supply *supply) {
    sk__timer_stop(supply->item->engine, &supply->timer);
    if (supply->moved)
        supply->fruitless = 0;
    else if (sk__supply_is_wanted(supply) && !wait(supply, pause_after(supply, false))) /* someone else was faster */
        fail(supply, SECKILL_NO_MEMORY, "");
    go_on(supply);
}

/* Those that can be served by what was sent, in order, are told to ask; then the search goes on for the others. */
void sk__supply_moved(sk__supply *supply, const sk__move *move, uint64_t units) {
    seckill_item *item = supply->item;
    int64_t left = supply->standings[move->to].left + (int64_t)units;
    bool serves = units != 0 && !move->gather;

    for (sk__link *link = supply->wants.next; serves && link != &supply->wants; link = link->next) {
        sk__want *want = SK__CONTAINER(link, sk__want, link);

        if (want->shard != move->to || want->decided || left < (int64_t)want->units)
            continue;
        left -= (int64_t)want->units;
        decide(want, SECKILL_OK);
    }
    supply->moved = supply->moved || units != 0;
    sk__item_use(item);
    tell(supply, "");
    if (supply->moves == 0 && !supply->running)
        moves_are_over(supply);
    sk__item_unuse(item);
}
