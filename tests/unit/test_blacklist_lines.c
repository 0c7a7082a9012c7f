/* Lines of a blacklist: what is read, what is refused and why, and that what is written is read again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/subject.h"
#include "blacklist_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char trouble[BLACKLIST_TROUBLE];

/* Exactly as long as it is, so that a sanitizer sees who reads on. */
static int read_json(const char *text, size_t size, blacklist_line *line) {
    char *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, text, size);
    trouble[0] = '\0';
    int found = blacklist_line_json(copy, size, line, trouble);
    free(copy);
    return found;
}

static void expect_entry(const char *text, const char *kind, const char *value, size_t value_size, const char *reason,
                         int64_t until_ms) {
    blacklist_line line;
    memset(&line, 'x', sizeof line);
    if (read_json(text, strlen(text), &line) != BLACKLIST_LINE_ENTRY) {
        fail_msg("%s: %s", text, trouble);
    }
    assert_string_equal(line.kind, kind);
    assert_int_equal(line.value_size, value_size);
    assert_memory_equal(line.value, value, value_size);
    assert_int_equal(line.reason_size, strlen(reason));
    assert_memory_equal(line.reason, reason, strlen(reason));
    assert_int_equal(line.until_ms, until_ms);
}

static void entries_are_read(void **state) {
    (void)state;
    expect_entry("{\"kind\":\"user\",\"value\":\"alice\"}", "user", "alice", 5, "", 0);
    expect_entry(" \t{\"kind\":\"device\", \"value\":\"d 1\", \"reason\":\"a bot\", \"until\":\"2026-12-01T00:00:00.250Z\"}\r",
                 "device", "d 1", 3, "a bot", INT64_C(1796083200250));
    expect_entry("{\"kind\":\"user\",\"value\":{\"hex\":\"00fFa9\"},\"reason\":{\"hex\":\"61\"},\"since\":\"whatever\"}",
                 "user", "\0\xff\xa9", 3, "a", 0);
    expect_entry("{\"kind\":\"user\",\"value\":\"x\",\"until\":\"2026-12-01T00:00:00+08:00\"}", "user", "x", 1, "",
                 INT64_C(1796054400000));
    expect_entry("{\"kind\":\"address\",\"value\":\"::ffff:192.0.2.0/120\"}", "address", "192.0.2.0/24", 12, "", 0);
}

