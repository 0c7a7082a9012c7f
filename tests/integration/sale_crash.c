/* Small sales in which a process is killed between any two steps: a shopper's or a worker, just before a command goes to Redis,
 * after it was executed but before its answer is there, or soon after that. Whatever it leaves behind, those who come after it
 * finish it: no unit is lost or sold twice, and whoever got something has it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fault_proxy.h"
#include "sale_crash_check.h"
#include "test_run.h"

#include "script/script.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHOPPER, WORKER, VICTIMS, MOMENTS = 3 };

typedef struct {
    shop shop;
    fault_proxy *proxies[VICTIMS];
    int memory; /* of the script */
    crash_script *script;
    worker_process worker;
    pid_t shopper;
} stage;

/* Who is killed where. */
typedef struct {
    int victim;
    int script;       /* SK__SCRIPT_COUNT: at any command */
    uint64_t command; /* the how manieth of them; 0: nobody is */
    fault_moment moment;
    unsigned late_us; /* so long after FAULT_BEHIND */
} blow;

typedef struct {
    pid_t pid;
    unsigned late_us;
} target;

/* How many commands each has in a sale, and at which of them somebody was killed. */
static uint64_t lengths[VICTIMS];
static unsigned hits[SK__SCRIPT_COUNT + 1][MOMENTS], missed[VICTIMS];

/* ---- the stage ---- */

static void write_script(crash_script *script, const char *address, uint64_t *random) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    memset(script, 0, sizeof(*script));
    (void)snprintf(script->address, sizeof(script->address), "%s", address);
    script->max_batch = 1 + test_run_below(random, 4);
    for (uint32_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];

        (void)snprintf(note->user, sizeof(note->user), "u%u-%u", i, test_run_below(random, 1000));
        note->quantity = 1 + test_run_below(random, 3);
        note->created_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
        note->queues = test_run_below(random, 2) == 0;
        note->wish = (crash_wish)test_run_below(random, WISHES);
    }
}

static void load_scripts(const stage *s) {
    for (int id = 0; id < SK__SCRIPT_COUNT; id++) {
        const sk__script *script = sk__script_of((sk__script_id)id);

        redis_server_forget(redis_server_command(s->shop.server, "SCRIPT LOAD %b", script->text, *script->size));
    }
}

static void open_stage(stage *s, int64_t units, uint64_t *random) {
    shop_plan plan = SHOP_PLAN_INIT;

    plan.shards = CRASH_SHARDS;
    plan.stock = units;
    plan.inventory = test_run_below(random, 4) == 0 ? units / 3 : units;
    plan.settings.limit = 3;
    plan.settings.hold_ms = 3600000;
    plan.settings.window_ms = 4 * 3600000; /* the clocks go on an hour in the end */
    plan.settings.remember_ms = 5 * 3600000;
    shop_open(&s->shop, &plan);
    for (int i = 0; i < VICTIMS; i++) {
        s->proxies[i] = fault_proxy_start(redis_server_address(s->shop.server));
        assert_non_null(s->proxies[i]);
    }
    if (test_run_below(random, 4) != 0)
        load_scripts(s);                   /* else the first of each goes out again, as text */
    s->memory = memfd_create("script", 0); /* the shopper inherits it */
    assert_true(s->memory >= 0);
    assert_int_equal(ftruncate(s->memory, sizeof(crash_script)), 0);
    s->script = mmap(NULL, sizeof(crash_script), PROT_READ | PROT_WRITE, MAP_SHARED, s->memory, 0);
    assert_ptr_not_equal(s->script, MAP_FAILED);
    write_script(s->script, fault_proxy_address(s->proxies[SHOPPER]), random);
}

static void close_stage(stage *s) {
    assert_int_equal(munmap(s->script, sizeof(crash_script)), 0);
    (void)close(s->memory);
    for (int i = 0; i < VICTIMS; i++)
        fault_proxy_free(s->proxies[i]);
    shop_close(&s->shop);
}

static pid_t start_shopper(const stage *s) {
    char program[] = "/proc/self/exe", name[] = "shopper", descriptor[16];
    char *arguments[] = {program, name, descriptor, NULL};
    pid_t pid;

    (void)snprintf(descriptor, sizeof(descriptor), "%d", s->memory);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execv(program, arguments);
        _exit(127);
    }
    return pid;
}

static worker_process start_worker(stage *s, const char *address) {
    const char *const more[] = {"--decide-batch",    "2",   "--batch", "4",     "--poll-min", "1ms", "--poll-max", "4ms",
                                "--decide-poll-max", "2ms", "--redis", address, "--verbose",  NULL};

    return worker_start(&s->shop, more);
}

/* ---- the blow ---- */

static void strike(void *context) {
    const target *at = context;
    struct timespec wait = {0, (long)at->late_us * 1000};

    if (at->late_us != 0)
        (void)nanosleep(&wait, NULL); /* it goes on meanwhile, within its own memory and files */
    (void)kill(at->pid, SIGKILL);
}

/* Half of the time at any command, which are most often looks at what is new; else at one of the scripts that change something,
 * one of the first of its kind. */
