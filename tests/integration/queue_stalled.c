/* Workers that come late: with what they screened long ago, after others went on, after a pause, after a restart with older
 * data, or because their process stood still. They harm nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h, fork */
#include "queue_support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A late worker takes everybody for blacklisted: whatever it decides is seen. */
static bool everybody(seckill_bytes user) {
    (void)user;
    return true;
}

static queue_worker *new_worker(sale *from, uint32_t max, bool (*is_blacklisted)(seckill_bytes user)) {
    queue_worker *worker = malloc(sizeof(*worker));

    assert_non_null(worker);
    queue_worker_init(worker, from, 0, max, is_blacklisted);
    return worker;
}

static void assert_harmless(rules *r, queue_worker *late) {
    char *before = rules_everything(r), *after;

    queue_worker_step(late);
    after = rules_everything(r);
    assert_status(late->status, SECKILL_OK);
    assert_int_equal(late->decided, 0);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- others went on ---- */

static void a_range_of_long_ago(void **state) {
    rules *r = *state;
    queue_worker *late = new_worker(&r->sale, 20, everybody), *next = new_worker(&r->sale, 20, everybody);
    queue_worker *other = new_worker(&r->sale, 7, NULL);

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    free(queue_enqueue_many(r, "u", 50));
    queue_worker_step(late);
    *next = *late;
    queue_worker_step(other);
    queue_worker_step(other);
    assert_harmless(r, late); /* others are within its range */
    *late = *next;
    queue_worker_finish(other);
    assert_int_equal(other->all_granted, 50);
    assert_harmless(r, late); /* nothing waits */
    *late = *next;
    free(queue_enqueue_many(r, "v", 50));
    assert_harmless(r, late); /* others wait */
    assert_int_equal(late->count, 20);
    assert_int_equal(late->ids[0].n, 51);
    free(late);
    free(next);
    free(other);
    rules_check(r);
}

/* What it screened still is the next: then its verdicts are as good as ever. */
static void a_pause_between(void **state) {
    rules *r = *state;
    queue_worker *late = new_worker(&r->sale, 10, NULL), *other = new_worker(&r->sale, 10, NULL);

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    free(queue_enqueue_many(r, "u", 30));
    queue_worker_step(late);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    queue_worker_step(other);
    queue_worker_step(other);
    assert_status(other->stopped, SECKILL_PAUSED);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);
    queue_worker_step(late);
    assert_int_equal(late->granted, 10);
    assert_harmless(r, other); /* it stood in front of the pause with the same range */
    queue_worker_finish(other);
    assert_int_equal(late->all_granted + other->all_granted, 30);
    free(late);
    free(other);
    rules_check(r);
}

/* ---- another life of Redis ---- */

static const char *const with_copies[] = {"enable-debug-command yes", NULL};

static void begin(rules *r) {
    redis_server_options options = {false, false, with_copies};
    seckill_item_settings settings = rules_settings(1, 600000, 0);

    memset(r, 0, sizeof(*r));
    r->server = redis_server_start(&options);
    assert_non_null(r->server);
    sale_open(&r->sale, redis_server_address(r->server));
    settings.window_ms = 300000;
    settings.remember_ms = 600000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 1000).status, SECKILL_OK);
    r->now_ms = rules_server_ms(r);
}

static void end(rules *r) {
    sale_close(&r->sale);
    redis_server_free(r->server);
}

static void save(rules *r) {
    redis_server_forget(redis_server_command(r->server, "SAVE"));
}

/* The places that it screened are those of others now. */
static void its_requests_were_lost(void **state) {
    rules r;
    queue_worker *late;
    sale_ticket_answer *lost, *others;

    (void)state;
    begin(&r);
    late = new_worker(&r.sale, 10, everybody);
    save(&r);
    lost = queue_enqueue_many(&r, "lost", 10);
    queue_worker_step(late);
    assert_int_equal(late->count, 10);
    assert_true(redis_server_restart(r.server));
    others = queue_enqueue_many(&r, "other", 10);
    assert_int_equal(others[0].ticket.n, lost[0].ticket.n);
    assert_true(others[0].ticket.epoch > lost[0].ticket.epoch);
    assert_harmless(&r, late);
    assert_int_equal(sale_decide_all(&r.sale), 10);
    for (int i = 0; i < 10; i++)
        queue_assert_poll(&r, &others[i], SECKILL_TICKET_GRANTED);
    rules_check(&r);
    free(lost);
    free(others);
    free(late);
    end(&r);
}

/* The first of them survived: they are what it saw. Behind them stand others in the places that the rest had. */
static void some_of_its_requests_were_lost(void **state) {
    rules r;
    queue_worker *late;
    sale_ticket_answer *kept, *others;

    (void)state;
    begin(&r);
    late = new_worker(&r.sale, 10, everybody);
    kept = queue_enqueue_many(&r, "kept", 4);
    save(&r);
    free(queue_enqueue_many(&r, "lost", 6));
    queue_worker_step(late);
    assert_int_equal(late->count, 10);
    assert_true(redis_server_restart(r.server));
    others = queue_enqueue_many(&r, "other", 10);
    assert_int_equal(others[0].ticket.n, 5);
    queue_worker_step(late);
    assert_int_equal(late->blacklisted, 4);
    assert_int_equal(late->decided, 4);
    for (int i = 0; i < 4; i++)
        queue_assert_poll_refused(&r, &kept[i], SECKILL_BLACKLISTED);
    assert_int_equal(sale_decide_all(&r.sale), 10);
    for (int i = 0; i < 10; i++)
        queue_assert_poll(&r, &others[i], SECKILL_TICKET_GRANTED);
    rules_check(&r);
    free(kept);
    free(others);
    free(late);
    end(&r);
}

