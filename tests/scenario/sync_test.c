/* Calls that block: how threads share a loop, what they are told when things go wrong, and how it ends.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "client_fixture.h"

#include "failing_memory.h"
#include "fake_redis.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- a shop with threads ---- */

enum { THREADS = 32 };

typedef struct {
    seckill_sync *sync;
    seckill_sync_item *item;
} shop;

typedef struct {
    shop *in;
    uint32_t timeout_ms;
    seckill_sync_answer answer;
    seckill_status status;
    uv_async_t *tell; /* when it is done, or NULL */
    bool done;        /* its caller's loop's */
    atomic_int id;    /* of its thread, as /proc has it */
    pthread_t thread;
} shopper;

static void shop_open(shop *self, const seckill_client_options *options) {
    assert_int_equal(seckill_sync_open(options, &self->sync), SECKILL_OK);
    assert_int_equal(seckill_sync_item_open(self->sync, "sale", "phone", &self->item), SECKILL_OK);
}

static void shop_close(shop *self) {
    assert_int_equal(seckill_sync_close(self->sync), SECKILL_OK);
}

/* Each is a user of his own. */
static seckill_reserve_options wish(char user[24]) {
    static int users;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = user;
    options.user.size = options.request_id.size =
        (size_t)snprintf(user, 24, "blocking %d", __atomic_add_fetch(&users, 1, __ATOMIC_RELAXED));
    return options;
}

static void *shop_once(void *context) {
    shopper *self = context;
    char user[24];
    seckill_reserve_options options = wish(user);

    options.timeout_ms = self->timeout_ms;
    self->id = gettid();
    self->answer.struct_size = sizeof(self->answer);
    self->status = seckill_sync_reserve(self->in->item, &options, &self->answer);
    if (self->tell != NULL)
        (void)uv_async_send(self->tell);
    return NULL;
}

static void start(shopper *self, shop *in) {
    memset(self, 0, sizeof(*self));
    self->in = in;
    assert_int_equal(pthread_create(&self->thread, NULL, shop_once, self), 0);
}

static void join(shopper *self) {
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    assert_int_equal(self->answer.status, self->status);
}

static seckill_client_stats stats_of(shop *self) {
    seckill_client_stats stats;

    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_sync_get_stats(self->sync, &stats), SECKILL_OK);
    return stats;
}

/* Until its thread sleeps: in its call. */
static void await_asleep(const shopper *self) {
    char path[64], state = 'R';

    while (state != 'S') {
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", self->id);
        file = self->id != 0 ? fopen(path, "re") : NULL;
        if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = 'R';
        if (file != NULL)
            (void)fclose(file);
    }
}

/* Until so many calls are under way on its loop. */
static void await_under_way(shop *self, uint64_t count) {
    while (stats_of(self).in_progress < count)
        (void)sched_yield();
}

/* ---- sharing ---- */

/* While the server stands still with one script, all others gather; then one script has them all. */
static void threads_share_a_batch(void **state) {
    seckill_client_options options = client_test_options();
    shopper shoppers[THREADS];
    seckill_client_stats before, after;
    shop one;

    (void)state;
    options.max_batches = 1;
    options.command_timeout_ms = 60000;
    options.timeout_ms = 60000;
    shop_open(&one, &options);
    start(&shoppers[0], &one);
    join(&shoppers[0]); /* the mapping list is read */
    before = stats_of(&one);
    redis_server_pause(client_test_server);
    start(&shoppers[0], &one);
    while (stats_of(&one).in_flight == 0)
        (void)sched_yield();
    for (int i = 1; i < THREADS; i++)
        start(&shoppers[i], &one);
    await_under_way(&one, THREADS);
    redis_server_resume(client_test_server);
    for (int i = 0; i < THREADS; i++) {
        join(&shoppers[i]);
        assert_int_equal(shoppers[i].status, SECKILL_OK);
        assert_string_equal(shoppers[i].answer.message, seckill_status_message(SECKILL_OK));
        assert_int_equal(shoppers[i].answer.reservation.state, SECKILL_RESERVED);
        assert_true(shoppers[i].answer.has_ref);
        assert_int_equal(shoppers[i].answer.ref.quantity, 1);
    }
    after = stats_of(&one);
    assert_int_equal(after.connections, 1);
    assert_int_equal(after.batched - before.batched, THREADS);
    assert_in_range(after.batches - before.batches, 2, 3); /* the first, and one for each of the two shards */
    shop_close(&one);
}

/* ---- what the thread of the loop is ---- */

