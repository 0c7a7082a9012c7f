/* How many instructions does the library spend on a request, beside what hiredis spends on one command?
 *
 * Counted by callgrind in programs of their own, which this one starts: itself, as `ours` or `other`. Each runs twice, with
 * some requests and with more: the difference has no starting up in it. What is counted is told apart by the file that the code
 * comes from, so this program is linked with the shared library. The kernel, and Redis, are not counted.
 */
#define _GNU_SOURCE
#include "shop.h"

#include <errno.h>
#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARDS = 8, VALUE = 44, TEXT = 512 };

/* ---- what is counted: ours ---- */

static void run_ours(const char *address, uint64_t first, uint64_t count, uint32_t in_flight) {
    shop_crowd crowd = {.first = first, .count = count, .in_flight = in_flight};
    sale shop;

    sale_open(&shop, address);
    if (shop_sell(&shop, &crowd).granted != count)
        bench_fail("not everybody was granted a unit");
    sale_close(&shop);
}

/* ---- the other: a field for each user, over hiredis' own asynchronous calls on the same loop ---- */

typedef struct {
    redisAsyncContext *context;
    uint64_t next, end, answered, count;
} fields;

static void set_field(fields *self);

static void on_set(redisAsyncContext *context, void *data, void *user_data) {
    const redisReply *reply = data;
    fields *self = user_data;

    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER)
        bench_fail("HSET: %s", context->errstr);
    self->answered++;
    if (self->next < self->end)
        set_field(self);
    else if (self->answered == self->count)
        redisAsyncDisconnect(context);
}

static void set_field(fields *self) {
    static const char value[VALUE] = "";
    char user[SHOP_USER + 1];
    const char *arguments[] = {"HSET", "other", user, value};
    size_t sizes[] = {4, 5, SHOP_USER, VALUE};

    shop_user(self->next++, user);
    if (redisAsyncCommandArgv(self->context, on_set, self, 4, arguments, sizes) != REDIS_OK)
        bench_fail("HSET failed");
}

static void run_other(const char *path, uint64_t first, uint64_t count, uint32_t in_flight) {
    fields self = {.next = first, .end = first + count, .count = count};
    uv_loop_t loop;

    self.context = redisAsyncConnectUnix(path);
    if (uv_loop_init(&loop) != 0 || self.context == NULL || redisLibuvAttach(self.context, &loop) != REDIS_OK)
        bench_fail("no connection");
    for (uint32_t i = 0; i < in_flight && i < count; i++)
        set_field(&self);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
}

static void run(char *const *argv) {
    uint64_t first = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
    uint32_t in_flight = (uint32_t)strtoul(argv[5], NULL, 10);

    if (strcmp(argv[1], "ours") == 0)
        run_ours(argv[2], first, count, in_flight);
    else
        run_other(argv[2] + strlen("unix:"), first, count, in_flight);
}

/* ---- counting ---- */

/* By the file that the code comes from. */
typedef struct {
    double library, hiredis, uv, sodium, libc;
} counts;

static double *place_of(counts *all, const char *object) {
    const char *slash = strrchr(object, '/');
    const char *name = slash != NULL ? slash + 1 : object;

    if (strncmp(name, "libseckill", 10) == 0)
        return &all->library;
    if (strncmp(name, "libhiredis", 10) == 0)
        return &all->hiredis;
    if (strncmp(name, "libuv", 5) == 0)
        return &all->uv;
    if (strncmp(name, "libsodium", 9) == 0)
        return &all->sodium;
    if (strncmp(name, "libc.", 5) == 0 || strncmp(name, "libc-", 5) == 0 || strncmp(name, "libpthread", 10) == 0)
        return &all->libc;
    return NULL; /* the load, the loader */
}

/* callgrind's format: "ob=(1) path" names an object and gives it a number, "ob=(1)" alone is the same one again. Lines of costs
 * are "position cost"; one that follows "calls=" is the cost of what was called, which is counted where it stands. */
static counts read_profile(FILE *file) {
    static char names[256][TEXT];
    counts all = {0};
    double *place = NULL;
    bool of_call = false;
    char line[4096];

    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned number;
        char name[TEXT] = "";

        if (sscanf(line, "ob=(%u) %511[^\n]", &number, name) >= 1 && number < 256) {
            if (name[0] != '\0')
                (void)strcpy(names[number], name);
            place = place_of(&all, names[number]);
        } else if (sscanf(line, "cob=(%u) %511[^\n]", &number, name) == 2 && number < 256) {
            (void)strcpy(names[number], name);
        } else if (strncmp(line, "calls=", 6) == 0) {
            of_call = true;
        } else if ((line[0] >= '0' && line[0] <= '9') || line[0] == '+' || line[0] == '-' || line[0] == '*') {
            const char *cost = strchr(line, ' ');

            if (place != NULL && !of_call && cost != NULL)
                *place += strtod(cost, NULL);
            of_call = false;
        }
    }
    return all;
}