/* Decided, and then lost: they wait again, and are decided again, once. */
static void its_decisions_were_lost(void **state) {
    rules r;
    queue_worker *late, *other;
    sale_ticket_answer *tickets;

    (void)state;
    begin(&r);
    late = new_worker(&r.sale, 10, NULL);
    other = new_worker(&r.sale, 10, NULL);
    tickets = queue_enqueue_many(&r, "u", 10);
    queue_worker_step(late);
    save(&r);
    queue_worker_step(other);
    queue_worker_step(other);
    assert_int_equal(other->granted, 10);
    assert_true(redis_server_restart(r.server));
    queue_assert_poll(&r, &tickets[3], SECKILL_TICKET_QUEUED);
    queue_worker_step(late);
    assert_int_equal(late->granted, 10);
    for (int i = 0; i < 10; i++)
        queue_assert_poll(&r, &tickets[i], SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_stock(&r.sale).total.reserved, 10);
    rules_check(&r);
    free(tickets);
    free(late);
    free(other);
    end(&r);
}

/* ---- processes that stand still ---- */

/* A worker's process: screens, stops itself, and once it goes on decides. Its exit status: how many it has decided. */
static void be_a_worker(const rules *r, uint32_t shards) {
    sale mine;
    queue_worker *worker = malloc(sizeof(*worker));

    if (worker == NULL)
        _exit(100);
    sale_open(&mine, redis_server_address(r->server));
    mine.shards = shards;
    queue_worker_init(worker, &mine, 0, 50, everybody);
    queue_worker_step(worker);
    if (worker->count != 50)
        _exit(101);
    (void)raise(SIGSTOP);
    queue_worker_step(worker);
    _exit(worker->status == SECKILL_OK ? (int)worker->decided : 102);
}

static pid_t start_process(const rules *r) {
    pid_t pid = fork();
    int status = 0;

    if (pid == 0)
        be_a_worker(r, r->sale.shards);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static int let_it_go_on(pid_t pid) {
    int status = 0;

    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_process_that_was_stopped(void **state) {
    rules *r = *state;
    sale_ticket_answer *first, *second;
    char *before, *after;
    pid_t pid;

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    first = queue_enqueue_many(r, "u", 50);
    pid = start_process(r);
    assert_int_equal(sale_decide_all(&r->sale), 50);
    second = queue_enqueue_many(r, "v", 50);
    before = rules_everything(r);
    assert_int_equal(let_it_go_on(pid), 0);
    after = rules_everything(r);
    assert_string_equal(before, after);
    for (int i = 0; i < 50; i++) {
        queue_assert_poll(r, &first[i], SECKILL_TICKET_GRANTED);
        queue_assert_poll(r, &second[i], SECKILL_TICKET_QUEUED);
    }
    pid = start_process(r); /* nobody went on meanwhile */
    assert_int_equal(let_it_go_on(pid), 50);
    queue_assert_poll_refused(r, &second[49], SECKILL_BLACKLISTED);
    free(before);
    free(after);
    free(first);
    free(second);
    rules_check(r);
}

static void a_process_that_was_killed(void **state) {
    rules *r = *state;
    sale_ticket_answer *tickets;
    pid_t pid;

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    tickets = queue_enqueue_many(r, "u", 50);
    pid = start_process(r);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(sale_decide_all(&r->sale), 50);
    queue_assert_poll(r, &tickets[0], SECKILL_TICKET_GRANTED);
    free(tickets);
    rules_check(r);
}

/* ---- a server that stands still ---- */

/* What it was sent is done when it goes on: the same range from both of them, once. */
static void a_server_that_was_stopped(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 50, NULL), *other;
    sale second;

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    rules_open_other(r, &second);
    other = new_worker(&second, 50, NULL);
    free(queue_enqueue_many(r, "u", 80));
    queue_worker_step(worker);
    queue_worker_step(other);
    redis_server_pause(r->server);
    worker->options.timeout_ms = 50;
    queue_worker_step(worker);
    assert_status(worker->status, SECKILL_UNKNOWN);
    assert_int_equal(worker->decided, 0);
    queue_worker_start(other);
    (void)uv_run(&second.loop, UV_RUN_NOWAIT);
    redis_server_resume(r->server);
    while (other->busy)
        (void)uv_run(&second.loop, UV_RUN_ONCE);
    worker->options.timeout_ms = 0;
    worker->count = 0;
    queue_worker_finish(worker);
    queue_worker_finish(other);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 80);
    assert_in_range(worker->all_granted + other->all_granted, 30, 80);
    sale_close(&second);
    free(worker);
    free(other);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_range_of_long_ago),
        RULES_TEST(a_pause_between),
        RULES_TEST(a_process_that_was_stopped),
        RULES_TEST(a_process_that_was_killed),
        RULES_TEST(a_server_that_was_stopped),
        cmocka_unit_test(its_requests_were_lost),
        cmocka_unit_test(some_of_its_requests_were_lost),
        cmocka_unit_test(its_decisions_were_lost),
    };

    return RULES_RUN(tests);
}
