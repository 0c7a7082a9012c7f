/* What happens where a queue is not what it should be: requests cut short, gone, or numbered wrong. Whoever needs it is told
 * so, nothing is half done, and the other shards go on. What faults_damage does to every key and field is done to the queue's
 * there.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include "base/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state) {
    static fault_stage stage;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.timeout_ms = 1000;
    fault_stage_set(&stage, NULL, &options);
    *state = &stage;
    return 0;
}

static int tear_down(void **state) {
    fault_stage_strike(*state);
    return 0;
}

enum { WAITING = 5, REQUEST_SIZE = 27, USER_SIZE = 3 };

/* The stream anew, with entries of so many requests as `entries` says (0 is the end), from n = first on; of each entry the last
 * `cut` bytes are missing, and where `user_size` is not USER_SIZE it says what the last request's user is said to have. */
static void put_queue(fault_stage *stage, uint64_t first, const unsigned *entries, size_t cut, uint8_t user_size) {
    char key[SECKILL_SHARD_KEY_SIZE], text[WAITING * (REQUEST_SIZE + USER_SIZE + SECKILL_USER_MAX)];

    fault_command(stage->server, "DEL %s", sale_key(&stage->sale, 0, "queue", key));
    for (; *entries != 0; first += *entries++) {
        sk__writer writer = sk__writer_of(text, sizeof(text));
        char id[64];

        for (unsigned i = 1; i <= *entries; i++) {
            sk__write_bytes(&writer, "0123456789abcdef", 16);
            sk__write_u32(&writer, 1);
            sk__write_u48(&writer, (uint64_t)stage->waits.since_ms);
            sk__write_u8(&writer, i == *entries ? user_size : USER_SIZE);
            for (unsigned k = 0; k < (i == *entries ? user_size : USER_SIZE); k++)
                sk__write_u8(&writer, 'u');
        }
        (void)snprintf(id, sizeof(id), "%" PRIu64 "-%" PRIu64, stage->waits.epoch, first);
        assert_true(!writer.failed && writer.at > cut);
        redis_server_forget(redis_server_command(stage->server, "XADD %s %s e %b", key, id, text, writer.at - cut));
    }
}

static void put_progress(fault_stage *stage, unsigned decided, unsigned enqueued) {
    char key[SECKILL_SHARD_KEY_SIZE];

    fault_command(stage->server, "HSET %s decided %u enqueued %u", sale_key(&stage->sale, 0, "stock", key), decided, enqueued);
}

/* The operation says DAMAGED and names the key, and nothing is done. */
static void assert_damaged(fault_stage *stage, fault_op op, const char *key, const char *what) {
    fault_picture *before = fault_picture_take(stage->server);
    fault_answer answer = fault_run(stage, op);

    if (answer.status != SECKILL_DAMAGED || strstr(answer.message, key) == NULL)
        fail_msg("%s with a queue %s: %s, %s", fault_op_name(op), what, seckill_status_name(answer.status), answer.message);
    assert_true(fault_picture_holds(before, stage->server, NULL));
    redis_server_forget(before);
}

static void the_other_shard_goes_on(fault_stage *stage) {
    fault_assert_status(fault_reserve(stage, stage->stranger), SECKILL_OK);
}

/* Processing says that the queue is damaged, whatever it is asked to decide, and nothing is done. */
static void assert_queue_is_damaged(fault_stage *stage, const char *what) {
    char key[SECKILL_SHARD_KEY_SIZE];
    sale_queue_answer *answer = calloc(1, sizeof(*answer));
    fault_picture *before = fault_picture_take(stage->server);

    assert_non_null(answer);
    assert_damaged(stage, FAULT_PROCESS, sale_key(&stage->sale, 0, "queue", key), what);
    (void)sale_queue_read(&stage->sale, 0, 100, answer);
    fault_assert_status(*answer, SECKILL_DAMAGED);
    assert_int_equal(answer->count + answer->decided, 0);
    assert_true(fault_picture_holds(before, stage->server, NULL));
    the_other_shard_goes_on(stage);
    redis_server_forget(before);
    free(answer);
}

/* What stands before a gap is not held up by it. */
static void assert_read_up_to_the_gap(fault_stage *stage, size_t count) {
    sale_queue_answer *answer = calloc(1, sizeof(*answer));

    assert_non_null(answer);
    assert_int_equal(sale_queue_read(&stage->sale, 0, 100, answer), SECKILL_OK);
    fault_assert_status(*answer, SECKILL_OK);
    assert_int_equal(answer->count, count);
    free(answer);
}

static void entries_that_are_whole_are_read(fault_stage *stage) {
    static const unsigned two[] = {2, 3, 0};
    sale_queue_answer *answer = calloc(1, sizeof(*answer));

    assert_non_null(answer);
    put_progress(stage, 0, 5);
    put_queue(stage, 1, two, 0, USER_SIZE);
    assert_int_equal(sale_queue_read(&stage->sale, 0, 100, answer), SECKILL_OK);
    assert_int_equal(answer->count, 5);
    assert_string_equal(answer->users[4], "uuu");
    free(answer);
}

