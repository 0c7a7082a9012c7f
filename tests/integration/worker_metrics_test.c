/* What the worker shows of itself: metrics and health over HTTP, the progress line, the last line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "blacklist_support.h"
#include "sale_queue.h"
#include "worker_fixture.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MAX = 65536 };

typedef struct {
    shop shop;
    char socket[108], listen[128];
    char answer[ANSWER_MAX]; /* the last one, head and body */
} site;

static void open_site(site *s) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.shards = 2;
    shop_open(&s->shop, &plan);
    assert_true(snprintf(s->socket, sizeof s->socket, "%s/http", s->shop.folder) < (int)sizeof s->socket);
    (void)snprintf(s->listen, sizeof s->listen, "unix:%s", s->socket);
}

/* -1: nobody listens. */
static int connect_to(const site *s) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, s->socket, sizeof name.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Asks, and reads to the end. The HTTP status; 0: nobody listens. */
static int ask(site *s, const char *method, const char *path) {
    char text[256];
    size_t size = 0;
    ssize_t got;
    int fd = connect_to(s);
    if (fd < 0) {
        return 0;
    }
    int length = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path);
    assert_int_equal(write(fd, text, (size_t)length), length);
    while ((got = read(fd, s->answer + size, ANSWER_MAX - 1 - size)) > 0) {
        size += (size_t)got;
    }
    (void)close(fd);
    s->answer[size] = '\0';
    return size > 12 ? (int)strtol(s->answer + strlen("HTTP/1.1 "), NULL, 10) : -1;
}

static void wait_healthy(site *s) {
    uint64_t until = now_ms() + UINT64_C(20000) * slowness();
    while (ask(s, "GET", "/healthz") != 200) {
        assert_true(now_ms() < until);
        sleep_ms(5);
    }
}

/* ---- the text ---- */

static bool is_name(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '_') {
            return false;
        }
    }
    return size > 0;
}

/* What the name of a histogram's sample has behind that of the metric. */
static bool is_part(const char *text, size_t size) {
    static const char *const parts[] = {"_bucket", "_sum", "_count"};
    for (size_t i = 0; i < 3; i++) {
        if (strlen(parts[i]) == size && memcmp(parts[i], text, size) == 0) {
            return true;
        }
    }
    return false;
}

/* name{label="value",...} number */
static void check_sample(const char *line, const char *metric, bool histogram) {
    size_t size = strcspn(line, "{ "), length = strlen(metric);
    char *end;
    assert_true(is_name(line, size));
    assert_true(size >= length && memcmp(metric, line, length) == 0); /* it stands under its own HELP and TYPE */
    assert_true(histogram ? is_part(line + length, size - length) : size == length);
    const char *at = line + size;
    if (*at == '{') {
        assert_true(histogram || strstr(at, "activity=\"sale\",item=\"phone\"") || strstr(at, "{version=\""));
        at = strchr(at, '}') + 1;
    }
    assert_int_equal(*at, ' ');
    assert_true(strtod(at + 1, &end) >= 0);
    assert_int_equal(*end, '\0');
}

/* Prometheus' text format: HELP, TYPE and samples of each metric together, each once; counters end in _total. */
static void check_format(const char *body) {
    char copy[ANSWER_MAX], metric[128] = "", type[16] = "", *rest = NULL;
    (void)snprintf(copy, sizeof copy, "%s", body);
    assert_int_equal(body[strlen(body) - 1], '\n');
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            char head[160];
            (void)snprintf(metric, sizeof metric, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            (void)snprintf(head, sizeof head, "# HELP %s ", metric);
            assert_non_null(strstr(body, head));
            assert_null(strstr(strstr(body, head) + 1, head));
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line, "# TYPE %*s %15s", type), 1);
            assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0 || strcmp(type, "histogram") == 0);
            assert_int_equal(strcmp(type, "counter") == 0,
                             strlen(metric) > 6 && strcmp(metric + strlen(metric) - 6, "_total") == 0);
        } else {
            check_sample(line, metric, strcmp(type, "histogram") == 0);
        }
    }
}

