/* The limiter: against a plain model of the rule (a bucket with a hole), at its boundaries, with its table full, and with all
 * that may be given to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "failing_memory.h"

#include <seckill/limiter.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MAX ((int64_t)1 << 53)

static seckill_bytes key_of(const char *text) {
    return (seckill_bytes){text, strlen(text)};
}

static seckill_limiter_options options_of(uint32_t count, uint32_t period_ms, uint32_t burst) {
    seckill_limiter_options options = SECKILL_LIMITER_OPTIONS_INIT;

    options.count = count;
    options.period_ms = period_ms;
    options.burst = burst;
    return options;
}

static seckill_limiter *limiter_of(const seckill_limiter_options *options) {
    seckill_limiter *limiter = NULL;

    assert_int_equal(seckill_limiter_new(options, &limiter), SECKILL_OK);
    assert_non_null(limiter);
    return limiter;
}

static void check_take(seckill_limiter *limiter, const char *key, uint32_t cost, int64_t now_ms, seckill_status status,
                       uint64_t remaining, uint32_t retry_after_ms, uint32_t reset_ms) {
    seckill_limit said;

    memset(&said, 0xff, sizeof(said));
    assert_int_equal(seckill_limiter_take(limiter, key_of(key), cost, now_ms, &said), status);
    assert_int_equal(said.remaining, remaining);
    assert_int_equal(said.retry_after_ms, retry_after_ms);
    assert_int_equal(said.reset_ms, reset_ms);
    assert_int_equal(said.keeps_on, 0);
}

/* ---- the model: a bucket for each key, which takes a burst and loses `count` in each period. In it is counted in parts of a
 * thing, `period` of them, so that it loses `count` in each millisecond. */

enum { KEYS = 7 };

typedef struct {
    int64_t count, period, burst, seen_ms;
    int64_t level[KEYS];
} bucket_model;

static void model_init(bucket_model *model, uint32_t count, uint32_t period, uint32_t burst) {
    memset(model, 0, sizeof(*model));
    model->count = count;
    model->period = period;
    model->burst = burst;
    model->seen_ms = -1;
}

static void model_advance(bucket_model *model, int64_t now_ms) {
    int64_t passed = now_ms > model->seen_ms && model->seen_ms >= 0 ? now_ms - model->seen_ms : 0;

    for (int i = 0; i < KEYS; i++)
        model->level[i] = passed > model->level[i] / model->count ? 0 : model->level[i] - passed * model->count;
    model->seen_ms = now_ms;
}

static uint32_t rounded_up(int64_t parts, int64_t count) {
    int64_t ms = parts / count + (parts % count != 0);

    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static seckill_status model_take(bucket_model *model, int key, uint32_t cost, seckill_limit *said) {
    int64_t *level = &model->level[key], room = model->burst * model->period, wanted = cost * model->period;
    bool granted = *level + wanted <= room;

    memset(said, 0, sizeof(*said));
    if (granted)
        *level += wanted;
    else
        said->retry_after_ms = wanted > room ? UINT32_MAX : rounded_up(*level + wanted - room, model->count);
    said->remaining = (uint64_t)((room - *level) / model->period);
    said->reset_ms = rounded_up(*level, model->count);
    return granted ? SECKILL_OK : SECKILL_RATE_LIMITED;
}

static bool model_keeps_on(bucket_model *refusals, int key) {
    seckill_limit ignored;

    if (refusals->count == 0 || model_take(refusals, key, 1, &ignored) == SECKILL_OK)
        return false;
    refusals->level[key] = 0;
    return true;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* Mostly within what one thing takes, sometimes within a burst, seldom further; seldom back. */
static int64_t next_time(int64_t now, const bucket_model *model, uint32_t retry_ms) {
    int64_t one = model->period / model->count + 2, whole = model->period / model->count * model->burst + 2;
    int64_t later;

    switch (random_below(16)) {
    case 0:
        later = now + (int64_t)random_below((uint64_t)whole);
        break;
    case 1:
        later = now + (int64_t)random_below((uint64_t)whole * 4 + 1000);
        break;
    case 2:
        later = (int64_t)random_below((uint64_t)now + 1);
        break;
    case 3:
        later = now + retry_ms;
        break;
    case 4:
        later = now + (retry_ms != 0 ? retry_ms - 1 : 0);
        break;
    default:
        later = now + (int64_t)random_below((uint64_t)one);
    }
    return later < NOW_MAX ? later : (int64_t)random_below(1000);
}

static uint32_t some_cost(uint32_t burst) {
    switch (random_below(8)) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)random_below(burst);
    case 2:
        return burst;
    case 3:
        return random_below(20) != 0 ? 1 : random_below(2) != 0 ? burst + 1 : UINT32_MAX;
    default:
        return 1;
    }
}