static blow choose_blow(uint64_t *random) {
    static const sk__script_id steps[VICTIMS][8] = {
        {SK__SCRIPT_reserve, SK__SCRIPT_confirm, SK__SCRIPT_cancel, SK__SCRIPT_refund, SK__SCRIPT_enqueue,
         SK__SCRIPT_queue_process, SK__SCRIPT_transfer_out, SK__SCRIPT_survey},
        {SK__SCRIPT_queue_process, SK__SCRIPT_queue_process, SK__SCRIPT_transfer_out, SK__SCRIPT_survey, SK__SCRIPT_events_read,
         SK__SCRIPT_events_ack, SK__SCRIPT_events_ack, SK__SCRIPT_refund},
    };
    blow b = {(int)test_run_below(random, VICTIMS), SK__SCRIPT_COUNT, 0, (fault_moment)test_run_below(random, MOMENTS), 0};

    if (test_run_below(random, 2) == 0)
        b.script = (int)steps[b.victim][test_run_below(random, 8)];
    b.command = 1 + test_run_below(random, b.script == SK__SCRIPT_COUNT ? (uint32_t)(lengths[b.victim] * 11 / 10) : 5);
    b.late_us = b.moment == FAULT_BEHIND ? test_run_below(random, 1500) : 0;
    return b;
}

static void note_hit(stage *s, const blow *b) {
    char text[256];

    fault_proxy_stopped_command(s->proxies[b->victim], text, sizeof(text));
    for (int id = 0; id < SK__SCRIPT_COUNT; id++) {
        if (strstr(text, sk__script_of((sk__script_id)id)->sha1) != NULL) {
            hits[id][b->moment]++;
            return;
        }
    }
    hits[SK__SCRIPT_COUNT][b->moment]++;
}

static bool has_settled(shop *s, const void *proxy) {
    sale_stock_answer stock;

    if (fault_proxy_has_stopped(*(fault_proxy *const *)proxy))
        return true;
    stock = sale_stock(&s->sale);
    return stock.status == SECKILL_OK && stock.total.queued == 0 && stock.total.events == 0;
}

static const char *text_of(const blow *b) {
    return b->script != SK__SCRIPT_COUNT ? sk__script_of((sk__script_id)b->script)->sha1 : NULL;
}

/* Nothing of it gets through until it is known whom to strike and where. */
static void arm(stage *s, const blow *b, target *at, pid_t pid) {
    at->pid = pid;
    fault_proxy_stop_at(s->proxies[b->victim], text_of(b), b->command, b->moment, strike, at);
    fault_proxy_hold(s->proxies[b->victim], FAULT_BOTH, false);
}

/* Runs the sale until all is quiet, or one of the two was killed and the other has done what it could. Whether one was. */
static bool play(stage *s, const blow *b) {
    target at = {0, b->late_us};
    fault_proxy *watched = s->proxies[b->victim];
    int status;

    fault_proxy_hold(watched, FAULT_BOTH, true);
    s->worker = start_worker(s, fault_proxy_address(s->proxies[WORKER]));
    s->shopper = start_shopper(s);
    arm(s, b, &at, b->victim == WORKER ? s->worker.pid : s->shopper);
    assert_int_equal(waitpid(s->shopper, &status, 0), s->shopper);
    if (b->victim == WORKER || !fault_proxy_has_stopped(watched))
        assert_int_equal(status, 0);
    if (b->victim == WORKER || b->command == 0)
        shop_wait(&s->shop, has_settled, &watched, "the sale to be over, or the worker to be killed");
    fault_proxy_stop_at(watched, NULL, 0, b->moment, NULL, NULL);
    return fault_proxy_has_stopped(watched);
}

/* Whether somebody was killed. */
static bool run_sale(uint64_t seed, const blow *b) {
    enum { UNITS = 24 };
    stage s;
    crash_check check = {&s.shop, NULL, UNITS, false};
    bool killed;

    memset(&s, 0, sizeof(s));
    open_stage(&s, UNITS, &seed);
    check.script = s.script;
    killed = play(&s, b);
    if (b->command == 0) {
        for (int i = 0; i < VICTIMS; i++)
            lengths[i] = fault_proxy_commands(s.proxies[i]);
    } else if (killed) {
        note_hit(&s, b);
    } else {
        missed[b->victim]++;
    }
    if (killed && b->victim == WORKER) {
        assert_int_equal(worker_end(&s.worker, 0).exit_code, 128 + SIGKILL);
        s.worker = start_worker(&s, redis_server_address(s.shop.server));
    }
    crash_repeat(&check);
    crash_check_end(&check, &s.worker);
    close_stage(&s);
    return killed;
}

/* ---- */

static void show_hits(void) {
    for (int id = 0; id <= SK__SCRIPT_COUNT; id++) {
        const char *name = id < SK__SCRIPT_COUNT ? sk__script_of((sk__script_id)id)->name : "other commands";

        if (hits[id][0] + hits[id][1] + hits[id][2] != 0)
            print_message("%14s: killed before %u, after %u, behind %u\n", name, hits[id][FAULT_BEFORE], hits[id][FAULT_AFTER],
                          hits[id][FAULT_BEHIND]);
    }
    print_message("not reached: %u by shoppers, %u by workers\n", missed[SHOPPER], missed[WORKER]);
}

static void killed_at_any_step(void **state) {
    const blow none = {SHOPPER, SK__SCRIPT_COUNT, 0, FAULT_BEFORE, 0};
    uint64_t seed = test_run_seed();
    uint32_t sales = test_run_is_full() ? 1000 : 60;

    (void)state;
    (void)run_sale(seed, &none);
    print_message("commands in a sale: %" PRIu64 " of the shopper, %" PRIu64 " of the worker\n", lengths[SHOPPER],
                  lengths[WORKER]);
    for (uint32_t killed = 0; killed < sales;) {
        blow b = choose_blow(&seed);

        killed += run_sale(seed, &b);
    }
    show_hits();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_step),
    };

    if (argc > 1)
        return crash_shopper_main(argv[argc - 1]);
    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