/* The number behind a sample, read anew; -1: it is not there, as long as the item is not at work. */
static double sample(site *s, const char *name) {
    char line[256];
    assert_int_equal(ask(s, "GET", "/metrics"), 200);
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(s->answer, line);
    return at ? strtod(at + strlen(line), NULL) : -1;
}

static void wait_sample(site *s, const char *name, double value) {
    uint64_t until = now_ms() + UINT64_C(20000) * slowness();
    while (sample(s, name) != value) {
        if (now_ms() > until) {
            fail_msg("%s is %f, not %f", name, sample(s, name), value);
        }
        sleep_ms(5);
    }
}

static void enqueue(site *s, uint32_t from, uint32_t count) {
    for (uint32_t n = from; n < from + count; n++) {
        char user[32];
        (void)snprintf(user, sizeof user, "user-%u", (unsigned)n);
        assert_int_equal(sale_enqueue(&s->shop.sale, user, user, 1).status, SECKILL_OK);
    }
}

#define PHONE "{activity=\"sale\",item=\"phone\"}"
#define DECIDED(result) "seckill_worker_queue_decided_total{activity=\"sale\",item=\"phone\",result=\"" result "\"}"

static void test_metrics(void **state) {
    (void)state;
    site s;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    open_site(&s);
    blacklist_list_users(&s.shop.sale, "user-", 2);
    const char *const more[] = {"--listen", s.listen, "--progress", "10ms", NULL};
    worker_process worker = worker_start(&s.shop, more);
    wait_healthy(&s);
    enqueue(&s, 0, 200);
    wait_sample(&s, DECIDED("blacklisted"), 2);
    wait_sample(&s, DECIDED("granted"), 100);
    wait_sample(&s, DECIDED("refused"), 98);
    wait_sample(&s, "seckill_worker_decision_seconds_count", 200);
    assert_true(sample(&s, "seckill_worker_decision_seconds_sum") > 0);
    wait_sample(&s, "seckill_worker_queue_length" PHONE, 0);
    wait_sample(&s, "seckill_worker_items", 1);
    wait_sample(&s, "seckill_worker_blacklist_loaded", 1);
    wait_sample(&s, "seckill_worker_blacklist_entries", 2);
    assert_int_equal(sample(&s, "seckill_worker_blacklist_dropped"), 0);
    assert_true(sample(&s, "seckill_worker_blacklist_behind_seconds") >= 0);
    wait_sample(&s, "seckill_client_connected", 1);
    assert_true(sample(&s, "seckill_client_nodes") >= 1 && sample(&s, "seckill_client_transfers_total") >= 0);
    assert_int_equal(sample(&s, "seckill_worker_orders_replayed_total") + sample(&s, "seckill_worker_orders_missing_total"), 0);
    check_format(strstr(s.answer, "\r\n\r\n") + 4);
    assert_non_null(strstr(s.answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));

    assert_int_equal(sale_load(&s.shop.sale, "more", 100).status, SECKILL_OK);
    assert_true(shop_buy(&s.shop, 1000, 1, id));
    wait_sample(&s, "seckill_worker_orders_written_total", 1);
    wait_sample(&s, "seckill_worker_event_age_seconds_count", 1);
    assert_true(sample(&s, "seckill_worker_event_age_seconds_bucket{le=\"600\"}") == 1);
    wait_sample(&s, "seckill_worker_transactions_total", sample(&s, "seckill_worker_transaction_seconds_count"));
    assert_true(sample(&s, "seckill_worker_transaction_seconds_sum") > 0);
    enqueue(&s, 500, 30);
    wait_sample(&s, DECIDED("granted"), 130);
    worker_wait_log(&worker, "130 granted, 98 refused, 2 blacklisted; 1 events read");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.queue_decided, 230);
    assert_int_equal(summary.queue_blacklisted, 2);
    assert_int_equal(summary.queue_length, 0);
    assert_int_equal(ask(&s, "GET", "/metrics"), 0);
    assert_int_equal(access(s.socket, F_OK), -1);
    shop_close(&s.shop);
}

