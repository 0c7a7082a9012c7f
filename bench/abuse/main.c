/* Do honest shoppers get all that stock allows, and abusers nothing, while 95 of 100 requests are abuse? And what do honest
 * shoppers feel of it, and of an overload?
 *
 * The same crowd of honest shoppers buys three times in one run: one item in calm, then another one while abusers of all kinds
 * send twenty requests for each of theirs, and hold connections, then a third one while ten requests for each of theirs come
 * for the first, which is sold out. Everybody comes over TCP from an address of his own in 127.0.0.0/8. Exit code 0 only if
 * each honest shopper got a unit or was told that all are sold, all units are ordered, by honest shoppers only, each kind of
 * abuse was answered only what it should be, those who were too many were refused at next to no cost for Redis, and no program
 * took more memory than it may.
 */
#include "bench.h"
#include "cost.h"
#include "place.h"
#include "slow.h"
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 100, FIRST_NUMBERS = 20000, LOOK_MS = 50, SAY_MS = 5000, ATTACK_WITHIN_S = 100 };

/* A phase: who takes part, and what is looked at meanwhile. */
typedef struct {
    place *place;
    shoppers *honest;
    abusers *abusers; /* NULL: nobody */
    slow_peers *slow; /* NULL: nobody */
    uv_timer_t look;
    cost redis;               /* that the phase caused */
    double begun, front_busy; /* the share of the time that the front was running */
    uint64_t said_ms;
    long front_kib; /* the most that was seen */
    bool stopping, done;
} phase;

static void say_progress(phase *self) {
    uint64_t now = uv_now(&self->place->shop.loop);

    if (now < self->said_ms + SAY_MS)
        return;
    self->said_ms = now;
    bench_say("%3.0f s: %" PRIu32 " of %" PRIu32 " honest shoppers have come, %" PRIu32 " have ordered; others sent %" PRIu64
              " requests; the front has %ld MiB",
              bench_now() - self->begun, self->honest->came, self->honest->count, self->honest->outcomes[SHOPPER_ORDERED],
              self->abusers != NULL ? self->abusers->sent : 0,
              place_memory_kib(self->place->pids[PLACE_FRONT], "VmRSS") / 1024);
}

/* Abusers go on until all honest shoppers have been served. */
static void look_after_abusers(phase *self) {
    bool late = bench_now() - self->begun > (double)ATTACK_WITHIN_S;

    if (!self->stopping && self->honest->done &&
        ((abusers_have_enough(self->abusers) && (self->slow == NULL || slow_have_enough(self->slow))) || late)) {
        self->stopping = true;
        abusers_stop(self->abusers);
        if (self->slow != NULL)
            slow_stop(self->slow);
    }
    self->done = self->honest->done && self->abusers->done && (self->slow == NULL || self->slow->done);
}

static void on_look(uv_timer_t *timer) {
    phase *self = timer->data;
    long kib = place_memory_kib(self->place->pids[PLACE_FRONT], "VmRSS");

    self->front_kib = kib > self->front_kib ? kib : self->front_kib;
    say_progress(self);
    if (self->abusers != NULL)
        look_after_abusers(self);
    else
        self->done = self->honest->done;
    if (self->done)
        uv_close((uv_handle_t *)timer, NULL);
}

static void run_phase(phase *self) {
    uv_loop_t *loop = &self->place->shop.loop;
    double cpu = bench_cpu_time(self->place->pids[PLACE_FRONT]);
    cost before = cost_of_redis(self->place);

    self->begun = bench_now();
    uv_update_time(loop);
    self->said_ms = uv_now(loop);
    self->look.data = self;
    (void)uv_timer_init(loop, &self->look);
    (void)uv_timer_start(&self->look, on_look, 0, LOOK_MS);
    shoppers_start(self->honest);
    if (self->abusers != NULL)
        abusers_start(self->abusers);
    if (self->slow != NULL)
        slow_start(self->slow);
    sale_run_until(&self->place->shop, &self->done);
    self->front_busy = (bench_cpu_time(self->place->pids[PLACE_FRONT]) - cpu) / (bench_now() - self->begun);
    self->redis = cost_less(cost_of_redis(self->place), before, 1);
}

/* ---- after ---- */

typedef struct {
    wire wire;
    char *body;
    bool ended;
} asking;

static void on_asked(wire *one, int status, const char *body, size_t size) {
    (void)status;
    ((asking *)one->user_data)->body = strndup(body, size);
    wire_close(one);
}

static void on_asked_ended(wire *one) {
    ((asking *)one->user_data)->ended = true;
}

