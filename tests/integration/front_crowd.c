/* seckill-front in queued mode: a crowd that waits costs one read for each poll, and nothing between: neither commands to Redis
 * nor memory of the front. 10,000 wait here; 100,000 where SECKILL_TESTS_FULL=1.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "sale_queue.h"
#include "test_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"

enum {
    CONNECTIONS = 100, /* requests that are under way at one time */
    IDLE_MS = 1500,
    GROWTH_BYTES = 40 /* of the front for each request: less than the smallest structure, which none may leave behind */
};

typedef struct {
    front *front;
    int fds[CONNECTIONS];
    char tickets[CONNECTIONS][SECKILL_TOKEN_SIZE]; /* of the last round */
    int count;                                     /* who waits */
} crowd;

static front_answer answer; /* large: not on the stack */

static void open_connections(crowd *all) {
    for (int i = 0; i < CONNECTIONS; i++)
        all->fds[i] = front_connect(all->front);
}

static void close_connections(crowd *all) {
    for (int i = 0; i < CONNECTIONS; i++)
        close(all->fds[i]);
}

/* One more user on each connection. */
static void enqueue_round(crowd *all) {
    char text[512], body[64];
    for (int i = 0; i < CONNECTIONS; i++) {
        snprintf(body, sizeof body, "{\"request_id\":\"r%d\",\"retry\":false}", all->count + i);
        snprintf(text, sizeof text,
                 "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nX-User: user%d\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 all->count + i, strlen(body), body);
        assert_true(front_send(all->fds[i], text));
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        front_read(all->fds[i], &answer);
        if (answer.status != 202)
            fail_msg("%d %s", answer.status, answer.body);
        front_text(&answer, "ticket", all->tickets[i]);
    }
    all->count += CONNECTIONS;
}

static void enqueue_until(crowd *all, int count) {
    while (all->count < count)
        enqueue_round(all);
}

/* The tickets of the last round. */
static void send_polls(const crowd *all) {
    char text[SECKILL_TOKEN_SIZE + 128];
    for (int i = 0; i < CONNECTIONS; i++) {
        snprintf(text, sizeof text, "GET /v1/tickets/%s HTTP/1.1\r\nHost: test\r\nX-User: user%d\r\n\r\n", all->tickets[i],
                 all->count - CONNECTIONS + i);
        assert_true(front_send(all->fds[i], text));
    }
}

static void read_polls(const crowd *all, const char *state) {
    char text[SECKILL_TOKEN_SIZE];
    for (int i = 0; i < CONNECTIONS; i++) {
        front_read(all->fds[i], &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(front_text(&answer, "state", text), state);
    }
}

/* ---- what it costs */

static long long info_number(const crowd *all, const char *section, const char *name) {
    redisReply *reply = redis_server_command(all->front->redis, "INFO %s", section);
    const char *at = reply != NULL ? strstr(reply->str, name) : NULL;
    long long number = at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
    redis_server_forget(reply);
    return number;
}

static long long scripts(const crowd *all) {
    return info_number(all, "commandstats", "cmdstat_evalsha:calls=") + info_number(all, "commandstats", "cmdstat_eval:calls=");
}

/* Commands of any kind, those of scripts included. */
static long long commands(const crowd *all) {
    return info_number(all, "stats", "total_commands_processed:");
}

/* Whether what the front frees goes back to its allocator at once: not where somebody watches over its memory. */
static bool memory_tells(void) {
    const char *wrapper = getenv("SECKILL_TEST_WRAPPER");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    return wrapper == NULL || *wrapper == '\0';
}

/* Kilobytes of memory that the front has; 0: not known. */
static long front_memory(const crowd *all) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)all->front->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kib;
}

static void assert_waiting_costs_nothing(const crowd *all) {
    long long before = commands(all), own = commands(all) - before; /* what asking takes itself */
    before = commands(all);
    front_sleep_ms(IDLE_MS);
    assert_int_equal(commands(all) - before, own);
}

/* A poll costs one script at most. */
static void assert_polls_cost_one_read(const crowd *all) {
    long long before = scripts(all);
    send_polls(all);
    read_polls(all, "queued");
    assert_in_range(scripts(all) - before, 1, CONNECTIONS);
}

/* Polls that come together travel together: those that wait while Redis is busy are few batches. */
static void assert_polls_are_batched(const crowd *all) {
    char line[64];
    long long before = scripts(all);
    snprintf(line, sizeof line, "seckill_client_operations_in_progress %d", CONNECTIONS);
    redis_server_pause(all->front->redis);
    send_polls(all);
    assert_true(front_wait_metric(all->front, line));
    redis_server_resume(all->front->redis);
    read_polls(all, "queued");
    assert_in_range(scripts(all) - before, 1, 5);
}

static void test_waiting(void **state) {
    (void)state;
    static const char *const options[] = {"--trust-user-header", "X-User", "--queue-min",    "1000000",
                                          "--timeout",           "30s",    "--no-blacklist", NULL};
    static crowd all;
    int wanted = test_run_is_full() ? 100000 : 10000;
    all.front = front_open(10, 1, options);
    open_connections(&all);
    enqueue_until(&all, wanted / 4); /* by then the allocator has what the connections take */
    send_polls(&all);
    read_polls(&all, "queued");
    long before = front_memory(&all);
    enqueue_until(&all, wanted);
    send_polls(&all);
    read_polls(&all, "queued");
    long growth = front_memory(&all) - before, bound = GROWTH_BYTES * (wanted - wanted / 4) / 1024;
    print_message("%d wait; the front's memory: %ld KiB, %ld KiB more than with a quarter of them; at most %ld KiB\n", wanted,
                  before + growth, growth, bound);
    assert_true(growth < bound || !memory_tells());
    assert_int_equal(sale_stock(&all.front->sale).total.queued, wanted);
    assert_waiting_costs_nothing(&all);
    assert_polls_cost_one_read(&all);
    assert_polls_are_batched(&all);
    assert_int_equal(sale_decide_all(&all.front->sale), wanted);
    send_polls(&all);
    read_polls(&all, "refused");
    close_connections(&all);
    front_close(all.front);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waiting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