typedef struct {
    shop *in;
    char name[17];
    sigset_t blocked;
    seckill_status reserve, run, stats, close;
} look;

static seckill_status never(seckill_client *client, seckill_sync_call *call, void *began) {
    (void)client;
    (void)call;
    *(atomic_bool *)began = true;
    return SECKILL_OK;
}

static seckill_status look_around(seckill_client *client, seckill_sync_call *call, void *user_data) {
    look *self = user_data;
    atomic_bool began = false;
    seckill_client_stats stats = {.struct_size = sizeof(stats)};
    char user[24];
    seckill_reserve_options options = wish(user);

    (void)client;
    (void)prctl(PR_GET_NAME, self->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &self->blocked);
    self->reserve = seckill_sync_reserve(self->in->item, &options, NULL);
    self->run = seckill_sync_run(self->in->sync, never, &began);
    self->stats = seckill_sync_get_stats(self->in->sync, &stats);
    self->close = seckill_sync_close(self->in->sync);
    seckill_sync_done(call, SECKILL_OK);
    return SECKILL_OK;
}

static void calls_on_the_loops_thread_are_refused(void **state) {
    seckill_client_options options = client_test_options();
    sigset_t mine;
    shop one;
    look seen;

    (void)state;
    shop_open(&one, &options);
    memset(&seen, 0, sizeof(seen));
    seen.in = &one;
    assert_int_equal(seckill_sync_run(one.sync, look_around, &seen), SECKILL_OK);
    assert_int_equal(seen.reserve, SECKILL_INVALID);
    assert_int_equal(seen.run, SECKILL_INVALID);
    assert_int_equal(seen.stats, SECKILL_INVALID);
    assert_int_equal(seen.close, SECKILL_INVALID);
    assert_string_equal(seen.name, "seckill-sync");
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_true(sigismember(&seen.blocked, SIGTERM) && sigismember(&seen.blocked, SIGUSR1) &&
                sigismember(&seen.blocked, SIGCHLD));
    assert_false(sigismember(&seen.blocked, SIGSEGV) || sigismember(&seen.blocked, SIGABRT)); /* a host may report crashes */
    assert_false(sigismember(&mine, SIGTERM) || sigismember(&mine, SIGUSR1) || sigismember(&mine, SIGCHLD));
    shop_close(&one);
}

/* ---- running anything ---- */

static void on_expired(const seckill_expire_result *result, void *call) {
    seckill_sync_done(call, result->status);
}

static seckill_status start_expire(seckill_client *client, seckill_sync_call *call, void *item) {
    (void)client;
    return seckill_expire(seckill_sync_item_handle(item), 0, on_expired, call);
}

static seckill_status say(seckill_client *client, seckill_sync_call *call, void *status) {
    (void)client;
    (void)call;
    return *(seckill_status *)status;
}

/* A call that is never done, and one that keeps the loop's thread until it is let go. */
typedef struct {
    shop *in;
    atomic_bool began, let_go;
    seckill_status status;
    pthread_t thread;
} holder;

static void *run_never(void *context) {
    holder *self = context;

    self->status = seckill_sync_run(self->in->sync, never, &self->began);
    return NULL;
}

static seckill_status hold(seckill_client *client, seckill_sync_call *call, void *user_data) {
    holder *self = user_data;

    (void)client;
    (void)call;
    self->began = true;
    while (!self->let_go)
        (void)sched_yield();
    return SECKILL_CONFLICT;
}

static void *run_hold(void *context) {
    holder *self = context;

    self->status = seckill_sync_run(self->in->sync, hold, self);
    return NULL;
}

static void start_holder(holder *self, shop *in, void *(*run)(void *context)) {
    memset(self, 0, sizeof(*self));
    self->in = in;
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
    while (!self->began)
        (void)sched_yield();
}

static seckill_status do_nothing(seckill_client *client, seckill_sync_call *call, void *user_data) {
    (void)client;
    (void)user_data;
    seckill_sync_done(call, SECKILL_CONFLICT);
    return SECKILL_OK;
}