static void compare(const seckill_limiter_options *options, int steps) {
    uint32_t burst = options->burst != 0 ? options->burst : options->count;
    seckill_limiter *limiter = limiter_of(options);
    bucket_model model, refusals;
    int64_t now = 0;
    uint32_t retry_ms = 0;

    model_init(&model, options->count, options->period_ms, burst);
    model_init(&refusals, options->refusals, options->refusals_period_ms, options->refusals);
    for (int i = 0; i < steps; i++) {
        int key = (int)random_below(KEYS);
        char name[2] = {(char)('a' + key), '\0'};
        uint32_t cost = some_cost(burst);
        seckill_limit said, expected;
        seckill_status status;

        now = next_time(now, &model, retry_ms);
        model_advance(&model, now);
        if (refusals.count != 0)
            model_advance(&refusals, now);
        status = model_take(&model, key, cost, &expected);
        if (status != SECKILL_OK)
            expected.keeps_on = model_keeps_on(&refusals, key);
        assert_int_equal(seckill_limiter_take(limiter, key_of(name), cost, now, &said), status);
        assert_int_equal(said.remaining, expected.remaining);
        assert_int_equal(said.retry_after_ms, expected.retry_after_ms);
        assert_int_equal(said.reset_ms, expected.reset_ms);
        assert_int_equal(said.keeps_on, expected.keeps_on);
        retry_ms = said.retry_after_ms;
    }
    seckill_limiter_free(limiter);
}

