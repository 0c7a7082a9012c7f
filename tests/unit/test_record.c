/* Answers and records as the scripts of a shard send them: nothing malformed is believed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { REPLAYED = 1, WITH_RECORD = 2, QUEUED = 4, DECIDED = 8, VOID = 6 };

static void write_record(sk__writer *writer, uint8_t state) {
    sk__write_bytes(writer, "0123456789abcdef", 16);
    sk__write_u8(writer, state);
    sk__write_u32(writer, 3);
    sk__write_u56(writer, SECKILL_AMOUNT_MAX);
    sk__write_u48(writer, UINT64_C(1700000000123));
    sk__write_u48(writer, UINT64_C(1700000060123));
    sk__write_u32(writer, 604800000);
}

static void write_answer(sk__writer *writer, int status, int flags) {
    sk__write_u8(writer, (uint8_t)status);
    sk__write_u8(writer, (uint8_t)flags);
}

static void a_record_is_read_whole(void **state) {
    uint8_t bytes[64];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
    sk__reader reader;
    sk__record record;

    (void)state;
    write_record(&writer, SECKILL_RESERVED);
    assert_int_equal(writer.at, SK__RECORD_SIZE);
    reader = sk__reader_of(bytes, writer.at);
    sk__read_record(&reader, &record);
    assert_true(sk__reader_done(&reader));
    assert_memory_equal(record.shown.id, "0123456789abcdef", 16);
    assert_int_equal(record.shown.state, SECKILL_RESERVED);
    assert_int_equal(record.shown.quantity, 3);
    assert_true(record.shown.price == SECKILL_AMOUNT_MAX);
    assert_true(record.shown.since_ms == INT64_C(1700000000123));
    assert_true(record.shown.ends_ms == INT64_C(1700000060123));
    assert_int_equal(record.grace_ms, 604800000);
    assert_int_equal(record.shown.reason, SECKILL_OK);
}

static void every_state_is_shown_and_no_other(void **state) {
    (void)state;
    for (int value = 0; value <= 255; value++) {
        uint8_t bytes[64];
        sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
        sk__reader reader;
        sk__record record;

        write_record(&writer, (uint8_t)value);
        reader = sk__reader_of(bytes, writer.at);
        sk__read_record(&reader, &record);
        assert_int_equal(reader.failed, value % 16 < SECKILL_RESERVED || value % 16 > SECKILL_RESERVATION_REFUSED);
        if (!reader.failed) /* above the state stands the audit's stamp */
            assert_int_equal(record.shown.state, value % 16 == VOID ? SECKILL_RESERVATION_EXPIRED : value % 16);
    }
}

/* What a refused request has in place of a price; what is no reason is read as blacklisted. */
static void a_refused_request_says_why(void **state) {
    static const uint64_t more[] = {256 + 1, 65536 + 1, UINT64_C(1) << 32 | 1, (UINT64_C(1) << 56) - 1};

    (void)state;
    for (uint64_t i = 0; i < 256 + sizeof(more) / sizeof(more[0]); i++) {
        uint64_t stored = i < 256 ? i : more[i - 256];
        bool is_reason = stored == 1 || stored == 2 || stored == 3 || stored == 6;
        uint8_t bytes[64];
        sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
        sk__writer price = sk__writer_of(bytes + 21, 7);
        sk__reader reader;
        sk__record record;

        write_record(&writer, SECKILL_RESERVATION_REFUSED);
        sk__write_u56(&price, stored);
        reader = sk__reader_of(bytes, writer.at);
        sk__read_record(&reader, &record);
        assert_true(sk__reader_done(&reader));
        assert_int_equal(record.shown.price, 0);
        assert_int_equal(record.shown.reason, is_reason ? stored : SECKILL_BLACKLISTED);
    }
}

static bool is_sound_of(const uint8_t *bytes, size_t size, size_t count, bool of_queue) {
    uint8_t *exact = malloc(size + 1); /* a step too far is seen */
    bool sound;

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    sound = sk__answers_are_sound(sk__reader_of(exact, size), count, of_queue);
    free(exact);
    return sound;
}

static bool is_sound(const uint8_t *bytes, size_t size, size_t count) {
    return is_sound_of(bytes, size, count, false);
}

