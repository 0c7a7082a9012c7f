/* Claims as JSON, and times.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/claims.h"
#include "token/iso8601.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "{\"sub\":\"alice\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\","
#define TIMES "\"iat\":\"2026-11-22T17:11:21.123Z\",\"hold\":\"2026-11-22T17:21:21.123Z\",\"exp\":\"2026-11-22T17:22:21.123Z\""
#define TAIL ",\"qty\":2,\"price\":1999}"

static const int64_t issued_ms = INT64_C(1795367481123);

static seckill_status read_as(seckill_token_purpose purpose, const char *json, seckill_reservation_ref *ref) {
    sk__claims claims;
    bool good = sk__claims_read(purpose, (const uint8_t *)json, strlen(json), &claims);
    *ref = claims.ref;
    return good ? SECKILL_OK : SECKILL_TOKEN_CLAIMS;
}

static seckill_status read_text(const char *json) {
    seckill_reservation_ref ref;
    return read_as(SECKILL_TOKEN_RESERVATION, json, &ref);
}

static void check_alice(const char *json) {
    static const uint8_t id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
    seckill_reservation_ref ref;
    assert_int_equal(read_as(SECKILL_TOKEN_RESERVATION, json, &ref), SECKILL_OK);
    assert_int_equal(ref.user_size, 5);
    assert_memory_equal(ref.user, "alice", 5);
    assert_string_equal(ref.activity, "618");
    assert_string_equal(ref.item, "10001");
    assert_memory_equal(ref.reservation_id, id, sizeof id);
    assert_int_equal(ref.quantity, 2);
    assert_true(ref.price == 1999 && ref.issued_ms == issued_ms);
    assert_true(ref.hold_until_ms == issued_ms + 600000 && ref.valid_until_ms == issued_ms + 660000);
}

/* In any order, with any spacing and escapes that JSON allows: other programs write differently. */
static void any_json_of_these_claims_is_read(void **state) {
    (void)state;
    check_alice(HEAD TIMES TAIL);
    check_alice("{" TIMES
                ",\"price\":1999,\"qty\":2,\"jti\":\"000102030405060708090a0b0c0d0eff\",\"aud\":\"618/10001\",\"sub\":"
                "\"alice\"}");
    check_alice(" { \"sub\" : \"\\u0061lice\",\t\"aud\":\"618\\/10001\",\n\"jti\":\"000102030405060708090a0b0c0d0eff\","
                "" TIMES TAIL "\r\n");
}

/* Each of these is wrong, with a space before it too. */
static void what_is_not_these_claims_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "\"sub\"",
        HEAD TIMES ",\"qty\":2}",                                 /* one missing */
        HEAD TIMES ",\"qty\":2,\"price\":1999,\"nbf\":1}",        /* one more */
        HEAD TIMES ",\"qty\":2,\"price\":1999,\"qty\":2}",        /* one twice */
        HEAD TIMES ",\"qty\":2,\"price\":1999,\"sub64\":\"_w\"}", /* both forms of the user */
        HEAD TIMES ",\"qty\":2,\"price\":1999,}",
        HEAD TIMES ",\"qty\":2,\"price\":1999}}",
        HEAD TIMES ",\"qty\":2,\"price\":1999",
        HEAD TIMES ",\"qty\":2,\"price\":1999}{}",
        HEAD TIMES ",\"qty\":02,\"price\":1999}",
        HEAD TIMES ",\"qty\":0,\"price\":1999}",
        HEAD TIMES ",\"qty\":-2,\"price\":1999}",
        HEAD TIMES ",\"qty\":2.0,\"price\":1999}",
        HEAD TIMES ",\"qty\":2e0,\"price\":1999}",
        HEAD TIMES ",\"qty\":\"2\",\"price\":1999}",
        HEAD TIMES ",\"qty\":true,\"price\":1999}",
        HEAD TIMES ",\"qty\":,\"price\":1999}",
        HEAD TIMES ",\"qty\":4294967296,\"price\":1999}",
        HEAD TIMES ",\"qty\":2,\"price\":-1}",
        HEAD TIMES ",\"qty\":2,\"price\":null}",
        HEAD TIMES ",\"qty\":2,\"price\":9007199254740992}",
        HEAD TIMES ",\"qty\":2,\"price\":99999999999999999999}",
        HEAD TIMES ",\"qty\":2,\"price\":{\"a\":1}}",
        HEAD TIMES ",\"qty\":2,\"\":1999}",
        "{\"sub\":\"\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":5,\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"a\x7f\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"a\xff\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"a\\n\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"a\\u0000\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub64\":\"YWxpY2U\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL, /* printable */
        "{\"sub64\":\"_x\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL, /* a spare bit */
        "{\"sub64\":\"_w==\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub64\":\"\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"61810001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"618/100/01\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"/10001\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"618/\",\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":[\"618/10001\"],\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090A0B0C0D0EFF\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0ef\"," TIMES TAIL,
        "{\"sub\":\"alice\",\"aud\":\"618/10001\",\"jti\":\"000102030405060708090a0b0c0d0efg\"," TIMES TAIL,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char spaced[512];
        assert_int_equal(read_text(texts[i]), SECKILL_TOKEN_CLAIMS);
        snprintf(spaced, sizeof spaced, " %s", texts[i]);
        assert_int_equal(read_text(spaced), SECKILL_TOKEN_CLAIMS);
    }
}