/* Who waits for the blacklist is seen to wait. */
static void test_no_blacklist(void **state) {
    (void)state;
    site s;
    open_site(&s);
    const char *const more[] = {"--listen", s.listen, "--roles", "decide", NULL};
    redis_server_forget(redis_server_command(s.shop.server, "SET seckill:{blacklist}:head x"));
    enqueue(&s, 0, 40);
    worker_process worker = worker_start_without_orders(&s.shop, more);
    wait_healthy(&s);
    wait_sample(&s, "seckill_worker_queue_length" PHONE, 40);
    wait_sample(&s, "seckill_worker_blacklist_loaded", 0);
    assert_true(sample(&s, "seckill_worker_queue_oldest_seconds" PHONE) > 0);
    assert_int_equal(sample(&s, "seckill_worker_queue_stopped" PHONE), 0);
    redis_server_forget(redis_server_command(s.shop.server, "DEL seckill:{blacklist}:head"));
    wait_sample(&s, DECIDED("granted"), 40);
    wait_sample(&s, "seckill_worker_blacklist_loaded", 1);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_length, 0);
    shop_close(&s.shop);
}

/* The length and the oldest wait are those of the queue, also while nothing moves. */
static void test_waiting(void **state) {
    (void)state;
    site s;
    open_site(&s);
    const char *const more[] = {"--listen", s.listen, "--roles", "decide", NULL};
    enqueue(&s, 0, 40);
    assert_int_equal(sale_pause(&s.shop.sale).status, SECKILL_OK);
    sleep_ms(300);
    worker_process worker = worker_start_without_orders(&s.shop, more);
    wait_healthy(&s);
    wait_sample(&s, "seckill_worker_queue_length" PHONE, 40);
    wait_sample(&s, "seckill_worker_queue_stopped" PHONE, 1);
    double waited = sample(&s, "seckill_worker_queue_oldest_seconds" PHONE);
    assert_true(waited >= 0.3 && waited < 60);
    sleep_ms(200);
    assert_true(sample(&s, "seckill_worker_queue_oldest_seconds" PHONE) > waited);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_length, 40);
    shop_close(&s.shop);
}

/* ---- transfers ---- */

static void count(site *s, uint32_t shard, const char *counter, int64_t by) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redis_server_forget(redis_server_command(s->shop.server, "HINCRBY %s %s %lld", sale_key(&s->shop.sale, shard, "stock", key),
                                             counter, (long long)by));
}

/* What a shard has sent to the other one, and taken from it, in all. */
static void set_row(site *s, uint32_t shard, uint8_t sent, uint8_t taken) {
    char key[SECKILL_SHARD_KEY_SIZE];
    const uint8_t row[16] = {[7] = sent, [15] = taken};
    redis_server_forget(redis_server_command(s->shop.server, "HSET %s %u %b", sale_key(&s->shop.sale, shard, "transfers", key),
                                             (unsigned)(1 - shard), row, sizeof row));
}

/* As who moved three units from shard 1 to shard 0 leaves it, and dies. */
static void leave_in_transit(site *s) {
    count(s, 1, "available", -3);
    count(s, 1, "sent", 3);
    set_row(s, 1, 3, 0);
}

static bool has_arrived(shop *s, const void *units) {
    sale_stock_answer stock = sale_stock(&s->sale);
    return stock.status == SECKILL_OK && stock.shards[0].transferred_in == *(const int64_t *)units;
}

static void test_transfers(void **state) {
    (void)state;
    site s;
    open_site(&s);
    leave_in_transit(&s);
    const char *const more[] = {"--listen", s.listen, "--roles", "transfers", "--transfers-interval", "20ms", NULL};
    worker_process worker = worker_start_without_orders(&s.shop, more);
    shop_wait(&s.shop, has_arrived, &(int64_t){3}, "what was on its way");
    wait_healthy(&s);
    wait_sample(&s, "seckill_worker_units_in_transit" PHONE, 0);
    wait_sample(&s, "seckill_worker_units_owed" PHONE, 0);
    wait_sample(&s, "seckill_worker_units{activity=\"sale\",item=\"phone\",state=\"available\"}", 100);
    wait_sample(&s, "seckill_worker_units_loaded" PHONE, 100);
    wait_sample(&s, "seckill_worker_events_waiting" PHONE, 0);
    check_format(strstr(s.answer, "\r\n\r\n") + 4);
    assert_true(sale_stock(&s.shop.sale).total.available == 100);
    /* Shard 0 has sixty more of shard 1's, which forgot, and has 47. */
    count(&s, 0, "available", 60);
    count(&s, 0, "taken", 60);
    set_row(&s, 0, 0, 63);
    wait_sample(&s, "seckill_worker_units_owed" PHONE, 13);
    worker_wait_log(&worker, "13 units more are promised than there are");
    assert_int_equal(sale_stock(&s.shop.sale).shards[1].available, -13);
    assert_true(sample(&s, "seckill_worker_transfer_checks_total") > 0);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    shop_close(&s.shop);
}