static void running_anything(void **state) {
    seckill_client_options options = client_test_options();
    seckill_status busy = SECKILL_BUSY;
    holder forgotten;
    shop one;

    (void)state;
    shop_open(&one, &options);
    assert_int_equal(seckill_sync_run(one.sync, start_expire, one.item), SECKILL_OK);
    assert_int_equal(seckill_sync_run(one.sync, say, &busy), SECKILL_BUSY);
    assert_int_equal(seckill_sync_run(one.sync, do_nothing, NULL), SECKILL_CONFLICT);
    assert_int_equal(seckill_sync_run(one.sync, NULL, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_sync_run(NULL, do_nothing, NULL), SECKILL_INVALID);

    start_holder(&forgotten, &one, run_never); /* a call that nobody ends ends with its loop */
    seckill_sync_stop(one.sync);
    assert_int_equal(pthread_join(forgotten.thread, NULL), 0);
    assert_int_equal(forgotten.status, SECKILL_CLOSED);
    assert_int_equal(seckill_sync_run(one.sync, do_nothing, NULL), SECKILL_CLOSED);
    shop_close(&one);
}

/* Who hands over while the loop's thread is busy is told, even if it is stopped before it looks. */
static void stopped_before_it_began(void **state) {
    seckill_client_options options = client_test_options();
    shopper late[2];
    holder busy;
    shop one;

    (void)state;
    shop_open(&one, &options);
    start_holder(&busy, &one, run_hold);
    for (int i = 0; i < 2; i++) {
        start(&late[i], &one);
        await_asleep(&late[i]);
    }
    seckill_sync_stop(one.sync);
    busy.let_go = true;
    for (int i = 0; i < 2; i++) {
        join(&late[i]);
        assert_int_equal(late[i].status, SECKILL_CLOSED);
    }
    assert_int_equal(pthread_join(busy.thread, NULL), 0);
    assert_int_equal(busy.status, SECKILL_CONFLICT);
    shop_close(&one);
}

/* ---- answers ---- */

static void answers_of_other_releases(void **state) {
    seckill_client_options options = client_test_options();
    union {
        seckill_sync_answer answer;
        unsigned char bytes[sizeof(seckill_sync_answer) + 32];
    } given;
    char user[24];
    seckill_reserve_options wanted = wish(user);
    size_t older = offsetof(seckill_sync_answer, retry_after_ms);
    shop one;

    (void)state;
    shop_open(&one, &options);
    memset(&given, 0xee, sizeof(given));
    given.answer.struct_size = older;
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, &given.answer), SECKILL_OK);
    assert_int_equal(given.answer.replayed, 0);
    assert_int_equal(given.answer.struct_size, older);
    assert_int_equal(given.bytes[older], 0xee);
    given.answer.struct_size = sizeof(given);
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, &given.answer), SECKILL_OK);
    assert_int_equal(given.answer.replayed, 1);
    assert_int_equal(given.answer.struct_size, sizeof(seckill_sync_answer));
    assert_int_equal(given.bytes[sizeof(seckill_sync_answer)], 0xee);
    given.answer.replayed = 7;
    given.answer.struct_size = 0;
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, &given.answer), SECKILL_INVALID);
    assert_int_equal(given.answer.replayed, 7);
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, NULL), SECKILL_OK);
    shop_close(&one);
}

/* Of what has an impossible size nothing else is looked at. */
static void answers_of_no_release(void **state) {
    static const size_t sizes[] = {0, sizeof(size_t) + 4, SIZE_MAX - 7};
    seckill_client_options options = client_test_options();
    seckill_item_settings nowhere;
    seckill_sync_item_answer answer;
    seckill_sync_stock_answer stock;
    shop one;

    (void)state;
    shop_open(&one, &options);
    memset(&nowhere, 0xee, sizeof(nowhere));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(&answer, 0xee, sizeof(answer));
        answer.struct_size = sizes[i];
        assert_int_equal(seckill_sync_item_get(one.item, 0, &answer), SECKILL_INVALID);
        assert_int_equal(answer.has_info, (int)0xeeeeeeee);
        stock.struct_size = sizes[i];
        assert_int_equal(seckill_sync_stock_get(one.item, 0, &stock), SECKILL_INVALID);
    }
    answer.struct_size = sizeof(answer);
    answer.settings = &nowhere;
    assert_int_equal(seckill_sync_item_get(one.item, 0, &answer), SECKILL_INVALID);
    shop_close(&one);
}

static void what_was_never_sent_is_answered_too(void **state) {
    seckill_client_options options = client_test_options();
    seckill_sync_answer answer;
    char user[24];
    seckill_reserve_options wanted = wish(user);
    shop one;

    (void)state;
    shop_open(&one, &options);
    wanted.quantity = SECKILL_QUANTITY_MAX + 1;
    memset(&answer, 0xee, sizeof(answer));
    answer.struct_size = sizeof(answer);
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, &answer), SECKILL_INVALID);
    assert_int_equal(answer.status, SECKILL_INVALID);
    assert_string_equal(answer.message, seckill_status_message(SECKILL_INVALID));
    assert_int_equal(answer.reservation.state, 0);
    assert_false(answer.has_ref);
    assert_int_equal(seckill_sync_reserve(NULL, &wanted, &answer), SECKILL_INVALID);
    assert_int_equal(seckill_sync_reserve(one.item, NULL, &answer), SECKILL_INVALID);
    wanted.quantity = 1;
    seckill_sync_stop(one.sync);
    assert_int_equal(seckill_sync_reserve(one.item, &wanted, &answer), SECKILL_CLOSED);
    assert_string_equal(answer.message, seckill_status_message(SECKILL_CLOSED));
    shop_close(&one);
}