/* The body is the caller's; NULL: there was no answer. */
static char *get(place *self, const char *path) {
    static const wire_handlers handlers = {on_asked, on_asked_ended};
    char text[CRAFT_REQUEST];
    asking one = {.body = NULL};
    size_t size = craft_request(text, "GET", path, "", NULL);

    wire_open(&one.wire, &self->shop.loop, WIRE_ADDRESS(2, 0, 1), self->port, &handlers, &one);
    wire_send(&one.wire, text, size);
    sale_run_until(&self->shop, &one.ended);
    return one.body;
}

static uint64_t metric(const char *text, const char *name) {
    const char *at = text != NULL ? strstr(text, name) : NULL;

    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int judge_bans(place *self) {
    char *page = get(self, "/metrics");
    uint64_t banned = metric(page, "seckill_front_bans_total{result=\"done\"} ");

    free(page);
    if (banned < 2 * ABUSERS_FAST) {
        bench_say("NOT EXPECTED: only %" PRIu64 " bans by the front's metrics", banned);
        return 1;
    }
    printf("banned: %" PRIu64 " users and addresses\n", banned);
    return verdict_of_bans(self);
}

static int judge_abuse(const tally *kinds, size_t count) {
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        if (kinds[i].answered == 0)
            bench_say("NOT EXPECTED: %s: none was answered", kinds[i].name);
        wrong += kinds[i].wrong != 0 || kinds[i].answered == 0;
    }
    return wrong;
}

static int judge_share(const abusers *crowd, const slow_peers *slow) {
    uint64_t abuse = crowd->sent, honest = crowd->victims->requests;
    double share;

    for (int i = 0; i < SLOW_KINDS; i++)
        abuse += slow->tallies[i].attempts;
    share = 100 * (double)abuse / (double)(abuse + honest);
    printf("abuse: %" PRIu64 " requests and connections, honest shoppers': %" PRIu64 " requests; %.1f %% is abuse\n", abuse,
           honest, share);
    if (share >= 95)
        return 0;
    bench_say("NOT EXPECTED: less than 95 %% is abuse");
    return 1;
}

static int judge_memory(const place *self, long front_kib) {
    int wrong = 0;

    printf("\n%-16s %14s %10s\n", "memory", "at most, MiB", "may, MiB");
    for (int i = 0; i < PLACE_PROGRAMS; i++) {
        long most = place_memory_kib(self->pids[i], "VmHWM");

        printf("%-16s %14.1f %10d\n", place_programs[i], (double)most / 1024, place_bounds_mib[i]);
        wrong += most > place_bounds_mib[i] * 1024L;
    }
    printf("(seckill-front, sampled during the attack: %.1f MiB at most)\n", (double)front_kib / 1024);
    if (wrong != 0)
        bench_say("NOT EXPECTED: a program took more memory than it may");
    return wrong;
}

static void print_latencies(const shoppers *honest) {
    static const double shares[] = {0.5, 0.99, 0.999, 1};

    printf("\nhonest shoppers, ms    %-36s%-36s%s\n%-8s", "in calm", "under attack", "in the overload", "");
    for (int i = 0; i < PLACE_ITEMS; i++)
        printf("%9s%9s%9s%9s", "p50", "p99", "p99.9", "max");
    for (int step = 0; step < STEPS; step++) {
        printf("\n%-8s", shopper_steps[step]);
        for (int i = 0; i < 4 * PLACE_ITEMS; i++)
            printf("%9.2f", (double)histogram_at(&honest[i / 4].steps[step], shares[i % 4]) / 1000);
    }
    printf("\n");
}

/* What the phase cost beyond what goes on anyway, and what each honest shopper needs, as in calm. */
static cost cost_of_refusals(const phase *overload, const phase *calm, cost idle) {
    double share = (double)overload->honest->count / calm->honest->count;
    cost needed = cost_less(calm->redis, idle, calm->redis.seconds);

    return cost_less(cost_less(overload->redis, idle, overload->redis.seconds), needed, share);
}

static int judge_overload(const phase *overload, const phase *calm, cost idle) {
    double refused = (double)overload->abusers->answered, wanted = (double)overload->honest->requests;
    cost all = cost_of_refusals(overload, calm, idle), enqueue = cost_of_enqueue(overload->place);
    double processor = all.processor / refused;

    printf("overload: %.1f requests for each one of honest shoppers'; each refusal cost Redis %.4f commands (%.4f with those\n"
           "that scripts call), %.2f us of its processor: %.1f %% of what an enqueue costs (%.1f us)\n",
           refused / wanted, all.commands / refused, all.inner / refused, 1e6 * processor, 100 * processor / enqueue.processor,
           1e6 * enqueue.processor);
    if (refused >= (double)OVERLOAD_FACTOR * wanted && all.commands <= COST_MAX * refused)
        return 0;
    bench_say("NOT EXPECTED: the overload was less than %d to 1, or a refusal cost Redis more than %.1f commands",
              OVERLOAD_FACTOR, COST_MAX);
    return 1;
}