static void nothing_is_skipped_quietly(void **state) {
    (void)state;
    static const char *const empty[] = {"", " ", "\t \r", "#", "  # {\"kind\":\"user\"}"};
    blacklist_line line, terms = {.kind = "user"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_int_equal(read_json(empty[i], strlen(empty[i]), &line), BLACKLIST_LINE_EMPTY);
        assert_int_equal(blacklist_line_plain(empty[i], strlen(empty[i]), &terms, &line, trouble), BLACKLIST_LINE_EMPTY);
    }
}

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void faults_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"alice", "column 5: this is not well-formed JSON"},
        {"[]", "an object is wanted"},
        {"{\"kind\":\"user\",\"value\":\"a\"", "the text ends too early"},
        {"{\"kind\":\"user\",\"value\":\"a\"} x", "more text follows"},
        {"{\"kind\":\"user\",\"kind\":\"user\",\"value\":\"a\"}", "a member stands twice"},
        {"{\"kind\":\"user\",\"value\":\"\\u0000\"}", "a NUL is not taken"},
        {"{\"kind\":\"user\",\"value\":\"\xff\"}", "this is not UTF-8"},
        {"{\"value\":\"a\"}", "\"kind\" is missing"},
        {"{\"kind\":7,\"value\":\"a\"}", "\"kind\" must be a text of 1 to 16 bytes"},
        {"{\"kind\":\"a b\",\"value\":\"a\"}", "a kind is 1 to 16 of"},
        {"{\"kind\":\"seventeen_letters\",\"value\":\"a\"}", "\"kind\" must be a text of 1 to 16 bytes"},
        {"{\"kind\":\"user\"}", "a value has 1 to 64 bytes"},
        {"{\"kind\":\"user\",\"value\":\"\"}", "a value has 1 to 64 bytes"},
        {"{\"kind\":\"user\",\"value\":null}", "\"value\" must be a text, or {\"hex\":\"...\"}, of at most 64 bytes"},
        {"{\"kind\":\"user\",\"value\":\"x" X64 "\"}", "\"value\" must be a text"},
        {"{\"kind\":\"user\",\"value\":{\"hex\":\"a\"}}", "\"value\" must be a text"},
        {"{\"kind\":\"user\",\"value\":{\"hex\":\"0g\"}}", "\"value\" must be a text"},
        {"{\"kind\":\"user\",\"value\":{\"hex\":7}}", "\"value\" must be a text"},
        {"{\"kind\":\"user\",\"value\":{\"hex\":\"aa\",\"more\":1}}", "\"value\" must be a text"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"reason\":\"x" X64 "\"}", "\"reason\" must be a text"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"reason\":7}", "\"reason\" must be a text"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"untill\":\"x\"}", "there is no member \"untill\""},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":7}", "\"until\" must be a text"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"+10m\"}", "\"until\" must be a time with its zone"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"now\"}", "\"until\" must be a time with its zone"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"2026-12-01\"}", "\"until\" must be a time with its zone"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"2026-12-01T00:00:00\"}", "\"until\" must be a time with its zone"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"1970-01-01T00:00:00Z\"}", "\"until\" must be a time with its zone"},
        {"{\"kind\":\"user\",\"value\":\"a\",\"until\":\"1970-01-01T00:00:00+08:00\"}", "\"until\" must be a time"},
        {"{\"kind\":\"address\",\"value\":\"nowhere\"}", "this is no address"},
        {"{\"kind\":\"address\",\"value\":\"192.0.2.1/24\"}", "the address has bits behind its prefix"},
        {"{\"kind\":\"address\",\"value\":{\"hex\":\"3100\"}}", "this is no address"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        blacklist_line line;
        if (read_json(rows[i].text, strlen(rows[i].text), &line) != BLACKLIST_LINE_FAULT || !strstr(trouble, rows[i].why)) {
            fail_msg("%s: %s", rows[i].text, trouble);
        }
    }
}

static void plain_lines_are_values(void **state) {
    (void)state;
    const blacklist_line terms = {.kind = "user", .reason = "bots", .reason_size = 4, .until_ms = 7};
    const blacklist_line networks = {.kind = "address"};
    blacklist_line line;
    assert_int_equal(blacklist_line_plain("  {a} b\0\xff \r", 11, &terms, &line, trouble), BLACKLIST_LINE_ENTRY);
    assert_string_equal(line.kind, "user");
    assert_int_equal(line.value_size, 7);
    assert_memory_equal(line.value, "{a} b\0\xff", 7);
    assert_int_equal(line.reason_size, 4);
    assert_int_equal(line.until_ms, 7);
    assert_int_equal(blacklist_line_plain(X64, 64, &terms, &line, trouble), BLACKLIST_LINE_ENTRY);
    assert_int_equal(blacklist_line_plain(X64 "x", 65, &terms, &line, trouble), BLACKLIST_LINE_FAULT);
    assert_int_equal(blacklist_line_plain("2001:DB8:0::/32", 15, &networks, &line, trouble), BLACKLIST_LINE_ENTRY);
    assert_int_equal(line.value_size, 13);
    assert_memory_equal(line.value, "2001:db8::/32", 13);
    assert_int_equal(blacklist_line_plain("10.0.0.0/33", 11, &networks, &line, trouble), BLACKLIST_LINE_FAULT);
}

