/* What is wrong in :transfers is named, to whoever looks there, and nothing is written over it.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "supply_support.h"

#include <stdlib.h>
#include <string.h>

static const struct damage {
    const char *field;
    size_t size;
    uint8_t byte; /* all of the value */
} damages[] = {
    {"1", 0, 0},   {"1", 15, 0},   {"1", 17, 0},   {"1", 16, 255}, {"1", 16, 64},  {"x", 16, 0},     {"1x", 16, 0},
    {"-1", 16, 0}, {"0x1", 16, 0}, {"1e0", 16, 0}, {"1.5", 16, 0}, {"nan", 16, 0}, {"65536", 16, 0}, {"99999999999", 16, 0},
};

static void damage(rules *r, const struct damage *how) {
    uint8_t value[32];

    memset(value, how->byte, sizeof(value));
    supply_write_field(r, 0, how->field, value, how->size);
}

static void assert_named(const char *message, const struct damage *how) {
    if (strstr(message, ":transfers") == NULL)
        fail_msg("field %s of %u bytes: \"%s\"", how->field, (unsigned)how->size, message);
}

static void surveys_name_it(void **state) {
    rules *r = *state;

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        supply_finished finished;
        char *before, *after;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        rules_sell(r, 2, 8, 60000, 0, 4);
        rules_freeze(r);
        damage(r, &damages[i]);
        before = rules_everything(r);
        finished = supply_finish(&r->sale);
        if (finished.status != SECKILL_DAMAGED)
            fail_msg("field %s of %u bytes: %s", damages[i].field, (unsigned)damages[i].size,
                     seckill_status_name(finished.status));
        assert_named(finished.message, &damages[i]);
        after = rules_everything(r);
        assert_string_equal(before, after);
        free(before);
        free(after);
    }
}

/* Requests that need no other shard are served; those that do are told what is wrong. */
static void requests_are_told_where_they_need_it(void **state) {
    rules *r = *state;
    sale_answer answer;

    rules_sell_patiently(r, 2, 8, 4);
    damage(r, &damages[1]);
    assert_status(supply_reserve(r, 0, 0, 2).status, SECKILL_OK);
    assert_status(supply_reserve(r, 1, 0, 1).status, SECKILL_OK);
    answer = supply_reserve(r, 1, 1, 2);
    assert_status(answer.status, SECKILL_DAMAGED);
    assert_named(answer.message, &damages[1]);
    assert_status(supply_reserve(r, 1, 1, 1).status, SECKILL_OK); /* what it has itself */
    assert_status(supply_reserve(r, 1, 2, 1).status, SECKILL_DAMAGED);
}

static void moves_name_it(void **state) {
    rules *r = *state;
    const supply_move move = {0, 1, 0, 1, 1, 0};

    rules_sell_patiently(r, 2, 8, 4);
    for (size_t i = 0; i < 5; i++) { /* those of field 1 */
        supply_moved moved;

        damage(r, &damages[i]);
        moved = supply_send(r, &move);
        assert_memory_equal(moved.error, "DAMAGED ", 8);
        assert_named(moved.error, &damages[i]);
    }
    assert_int_equal(rules_field(r, 0, "available"), 2);
    assert_int_equal(rules_field(r, 0, "sent"), 0);
}

static void a_key_of_another_type_or_none(void **state) {
    rules *r = *state;

    for (int i = 0; i < 2; i++) {
        char key[SECKILL_SHARD_KEY_SIZE];
        supply_finished finished;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        rules_sell_patiently(r, 2, 8, 4);
        (void)sale_key(&r->sale, 1, "transfers", key);
        redis_server_forget(redis_server_command(r->server, "DEL %s", key));
        if (i == 0)
            redis_server_forget(redis_server_command(r->server, "SET %s x", key));
        finished = supply_finish(&r->sale);
        assert_status(finished.status, SECKILL_DAMAGED);
        assert_non_null(strstr(finished.message, ":transfers"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(surveys_name_it),
        RULES_TEST(requests_are_told_where_they_need_it),
        RULES_TEST(moves_name_it),
        RULES_TEST(a_key_of_another_type_or_none),
    };

    return RULES_RUN(tests);
}
