/* Healthy sales at full speed, while networks fail and workers are killed: whoever reconciles meanwhile, orders database
 * included, finds nothing. Two do it all the time: one of them behind a network that fails, too.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "fault_proxy.h"
#include "sale_crowd.h"
#include "test_run.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CLIENTS = 2, WORKER = CLIENTS, AUDITOR, PATHS, AUDITORS = 2 };
enum { CTL_OK = 0, CTL_AGAIN = 3 };

typedef struct {
    const char *address;
    bool may_fail; /* to reach Redis */
    pid_t pid;
    char output[320];
    uint32_t proved, unreached;
} auditor;

typedef struct {
    fault_proxy *paths[PATHS];
    bool failing[PATHS];
    int64_t next_us[PATHS], kill_us;
    auditor auditors[AUDITORS];
    uint32_t kills;
    uint64_t random;
} troubled;

/* ---- the auditors */

static void print_file(const char *path) {
    char line[1000];
    FILE *file = fopen(path, "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        (void)fputs(line, stderr);
    if (file != NULL)
        (void)fclose(file);
}

static void start_auditor(auditor *self, const shop *s, int which) {
    char ctl[] = SECKILL_CTL, command[] = "reconcile", item[] = "sale/phone", redis[] = "--redis", orders[] = "--orders",
         within[] = "--within", longest[] = "5s", address[300], database[300];
    char *const argv[] = {ctl, command, item, redis, address, orders, database, within, longest, NULL};
    posix_spawn_file_actions_t actions;

    (void)snprintf(address, sizeof(address), "%s", self->address);
    (void)snprintf(database, sizeof(database), "%s", s->orders);
    (void)snprintf(self->output, sizeof(self->output), "%s/reconcile-%d", s->folder, which);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 1, self->output, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
    assert_int_equal(posix_spawn(&self->pid, ctl, &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
}

static void judge(auditor *self, int status) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    self->pid = 0;
    if (code == CTL_OK)
        self->proved++;
    else if (code == CTL_AGAIN && self->may_fail)
        self->unreached++;
    else {
        print_file(self->output);
        fail_msg("reconcile ended with %d", code);
    }
}

static void wait_for_auditor(auditor *self, int options) {
    int status;

    if (self->pid != 0 && waitpid(self->pid, &status, options) == self->pid)
        judge(self, status);
}

static void go_on_auditing(crowd *c, troubled *self) {
    for (int i = 0; i < AUDITORS; i++) {
        wait_for_auditor(&self->auditors[i], WNOHANG);
        if (self->auditors[i].pid == 0)
            start_auditor(&self->auditors[i], &c->shop, i);
    }
}

/* ---- what fails */

static void break_path(troubled *self, int path) {
    fault_direction direction = (fault_direction)(1 + test_run_below(&self->random, 3));

    switch (test_run_below(&self->random, 5)) {
    case 0:
        fault_proxy_delay(self->paths[path], direction, 1 + test_run_below(&self->random, 40));
        break;
    case 1:
        fault_proxy_swallow(self->paths[path], direction);
        break;
    case 2:
        fault_proxy_refuse(self->paths[path]);
        fault_proxy_reset(self->paths[path]);
        break;
    case 3:
        fault_proxy_cut(self->paths[path], direction, test_run_below(&self->random, 4000));
        break;
    default:
        fault_proxy_hold(self->paths[path], direction, true);
        break;
    }
}

static void let_paths_fail(troubled *self) {
    int64_t now = sale_now_us();

    for (int i = 0; i < PATHS; i++) {
        if (now < self->next_us[i])
            continue;
        if (self->failing[i])
            fault_proxy_heal(self->paths[i]);
        else
            break_path(self, i);
        self->failing[i] = !self->failing[i];
        self->next_us[i] =
            now + 1000 * (int64_t)(10 + test_run_below(&self->random, test_run_below(&self->random, 4) == 0 ? 700 : 100));
    }
}

/* A new worker is let in before its network fails again. */
static void kill_worker(crowd *c, troubled *self) {
    if (sale_now_us() < self->kill_us)
        return;
    (void)worker_end(&c->worker, SIGKILL);
    fault_proxy_heal(self->paths[WORKER]);
    self->failing[WORKER] = false;
    crowd_start_worker(c);
    self->kills++;
    self->kill_us = sale_now_us() + 1000 * (int64_t)(300 + test_run_below(&self->random, 500));
}

static void then(crowd *c, void *context) {
    troubled *self = context;

    let_paths_fail(self);
    kill_worker(c, self);
    go_on_auditing(c, self);
}

/* ---- a sale */

static void open_paths(troubled *self, redis_server *server) {
    for (int i = 0; i < PATHS; i++) {
        self->paths[i] = fault_proxy_start(redis_server_address(server));
        assert_non_null(self->paths[i]);
        self->next_us[i] = sale_now_us() + 100000;
    }
    self->kill_us = sale_now_us() + 300000;
    self->auditors[0].address = redis_server_address(server);
    self->auditors[1].address = fault_proxy_address(self->paths[AUDITOR]);
    self->auditors[1].may_fail = true;
}

static void end_trouble(troubled *self) {
    for (int i = 0; i < PATHS; i++)
        fault_proxy_heal(self->paths[i]);
    for (int i = 0; i < AUDITORS; i++)
        wait_for_auditor(&self->auditors[i], 0);
}

static void audit_once(troubled *self, crowd *c) {
    self->auditors[1].may_fail = false;
    for (int i = 0; i < AUDITORS; i++) {
        start_auditor(&self->auditors[i], &c->shop, i);
        wait_for_auditor(&self->auditors[i], 0);
    }
}

static void run_once(uint64_t seed) {
    static const char *const lines[] = {"hash-max-listpack-entries 0", NULL}; /* to be walked in steps */
    redis_server_options options = {false, false, lines};
    redis_server *server = redis_server_start(&options);
    troubled trouble = {.random = seed};
    crowd_plan plan = {
        .users = 1000, .each_second = 700, .shards = 4, .most = 3, .units = 1000, .clients = CLIENTS, .seed = seed};
    static crowd c;

    assert_non_null(server);
    open_paths(&trouble, server);
    plan.server = server;
    for (int i = 0; i < CLIENTS; i++)
        plan.addresses[i] = fault_proxy_address(trouble.paths[i]);
    plan.worker_address = fault_proxy_address(trouble.paths[WORKER]);
    plan.timeout_ms = 400;
    plan.command_timeout_ms = 150;
    crowd_open(&c, &plan);
    crowd_run(&c, then, &trouble);
    end_trouble(&trouble);
    crowd_finish_work(&c);
    audit_once(&trouble, &c);
    crowd_check(&c);
    print_message("reconciled %u times, and behind a failing network %u times of %u; workers killed: %u\n",
                  trouble.auditors[0].proved, trouble.auditors[1].proved,
                  trouble.auditors[1].proved + trouble.auditors[1].unreached, trouble.kills);
    assert_true(trouble.auditors[0].proved > 2);
    assert_true(trouble.kills > 0);
    crowd_close(&c);
    for (int i = 0; i < PATHS; i++)
        fault_proxy_free(trouble.paths[i]);
    redis_server_free(server);
}

static void healthy_sales_are_found_healthy(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 100 : 3); i++)
        run_once(test_run_below(&seed, UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_sales_are_found_healthy),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