/* jansson is the judge of what is JSON: whatever is accepted, it accepts too, and reads the same. Every byte of the claims is
 * replaced by every other, one at a time, in a text with spaces and escapes. */
static void what_is_accepted_is_json(void **state) {
    (void)state;
    char text[] = "{\"sub\": \"\\u7Ad2\\ud83D\\uDe00\\\\\\\"\",\"aud\":\"618\\/10001\", "
                  "\"jti\":\"000102030405060708090a0b0c0d0eff\"," TIMES TAIL;
    size_t accepted = 0;
    for (size_t at = 0; at < sizeof text - 1; at++)
        for (int byte = 0; byte < 256; byte++) {
            sk__claims claims;
            char was = text[at];
            text[at] = (char)byte;
            if (sk__claims_read(SECKILL_TOKEN_RESERVATION, (const uint8_t *)text, sizeof text - 1, &claims)) {
                seckill_reservation_ref ref = claims.ref;
                json_t *judged = json_loadb(text, sizeof text - 1, JSON_REJECT_DUPLICATES, NULL);
                const json_t *sub = json_object_get(judged, "sub");
                assert_int_equal(json_string_length(sub), ref.user_size);
                assert_memory_equal(json_string_value(sub), ref.user, ref.user_size);
                assert_true(json_integer_value(json_object_get(judged, "price")) == ref.price);
                json_decref(judged);
                accepted++;
            }
            text[at] = was;
        }
    assert_true(accepted > sizeof text);
}

/* Not one byte may be missing, and the reader must not look past the end (the text is from malloc, without a NUL). */
static void a_cut_text_is_refused(void **state) {
    (void)state;
    static const char whole[] = " " HEAD TIMES TAIL;
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        sk__claims claims;
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        uint8_t *exact = cut + 1; /* ends where the allocation ends */
        memcpy(exact, whole, size);
        assert_false(sk__claims_read(SECKILL_TOKEN_RESERVATION, exact, size, &claims));
        free(cut);
    }
}

static void escapes(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "\\",      "\\x",     "\\u", "\\u12", "\\u123g", "\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u0041",
        "\\ude00", "\\U0041", "\\0", "\\'",   "\\u0000", "\\u001f", "\\u0080",  "\\t"};
    char json[256];
    seckill_reservation_ref ref;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(json, sizeof json,
                 "{\"sub\":\"%s\",\"iat\":\"2026-11-22T17:11:21.123Z\",\"exp\":\"2026-11-23T17:11:21.123Z\"}", wrong[i]);
        assert_int_equal(read_as(SECKILL_TOKEN_SESSION, json, &ref), SECKILL_TOKEN_CLAIMS);
    }
    snprintf(json, sizeof json,
             "{\"s\\u0075b\":\"%s\",\"iat\":\"2026-11-22T17:11:21.123Z\",\"exp\":\"2026-11-23T17:11:21.123Z\"}",
             "\\\"\\\\\\/\\u0041\\u00e9\\u79d2\\uD83D\\ude00");
    assert_int_equal(read_as(SECKILL_TOKEN_SESSION, json, &ref), SECKILL_OK);
    assert_int_equal(ref.user_size, 13);
    assert_memory_equal(ref.user, "\"\\/A\xc3\xa9\xe7\xa7\x92\xf0\x9f\x98\x80", 13);
}