static void it_does_what_the_model_does(void **state) {
    static const uint32_t rules[][5] = {
        /* count, period, burst, refusals, their period */
        {1, 1000, 1, 3, 500},
        {20, 1000, 40, 10, 10000},
        {3, 1000, 7, 0, 60000}, /* a third of a second is no whole number of anything smaller */
        {7, 86400000, 3, 2, 86400000},
        {1000, 1, 5, 1, 1},
        {1000000, 1, 1000000000, 0, 60000},                    /* a nanosecond apart */
        {1, 86400000, 1000000000, 1, 1},                       /* 2.7 million years for a burst */
        {1000000000, 86400000, 1000000000, 1000000, 86400000}, /* times are made smaller each 53 days */
        {999999937, 1009, 1000000000, 5, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        seckill_limiter_options options = options_of(rules[i][0], rules[i][1], rules[i][2]);

        options.max_keys = 4096; /* enough that nobody is forgotten, below */
        options.refusals = rules[i][3];
        options.refusals_period_ms = rules[i][4];
        compare(&options, 20000);
    }
}

/* ---- boundaries */

static void a_burst_and_then_evenly_to_the_millisecond(void **state) {
    seckill_limiter_options options = options_of(10, 1000, 3);
    seckill_limiter *limiter = limiter_of(&options);

    (void)state;
    check_take(limiter, "a", 1, 5000, SECKILL_OK, 2, 0, 100);
    check_take(limiter, "a", 1, 5000, SECKILL_OK, 1, 0, 200);
    check_take(limiter, "a", 1, 5000, SECKILL_OK, 0, 0, 300);
    check_take(limiter, "a", 1, 5000, SECKILL_RATE_LIMITED, 0, 100, 300);
    check_take(limiter, "b", 1, 5000, SECKILL_OK, 2, 0, 100);
    check_take(limiter, "a", 1, 5099, SECKILL_RATE_LIMITED, 0, 1, 201);
    check_take(limiter, "a", 1, 5100, SECKILL_OK, 0, 0, 300);
    check_take(limiter, "a", 1, 5100, SECKILL_RATE_LIMITED, 0, 100, 300);
    check_take(limiter, "a", 1, 5399, SECKILL_OK, 1, 0, 101);
    check_take(limiter, "a", 1, 5500, SECKILL_OK, 2, 0, 100);
    seckill_limiter_free(limiter);
}

static void the_defaults_are_as_documented(void **state) {
    seckill_limiter_options options = options_of(5, 0, 0);
    seckill_limiter *limiter = limiter_of(&options);

    (void)state;
    check_take(limiter, "a", 5, 0, SECKILL_OK, 0, 0, 1000);
    check_take(limiter, "a", 1, 0, SECKILL_RATE_LIMITED, 0, 200, 1000);
    assert_in_range(seckill_limiter_size(limiter), 65536 * 16, 65536 * 16 + 512);
    seckill_limiter_free(limiter);
    options.max_keys = 5; /* of which the table makes eight */
    limiter = limiter_of(&options);
    assert_in_range(seckill_limiter_size(limiter), 8 * 16, 8 * 16 + 512);
    seckill_limiter_free(limiter);
    options.refusals = 1;
    limiter = limiter_of(&options);
    assert_in_range(seckill_limiter_size(limiter), 2 * 8 * 16, 2 * 8 * 16 + 512);
    seckill_limiter_free(limiter);
    assert_int_equal(seckill_limiter_size(NULL), 0);
}

static void costs_of_none_many_and_too_many(void **state) {
    seckill_limiter_options options = options_of(10, 1000, 20);
    seckill_limiter *limiter = limiter_of(&options);

    (void)state;
    check_take(limiter, "a", 0, 0, SECKILL_OK, 20, 0, 0);
    check_take(limiter, "a", 15, 0, SECKILL_OK, 5, 0, 1500);
    check_take(limiter, "a", 0, 0, SECKILL_OK, 5, 0, 1500);
    check_take(limiter, "a", 6, 0, SECKILL_RATE_LIMITED, 5, 100, 1500);
    check_take(limiter, "a", 5, 0, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "a", 0, 0, SECKILL_OK, 0, 0, 2000); /* who only looks is not refused */
    check_take(limiter, "a", 20, 1999, SECKILL_RATE_LIMITED, 19, 1, 1);
    check_take(limiter, "a", 20, 2000, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "b", 21, 2000, SECKILL_RATE_LIMITED, 20, UINT32_MAX, 0);
    check_take(limiter, "b", UINT32_MAX, NOW_MAX, SECKILL_RATE_LIMITED, 20, UINT32_MAX, 0);
    check_take(limiter, "b", 20, NOW_MAX, SECKILL_OK, 0, 0, 2000);
    seckill_limiter_free(limiter);
}

static void a_clock_that_goes_back_goes_on_from_there(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 2);
    seckill_limiter *limiter = limiter_of(&options);

    (void)state;
    check_take(limiter, "a", 2, 100000, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "a", 1, 100400, SECKILL_RATE_LIMITED, 0, 600, 1600);
    check_take(limiter, "a", 1, 3, SECKILL_RATE_LIMITED, 0, 600, 1600);
    check_take(limiter, "a", 1, 602, SECKILL_RATE_LIMITED, 0, 1, 1001);
    check_take(limiter, "a", 1, 603, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "a", 0, 0, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "a", 2, NOW_MAX, SECKILL_OK, 0, 0, 2000);
    check_take(limiter, "a", 1, 0, SECKILL_RATE_LIMITED, 0, 1000, 2000);
    check_take(limiter, "a", 1, 1000, SECKILL_OK, 0, 0, 2000);
    seckill_limiter_free(limiter);
}