static void entries_of_the_queue(void **state) {
    static const unsigned two[] = {2, 3, 0}, one[] = {5, 0};
    static const uint8_t sizes[] = {0, SECKILL_USER_MAX + 1, 255};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    entries_that_are_whole_are_read(stage);
    for (size_t cut = 1; cut < REQUEST_SIZE + USER_SIZE; cut++) {
        put_queue(stage, 1, two, cut, USER_SIZE);
        assert_queue_is_damaged(stage, "cut short");
    }
    for (size_t i = 0; i < sizeof(sizes); i++) {
        put_queue(stage, 1, two, 0, sizes[i]);
        assert_queue_is_damaged(stage, "with users of impossible sizes");
    }
    put_queue(stage, 2, one, 0, USER_SIZE);
    assert_queue_is_damaged(stage, "whose first request is gone");
    put_queue(stage, 0, one, 0, USER_SIZE);
    assert_read_up_to_the_gap(stage, 4);
    put_progress(stage, 0, 4);
    put_queue(stage, 1, one, 0, USER_SIZE);
    assert_queue_is_damaged(stage, "with a request that never came");
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

static void an_entry_that_is_gone(void **state) {
    static const unsigned entries[] = {1, 1, 1, 1, 1, 0};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    char key[SECKILL_SHARD_KEY_SIZE];

    put_progress(stage, 0, 5);
    for (unsigned n = 1; n <= 5; n++) {
        put_queue(stage, 1, entries, 0, USER_SIZE);
        fault_command(stage->server, "XDEL %s %" PRIu64 "-%u", sale_key(&stage->sale, 0, "queue", key), stage->waits.epoch, n);
        if (n == 1)
            assert_queue_is_damaged(stage, "whose head is gone");
        else
            assert_read_up_to_the_gap(stage, n - 1);
    }
    put_queue(stage, 1, entries, 0, USER_SIZE);
    fault_command(stage->server, "XTRIM %s MAXLEN 0", key);
    assert_queue_is_damaged(stage, "that is empty");
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* What follows is damaged: what comes before it must not be decided by a call that says that nothing was. */
static void damage_behind_what_is_decided(void **state) {
    static const unsigned entries[] = {1, 4, 0};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    put_progress(stage, 0, 5);
    put_queue(stage, 1, entries, 0, 0);
    assert_queue_is_damaged(stage, "that is damaged behind the first");
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* An entry whose id is past the queue's: Redis refuses the next request, before anything is done. */
static void an_id_from_the_future(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server), *before;
    char key[SECKILL_SHARD_KEY_SIZE];

    fault_command(stage->server, "XADD %s 9999999999999-1 e impostor", sale_key(&stage->sale, 0, "queue", key));
    before = fault_picture_take(stage->server);
    fault_assert_status(fault_run(stage, FAULT_ENQUEUE), SECKILL_SERVER_ERROR);
    fault_assert_status(fault_run(stage, FAULT_REQUEUE), SECKILL_SERVER_ERROR);
    assert_true(fault_picture_holds(before, stage->server, NULL));
    fault_assert_status(fault_run(stage, FAULT_POLL), SECKILL_OK);
    the_other_shard_goes_on(stage);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(before);
    redis_server_forget(picture);
}

static void more_decided_than_came(void **state) {
    static const fault_op of_queue[] = {FAULT_ENQUEUE, FAULT_REQUEUE, FAULT_PROCESS, FAULT_POLL};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    char key[SECKILL_SHARD_KEY_SIZE];

    put_progress(stage, 2, 1);
    for (size_t i = 0; i < sizeof(of_queue) / sizeof(of_queue[0]); i++)
        assert_damaged(stage, of_queue[i], sale_key(&stage->sale, 0, "stock", key), "with more decided than came");
    the_other_shard_goes_on(stage);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* Polls by a ticket of an earlier epoch look for its place: what is cut short there is told, a gap is a place that is lost. */
static void a_ticket_whose_place_is_damaged(void **state) {
    static const unsigned one[] = {1, 0}, none[] = {0};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    char key[SECKILL_SHARD_KEY_SIZE];
    sale_ticket_answer polled;

    put_queue(stage, stage->waits.n, one, 1, USER_SIZE);
    assert_damaged(stage, FAULT_POLL, sale_key(&stage->sale, 0, "queue", key), "cut short");
    put_queue(stage, stage->waits.n, none, 0, USER_SIZE);
    assert_damaged(stage, FAULT_POLL, key, "that is gone");
    fault_picture_restore(picture, stage->server);

    put_queue(stage, stage->waits.n, one, 0, USER_SIZE); /* another's request */
    polled = sale_poll(&stage->sale, &stage->waits);
    fault_assert_status(polled, SECKILL_OK);
    assert_true(polled.requeued && polled.ticket.n == stage->waits.n + 1);
    assert_int_equal(polled.ticket.since_ms, stage->waits.since_ms);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_the_queue),          cmocka_unit_test(an_entry_that_is_gone),
        cmocka_unit_test(damage_behind_what_is_decided), cmocka_unit_test(an_id_from_the_future),
        cmocka_unit_test(more_decided_than_came),        cmocka_unit_test(a_ticket_whose_place_is_damaged),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