/* The library reads addresses by itself: both must take the same for one, and mean the same by it. */
static void addresses_are_those_of_the_library(void **state) {
    (void)state;
    static const char *const texts[] = {
        "192.0.2.7",
        "192.0.2.7/32",
        "192.0.2.0/24",
        "0.0.0.0/0",
        "192.0.2.7/024",
        "192.0.2.7/",
        "192.0.2.7/33",
        "192.0.2.7/-1",
        "192.0.2.7/+1",
        "192.0.2.7/ 1",
        "192.0.2.7/1x",
        "192.0.2",
        "192.0.2.07",
        " 192.0.2.7",
        "::",
        "::/0",
        "::1",
        "2001:db8::/32",
        "2001:db8::1/32",
        "2001:DB8::A",
        "::ffff:192.0.2.7",
        "::ffff:0.0.0.0/96",
        "::ffff:0:0/95",
        "::fffe:0:0/95",
        "::ffff:1.2.3.4/128",
        "::1.2.3.4",
        "::ffff:1.2.3.0/120",
        "fe80::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7:8",
        "::/128",
        "::/129",
        "::/1000",
        "/",
        "x",
        "::ffff:1.2.3.4/32",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        seckill_subject given = {SECKILL_KIND_ADDRESS, {texts[i], strlen(texts[i])}};
        sk__subject one, other;
        blacklist_line line;
        int taken = blacklist_line_name(&line, SECKILL_KIND_ADDRESS, given.value, trouble);
        if (taken != sk__subject_of(&given, &one)) {
            fail_msg("%s: %s", texts[i], taken ? "taken" : trouble);
        }
        if (taken) {
            seckill_blacklist_entry entry = blacklist_line_entry(&line);
            assert_true(sk__subject_of(&entry.subject, &other));
            assert_int_equal(one.size, other.size);
            assert_memory_equal(one.bytes, other.bytes, one.size);
        }
    }
}

/* ---- there and back */

static void expect_round_trip(const seckill_blacklist_entry *entry) {
    blacklist_line line;
    json_t *object = blacklist_line_object(entry);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    assert_null(strchr(text, '\n'));
    assert_true(strlen(text) <= BLACKLIST_LINE_MAX);
    if (read_json(text, strlen(text), &line) != BLACKLIST_LINE_ENTRY) {
        fail_msg("%s: %s", text, trouble);
    }
    assert_string_equal(line.kind, entry->subject.kind);
    assert_int_equal(line.value_size, entry->subject.value.size);
    assert_memory_equal(line.value, entry->subject.value.data, line.value_size);
    assert_int_equal(line.reason_size, entry->reason.size);
    assert_memory_equal(line.reason, entry->reason.data, line.reason_size);
    assert_int_equal(line.until_ms, entry->until_ms);
    free(text);
    json_decref(object);
}

static void what_is_written_is_read_again(void **state) {
    (void)state;
    uint8_t value[SECKILL_SUBJECT_MAX], reason[SECKILL_REASON_MAX];
    for (int i = 0; i < 5000; i++) {
        seckill_blacklist_entry entry = {.subject = {"sixteen.letters-", {value, (size_t)(rand() % 64 + 1)}}};
        entry.reason = (seckill_bytes){reason, (size_t)(rand() % 65)};
        entry.until_ms = i % 2 ? (int64_t)rand() * 1000 + rand() % 1000 : 0;
        entry.since_ms = i;
        for (size_t at = 0; at < sizeof value; at++) {
            value[at] = (uint8_t)(rand() % (i % 3 ? 128 : 256));
            reason[at] = (uint8_t)(rand() % (i % 3 ? 256 : 128));
        }
        expect_round_trip(&entry);
    }
    expect_round_trip(&(seckill_blacklist_entry){.subject = {"user", {"\x01\"\\\n\xc3\xa9", 6}}, .reason = {"", 0}});
}

/* Whatever stands there: an entry is one that the library takes. */
static void damaged_lines_do_no_harm(void **state) {
    (void)state;
    static const char good[] = "{\"kind\":\"address\",\"value\":\"2001:db8::/32\",\"until\":\"2026-12-01T00:00:00Z\","
                               "\"reason\":{\"hex\":\"00ff\"}}";
    char text[sizeof good];
    for (int i = 0; i < 20000; i++) {
        memcpy(text, good, sizeof good);
        for (int j = rand() % 3; j >= 0; j--) {
            text[(size_t)rand() % (sizeof good - 1)] = (char)(rand() % 4 ? good[(size_t)rand() % (sizeof good - 1)] : rand());
        }
        blacklist_line line;
        sk__subject subject;
        if (read_json(text, (size_t)rand() % sizeof good, &line) == BLACKLIST_LINE_ENTRY) {
            seckill_blacklist_entry entry = blacklist_line_entry(&line);
            assert_true(sk__subject_of(&entry.subject, &subject));
            assert_true(entry.reason.size <= SECKILL_REASON_MAX && entry.until_ms >= 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_read),
        cmocka_unit_test(nothing_is_skipped_quietly),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(plain_lines_are_values),
        cmocka_unit_test(addresses_are_those_of_the_library),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(damaged_lines_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
