/* A million users want 100,000 units: how long until every one of them has his answer?
 *
 * Two processors in all: Redis has one, the load the other. Ours: each user reserves once, as a first attempt, by one client in
 * a closed loop. The other: the common script for one user, pipelined by 64, for as many users and units. Grants and refusals
 * are also told apart: what comes until the last unit is gone, and what comes from there on.
 */
#include "one_user.h"
#include "shop.h"

enum { SHARDS = 8, IN_FLIGHT = 8192, POINTS = 100 };

typedef struct {
    double seconds; /* from the start */
    uint64_t granted, refused;
} moment;

typedef struct {
    uint64_t users, units;
    moment sold_out, end;
    moment points[POINTS + 1]; /* points[i]: i of POINTS parts of the users have their answers */
} course;

/* ---- ours ---- */

static void on_answer(const shop_outcome *so_far, void *user_data) {
    course *self = user_data;
    uint64_t point = (so_far->granted + so_far->refused) * POINTS / self->users;
    bool is_last_unit = self->sold_out.granted == 0 && so_far->granted == self->units;

    if (!is_last_unit && self->points[point].seconds > 0)
        return;
    self->end = (moment){bench_now() - so_far->start, so_far->granted, so_far->refused};
    if (is_last_unit)
        self->sold_out = self->end;
    if (point > 0)
        self->points[point] = self->end;
}

static course ours(uint64_t users, uint64_t units) {
    redis_server *server = shop_server(shop_everysec);
    course self = {.users = users, .units = units};
    shop_crowd crowd = {
        .count = users, .in_flight = IN_FLIGHT, .first_attempts = true, .on_answer = on_answer, .user_data = &self};
    shop_outcome outcome;
    sale shop;

    shop_open(&shop, server, SHARDS, units);
    outcome = shop_sell(&shop, &crowd);
    if (outcome.granted != units || outcome.refused != users - units)
        bench_fail("%llu units were granted", (unsigned long long)outcome.granted);
    self.end = (moment){outcome.seconds, outcome.granted, outcome.refused};
    sale_close(&shop);
    redis_server_free(server);
    return self;
}

/* ---- the other ---- */

/* Two runs on the same stock: who is granted a unit, and who comes too late. */
static course other(uint64_t users, uint64_t units) {
    redis_server *server = shop_server(shop_everysec);
    course self = {.users = users, .units = units};
    char sha[41];
    double seconds;

    one_user_prepare(server, units, sha);
    seconds = (double)units / one_user_benchmark(server, sha, units, 50, 64);
    self.sold_out = (moment){seconds, units, 0};
    seconds += (double)(users - units) / one_user_benchmark(server, sha, users - units, 50, 64);
    self.end = (moment){seconds, units, users - units};
    redis_server_free(server);
    return self;
}

/* ---- what came out ---- */

static double grant_rate(const course *self) {
    return (double)self->units / self->sold_out.seconds;
}

static double refusal_rate(const course *self) {
    return (double)(self->end.refused - self->sold_out.refused) / (self->end.seconds - self->sold_out.seconds);
}

static double rate(const course *self) {
    return (double)self->users / self->end.seconds;
}

typedef struct {
    bench_series seconds, decided, granted, refused;
} figures;

static void add(figures *all, const char *whose, const course *run) {
    bench_add(&all->seconds, run->end.seconds);
    bench_add(&all->decided, rate(run));
    bench_add(&all->granted, grant_rate(run));
    bench_add(&all->refused, refusal_rate(run));
    bench_say("%s: all decided in %.3f s, sold out after %.3f s: %.0f grants/s, then %.0f refusals/s", whose, run->end.seconds,
              run->sold_out.seconds, grant_rate(run), refusal_rate(run));
}

static void print_points(const course *ours, const course *other) {
    static const char plot[] = "decided", against[] = "one-user script, pipelined by 64: decided";

    for (int i = 0; i <= POINTS; i++) {
        bench_point_print(plot, "ours: granted", ours->points[i].seconds, (double)ours->points[i].granted);
        bench_point_print(plot, "ours: refused", ours->points[i].seconds, (double)ours->points[i].refused);
    }
    bench_point_print(plot, against, 0, 0);
    bench_point_print(plot, against, other->sold_out.seconds, (double)other->units);
    bench_point_print(plot, against, other->end.seconds, (double)other->users);
}

static void print_rows(const figures *ours, const figures *other) {
    static const char against[] = "one-user script, 50 connections, pipelined by 64";
    bench_row row = {.id = "8a",
                     .question = "a million users want 100,000 units: all decided",
                     .unit = "s",
                     .ours = &ours->seconds,
                     .goal = BENCH_OURS_AT_MOST,
                     .limit = 1,
                     .note = "closed loop, 8,192 requests in flight, first attempts, 8 shards; users and request ids of 16 "
                             "bytes; AOF everysec; Redis on one processor, the client on another"};

    bench_row_print(&row);
    row.id = "8b";
    row.unit = "1/s";
    row.against = against;
    row.ours = &ours->decided;
    row.other = &other->decided;
    row.goal = BENCH_RATIO_AT_LEAST;
    row.limit = 5;
    bench_row_print(&row);
    row.id = "8c";
    row.question = "of these: grants, until sold out";
    row.ours = &ours->granted;
    row.other = &other->granted;
    row.goal = BENCH_NO_GOAL;
    bench_row_print(&row);
    row.id = "8d";
    row.question = "of these: refusals, from then on";
    row.ours = &ours->refused;
    row.other = &other->refused;
    bench_row_print(&row);
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 3);
    uint64_t users = bench_size(&options, 1000000, 10000), units = users / 10;
    figures mine = {0}, theirs = {0};

    for (int i = 0; i < options.rounds; i++) {
        course first = ours(users, units), second = other(users, units);

        add(&mine, "ours", &first);
        add(&theirs, "one-user script", &second);
        if (i == options.rounds - 1)
            print_points(&first, &second);
    }
    print_rows(&mine, &theirs);
    return 0;
}
