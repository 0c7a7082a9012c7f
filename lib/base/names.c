/* The names that may stand in a key.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/names.h"

#include "seckill/shard.h"

#include <stddef.h>

/* Not isalnum(): that depends on the locale. */
static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_id_character(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool is_prefix_character(char c) {
    return is_id_character(c) || c == ':';
}

static bool all_are(const char *text, size_t max, bool (*fits)(char)) {
    if (text == NULL)
        return false;
    size_t size = 0;
    for (; text[size] != '\0'; size++)
        if (size == max || !fits(text[size]))
            return false;
    return size > 0;
}

bool sk__id_valid(const char *id) {
    return all_are(id, SECKILL_ID_MAX, is_id_character);
}

bool sk__prefix_valid(const char *prefix) {
    return all_are(prefix, SECKILL_PREFIX_MAX, is_prefix_character);
}

bool sk__tag_valid(const char *tag) {
    return all_are(tag, SECKILL_TAG_SIZE - 1, is_id_character);
}

bool sk__key_name_valid(const char *name) {
    return all_are(name, SK__KEY_NAME_MAX, is_lower);
}

bool sk__number_valid(uint64_t number) {
    return number >= 1 && number <= (uint64_t)SECKILL_AMOUNT_MAX;
}

bool sk__place_valid(uint64_t epoch, uint64_t n) {
    return (epoch == 0 && n == 0) || (sk__number_valid(epoch) && sk__number_valid(n));
}
