/* See amqp_support.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "amqp_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 48, TRIES = 4000, WORKERS_MAX = 16 };

const char amqp_queue[] = "seckill.requests/sale/phone", amqp_dead[] = "seckill.requests.dead";

front_answer amqp_answer;

static rabbitmq *broker;

int amqp_setup(void **state) {
    (void)state;
    if (!rabbitmq_available()) {
        puts("skipped: there is no rabbitmq-server. On Debian: apt install rabbitmq-server");
        exit(77);
    }
    broker = rabbitmq_start();
    return broker != NULL ? 0 : -1;
}

int amqp_teardown(void **state) {
    (void)state;
    rabbitmq_free(broker);
    return 0;
}

rabbitmq *amqp_broker(void) {
    return broker;
}

/* ---- the broker */

link_state *amqp_link_of_test(void) {
    link_state *link = calloc(1, sizeof *link);
    link_address address;
    char trouble[256];
    assert_non_null(link);
    link_init(link);
    if (!link_address_read(rabbitmq_url(broker), &address, trouble))
        fail_msg("%s", trouble);
    if (link_open(link, &address, "test", 10000) != LINK_OK)
        fail_msg("%s", link->trouble);
    return link;
}

void amqp_link_end(link_state *link) {
    link_free(link);
    free(link);
}

int64_t amqp_ready(const char *name) {
    link_state *link = amqp_link_of_test();
    uint64_t depth = 0;
    link_status status = link_depth(link, name, &depth);
    amqp_link_end(link);
    return status == LINK_OK ? (int64_t)depth : -1;
}

void amqp_wait_ready(const char *name, int64_t count) {
    int64_t ready = amqp_ready(name);
    for (int i = 0; i < TRIES && ready != count; i++) {
        front_sleep_ms(5);
        ready = amqp_ready(name);
    }
    if (ready != count)
        fail_msg("%s has %lld messages, not %lld", name, (long long)ready, (long long)count);
}

void amqp_delete_queue(const char *name) {
    link_state *link = amqp_link_of_test();
    (void)amqp_queue_delete(link->connection, 2, amqp_cstring_bytes(name), 0, 0);
    amqp_link_end(link);
}

static void empty_queue(const char *name) {
    link_state *link = amqp_link_of_test();
    (void)amqp_queue_purge(link->connection, 2, amqp_cstring_bytes(name));
    amqp_link_end(link);
}

void amqp_publish(const void *body, size_t size) {
    link_state *link = amqp_link_of_test();
    amqp_frame_t frame;
    bool there = false;
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    amqp_bytes_t bytes = {size, (void *)(uintptr_t)body};
    assert_int_equal(link_confirm(link), LINK_OK);
    assert_int_equal(
        amqp_basic_publish(link->connection, 1, amqp_empty_bytes, amqp_cstring_bytes(amqp_queue), 1, 0, &properties, bytes),
        AMQP_STATUS_OK);
    for (int i = 0; i < TRIES && !there; i++) {
        assert_int_equal(link_next(link, &frame, &there), LINK_OK);
        front_sleep_ms(there ? 0 : 5);
    }
    assert_true(there && frame.payload.method.id == AMQP_BASIC_ACK_METHOD);
    amqp_link_end(link);
}

/* ---- the shop */

const char *const *amqp_options(const char *url, const char *const *options) {
    static const char *all[ARGUMENTS_MAX];
    int count = 0;
    all[count++] = "--queue";
    all[count++] = url != NULL ? url : rabbitmq_url(broker);
    for (; options != NULL && *options != NULL; options++)
        all[count++] = *options;
    all[count] = NULL;
    return all;
}

static pid_t workers[WORKERS_MAX]; /* 0: none */

static void kill_leftovers(void) {
    for (int i = 0; i < WORKERS_MAX; i++) {
        if (workers[i] == 0)
            continue;
        kill(workers[i], SIGKILL);
        waitpid(workers[i], NULL, 0);
        workers[i] = 0;
    }
}

static void remember(pid_t old, pid_t new) {
    for (int i = 0; i < WORKERS_MAX; i++) {
        if (workers[i] == old) {
            workers[i] = new;
            return;
        }
    }
}

front *amqp_front(int64_t units, const char *url, const char *const *options) {
    kill_leftovers();
    rabbitmq_resume(broker); /* where a test that failed left it halted */
    empty_queue(amqp_queue);
    empty_queue(amqp_dead);
    return front_open_shards(units, 1, 3, amqp_options(url, options));
}

/* ---- workers */

