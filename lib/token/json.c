/* A flat JSON object of strings and integers.
 *
 * Own code, after a trial with jansson: that allocates some thirty times for a token, takes longer than the cryptography, and
 * does not tell an allocation that failed from a text that is wrong. Here nothing is allocated and nothing nests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/json.h"

#include "base/wire.h"

#include <string.h>

enum { DIGITS_MAX = 16 }; /* fits in 63 bits, and holds SECKILL_AMOUNT_MAX */

/* The next byte, or -1 at the end. Nothing here reads past it, so the reader never fails. */
static int peek(const sk__reader *in) {
    return in->at == in->size ? -1 : in->data[in->at];
}

static bool accept(sk__reader *in, char character) {
    if (peek(in) != (unsigned char)character)
        return false;
    in->at++;
    return true;
}

static void skip_spaces(sk__reader *in) {
    for (int c = peek(in); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(in))
        in->at++;
}

static bool accept_spaced(sk__reader *in, char character) {
    skip_spaces(in);
    return accept(in, character);
}

/* ---- strings */

static uint32_t hexadecimal_digit(int c) {
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 16;
}

/* The four digits of \uXXXX. */
static bool read_unit(sk__reader *in, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = hexadecimal_digit(peek(in));
        if (digit > 15)
            return false;
        *unit = *unit << 4 | digit;
        in->at++;
    }
    return true;
}

/* What follows "\u": a character, or a pair of surrogates for one past U+FFFF. */
static bool read_code_point(sk__reader *in, uint32_t *code_point) {
    if (!read_unit(in, code_point))
        return false;
    if (*code_point < 0xd800 || *code_point > 0xdfff)
        return true;
    uint32_t low;
    if (*code_point > 0xdbff || !accept(in, '\\') || !accept(in, 'u') || !read_unit(in, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *code_point = 0x10000 + ((*code_point - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static void write_utf8(sk__writer *out, uint32_t code_point) {
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (code_point < 0x80) {
        sk__write_u8(out, (uint8_t)code_point);
        return;
    }
    uint32_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    sk__write_u8(out, (uint8_t)(leads[length] | code_point >> 6 * (length - 1)));
    for (uint32_t i = length - 1; i > 0; i--)
        sk__write_u8(out, (uint8_t)(0x80 | (code_point >> 6 * (i - 1) & 0x3f)));
}

/* What follows a backslash. */
static bool read_escape(sk__reader *in, sk__writer *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (accept(in, 'u')) {
        uint32_t code_point;
        if (!read_code_point(in, &code_point))
            return false;
        write_utf8(out, code_point);
        return true;
    }
    for (size_t i = 0; i < sizeof names - 1; i++)
        if (accept(in, names[i])) {
            sk__write_u8(out, (uint8_t)values[i]);
            return true;
        }
    return false;
}

/* Whether one of eight bytes is a quote, a backslash or a control character. Of a word, (x - 0x01..01) & ~x & 0x80..80 is zero
 * where no byte of x is. Source: Bit Twiddling Hacks, https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord. */
static bool ends_run(const uint8_t bytes[8]) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t quote = word ^ '"' * ones, backslash = word ^ '\\' * ones;
    uint64_t found = ((word - 0x20 * ones) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    return (found & 0x80 * ones) != 0;
}

/* The bytes before the next quote, backslash or control character, or the end. */
static seckill_bytes read_run(sk__reader *in) {
    const uint8_t *start = in->data + in->at;
    size_t size = 0, left = in->size - in->at;
    while (left - size >= 8 && !ends_run(start + size))
        size += 8;
    while (size < left && start[size] >= 0x20 && start[size] != '"' && start[size] != '\\')
        size++;
    in->at += size;
    seckill_bytes run = {start, size};
    return run;
}

/* A string after its opening quote: where it stands, or unescaped into `buffer`. */
static bool read_string(sk__reader *in, uint8_t buffer[SK__JSON_STRING_MAX], seckill_bytes *string) {
    *string = read_run(in);
    if (accept(in, '"'))
        return string->size <= SK__JSON_STRING_MAX;
    sk__writer out = sk__writer_of(buffer, SK__JSON_STRING_MAX);
    sk__write_bytes(&out, string->data, string->size);
    while (!out.failed && accept(in, '\\') && read_escape(in, &out)) {
        seckill_bytes run = read_run(in);
        sk__write_bytes(&out, run.data, run.size);
        if (accept(in, '"')) {
            *string = sk__written(&out);
            return !out.failed;
        }
    }
    return false;
}

/* ---- the rest */

static bool read_integer(sk__reader *in, int64_t *number) {
    size_t start = in->at;
    *number = 0;
    for (int c = peek(in); c >= '0' && c <= '9'; c = peek(in)) {
        if (in->at - start == DIGITS_MAX)
            return false;
        *number = *number * 10 + (c - '0');
        in->at++;
    }
    size_t digits = in->at - start;
    return digits == 1 || (digits > 1 && in->data[start] != '0');
}

static bool read_member(sk__reader *in, sk__member_fn each, void *context) {
    uint8_t name[SK__JSON_STRING_MAX], text[SK__JSON_STRING_MAX];
    sk__member member = {{NULL, 0}, {NULL, 0}, -1};
    if (!accept_spaced(in, '"') || !read_string(in, name, &member.name) || !accept_spaced(in, ':'))
        return false;
    bool good = accept_spaced(in, '"') ? read_string(in, text, &member.text) : read_integer(in, &member.number);
    return good && each(context, &member);
}

bool sk__json_each(const uint8_t *json, size_t size, sk__member_fn each, void *context) {
    sk__reader in = sk__reader_of(json, size);
    if (!accept_spaced(&in, '{'))
        return false;
    if (!accept_spaced(&in, '}')) {
        do {
            if (!read_member(&in, each, context))
                return false;
        } while (accept_spaced(&in, ','));
        if (!accept_spaced(&in, '}'))
            return false;
    }
    skip_spaces(&in);
    return sk__reader_done(&in);
}
