/* Bounds-checked reading and writing, base64url, UTF-8.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"
#include "base/utf8.h"
#include "base/wire.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void integers_are_big_endian(void **state) {
    (void)state;
    uint8_t buffer[28];
    sk__writer writer = sk__writer_of(buffer, sizeof buffer);
    sk__write_u8(&writer, 0x01);
    sk__write_u16(&writer, 0x0203);
    sk__write_u32(&writer, 0x04050607);
    sk__write_u48(&writer, UINT64_C(0x08090a0b0c0d));
    sk__write_u56(&writer, UINT64_C(0x0e0f1011121314));
    sk__write_u64(&writer, UINT64_C(0x15161718191a1b1c));
    assert_false(writer.failed);
    assert_int_equal(writer.at, sizeof buffer);
    for (size_t i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], i + 1);

    sk__reader reader = sk__reader_of(buffer, sizeof buffer);
    assert_int_equal(sk__read_u8(&reader), 0x01);
    assert_int_equal(sk__read_u16(&reader), 0x0203);
    assert_int_equal(sk__read_u32(&reader), 0x04050607);
    assert_true(sk__read_u48(&reader) == UINT64_C(0x08090a0b0c0d));
    assert_true(sk__read_u56(&reader) == UINT64_C(0x0e0f1011121314));
    assert_false(sk__reader_done(&reader));
    assert_int_equal(sk__reader_left(&reader), 8);
    assert_true(sk__read_u64(&reader) == UINT64_C(0x15161718191a1b1c));
    assert_true(sk__reader_done(&reader));
}

static void extremes_survive(void **state) {
    (void)state;
    uint8_t buffer[28];
    sk__writer writer = sk__writer_of(buffer, sizeof buffer);
    sk__write_u8(&writer, UINT8_MAX);
    sk__write_u16(&writer, UINT16_MAX);
    sk__write_u32(&writer, UINT32_MAX);
    sk__write_u48(&writer, (UINT64_C(1) << 48) - 1);
    sk__write_u56(&writer, (UINT64_C(1) << 56) - 1);
    sk__write_u64(&writer, UINT64_MAX);
    assert_false(writer.failed);
    for (size_t i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0xff);
    sk__reader reader = sk__reader_of(buffer + 1, sizeof buffer - 1);
    assert_int_equal(sk__read_u16(&reader), UINT16_MAX);
    assert_true(sk__read_u32(&reader) == UINT32_MAX);
    assert_true(sk__read_u48(&reader) == (UINT64_C(1) << 48) - 1);
    assert_true(sk__read_u56(&reader) == (UINT64_C(1) << 56) - 1);
    assert_true(sk__read_u64(&reader) == UINT64_MAX);
}

static void values_that_do_not_fit_are_refused(void **state) {
    (void)state;
    uint8_t buffer[16];
    sk__writer writer = sk__writer_of(buffer, sizeof buffer);
    sk__write_u48(&writer, UINT64_C(1) << 48);
    assert_true(writer.failed);
    writer = sk__writer_of(buffer, sizeof buffer);
    sk__write_u56(&writer, UINT64_C(1) << 56);
    assert_true(writer.failed);
    sk__write_u8(&writer, 1);
    assert_int_equal(writer.at, 0);
}

/* The buffers are from malloc and exactly as long, so that a sanitizer or valgrind sees one byte too many. */
static void reading_past_the_end_sticks(void **state) {
    (void)state;
    uint8_t *data = malloc(3);
    assert_non_null(data);
    memcpy(data, "\1\2\3", 3);
    sk__reader reader = sk__reader_of(data, 3);
    assert_int_equal(sk__read_u16(&reader), 0x0102);
    assert_int_equal(sk__read_u16(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(sk__read_u8(&reader), 0);
    assert_int_equal(sk__reader_left(&reader), 0);
    assert_null(sk__read_bytes(&reader, 1).data);
    uint8_t filled[2] = {9, 9};
    sk__read_into(&reader, filled, sizeof filled);
    assert_memory_equal(filled, "\0\0", 2);
    assert_false(sk__reader_done(&reader));
    free(data);
}

static void sizes_do_not_overflow(void **state) {
    (void)state;
    uint8_t data[4] = {1, 2, 3, 4};
    sk__reader reader = sk__reader_of(data, sizeof data);
    assert_int_equal(sk__read_u8(&reader), 1);
    assert_null(sk__read_bytes(&reader, SIZE_MAX).data);
    assert_true(reader.failed);
    sk__writer writer = sk__writer_of(data, sizeof data);
    sk__write_u8(&writer, 1);
    assert_null(sk__write_space(&writer, SIZE_MAX));
    assert_true(writer.failed);
}

static void writing_is_all_or_nothing(void **state) {
    (void)state;
    char *data = malloc(6);
    assert_non_null(data);
    memset(data, 'x', 6);
    sk__writer writer = sk__writer_of(data, 6);
    sk__write_text(&writer, "abcd");
    sk__write_decimal(&writer, 123);
    assert_true(writer.failed);
    sk__write_u8(&writer, 'e');
    assert_memory_equal(data, "abcdxx", 6);
    assert_int_equal(sk__written(&writer).size, 4);
    free(data);
}

static void ranges_point_into_the_buffer(void **state) {
    (void)state;
    const char text[] = "head:body";
    sk__reader reader = sk__reader_of(text, 9);
    seckill_bytes head = sk__read_bytes(&reader, 5);
    assert_ptr_equal(head.data, text);
    char body[4];
    sk__read_into(&reader, body, sizeof body);
    assert_memory_equal(body, "body", 4);
    assert_int_equal(sk__read_bytes(&reader, 0).size, 0);
    assert_true(sk__reader_done(&reader));
}

static void nothing_can_be_read_from_nothing(void **state) {
    (void)state;
    sk__reader reader = sk__reader_of(NULL, 0);
    assert_true(sk__reader_done(&reader));
    assert_int_equal(sk__read_bytes(&reader, 0).size, 0);
    assert_false(reader.failed);
    assert_int_equal(sk__read_u8(&reader), 0);
    assert_true(reader.failed);
    reader = sk__reader_of(NULL, 5);
    assert_true(reader.failed);
    sk__writer writer = sk__writer_of(NULL, 0);
    sk__write_bytes(&writer, NULL, 0);
    assert_false(writer.failed);
    sk__write_u8(&writer, 1);
    assert_true(writer.failed);
}

static void decimals(void **state) {
    (void)state;
    char text[64];
    sk__writer writer = sk__writer_of(text, sizeof text);
    sk__write_decimal(&writer, 0);
    sk__write_text(&writer, " ");
    sk__write_decimal(&writer, SECKILL_AMOUNT_MAX);
    sk__write_text(&writer, " ");
    sk__write_decimal(&writer, UINT64_MAX);
    sk__write_u8(&writer, 0);
    assert_string_equal(text, "0 9007199254740991 18446744073709551615");
}

/* ---- base64url: libsodium's codec is the judge */

static void base64_is_that_of_libsodium(void **state) {
    (void)state;
    uint8_t data[100] = {0}, back[100];
    char ours[200], theirs[200];
    for (size_t size = 0; size <= sizeof data; size++) {
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(i * 89 + size * 7);
        sk__base64_encode(data, size, ours);
        ours[SK__BASE64_TEXT(size)] = '\0';
        sodium_bin2base64(theirs, sizeof theirs, data, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        assert_string_equal(ours, theirs);
        assert_int_equal(SK__BASE64_BYTES(strlen(ours)), size);
        assert_int_equal(sk__base64_decode(ours, strlen(ours), back), SK__BASE64_OK);
        assert_memory_equal(back, data, size);
    }
}

/* Of texts of one to five characters with any last byte, exactly what libsodium takes; but libsodium 1.0.18 also takes bytes
 * from 0x80 on for letters, which are none. */
static void base64_accepts_what_libsodium_accepts(void **state) {
    (void)state;
    for (size_t size = 1; size <= 5; size++)
        for (int last = 0; last < 256; last++) {
            char text[6] = "AAAA";
            uint8_t back[4];
            size_t written;
            text[size - 1] = (char)last;
            const char *end = NULL;
            int theirs = sodium_base642bin(back, sizeof back, text, size, NULL, &written, &end,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING);
            bool accepted = theirs == 0 && end == text + size && last < 0x80;
            assert_int_equal(sk__base64_decode(text, size, back) == SK__BASE64_OK, accepted);
        }
}

static void base64_tells_cut_from_bad(void **state) {
    (void)state;
    uint8_t back[8];
    assert_int_equal(sk__base64_decode("A", 1, back), SK__BASE64_CUT);
    assert_int_equal(sk__base64_decode("AB", 2, back), SK__BASE64_CUT); /* a spare bit is set */
    assert_int_equal(sk__base64_decode("AAB", 3, back), SK__BASE64_CUT);
    assert_int_equal(sk__base64_decode("A=", 2, back), SK__BASE64_BAD);
    assert_int_equal(sk__base64_decode("AA==", 4, back), SK__BASE64_BAD);
    assert_int_equal(sk__base64_decode("AA+A", 4, back), SK__BASE64_BAD);
    assert_int_equal(sk__base64_decode("AA/A", 4, back), SK__BASE64_BAD);
    assert_int_equal(sk__base64_decode("AA\nA", 4, back), SK__BASE64_BAD);
    assert_int_equal(sk__base64_decode("", 0, back), SK__BASE64_OK);
    assert_true(sk__base64_alphabet("Az09-_", 6));
    assert_false(sk__base64_alphabet("Az09-_=", 7));
    assert_false(sk__base64_alphabet("\xff", 1));
}

/* ---- UTF-8 */

static bool printable(const char *text) {
    return sk__utf8_printable(text, strlen(text));
}

static void utf8_that_is_printable(void **state) {
    (void)state;
    assert_true(sk__utf8_printable("", 0));
    assert_true(printable(" azAZ~\"\\"));
    assert_true(printable("\xc2\xa0\xdf\xbf"));                 /* U+00A0, U+07FF */
    assert_true(printable("\xe0\xa0\x80\xed\x9f\xbf"));         /* U+0800, U+D7FF */
    assert_true(printable("\xee\x80\x80\xef\xbf\xbf"));         /* U+E000, U+FFFF */
    assert_true(printable("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")); /* U+10000, U+10FFFF */
    assert_true(printable("\xe7\xa7\x92\xe6\x9d\x80"));
}

static void utf8_that_is_not(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\x1f",     "\x7f",         "\n",           "\xc2\x80",         "\xc2\x9f",         "\x80",     "\xbf",     "\xc0\x80",
        "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",     "\xf0\x8f\xbf\xbf", "\xf5\x80", "\xff",     "\xc3",
        "\xe7\xa7", "\xf0\x9f\x98", "\xc3\x28",     "\xf4\x90\x80\x80", "a\xe7\xa7",        "\xfe\xbf", "\xe7(\xa7"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(printable(texts[i]));
    assert_false(sk__utf8_printable("a\0b", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(extremes_survive),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(reading_past_the_end_sticks),
        cmocka_unit_test(sizes_do_not_overflow),
        cmocka_unit_test(writing_is_all_or_nothing),
        cmocka_unit_test(ranges_point_into_the_buffer),
        cmocka_unit_test(nothing_can_be_read_from_nothing),
        cmocka_unit_test(decimals),
        cmocka_unit_test(base64_is_that_of_libsodium),
        cmocka_unit_test(base64_accepts_what_libsodium_accepts),
        cmocka_unit_test(base64_tells_cut_from_bad),
        cmocka_unit_test(utf8_that_is_printable),
        cmocka_unit_test(utf8_that_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