/* Four answers, two with a record. */
static size_t write_reply(uint8_t *bytes, size_t size) {
    sk__writer writer = sk__writer_of(bytes, size);

    write_answer(&writer, SECKILL_OK, WITH_RECORD);
    write_answer(&writer, SECKILL_SOLD_OUT, 0);
    write_answer(&writer, SECKILL_CANCELLED, REPLAYED | WITH_RECORD);
    write_answer(&writer, 200, 0);
    write_record(&writer, SECKILL_RESERVED);
    write_record(&writer, SECKILL_RESERVATION_CANCELLED);
    assert_false(writer.failed);
    return writer.at;
}

static void a_reply_cut_short_or_too_long_is_not_sound(void **state) {
    uint8_t bytes[256] = {0};
    size_t size = write_reply(bytes, sizeof(bytes));

    (void)state;
    assert_true(is_sound(bytes, size, 4));
    for (size_t cut = 0; cut < size; cut++)
        assert_false(is_sound(bytes, cut, 4));
    for (size_t more = 1; more < 60; more++)
        assert_false(is_sound(bytes, size + more, 4));
    assert_false(is_sound(bytes, size, 3));
    assert_false(is_sound(bytes, size, 5));
    assert_true(is_sound(bytes, 0, 0));
}

static void a_bad_record_makes_the_reply_unsound(void **state) {
    uint8_t bytes[256];
    size_t size = write_reply(bytes, sizeof(bytes));

    (void)state;
    bytes[4 * SK__ANSWER_SIZE + SK__RECORD_SIZE + 16] = 0;
    assert_false(is_sound(bytes, size, 4));
    bytes[4 * SK__ANSWER_SIZE + SK__RECORD_SIZE + 16] = 8;
    assert_false(is_sound(bytes, size, 4));
}

static void every_status_of_the_business_is_read_and_no_other(void **state) {
    (void)state;
    for (int value = 0; value <= 255; value++) {
        uint8_t bytes[2] = {(uint8_t)value, 0};
        sk__reader reader = sk__reader_of(bytes, sizeof(bytes));
        sk__reader none = sk__reader_of(NULL, 0);
        sk__answer answer = sk__read_answer(&reader, &none);

        if (value <= SECKILL_BLACKLISTED || value == SK__ANSWER_AGAIN || value == SK__ANSWER_LOST || value == SK__ANSWER_SHORT)
            assert_int_equal(answer.status, value);
        else if (value == 200)
            assert_int_equal(answer.status, SECKILL_BUSY);
        else
            assert_true(reader.failed);
    }
}

static void unknown_flags_are_not_believed(void **state) {
    (void)state;
    for (int flags = 0; flags <= 255; flags++) {
        uint8_t bytes[2] = {SECKILL_SOLD_OUT, (uint8_t)flags};
        sk__reader reader = sk__reader_of(bytes, sizeof(bytes));
        sk__reader none = sk__reader_of(NULL, 0);
        sk__answer answer = sk__read_answer(&reader, &none);
        bool both = (flags & WITH_RECORD) != 0 && (flags & QUEUED) != 0;

        assert_int_equal(reader.failed, flags > 15 || both);
        if (!reader.failed) {
            assert_int_equal(answer.replayed, (flags & REPLAYED) != 0);
            assert_int_equal(answer.has_record, (flags & WITH_RECORD) != 0);
            assert_int_equal(answer.queued, (flags & QUEUED) != 0);
            assert_int_equal(answer.decided, (flags & DECIDED) != 0);
        }
    }
}

static void an_ok_needs_its_record(void **state) {
    uint8_t bytes[2] = {SECKILL_OK, 0};

    (void)state;
    assert_false(is_sound(bytes, sizeof(bytes), 1));
}

/* A record, a place, a refusal, a place that is lost. */
static size_t write_queue_reply(uint8_t *bytes, size_t size) {
    sk__writer writer = sk__writer_of(bytes, size);

    write_answer(&writer, SECKILL_OK, REPLAYED | WITH_RECORD);
    write_answer(&writer, SECKILL_OK, QUEUED);
    write_answer(&writer, SECKILL_SOLD_OUT, DECIDED);
    write_answer(&writer, SK__ANSWER_LOST, 0);
    write_record(&writer, SECKILL_RESERVED);
    sk__write_u64(&writer, 7);
    sk__write_u64(&writer, 9);
    sk__write_u48(&writer, 1234);
    assert_false(writer.failed);
    return writer.at;
}