/* Runs this program under callgrind, which writes into the server's folder. */
static counts count(const char *which, const redis_server *server, uint64_t first, uint64_t requests, uint32_t in_flight) {
    char self[TEXT], profile[TEXT], command[4 * TEXT];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    counts all;
    FILE *file;
    int status;

    if (size < 0)
        bench_fail("%s", strerror(errno));
    self[size] = '\0';
    (void)snprintf(profile, sizeof(profile), "%s/profile", redis_server_folder(server));
    (void)snprintf(command, sizeof(command),
                   "valgrind -q --tool=callgrind --dump-instr=no --compress-strings=yes --callgrind-out-file='%s' '%s' %s '%s' "
                   "%llu %llu %u >&2",
                   profile, self, which, redis_server_address(server), (unsigned long long)first, (unsigned long long)requests,
                   in_flight);
    status = system(command);
    file = fopen(profile, "re");
    if (status != 0 || file == NULL)
        bench_fail("valgrind --tool=callgrind does not run here");
    all = read_profile(file);
    (void)fclose(file);
    return all;
}

/* Of one request: what `more` took beyond `fewer`. */
static counts for_each(const char *which, const redis_server *server, uint64_t *first, uint64_t requests, uint32_t in_flight) {
    counts fewer = count(which, server, *first, requests, in_flight);
    counts more = count(which, server, *first + requests, 3 * requests, in_flight);
    double times = 2.0 * (double)requests;

    *first += 4 * requests;
    more.library = (more.library - fewer.library) / times;
    more.hiredis = (more.hiredis - fewer.hiredis) / times;
    more.uv = (more.uv - fewer.uv) / times;
    more.sodium = (more.sodium - fewer.sodium) / times;
    more.libc = (more.libc - fewer.libc) / times;
    bench_say("%s, %u under way: library %.0f, hiredis %.0f, libuv %.0f, libsodium %.0f, libc %.0f", which, in_flight,
              more.library, more.hiredis, more.uv, more.sodium, more.libc);
    return more;
}

static double sum(const counts *all) {
    return all->library + all->hiredis + all->uv + all->sodium + all->libc;
}

/* Batches share what a script takes: the fewer requests are under way, the more there is for each. */
static void print_points(const redis_server *server, uint64_t *first) {
    static const uint32_t widths[] = {1, 8, 64, 512};

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        counts ours = for_each("ours", server, first, 1000 + 8 * (uint64_t)widths[i], widths[i]);

        bench_point_print("instructions for each reserve by requests under way", "library", widths[i], ours.library);
        bench_point_print("instructions for each reserve by requests under way", "all libraries", widths[i], sum(&ours));
    }
}

static void compare(const bench_options *options, const redis_server *server) {
    enum { IN_FLIGHT = 8192 };
    uint64_t requests = bench_size(options, 3 * IN_FLIGHT, 500), first = 0;
    counts ours = for_each("ours", server, &first, requests, IN_FLIGHT);
    counts other = for_each("other", server, &first, requests, IN_FLIGHT);
    bench_series mine = {1, {ours.library}}, its = {1, {other.hiredis}};
    bench_series whole = {1, {sum(&ours)}}, its_whole = {1, {sum(&other)}};
    char note[2 * TEXT];

    if (!options->quick)
        print_points(server, &first);
    bench_point_print("instructions for each reserve by requests under way", "library", IN_FLIGHT, ours.library);
    bench_point_print("instructions for each reserve by requests under way", "all libraries", IN_FLIGHT, sum(&ours));
    (void)snprintf(
        note, sizeof(note),
        "closed loop, %d requests under way, 8 shards, ids of 16 bytes; callgrind, without kernel and Redis. Ours for "
        "each request: library %.0f, hiredis %.0f, libuv %.0f, libsodium %.0f, libc %.0f. The other: hiredis %.0f, "
        "libuv %.0f, libc %.0f. The load's own code is not counted",
        IN_FLIGHT, ours.library, ours.hiredis, ours.uv, ours.sodium, ours.libc, other.hiredis, other.uv, other.libc);
    bench_row_print(&(bench_row){.id = "10",
                                 .question = "the library's own instructions for each reserve",
                                 .unit = "instructions",
                                 .ours = &mine,
                                 .other = &its,
                                 .against = "hiredis' own for one command (HSET of a field, asynchronous)",
                                 .goal = BENCH_RATIO_AT_MOST,
                                 .limit = 1,
                                 .note = note});
    bench_row_print(&(bench_row){.id = "10b",
                                 .question = "the same with all libraries that it calls",
                                 .unit = "instructions",
                                 .ours = &whole,
                                 .other = &its_whole,
                                 .against = "the same of the one command",
                                 .goal = BENCH_RATIO_AT_MOST,
                                 .limit = 1,
                                 .note = note});
}

int main(int argc, char **argv) {
    bench_options options;
    redis_server *server;
    sale shop;

    if (argc == 6 && (strcmp(argv[1], "ours") == 0 || strcmp(argv[1], "other") == 0)) {
        run(argv);
        return 0;
    }
    options = bench_parse(argc, argv, 1);
    server = shop_server(shop_everysec);
    shop_open(&shop, server, SHARDS, 10000000);
    compare(&options, server);
    sale_close(&shop);
    redis_server_free(server);
    return 0;
}
