/* base64url without padding.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each character. NO has its top bit set, which no value has, so that one test covers four characters. */
/* clang-format off */
#define NO 0x80
static const uint8_t values[256] = {
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  62,  NO,  NO,
     52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,   0,   1,   2,   3,   4,   5,   6,   7,   8,   9,  10,  11,  12,  13,  14,
     15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  NO,  NO,  NO,  NO,  63,
     NO,  26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,
     41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
     NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO,
};
#undef NO
/* clang-format on */

static const unsigned not_a_value = 0x80;

static void encode_tail(const uint8_t *bytes, size_t size, char *text) {
    if (size == 0)
        return;
    unsigned first = bytes[0], second = size == 2 ? bytes[1] : 0U;
    text[0] = alphabet[first >> 2];
    text[1] = alphabet[(first << 4 | second >> 4) & 63U];
    if (size == 2)
        text[2] = alphabet[second << 2 & 63U];
}

/* Eight characters of six bytes, which are loaded as eight. */
static void encode_six(const uint8_t bytes[8], char text[8]) {
    uint64_t group = (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 | (uint64_t)bytes[2] << 40 | (uint64_t)bytes[3] << 32 |
                     (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 | (uint64_t)bytes[6] << 8 | bytes[7];
    for (int i = 0; i < 8; i++)
        text[i] = alphabet[group >> (58 - 6 * i) & 63U];
}

void sk__base64_encode(const void *data, size_t size, char *text) {
    const uint8_t *bytes = data;
    for (; size >= 8; size -= 6, bytes += 6, text += 8)
        encode_six(bytes, text);
    for (; size >= 3; size -= 3, bytes += 3, text += 4) {
        uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        text[0] = alphabet[group >> 18];
        text[1] = alphabet[group >> 12 & 63U];
        text[2] = alphabet[group >> 6 & 63U];
        text[3] = alphabet[group & 63U];
    }
    encode_tail(bytes, size, text);
}

static uint32_t value_of(char character) {
    return values[(unsigned char)character];
}

/* Two or three characters are left for one or two bytes; what is below the bytes must be zero. */
static sk__base64_result decode_tail(const char *text, size_t size, uint8_t *data) {
    if (size == 0)
        return SK__BASE64_OK;
    uint32_t a = value_of(text[0]), b = size > 1 ? value_of(text[1]) : 0, c = size > 2 ? value_of(text[2]) : 0;
    if (((a | b | c) & not_a_value) != 0)
        return SK__BASE64_BAD;
    uint32_t group = a << 18 | b << 12 | c << 6;
    if (size == 1 || (group & (size == 2 ? 0xffffU : 0xffU)) != 0)
        return SK__BASE64_CUT;
    data[0] = (uint8_t)(group >> 16);
    if (size == 3)
        data[1] = (uint8_t)(group >> 8);
    return SK__BASE64_OK;
}

sk__base64_result sk__base64_decode(const char *text, size_t size, uint8_t *data) {
    for (; size >= 4; size -= 4, text += 4, data += 3) {
        uint32_t a = value_of(text[0]), b = value_of(text[1]), c = value_of(text[2]), d = value_of(text[3]);
        if (((a | b | c | d) & not_a_value) != 0)
            return SK__BASE64_BAD;
        uint32_t group = a << 18 | b << 12 | c << 6 | d;
        data[0] = (uint8_t)(group >> 16);
        data[1] = (uint8_t)(group >> 8);
        data[2] = (uint8_t)group;
    }
    return decode_tail(text, size, data);
}

bool sk__base64_alphabet(const char *text, size_t size) {
    uint32_t seen = 0;
    for (size_t i = 0; i < size; i++)
        seen |= value_of(text[i]);
    return (seen & not_a_value) == 0;
}
