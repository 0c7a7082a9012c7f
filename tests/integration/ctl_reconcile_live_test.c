/* seckill-ctl reconcile, again and again, while a sale runs at full speed with a worker that writes its orders, and while
 * failovers lose what was written last: nothing is wrong, so nothing is found; and what only looks, or repairs, breaks nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sale_crowd.h"
#include "test_run.h"
#include "worker_replay_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that runs the command until it is told to stop, or until a run finds something. */
typedef struct {
    pid_t pid;
    char log[320];    /* of the last run */
    unsigned *counts; /* shared: runs by their exit code */
} looker;

enum { CODES = 8 };

static volatile sig_atomic_t stopped;

static void on_stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int run_command(const looker *self, const shop *s, bool repairs) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int log = open(self->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            _exit(126);
        }
        (void)execl(SECKILL_CTL, "seckill-ctl", "reconcile", "sale/phone", "--redis", redis_server_address(s->server),
                    "--orders", s->orders, repairs ? "--repair" : (char *)NULL, "--give-back", (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) < CODES ? WEXITSTATUS(status) : CODES - 1;
}

static void look_on(const looker *self, const shop *s, bool repairs) {
    struct sigaction action = {.sa_handler = on_stop};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || sigaction(SIGTERM, &action, NULL) != 0) {
        _exit(126);
    }
    while (!stopped) {
        int code = run_command(self, s, repairs);
        self->counts[code]++;
        if (code != 0 && code != 3) {
            _exit(code);
        }
    }
    _exit(0);
}

static looker start_looking(const shop *s, bool repairs) {
    looker self = {0};
    (void)snprintf(self.log, sizeof self.log, "%s/reconcile-%d", s->folder, repairs);
    self.counts = mmap(NULL, CODES * sizeof *self.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(self.counts != MAP_FAILED);
    self.pid = fork();
    assert_true(self.pid >= 0);
    if (self.pid == 0) {
        look_on(&self, s, repairs);
    }
    return self;
}

static void print_log(const looker *self) {
    char text[8192] = "";
    FILE *file = fopen(self->log, "r");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
    }
    print_message("%s", text);
}

static bool has_ended(const looker *self) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)self->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* Waits for two more runs, one of which began since. */
static void wait_until_looked(const looker *self) {
    unsigned before = self->counts[0] + self->counts[3];
    uint64_t until = now_ms() + UINT64_C(30000) * slowness();
    while (self->counts[0] + self->counts[3] < before + 2) {
        if (now_ms() > until || has_ended(self)) {
            print_log(self);
            fail_msg("nobody reconciles any more");
        }
        sleep_ms(5);
    }
}

/* Fails the test if one of its runs found something, or if none was a whole one. */
static void stop_looking(looker *self) {
    int status = 0;
    (void)kill(self->pid, SIGTERM);
    assert_true(waitpid(self->pid, &status, 0) == self->pid);
    print_message("reconciled %u times, and %u times not\n", self->counts[0], self->counts[3]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_log(self);
        fail_msg("a run ended with exit code %d", WEXITSTATUS(status));
    }
    assert_true(self->counts[0] > 0);
    assert_int_equal(munmap(self->counts, CODES * sizeof *self->counts), 0);
}

static void a_healthy_sale(void **state) {
    uint64_t seed = test_run_seed();
    uint32_t users = test_run_is_full() ? 20000 : 3000;
    redis_server *server = redis_server_start(NULL);
    static crowd c;
    (void)state;
    assert_non_null(server);
    crowd_plan plan = {.users = users, .each_second = 1000, .shards = 4, .most = 3, .units = users, .clients = 2};
    plan.server = server;
    plan.seed = test_run_below(&seed, UINT32_MAX);
    crowd_open(&c, &plan);
    looker looks = start_looking(&c.shop, false), repairs = start_looking(&c.shop, true);
    crowd_run(&c, NULL, NULL);
    crowd_finish_work(&c);
    assert_int_equal(looks.counts[3] + repairs.counts[3], 0);
    stop_looking(&looks);
    stop_looking(&repairs);
    crowd_check(&c);
    crowd_close(&c);
    redis_server_free(server);
}

/* What is lost comes back by the worker's replay; who looks in between sees that it is awaited. */
static void failovers_that_lose_writes(void **state) {
    (void)state;
    open_market(400);
    worker_process worker = worker_start(&the_shop, lively);
    worker_wait_log(&worker, "Redis knows every order");
    looker looks = start_looking(&the_shop, false);
    for (int i = 0; i < (full_tests() ? 12 : 3); i++) {
        buy(10);
        save();
        buy(20);
        fail_over();
        wait_until_looked(&looks);
    }
    wait_remembered();
    shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
    stop_looking(&looks);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    check_books(shop_orders(&the_shop));
    shop_close(&the_shop);
}

/* An event is lost, written again by a repair, and its order then by a worker. */
static void a_worker_writes_what_was_repaired(void **state) {
    looker self = {0};
    (void)state;
    open_market(40);
    (void)snprintf(self.log, sizeof self.log, "%s/reconcile", the_shop.folder);
    buy(5);
    write_orders(5);
    buy(1);
    for (uint32_t shard = 0; shard < the_shop.sale.shards; shard++) {
        char key[SECKILL_SHARD_KEY_SIZE];
        redis_server_forget(
            redis_server_command(the_shop.server, "XTRIM %s MAXLEN 0", sale_key(&the_shop.sale, shard, "events", key)));
    }
    assert_int_equal(shop_events(&the_shop), 0);
    assert_int_equal(run_command(&self, &the_shop, true), 4);
    assert_int_equal(run_command(&self, &the_shop, false), 0);
    write_orders(6);
    assert_int_equal(run_command(&self, &the_shop, false), 0);
    check_books(6);
    shop_close(&the_shop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_sale),
        cmocka_unit_test(failovers_that_lose_writes),
        cmocka_unit_test(a_worker_writes_what_was_repaired),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