static void the_forgotten_begin_anew(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 1);
    seckill_limiter *limiter;
    seckill_limit said;

    (void)state;
    options.refusals = 1;
    limiter = limiter_of(&options);
    check_take(limiter, "a", 1, 0, SECKILL_OK, 0, 0, 1000);
    check_take(limiter, "b", 1, 0, SECKILL_OK, 0, 0, 1000);
    check_take(limiter, "a", 1, 0, SECKILL_RATE_LIMITED, 0, 1000, 1000);
    check_take(limiter, "b", 1, 0, SECKILL_RATE_LIMITED, 0, 1000, 1000);
    seckill_limiter_forget(limiter, key_of("a"));
    seckill_limiter_forget(limiter, key_of("never seen"));
    seckill_limiter_forget(NULL, key_of("a"));
    seckill_limiter_forget(limiter, (seckill_bytes){NULL, 1});
    check_take(limiter, "a", 1, 0, SECKILL_OK, 0, 0, 1000);
    check_take(limiter, "a", 1, 0, SECKILL_RATE_LIMITED, 0, 1000, 1000); /* its refusals are forgotten too */
    assert_int_equal(seckill_limiter_take(limiter, key_of("b"), 1, 0, &said), SECKILL_RATE_LIMITED);
    assert_int_equal(said.keeps_on, 1);
    seckill_limiter_free(limiter);
}

static int refuse(seckill_limiter *limiter, const char *key, int64_t now_ms) {
    seckill_limit said;

    assert_int_equal(seckill_limiter_take(limiter, key_of(key), 2, now_ms, &said), SECKILL_RATE_LIMITED);
    return said.keeps_on;
}

static void who_keeps_on_is_told_once(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 1); /* two at once: always too many */
    seckill_limiter *limiter;

    (void)state;
    options.refusals = 3;
    options.refusals_period_ms = 600;
    limiter = limiter_of(&options);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(refuse(limiter, "a", 0), 0);
        assert_int_equal(refuse(limiter, "b", 0), 0);
        assert_int_equal(refuse(limiter, "a", 0), 1);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(refuse(limiter, "c", 10000), 0);
    for (int i = 1; i < 20; i++) /* one in each 200 ms is allowed for ever */
        assert_int_equal(refuse(limiter, "c", 10000 + i * 200), 0);
    assert_int_equal(refuse(limiter, "c", 10000 + 20 * 200 - 1), 1);
    seckill_limiter_free(limiter);
}

/* ---- a full table */

static void a_full_table_forgets_who_is_nearest_to_his_burst(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 10);
    seckill_limiter *limiter;

    (void)state;
    options.max_keys = 4; /* all keys have the same four places */
    limiter = limiter_of(&options);
    check_take(limiter, "a", 5, 0, SECKILL_OK, 5, 0, 5000);
    check_take(limiter, "b", 2, 0, SECKILL_OK, 8, 0, 2000);
    check_take(limiter, "c", 9, 0, SECKILL_OK, 1, 0, 9000);
    check_take(limiter, "d", 7, 0, SECKILL_OK, 3, 0, 7000);
    check_take(limiter, "e", 0, 0, SECKILL_OK, 10, 0, 0);                     /* who only looks takes no place */
    check_take(limiter, "e", 11, 0, SECKILL_RATE_LIMITED, 10, UINT32_MAX, 0); /* nor who is refused */
    check_take(limiter, "b", 0, 0, SECKILL_OK, 8, 0, 2000);
    check_take(limiter, "e", 4, 0, SECKILL_OK, 6, 0, 4000);
    check_take(limiter, "b", 0, 0, SECKILL_OK, 10, 0, 0);
    check_take(limiter, "a", 0, 0, SECKILL_OK, 5, 0, 5000);
    check_take(limiter, "c", 0, 0, SECKILL_OK, 1, 0, 9000);
    check_take(limiter, "d", 0, 0, SECKILL_OK, 3, 0, 7000);
    check_take(limiter, "e", 0, 0, SECKILL_OK, 6, 0, 4000);
    check_take(limiter, "b", 1, 4000, SECKILL_OK, 9, 0, 1000); /* the place of e, which is quiet again */
    check_take(limiter, "a", 0, 4000, SECKILL_OK, 9, 0, 1000);
    check_take(limiter, "c", 0, 4000, SECKILL_OK, 5, 0, 5000);
    check_take(limiter, "d", 0, 4000, SECKILL_OK, 7, 0, 3000);
    check_take(limiter, "b", 0, 4000, SECKILL_OK, 9, 0, 1000);
    seckill_limiter_free(limiter);
}