static int judge(place *self, shoppers *honest, const phase *calm, const phase *attack, const phase *overload, cost idle) {
    const abusers *crowd = attack->abusers, *many = overload->abusers;
    const slow_peers *slow = attack->slow;
    int wrong = 0;

    printf("\n%-38s %9s  %s\n", "abuse", "attempts", "answers");
    tally_print(crowd->tallies, crowd->kinds);
    tally_print(slow->tallies, SLOW_KINDS);
    tally_print(many->tallies, many->kinds);
    wrong += judge_abuse(crowd->tallies, crowd->kinds) + judge_abuse(slow->tallies, SLOW_KINDS) +
             judge_abuse(many->tallies, many->kinds);
    printf("\n");
    wrong += judge_share(crowd, slow) + judge_bans(self) + judge_overload(overload, calm, idle);
    for (int i = 0; i < PLACE_ITEMS; i++)
        wrong += verdict_of_item(self, i, &honest[i]);
    print_latencies(honest);
    printf("the front used %.0f %% of a processor in calm, %.0f %% under attack, %.0f %% in the overload\n",
           100 * calm->front_busy, 100 * attack->front_busy, 100 * overload->front_busy);
    wrong += judge_memory(self, attack->front_kib);
    return wrong + !place_stop(self);
}

/* ---- all of it ---- */

static shoppers crowd_of(place *self, int item, uint32_t count) {
    return (shoppers){.craft = &self->craft,
                      .loop = &self->shop.loop,
                      .item = place_items[item],
                      .port = self->port,
                      .first = (uint32_t)item * FIRST_NUMBERS + 1,
                      .count = count,
                      .rate = RATE};
}

static abusers abusers_of(place *self, shoppers *victims) {
    return (abusers){.craft = &self->craft,
                     .loop = &self->shop.loop,
                     .port = self->port,
                     .victims = victims,
                     .item = victims->item,
                     .list = abuse_kinds,
                     .kinds = abuse_kind_count,
                     .each = ABUSERS_SENDERS,
                     .factor = ABUSERS_FACTOR};
}

/* Those who want what was sold in calm. */
static abusers many_of(place *self, shoppers *others) {
    abusers many = abusers_of(self, others);

    many.item = place_items[PLACE_CALM];
    many.list = &overload_kind;
    many.kinds = 1;
    many.each = OVERLOAD_SENDERS;
    many.factor = OVERLOAD_FACTOR;
    return many;
}

/* How much was wrong. */
static int run_all(place *self, uint32_t count) {
    static shoppers honest[PLACE_ITEMS]; /* large, as the others */
    static abusers crowd, many;
    static slow_peers slow;
    phase calm = {.place = self, .honest = &honest[PLACE_CALM]};
    phase attack = {.place = self, .honest = &honest[PLACE_ATTACKED], .abusers = &crowd, .slow = &slow};
    phase overload = {.place = self, .honest = &honest[PLACE_OVERLOADED], .abusers = &many};
    cost idle;
    int wrong;

    for (int i = 0; i < PLACE_ITEMS; i++)
        honest[i] = crowd_of(self, i, count);
    crowd = abusers_of(self, &honest[PLACE_ATTACKED]);
    many = many_of(self, &honest[PLACE_OVERLOADED]);
    slow = (slow_peers){.loop = &self->shop.loop, .port = self->port};
    idle = cost_of_idling(self);
    bench_say("calm: %d honest shoppers a second", RATE);
    run_phase(&calm);
    bench_say("attack: as many honest shoppers, and %d requests of abusers for each of theirs", ABUSERS_FACTOR);
    run_phase(&attack);
    bench_say("overload: as many honest shoppers, and %d requests for each of theirs for what is sold out", OVERLOAD_FACTOR);
    run_phase(&overload);
    wrong = judge(self, honest, &calm, &attack, &overload, idle);
    abusers_free(&crowd);
    abusers_free(&many);
    slow_free(&slow);
    for (int i = 0; i < PLACE_ITEMS; i++)
        shoppers_free(&honest[i]);
    return wrong;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 1);
    uint32_t count = (uint32_t)bench_size(&options, 4000, 200), units = count * 4 / 5;
    static place self;
    int wrong;

    (void)signal(SIGPIPE, SIG_IGN);
    wire_raise_limit();
    bench_say("starting Redis, worker and front; %" PRIu32 " units of each item for %" PRIu32 " honest shoppers", units, count);
    place_open(&self, units);
    wrong = run_all(&self, count);
    place_close(&self);
    printf("\n%s\n", wrong == 0 ? "Honest shoppers got all units, abusers got nothing, and memory stayed within its bounds."
                                : "This is NOT as it should be: the lines above with NOT EXPECTED say what is wrong.");
    return wrong != 0;
}