static void ranges_between_claims(void **state) {
    (void)state;
    static const char *const times[] = {
        /* issued not before the end; hold before issued, or after the end */
        "\"iat\":\"2026-11-22T17:22:21.123Z\",\"hold\":\"2026-11-22T17:22:21.123Z\",\"exp\":\"2026-11-22T17:22:21.123Z\"",
        "\"iat\":\"2026-11-22T17:11:21.123Z\",\"hold\":\"2026-11-22T17:11:21.122Z\",\"exp\":\"2026-11-22T17:22:21.123Z\"",
        "\"iat\":\"2026-11-22T17:11:21.123Z\",\"hold\":\"2026-11-22T17:22:21.124Z\",\"exp\":\"2026-11-22T17:22:21.123Z\"",
        "\"iat\":\"2026-11-22T17:11:21Z\",\"hold\":\"2026-11-22T17:21:21.123Z\",\"exp\":\"2026-11-22T17:22:21.123Z\"",
        "\"iat\":1795367481123,\"hold\":\"2026-11-22T17:21:21.123Z\",\"exp\":\"2026-11-22T17:22:21.123Z\""};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char json[512];
        snprintf(json, sizeof json, "%s%s%s", HEAD, times[i], TAIL);
        assert_int_equal(read_text(json), SECKILL_TOKEN_CLAIMS);
    }
}

static void a_session_has_its_own_claims(void **state) {
    (void)state;
    static const char session[] =
        "{\"sub\":\"alice\",\"iat\":\"2026-11-22T17:11:21.123Z\",\"exp\":\"2026-11-23T17:11:21.123Z\"}";
    seckill_reservation_ref ref, zero;
    memset(&ref, 0xff, sizeof ref);
    memset(&zero, 0, sizeof zero);
    assert_int_equal(read_as(SECKILL_TOKEN_SESSION, session, &ref), SECKILL_OK);
    assert_string_equal(ref.activity, "");
    assert_true(ref.hold_until_ms == 0 && ref.quantity == 0 && ref.price == 0 && ref.issued_ms == issued_ms);
    assert_int_equal(read_as(SECKILL_TOKEN_RESERVATION, session, &ref), SECKILL_TOKEN_CLAIMS);
    assert_memory_equal(&ref, &zero, sizeof ref);
    assert_int_equal(read_as(SECKILL_TOKEN_SESSION, HEAD TIMES TAIL, &ref), SECKILL_TOKEN_CLAIMS);
    assert_memory_equal(&ref, &zero, sizeof ref);
}

#define TICKET_HEAD HEAD "\"qty\":2,\"iat\":\"2026-11-22T17:11:21.123Z\",\"exp\":\"2026-11-22T17:13:21.123Z\","

