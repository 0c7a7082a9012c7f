/* Which byte ranges are text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

#include <stdint.h>

static bool continues(uint8_t byte) {
    return (byte & 0xc0U) == 0x80U;
}

/* The bytes of a character, by its first one; 0 for one that cannot be first. */
static size_t length_of(uint8_t first) {
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* Overlong forms, surrogates and what is past U+10FFFF show in the second byte, and so do the controls from U+0080 on. */
static bool second_fits(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xc2:
        return second >= 0xa0;
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

static bool character_fits(const uint8_t *bytes, size_t length) {
    if (length == 1)
        return bytes[0] >= 0x20 && bytes[0] != 0x7f;
    if (!second_fits(bytes[0], bytes[1]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!continues(bytes[i]))
            return false;
    return true;
}

bool sk__utf8_printable(const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t at = 0; at < size;) {
        size_t length = length_of(bytes[at]);
        if (length == 0 || length > size - at || !character_fits(bytes + at, length))
            return false;
        at += length;
    }
    return true;
}