static void a_full_table_refuses_no_newcomer(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 3);
    seckill_limiter *limiter;
    char name[24];

    (void)state;
    options.max_keys = 64;
    options.refusals = 2;
    limiter = limiter_of(&options);
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "newcomer %d", i);
        check_take(limiter, name, 3, i / 10, SECKILL_OK, 0, 0, 3000);
        check_take(limiter, name, 1, i / 10, SECKILL_RATE_LIMITED, 0, 1000, 3000); /* he has not lost his place to himself */
    }
    seckill_limiter_free(limiter);
}

/* Of as many keys as there are places most must have one: they are spread over the sets. */
static void keys_are_spread_over_the_table(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 1);
    seckill_limiter *limiter;
    int remembered = 0;

    (void)state;
    options.max_keys = 1000; /* not a power of two */
    limiter = limiter_of(&options);
    for (int i = 0; i < 2000; i++) {
        uint32_t number = (uint32_t)(i % 1000);
        seckill_bytes key = {&number, sizeof(number)};
        seckill_status status = seckill_limiter_take(limiter, key, i < 1000 ? 1 : 0, 0, NULL);
        seckill_limit said;

        assert_int_equal(status, SECKILL_OK);
        assert_int_equal(seckill_limiter_take(limiter, key, 0, 0, &said), SECKILL_OK);
        remembered += i >= 1000 && said.remaining == 0;
    }
    assert_in_range(remembered, 700, 900); /* 805 of them on average, with a deviation below 15 */
    seckill_limiter_free(limiter);
}

/* ---- what may be given */

static void check_invalid(const seckill_limiter_options *options) {
    seckill_limiter_options other = options_of(1, 1, 1);
    seckill_limiter *limiter = limiter_of(&other), *none = limiter;

    assert_int_equal(seckill_limiter_new(options, &none), SECKILL_INVALID);
    assert_null(none);
    seckill_limiter_free(limiter);
}

static void check_range(size_t offset, uint32_t low, uint32_t high) {
    seckill_limiter_options options = options_of(1000000000, 86400000, 1);
    const uint32_t refused[] = {low - 1, high + 1, UINT32_MAX};

    options.max_keys = 1;
    memcpy((char *)&options + offset, &low, sizeof(low));
    if (offset == offsetof(seckill_limiter_options, period_ms))
        options.count = 1000000; /* as many as a millisecond has nanoseconds */
    seckill_limiter_free(limiter_of(&options));
    memcpy((char *)&options + offset, &high, sizeof(high));
    if (offset != offsetof(seckill_limiter_options, max_keys)) /* 4 GiB */
        seckill_limiter_free(limiter_of(&options));
    for (size_t i = offset == offsetof(seckill_limiter_options, count) ? 0 : 1; i < 3; i++) { /* elsewhere 0 is the default */
        memcpy((char *)&options + offset, &refused[i], sizeof(refused[i]));
        check_invalid(&options);
    }
}

static void options_have_ranges(void **state) {
    seckill_limiter_options options = options_of(1000001, 1, 0);
    seckill_allocator incomplete = {NULL, NULL, NULL, NULL};

    (void)state;
    check_range(offsetof(seckill_limiter_options, count), 1, 1000000000);
    check_range(offsetof(seckill_limiter_options, period_ms), 1, 86400000);
    check_range(offsetof(seckill_limiter_options, burst), 1, 1000000000);
    check_range(offsetof(seckill_limiter_options, max_keys), 1, 268435456);
    check_range(offsetof(seckill_limiter_options, refusals), 0, 1000000);
    check_range(offsetof(seckill_limiter_options, refusals_period_ms), 1, 86400000);
    check_invalid(&options); /* less than a nanosecond apart */
    options.count = 1000000;
    seckill_limiter_free(limiter_of(&options));
    options.allocator = &incomplete;
    check_invalid(&options);
    assert_int_equal(seckill_limiter_new(&options, NULL), SECKILL_INVALID);
}

static void callers_of_other_releases(void **state) {
    struct {
        seckill_limiter_options known;
        uint32_t more[4];
    } newer;
    seckill_limiter *limiter;
    uint8_t *older;
    size_t size = offsetof(seckill_limiter_options, burst);

    (void)state;
    memset(&newer, 0, sizeof(newer));
    newer.known = options_of(2, 500, 9);
    newer.known.struct_size = size;
    older = malloc(size); /* exactly, so that a sanitizer sees a step too far */
    assert_non_null(older);
    memcpy(older, &newer, size);
    limiter = limiter_of((const seckill_limiter_options *)(const void *)older);
    check_take(limiter, "a", 2, 0, SECKILL_OK, 0, 0, 500);
    seckill_limiter_free(limiter);
    free(older);
    newer.known.struct_size = sizeof(newer);
    seckill_limiter_free(limiter_of(&newer.known));
    newer.more[2] = 1;
    check_invalid(&newer.known);
    newer.known.struct_size = 0;
    check_invalid(&newer.known);
    check_invalid(NULL);
}