/* ---- a server that plays a script ---- */

static void on_told(uv_async_t *handle) {
    *(bool *)handle->data = true;
}

/* One shopper, while the fake plays. */
static shopper shop_at(fake_redis_kind kind, const char *script, uint32_t timeout_ms) {
    seckill_client_options options = client_test_options();
    uv_loop_t loop;
    uv_async_t tell;
    shopper self;
    shop one;
    fake_redis *fake;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_async_init(&loop, &tell, on_told), 0);
    fake = fake_redis_open(&loop, kind);
    assert_non_null(fake);
    if (script != NULL)
        fake_redis_script(fake, script);
    options.address = fake_redis_address(fake);
    shop_open(&one, &options);
    memset(&self, 0, sizeof(self));
    self.in = &one;
    self.timeout_ms = timeout_ms;
    self.tell = &tell;
    tell.data = &self.done;
    assert_int_equal(pthread_create(&self.thread, NULL, shop_once, &self), 0);
    while (!self.done)
        (void)uv_run(&loop, UV_RUN_ONCE);
    join(&self);
    shop_close(&one);
    fake_redis_close(fake);
    uv_close((uv_handle_t *)&tell, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return self;
}

static void faults_of_a_server(void **state) {
    shopper asked;

    (void)state;
    asked = shop_at(FAKE_REDIS_UNIX, "expect EVALSHA ...\n reply -ERR out of paper\n again", 5000);
    assert_int_equal(asked.status, SECKILL_SERVER_ERROR);
    assert_non_null(strstr(asked.answer.message, "out of paper"));
    asked = shop_at(FAKE_REDIS_UNIX, "expect EVALSHA ...\n bulk-of 500\n again", 5000);
    assert_int_equal(asked.status, SECKILL_PROTOCOL);
    asked = shop_at(FAKE_REDIS_DEAF, NULL, 100);
    assert_int_equal(asked.status, SECKILL_UNREACHABLE);
    assert_true(asked.answer.retry_after_ms > 0);
    asked = shop_at(FAKE_REDIS_UNIX, "expect EVALSHA ...\n close", 100); /* each time: the mapping list is only read */
    assert_int_equal(seckill_status_class(asked.status), SECKILL_CLASS_RETRYABLE);
}

/* ---- opening and closing ---- */

static void what_cannot_be_opened(void **state) {
    seckill_client_options options = client_test_options(), bad = options;
    seckill_sync *sync = NULL;
    seckill_sync_item *item = NULL;
    uv_loop_t loop;
    shop one;

    (void)state;
    assert_int_equal(seckill_sync_open(NULL, &sync), SECKILL_INVALID);
    assert_int_equal(seckill_sync_open(&options, NULL), SECKILL_INVALID);
    bad.loop = &loop;
    assert_int_equal(seckill_sync_open(&bad, &sync), SECKILL_INVALID);
    bad = options;
    bad.address = "nobody:0"; /* found by the connections, when the loop is there already */
    assert_int_equal(seckill_sync_open(&bad, &sync), SECKILL_INVALID);
    assert_null(sync);
    shop_open(&one, &options);
    assert_int_equal(seckill_sync_item_open(NULL, "sale", "phone", &item), SECKILL_INVALID);
    assert_int_equal(seckill_sync_item_open(one.sync, "sale", "phone", NULL), SECKILL_INVALID);
    assert_int_equal(seckill_sync_item_open(one.sync, "sale", "a phone", &item), SECKILL_INVALID);
    assert_int_equal(seckill_sync_item_open(one.sync, NULL, "phone", &item), SECKILL_INVALID);
    assert_null(item);
    assert_int_equal(seckill_sync_item_open(one.sync, "sale", "phone", &item), SECKILL_OK); /* a second one */
    assert_ptr_equal(seckill_sync_item_handle(item), seckill_sync_item_handle(one.item));
    seckill_sync_item_close(item);
    seckill_sync_item_close(NULL);
    seckill_sync_stop(NULL);
    assert_int_equal(seckill_sync_close(NULL), SECKILL_OK);
    seckill_sync_stop(one.sync);
    seckill_sync_stop(one.sync);
    seckill_sync_item_close(one.item); /* left to the close */
    shop_close(&one);
}