static void run_worker(const front *shop, const amqp_worker *worker, const char *const *options) {
    const char *arguments[ARGUMENTS_MAX] = {SECKILL_WORKER,
                                            "--redis",
                                            redis_server_address(shop->redis),
                                            "--activity",
                                            "sale",
                                            "--roles",
                                            "decide,expire,transfers",
                                            "--list-interval",
                                            "50ms",
                                            "--verbose",
                                            "--listen",
                                            worker->address};
    int count = 12;
    for (; *options != NULL; options++)
        arguments[count++] = *options;
    int log = open(worker->log, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

amqp_worker amqp_worker_start(const front *shop, const char *url, const char *const *options) {
    static int number;
    amqp_worker worker;
    number++;
    snprintf(worker.log, sizeof worker.log, "%s/worker-%d", shop->folder, number);
    snprintf(worker.address, sizeof worker.address, "unix:%s/socket-%d", shop->folder, number);
    const char *const *all = amqp_options(url, options);
    worker.pid = fork();
    if (worker.pid == 0)
        run_worker(shop, &worker, all);
    remember(0, worker.pid);
    return worker;
}

static void show(const amqp_worker *worker) {
    char line[512];
    FILE *file = fopen(worker->log, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        fprintf(stderr, "worker: %s", line);
    if (file != NULL)
        fclose(file);
}

static void show_all(const front *shop) {
    amqp_worker worker = {0};
    for (int i = 0; i < 100; i++) {
        snprintf(worker.log, sizeof worker.log, "%s/worker-%d", shop->folder, i);
        show(&worker);
    }
}

int amqp_worker_end(amqp_worker *worker, int signal) {
    int status = 0;
    pid_t ended = 0;
    remember(worker->pid, 0);
    kill(worker->pid, signal);
    for (int i = 0; i < TRIES && ended == 0; i++) {
        ended = waitpid(worker->pid, &status, WNOHANG);
        front_sleep_ms(ended == 0 ? 5 : 0);
    }
    if (ended != worker->pid) {
        kill(worker->pid, SIGKILL);
        waitpid(worker->pid, &status, 0);
        show(worker);
        fail_msg("the worker did not end");
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != 0 && code != 128 + SIGKILL)
        show(worker);
    unlink(worker->log);
    unlink(worker->address + strlen("unix:"));
    return code;
}

void amqp_worker_wait_log(const amqp_worker *worker, const char *text) {
    static char all[65536];
    for (int i = 0; i < TRIES; i++) {
        FILE *file = fopen(worker->log, "re");
        size_t size = file != NULL ? fread(all, 1, sizeof all - 1, file) : 0;
        if (file != NULL)
            fclose(file);
        all[size] = '\0';
        if (strstr(all, text) != NULL)
            return;
        front_sleep_ms(5);
    }
    show(worker);
    fail_msg("the worker never said: %s", text);
}

/* Its /metrics are asked as a front's are. */
static front metrics_of(const amqp_worker *worker) {
    front as_front = {0};
    snprintf(as_front.address, sizeof as_front.address, "%s", worker->address);
    amqp_worker_wait_log(worker, "listening on");
    return as_front;
}

void amqp_worker_wait_at_least(const amqp_worker *worker, const char *name, int64_t value) {
    front as_front = metrics_of(worker);
    for (int i = 0; i < TRIES; i++) {
        if (front_metric(&as_front, name) >= value)
            return;
        front_sleep_ms(5);
    }
    show(worker);
    fail_msg("the worker never had %lld of %s", (long long)value, name);
}

void amqp_worker_wait_metric(const amqp_worker *worker, const char *line) {
    front as_front = metrics_of(worker);
    if (front_wait_metric(&as_front, line))
        return;
    show(worker);
    fail_msg("the worker never had: %s", line);
}

/* ---- shoppers */

int amqp_ask(const front *shop, const char *user, const char *id, bool retry) {
    char body[160];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"retry\":%s}", id, retry ? "true" : "false");
    return front_ask(shop, "POST", AMQP_REQUESTS, user, body, NULL, &amqp_answer);
}

void amqp_ask_all(const front *shop, const char *prefix, int count, amqp_ticket *tickets) {
    char user[32];
    for (int i = 0; i < count; i++) {
        snprintf(user, sizeof user, "%s%d", prefix, i);
        if (amqp_ask(shop, user, user, false) != 202)
            fail_msg("not queued: %d %s", amqp_answer.status, amqp_answer.body);
        assert_true(front_number(&amqp_answer, "position") >= 1);
        front_text(&amqp_answer, "ticket", tickets[i]);
    }
}

const char *amqp_poll(const front *shop, const char *user, const char *ticket) {
    static amqp_ticket state;
    char path[SECKILL_TOKEN_SIZE + 32];
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    if (front_ask(shop, "GET", path, user, NULL, NULL, &amqp_answer) != 200)
        return "";
    return front_text(&amqp_answer, "state", state);
}

static bool wait_granted(const front *shop, const char *user, const char *ticket, const char *reason) {
    amqp_ticket text;
    const char *state = amqp_poll(shop, user, ticket);
    for (int i = 0; i < TRIES && (strcmp(state, "queued") == 0 || *state == '\0'); i++) {
        if (strcmp(state, "queued") == 0)
            assert_true(front_number(&amqp_answer, "position") >= 1);
        front_sleep_ms(5);
        state = amqp_poll(shop, user, ticket);
    }
    if (strcmp(state, "granted") == 0)
        return true;
    if (strcmp(state, "refused") != 0)
        show_all(shop);
    if (strcmp(state, "refused") != 0)
        fail_msg("%s is not decided: %d %s", user, amqp_answer.status, amqp_answer.body);
    assert_string_equal(front_text(&amqp_answer, "reason", text), reason);
    return false;
}

int amqp_wait_decided(const front *shop, const char *prefix, int count, amqp_ticket *tickets, const char *reason) {
    char user[32];
    int granted = 0;
    for (int i = 0; i < count; i++) {
        snprintf(user, sizeof user, "%s%d", prefix, i);
        granted += wait_granted(shop, user, tickets[i], reason);
    }
    return granted;
}

void amqp_check_account(front *shop, int64_t loaded, int64_t reserved) {
    sale_stock_answer stock = sale_stock(&shop->sale);
    assert_int_equal(stock.status, SECKILL_OK);
    assert_int_equal(stock.total.loaded, loaded);
    assert_int_equal(stock.total.reserved, reserved);
    assert_int_equal(stock.total.available + stock.total.reserved + stock.total.sold, loaded);
}