/* Soon after a failover, however long the pauses are. */
static void test_transfers_after_a_failover(void **state) {
    (void)state;
    site s;
    open_site(&s);
    const char *const more[] = {"--listen", s.listen, "--roles", "expire,transfers", "--transfers-interval", "1m", NULL};
    worker_process worker = worker_start_without_orders(&s.shop, more);
    wait_healthy(&s);
    wait_sample(&s, "seckill_worker_transfer_checks_total", 1);
    leave_in_transit(&s);
    redis_server_forget(redis_server_command(s.shop.server, "SAVE"));
    assert_false(has_arrived(&s.shop, &(int64_t){3}));
    assert_true(redis_server_restart(s.shop.server));
    shop_wait(&s.shop, has_arrived, &(int64_t){3}, "what was on its way");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    shop_close(&s.shop);
}

/* ---- HTTP ---- */

static void test_paths(void **state) {
    (void)state;
    site s;
    open_site(&s);
    const char *const more[] = {"--listen", s.listen, NULL};
    worker_process worker = worker_start(&s.shop, more);
    wait_healthy(&s);
    assert_non_null(strstr(s.answer, "{\"status\":\"ready\"}"));
    assert_int_equal(ask(&s, "HEAD", "/metrics"), 200);
    assert_string_equal(strstr(s.answer, "\r\n\r\n"), "\r\n\r\n");
    assert_int_equal(ask(&s, "POST", "/metrics"), 405);
    assert_non_null(strstr(s.answer, "Allow: GET, HEAD\r\n"));
    assert_int_equal(ask(&s, "GET", "/"), 404);
    assert_int_equal(ask(&s, "GET", "/metrics/more"), 404);
    assert_int_equal(ask(&s, "GET", "no path"), 400);
    assert_non_null(strstr(s.answer, "application/problem+json"));

    redis_server_kill(s.shop.server);
    uint64_t until = now_ms() + UINT64_C(20000) * slowness();
    while (ask(&s, "GET", "/healthz") != 503) {
        assert_true(now_ms() < until);
        sleep_ms(5);
    }
    assert_non_null(strstr(s.answer, "\"code\":\"unreachable\""));
    assert_int_equal(sample(&s, "seckill_client_connected"), 0);
    assert_true(redis_server_restart(s.shop.server));
    wait_healthy(&s);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    shop_close(&s.shop);
}

static int exit_code_with(site *s, const char *listen) {
    const char *const more[] = {"--listen", listen, NULL};
    worker_process worker = worker_start(&s->shop, more);
    int exit_code = worker_end(&worker, 0).exit_code;
    assert_true(worker_logged(&worker, "cannot listen on"));
    return exit_code;
}

/* One that is taken, or is none. */
static void test_addresses(void **state) {
    (void)state;
    site s;
    char taken[32];
    open_site(&s);
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%d", redis_server_free_port());
    const char *const more[] = {"--listen", taken, "--verbose", NULL};
    worker_process worker = worker_start(&s.shop, more);
    worker_wait_log(&worker, "listening on 127.0.0.1");
    assert_int_equal(exit_code_with(&s, taken), 1);
    assert_int_equal(exit_code_with(&s, "9090"), 1);
    assert_int_equal(exit_code_with(&s, "unix:"), 1);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    shop_close(&s.shop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_no_blacklist),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_transfers_after_a_failover),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_addresses),
    };
    if (!redis_server_available()) {
        return 77;
    }
    return cmocka_run_group_tests_name("worker_metrics", tests, NULL, NULL);
}
