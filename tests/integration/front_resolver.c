/* seckill-front: siteverify.c by itself, where the provider's name is looked up for longer than anybody waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "siteverify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netdb.h>

enum { PATIENCE_S = 20 };

/* A look-up that waits until the test lets it go; libcurl has it done by a thread of its own. */
static uv_mutex_t mutex;
static uv_cond_t changed;
static int asked, ended;
static bool let_go;

static int stuck(void) {
    uv_mutex_lock(&mutex);
    asked++;
    uv_cond_broadcast(&changed);
    while (!let_go && uv_cond_timedwait(&changed, &mutex, PATIENCE_S * UINT64_C(1000000000)) == 0) {
    }
    ended++;
    uv_cond_broadcast(&changed);
    uv_mutex_unlock(&mutex);
    return EAI_AGAIN;
}

/* Instead of libc's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    (void)name;
    (void)service;
    (void)hints;
    *result = NULL;
    return stuck();
}

static int set_up(void **state) {
    (void)state;
    asked = ended = 0;
    let_go = false;
    return uv_mutex_init(&mutex) == 0 && uv_cond_init(&changed) == 0 ? 0 : -1;
}

static void wait_for(const int *count, int wanted) {
    uv_mutex_lock(&mutex);
    while (*count < wanted)
        assert_int_equal(uv_cond_timedwait(&changed, &mutex, PATIENCE_S * UINT64_C(1000000000)), 0);
    uv_mutex_unlock(&mutex);
}

/* Whether it waits still. */
static bool is_stuck(void) {
    uv_mutex_lock(&mutex);
    bool still = asked == 1 && ended == 0;
    uv_mutex_unlock(&mutex);
    return still;
}

static int tear_down(void **state) {
    (void)state;
    uv_mutex_lock(&mutex);
    let_go = true;
    uv_cond_broadcast(&changed);
    uv_mutex_unlock(&mutex);
    wait_for(&ended, asked);
    return 0;
}

static void on_verdict(siteverify_verdict verdict, int64_t since_ms, const char *trouble, void *user_data) {
    bool *was_stuck = user_data;
    (void)since_ms;
    assert_int_equal(verdict, SITEVERIFY_UNAVAILABLE);
    assert_non_null(trouble);
    *was_stuck = is_stuck();
}

static siteverify *ask(uv_loop_t *loop, uint32_t timeout_ms, bool *was_stuck) {
    assert_int_equal(uv_loop_init(loop), 0);
    siteverify *all = siteverify_open(loop, "http://provider.invalid/siteverify", timeout_ms, 2);
    assert_non_null(all);
    assert_true(siteverify_ask(all, "secret", "response", "", on_verdict, was_stuck));
    return all;
}

static void finish(uv_loop_t *loop, siteverify *all) {
    siteverify_close(all);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void a_name_that_is_not_found_in_time_holds_nobody_up(void **state) {
    uv_loop_t loop;
    bool was_stuck = false;
    (void)state;
    siteverify *all = ask(&loop, 100, &was_stuck);
    uv_run(&loop, UV_RUN_DEFAULT); /* until nothing is asked any more */
    assert_true(was_stuck);
    assert_true(is_stuck());
    finish(&loop, all);
    assert_true(is_stuck());
}

static void nor_the_end_of_the_front(void **state) {
    uv_loop_t loop;
    bool was_stuck = false;
    (void)state;
    siteverify *all = ask(&loop, 1000 * PATIENCE_S, &was_stuck);
    while (!is_stuck())
        uv_run(&loop, UV_RUN_NOWAIT);
    finish(&loop, all);
    assert_true(was_stuck);
    assert_true(is_stuck());
}

/* Each look-up is a thread, and those of who gave up are still there. */
static void one_at_a_time_tries_again(void **state) {
    uv_loop_t loop;
    bool was_stuck = false;
    (void)state;
    siteverify *all = ask(&loop, 100, &was_stuck);
    assert_true(siteverify_ask(all, "secret", "response", "", on_verdict, &was_stuck));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(siteverify_ask(all, "secret", "response", "", on_verdict, &was_stuck));
    assert_false(siteverify_ask(all, "secret", "response", "", on_verdict, &was_stuck));
    finish(&loop, all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_that_is_not_found_in_time_holds_nobody_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_the_end_of_the_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_at_a_time_tries_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