/* What there is too little of: the error when it was so low while opening. */
static seckill_status open_with(__rlimit_resource_t resource, rlim_t limit, const seckill_client_options *options) {
    struct rlimit before, low;
    seckill_sync *sync = NULL;
    seckill_status status;

    assert_int_equal(getrlimit(resource, &before), 0);
    low = before;
    low.rlim_cur = limit;
    if (setrlimit(resource, &low) != 0)
        return SECKILL_NO_MEMORY;
    status = seckill_sync_open(options, &sync);
    assert_int_equal(setrlimit(resource, &before), 0);
    if (status == SECKILL_OK)
        (void)seckill_sync_close(sync);
    return status;
}

static void no_descriptors_and_no_threads(void **state) {
    seckill_client_options options = client_test_options();
    failing_memory memory = {0};
    seckill_allocator allocator = failing_memory_allocator(&memory);

    (void)state;
    options.allocator = &allocator;
    assert_int_equal(open_with(RLIMIT_NOFILE, 3, &options), SECKILL_NO_MEMORY);
    assert_int_equal(open_with(RLIMIT_STACK, (rlim_t)1 << 46, &options), SECKILL_NO_MEMORY); /* no room for one */
    assert_int_equal(memory.outstanding, 0);
}

/* The allocator counts without a lock: it is never called by two threads at a time. */
static void every_allocation_fails_in_turn(void **state) {
    size_t failing = 0, made;

    (void)state;
    do {
        failing_memory memory = {.fail_at = ++failing};
        seckill_allocator allocator = failing_memory_allocator(&memory);
        seckill_client_options options = client_test_options();
        seckill_sync_item *item = NULL;
        seckill_sync *sync = NULL;
        seckill_status status;
        char user[24];
        seckill_reserve_options wanted = wish(user);

        options.allocator = &allocator;
        status = seckill_sync_open(&options, &sync);
        if (status == SECKILL_OK)
            status = seckill_sync_item_open(sync, "sale", "phone", &item);
        if (status == SECKILL_OK)
            status = seckill_sync_reserve(item, &wanted, NULL);
        assert_true(status == SECKILL_OK || status == SECKILL_NO_MEMORY);
        assert_true(sync != NULL || status == SECKILL_NO_MEMORY);
        (void)seckill_sync_close(sync);
        assert_int_equal(memory.outstanding, 0);
        made = memory.made;
    } while (made >= failing);
    assert_true(failing > 10);
}

/* The server stands still, so all of them wait when it is closed; they are woken before it returns. */
static void closing_while_threads_wait(void **state) {
    seckill_client_options options = client_test_options();
    shopper shoppers[THREADS];
    int unknown = 0;
    shop one;

    (void)state;
    options.max_batches = 1;
    options.max_batch = 4;
    options.command_timeout_ms = 60000;
    options.timeout_ms = 60000;
    shop_open(&one, &options);
    start(&shoppers[0], &one);
    join(&shoppers[0]);
    redis_server_pause(client_test_server);
    for (int i = 0; i < THREADS; i++)
        start(&shoppers[i], &one);
    await_under_way(&one, THREADS);
    shop_close(&one);
    for (int i = 0; i < THREADS; i++) {
        join(&shoppers[i]);
        unknown += shoppers[i].status == SECKILL_UNKNOWN;
        if (shoppers[i].status != SECKILL_UNKNOWN)
            assert_int_equal(shoppers[i].status, SECKILL_CLOSED);
    }
    assert_in_range(unknown, 1, 4); /* one batch was sent */
    redis_server_resume(client_test_server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_batch),
        cmocka_unit_test(calls_on_the_loops_thread_are_refused),
        cmocka_unit_test(running_anything),
        cmocka_unit_test(stopped_before_it_began),
        cmocka_unit_test(answers_of_other_releases),
        cmocka_unit_test(answers_of_no_release),
        cmocka_unit_test(what_was_never_sent_is_answered_too),
        cmocka_unit_test(faults_of_a_server),
        cmocka_unit_test(what_cannot_be_opened),
        cmocka_unit_test(no_descriptors_and_no_threads),
        cmocka_unit_test(every_allocation_fails_in_turn),
        cmocka_unit_test(closing_while_threads_wait),
    };

    return cmocka_run_group_tests(tests, client_test_start, client_test_stop);
}