static void a_ticket_has_its_own_claims(void **state) {
    (void)state;
    static const char ticket[] = TICKET_HEAD "\"shard\":1023,\"epoch\":9007199254740991,\"n\":1}";
    sk__claims claims;
    seckill_reservation_ref ref;
    assert_true(sk__claims_read(SECKILL_TOKEN_TICKET, (const uint8_t *)ticket, sizeof ticket - 1, &claims));
    assert_true(claims.shard == 1023 && claims.epoch == 9007199254740991 && claims.n == 1 && claims.ref.quantity == 2);
    assert_true(claims.ref.issued_ms == issued_ms && claims.ref.valid_until_ms == issued_ms + 120000);
    assert_true(claims.ref.hold_until_ms == 0 && claims.ref.price == 0);
    static const char outside[] = TICKET_HEAD "\"shard\":1,\"epoch\":0,\"n\":0}";
    assert_true(sk__claims_read(SECKILL_TOKEN_TICKET, (const uint8_t *)outside, sizeof outside - 1, &claims));
    assert_true(claims.shard == 1 && claims.epoch == 0 && claims.n == 0);
    assert_int_equal(read_as(SECKILL_TOKEN_RESERVATION, ticket, &ref), SECKILL_TOKEN_CLAIMS);
    assert_int_equal(read_as(SECKILL_TOKEN_SESSION, ticket, &ref), SECKILL_TOKEN_CLAIMS);
    assert_int_equal(read_as(SECKILL_TOKEN_TICKET, HEAD TIMES TAIL, &ref), SECKILL_TOKEN_CLAIMS);

    static const char *const wrong[] = {
        TICKET_HEAD "\"shard\":1,\"epoch\":1}",
        TICKET_HEAD "\"shard\":1,\"n\":1}",
        TICKET_HEAD "\"epoch\":1,\"n\":1}",
        TICKET_HEAD "\"shard\":1024,\"epoch\":1,\"n\":1}",
        TICKET_HEAD "\"shard\":1,\"epoch\":0,\"n\":1}",
        TICKET_HEAD "\"shard\":1,\"epoch\":1,\"n\":0}",
        TICKET_HEAD "\"shard\":1,\"epoch\":9007199254740992,\"n\":1}",
        TICKET_HEAD "\"shard\":1,\"epoch\":1,\"n\":9007199254740992}",
        TICKET_HEAD "\"shard\":\"1\",\"epoch\":1,\"n\":1}",
        TICKET_HEAD "\"shard\":1,\"epoch\":\"1\",\"n\":1}",
        TICKET_HEAD "\"shard\":1,\"epoch\":1,\"n\":\"1\"}",
        TICKET_HEAD "\"shard\":1,\"epoch\":1,\"n\":1,\"price\":1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_as(SECKILL_TOKEN_TICKET, wrong[i], &ref), SECKILL_TOKEN_CLAIMS);
}

/* ---- times */

static void check_time(int64_t milliseconds, const char *expected) {
    char text[SK__ISO8601_SIZE];
    int64_t back = -1;
    assert_true(sk__iso8601_write(milliseconds, text));
    assert_memory_equal(text, expected, sizeof text);
    assert_true(sk__iso8601_read(expected, strlen(expected), &back));
    assert_true(back == milliseconds);
}

static void times(void **state) {
    (void)state;
    check_time(0, "1970-01-01T00:00:00.000Z");
    check_time(issued_ms, "2026-11-22T17:11:21.123Z");
    check_time(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_time(INT64_C(4107542399999), "2100-02-28T23:59:59.999Z");
    check_time(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
    check_time(SK__ISO8601_MAX, "9999-12-31T23:59:59.999Z");
    char text[SK__ISO8601_SIZE];
    assert_false(sk__iso8601_write(-1, text));
    assert_false(sk__iso8601_write(SK__ISO8601_MAX + 1, text));
    assert_false(sk__iso8601_write(INT64_MIN, text) || sk__iso8601_write(INT64_MAX, text));
}

/* Each day of eight thousand years, one after the other, there and back. */
static void every_day_is_the_one_after(void **state) {
    (void)state;
    char before[SK__ISO8601_SIZE] = "", text[SK__ISO8601_SIZE];
    for (int64_t ms = 86399999; ms <= SK__ISO8601_MAX; ms += 86400000) {
        int64_t back;
        assert_true(sk__iso8601_write(ms, text));
        assert_true(sk__iso8601_read(text, sizeof text, &back));
        assert_true(back == ms);
        assert_true(memcmp(before, text, sizeof text) < 0);
        memcpy(before, text, sizeof text);
    }
    assert_memory_equal(text, "9999-12-31T23:59:59.999Z", sizeof text);
}

static void what_is_no_time(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "2026-11-22T17:11:21Z",
        "2026-11-22T17:11:21.123",
        "2026-11-22t17:11:21.123Z",
        "2026-11-22 17:11:21.123Z",
        "2026-11-22T17:11:21.123z",
        "2026-11-22T17:11:21.123ZZ",
        "2026-11-22T17:11:21,123Z",
        "2026-02-29T00:00:00.000Z",
        "2100-02-29T00:00:00.000Z",
        "2026-04-31T00:00:00.000Z",
        "2026-00-01T00:00:00.000Z",
        "2026-13-01T00:00:00.000Z",
        "2026-01-00T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z",
        "2026-01-01T00:60:00.000Z",
        "2026-12-31T23:59:60.000Z",
        "1969-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00.000Z",
        "+026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.-00Z",
        "20 6-01-01T00:00:00.000Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t back = 7;
        assert_false(sk__iso8601_read(texts[i], strlen(texts[i]), &back));
        assert_true(back == 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_json_of_these_claims_is_read),
        cmocka_unit_test(what_is_not_these_claims_is_refused),
        cmocka_unit_test(what_is_accepted_is_json),
        cmocka_unit_test(a_cut_text_is_refused),
        cmocka_unit_test(escapes),
        cmocka_unit_test(ranges_between_claims),
        cmocka_unit_test(a_session_has_its_own_claims),
        cmocka_unit_test(a_ticket_has_its_own_claims),
        cmocka_unit_test(times),
        cmocka_unit_test(every_day_is_the_one_after),
        cmocka_unit_test(what_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