static void keys_and_times_have_ranges(void **state) {
    seckill_limiter_options options = options_of(1, 1000, 1);
    seckill_limiter *limiter = limiter_of(&options);
    uint8_t long_key[SECKILL_LIMITER_KEY_MAX + 1] = {0};
    seckill_bytes longest = {long_key, SECKILL_LIMITER_KEY_MAX}, too_long = {long_key, sizeof(long_key)};

    (void)state;
    assert_int_equal(seckill_limiter_take(NULL, key_of("a"), 1, 0, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, too_long, 1, 0, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, (seckill_bytes){NULL, 1}, 1, 0, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, key_of("a"), 1, -1, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, key_of("a"), 1, INT64_MIN, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, key_of("a"), 1, NOW_MAX + 1, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_limiter_take(limiter, key_of("a"), 1, INT64_MAX, NULL), SECKILL_INVALID);
    check_take(limiter, "a", 1, 0, SECKILL_OK, 0, 0, 1000); /* nothing of this was counted */
    assert_int_equal(seckill_limiter_take(limiter, longest, 1, 0, NULL), SECKILL_OK);
    longest.size--;
    assert_int_equal(seckill_limiter_take(limiter, longest, 1, 0, NULL), SECKILL_OK); /* another key */
    assert_int_equal(seckill_limiter_take(limiter, longest, 1, 0, NULL), SECKILL_RATE_LIMITED);
    assert_int_equal(seckill_limiter_take(limiter, (seckill_bytes){NULL, 0}, 1, 0, NULL), SECKILL_OK);
    check_take(limiter, "", 1, 0, SECKILL_RATE_LIMITED, 0, 1000, 1000);
    seckill_limiter_free(limiter);
    seckill_limiter_free(NULL);
}

static void each_failed_allocation_is_survived(void **state) {
    failing_memory memory;
    seckill_allocator allocator = failing_memory_allocator(&memory);
    seckill_limiter_options options = options_of(1, 1000, 1);
    seckill_status status = SECKILL_NO_MEMORY;
    seckill_limiter *limiter;
    size_t made;

    (void)state;
    options.refusals = 1;
    options.allocator = &allocator;
    for (size_t fail_at = 1; status != SECKILL_OK; fail_at++) {
        memset(&memory, 0, sizeof(memory));
        memory.fail_at = fail_at;
        status = seckill_limiter_new(&options, &limiter);
        if (fail_at <= 3) {
            assert_int_equal(status, SECKILL_NO_MEMORY);
            assert_null(limiter);
            assert_int_equal(memory.outstanding, 0);
        }
    }
    made = memory.made;
    check_take(limiter, "a", 1, 0, SECKILL_OK, 0, 0, 1000);
    assert_int_equal(memory.made, made);
    seckill_limiter_free(limiter);
    assert_int_equal(memory.outstanding, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_the_model_does),
        cmocka_unit_test(a_burst_and_then_evenly_to_the_millisecond),
        cmocka_unit_test(the_defaults_are_as_documented),
        cmocka_unit_test(costs_of_none_many_and_too_many),
        cmocka_unit_test(a_clock_that_goes_back_goes_on_from_there),
        cmocka_unit_test(the_forgotten_begin_anew),
        cmocka_unit_test(who_keeps_on_is_told_once),
        cmocka_unit_test(a_full_table_forgets_who_is_nearest_to_his_burst),
        cmocka_unit_test(a_full_table_refuses_no_newcomer),
        cmocka_unit_test(keys_are_spread_over_the_table),
        cmocka_unit_test(options_have_ranges),
        cmocka_unit_test(callers_of_other_releases),
        cmocka_unit_test(keys_and_times_have_ranges),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