static void places_are_read_behind_the_answers(void **state) {
    uint8_t bytes[256];
    size_t size = write_queue_reply(bytes, sizeof(bytes));
    sk__reader answers = sk__reader_of(bytes, size), bodies = sk__reader_of(bytes + 4 * SK__ANSWER_SIZE, size);
    sk__answer answer;

    (void)state;
    assert_true(is_sound_of(bytes, size, 4, true));
    assert_false(is_sound_of(bytes, size, 4, false)); /* other scripts know no places */
    for (size_t cut = 0; cut < size; cut++)
        assert_false(is_sound_of(bytes, cut, 4, true));
    assert_true(sk__read_answer(&answers, &bodies).record.shown.state == SECKILL_RESERVED);
    answer = sk__read_answer(&answers, &bodies);
    assert_true(answer.queued && answer.place.epoch == 7 && answer.place.n == 9 && answer.place.since_ms == 1234);
    answer = sk__read_answer(&answers, &bodies);
    assert_true(answer.decided && answer.status == SECKILL_SOLD_OUT);
    assert_true((int)sk__read_answer(&answers, &bodies).status == SK__ANSWER_LOST);
}

/* A ticket could not be made of them. */
static void places_out_of_range_are_not_believed(void **state) {
    const uint64_t numbers[] = {1, (uint64_t)SECKILL_AMOUNT_MAX, 0, (uint64_t)SECKILL_AMOUNT_MAX + 1, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint8_t bytes[32];
        sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
        uint64_t number = numbers[i / 2];
        bool good = number >= 1 && number <= (uint64_t)SECKILL_AMOUNT_MAX;

        write_answer(&writer, SECKILL_OK, QUEUED);
        sk__write_u64(&writer, i % 2 == 0 ? number : 1);
        sk__write_u64(&writer, i % 2 == 0 ? 1 : number);
        sk__write_u48(&writer, 1234);
        assert_int_equal(is_sound_of(bytes, writer.at, 1, true), good);
    }
}

static void a_place_outside_is_two_zeros(void **state) {
    uint8_t bytes[32] = {SECKILL_OK, QUEUED};

    (void)state;
    assert_true(is_sound_of(bytes, SK__ANSWER_SIZE + 22, 1, true));
    assert_false(is_sound_of(bytes, SK__ANSWER_SIZE + 22, 1, false));
}

static void ok_is_no_reason_for_a_refusal(void **state) {
    uint8_t bytes[256];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    (void)state;
    write_answer(&writer, SECKILL_OK, DECIDED | WITH_RECORD);
    write_record(&writer, SECKILL_RESERVED);
    assert_false(is_sound_of(bytes, writer.at, 1, true));
}

static void a_queue_cannot_have_decided_more_than_came(void **state) {
    uint8_t bytes[16];
    const uint64_t pairs[][3] = {{0, 0, 1}, {3, 5, 1}, {5, 5, 1}, {6, 5, 0}, {0, UINT64_C(1) << 53, 0}, {0, UINT64_MAX, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
        sk__reader reader = sk__reader_of(bytes, sizeof(bytes));

        sk__write_u64(&writer, pairs[i][0]);
        sk__write_u64(&writer, pairs[i][1]);
        (void)sk__read_progress(&reader);
        assert_int_equal(!reader.failed, pairs[i][2]);
    }
}

static void a_header_is_read(void **state) {
    uint8_t bytes[14];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
    sk__reader reader;
    sk__shard_header header;

    (void)state;
    sk__write_u64(&writer, 12);
    sk__write_u48(&writer, UINT64_C(1700000000123));
    for (size_t size = 0; size < sizeof(bytes); size++) {
        reader = sk__reader_of(bytes, size);
        (void)sk__read_shard_header(&reader);
        assert_true(reader.failed);
    }
    reader = sk__reader_of(bytes, sizeof(bytes));
    header = sk__read_shard_header(&reader);
    assert_true(sk__reader_done(&reader));
    assert_int_equal(header.settings_version, 12);
    assert_true(header.now_ms == INT64_C(1700000000123));
}

static void one_answer_for_all_is_read(void **state) {
    uint8_t bytes[30];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
    sk__reader reader;
    sk__answer answer;

    (void)state;
    sk__write_u8(&writer, SK__ANSWER_ALIKE);
    sk__write_u8(&writer, SECKILL_RESERVED + 16 * 15); /* the audit's stamp above it */
    sk__write_u32(&writer, 3);
    sk__write_u56(&writer, SECKILL_AMOUNT_MAX);
    sk__write_u48(&writer, UINT64_C(1700000000123));
    sk__write_u48(&writer, UINT64_C(1700000060123));
    sk__write_u32(&writer, 500);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        reader = sk__reader_of(bytes, size);
        assert_int_equal(sk__answers_are_alike(reader), size != 0);
        assert_int_equal(sk__read_alike(&reader, &answer), size == writer.at);
    }
    reader = sk__reader_of(bytes, writer.at);
    assert_true(sk__read_alike(&reader, &answer));
    assert_int_equal(answer.status, SECKILL_OK);
    assert_true(answer.has_record);
    assert_false(answer.replayed || answer.queued || answer.decided);
    assert_int_equal(answer.record.shown.state, SECKILL_RESERVED);
    assert_int_equal(answer.record.shown.quantity, 3);
    assert_true(answer.record.shown.ends_ms == INT64_C(1700000060123));
    assert_int_equal(answer.record.grace_ms, 500);
    for (int byte = 0; byte < 256; byte++) {
        bytes[1] = (uint8_t)byte;
        reader = sk__reader_of(bytes, writer.at);
        assert_int_equal(sk__read_alike(&reader, &answer), byte % 16 == SECKILL_RESERVED);
    }
    bytes[0] = 0;
    reader = sk__reader_of(bytes, writer.at);
    assert_false(sk__answers_are_alike(reader) || sk__read_alike(&reader, &answer));
}

static void places_behind_each_other_are_read(void **state) {
    uint8_t bytes[10];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
    sk__progress progress = {100, 120};
    sk__answer answer;
    sk__reader reader;

    (void)state;
    sk__write_u8(&writer, SK__ANSWER_ALIKE);
    sk__write_u64(&writer, 77);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        reader = sk__reader_of(bytes, size);
        assert_int_equal(sk__read_alike_places(&reader, 5, 1234, &progress, &answer), size == writer.at);
    }
    for (size_t count = 1; count < 30; count++) { /* no more of them wait than have come */
        reader = sk__reader_of(bytes, writer.at);
        assert_int_equal(sk__read_alike_places(&reader, count, 1234, &progress, &answer), count <= 20);
    }
    reader = sk__reader_of(bytes, writer.at);
    assert_true(sk__read_alike_places(&reader, 5, 1234, &progress, &answer));
    assert_int_equal(answer.status, SECKILL_OK);
    assert_true(answer.queued);
    assert_false(answer.replayed || answer.has_record || answer.decided);
    assert_int_equal(answer.place.epoch, 77);
    assert_int_equal(answer.place.n, 116);
    assert_int_equal(answer.place.since_ms, 1234);
    bytes[0] = 0;
    reader = sk__reader_of(bytes, writer.at);
    assert_false(sk__read_alike_places(&reader, 5, 1234, &progress, &answer));
    bytes[0] = SK__ANSWER_ALIKE;
    memset(bytes + 1, 0, 8); /* no epoch */
    reader = sk__reader_of(bytes, writer.at);
    assert_false(sk__read_alike_places(&reader, 5, 1234, &progress, &answer));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_whole),
        cmocka_unit_test(every_state_is_shown_and_no_other),
        cmocka_unit_test(a_refused_request_says_why),
        cmocka_unit_test(a_reply_cut_short_or_too_long_is_not_sound),
        cmocka_unit_test(a_bad_record_makes_the_reply_unsound),
        cmocka_unit_test(every_status_of_the_business_is_read_and_no_other),
        cmocka_unit_test(unknown_flags_are_not_believed),
        cmocka_unit_test(an_ok_needs_its_record),
        cmocka_unit_test(places_are_read_behind_the_answers),
        cmocka_unit_test(places_out_of_range_are_not_believed),
        cmocka_unit_test(a_place_outside_is_two_zeros),
        cmocka_unit_test(ok_is_no_reason_for_a_refusal),
        cmocka_unit_test(a_queue_cannot_have_decided_more_than_came),
        cmocka_unit_test(a_header_is_read),
        cmocka_unit_test(one_answer_for_all_is_read),
        cmocka_unit_test(places_behind_each_other_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
