#include "base/subject.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

enum { V4_BITS = 96 }; /* of the prefix that every IPv4 address has */

static bool is_kind_byte(char c) {
    char letter = (char)(c | 0x20);

    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* 0: it is none. */
static size_t kind_size(const char *kind) {
    size_t size = 0;

    while (kind != NULL && size <= SECKILL_KIND_MAX && is_kind_byte(kind[size]))
        size++;
    return size <= SECKILL_KIND_MAX && kind != NULL && kind[size] == '\0' ? size : 0;
}

/* ---- addresses ---- */

/* One to three digits, up to `most`; no sign, no zero in front. */
static bool read_prefix(const char *text, unsigned most, uint8_t *prefix) {
    unsigned value = 0;
    size_t digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 3; digits++)
        value = value * 10 + (unsigned)(text[digits] - '0');
    *prefix = (uint8_t)value;
    return digits != 0 && text[digits] == '\0' && value <= most && (text[0] != '0' || digits == 1);
}

static void clear_behind(uint8_t address[SK__ADDRESS_SIZE], uint8_t prefix) {
    for (unsigned i = 0; i < SK__ADDRESS_SIZE; i++) {
        unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;

        if (kept < 8)
            address[i] &= (uint8_t)(0xff00U >> kept);
    }
}

static bool read_address(const char *text, uint8_t address[SK__ADDRESS_SIZE], bool *is_v4) {
    *is_v4 = inet_pton(AF_INET, text, address + sizeof(v4_mapped)) == 1;
    if (*is_v4)
        memcpy(address, v4_mapped, sizeof(v4_mapped));
    return *is_v4 || inet_pton(AF_INET6, text, address) == 1;
}

/* The address, then the length of its prefix. */
static bool read_network(seckill_bytes given, uint8_t out[SK__ADDRESS_SIZE + 1]) {
    char text[SK__NETWORK_TEXT_SIZE];
    uint8_t *prefix = &out[SK__ADDRESS_SIZE], cleared[SK__ADDRESS_SIZE];
    char *slash;
    bool is_v4;

    if (given.size >= sizeof(text) || memchr(given.data, '\0', given.size) != NULL)
        return false;
    memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!read_address(text, out, &is_v4))
        return false;
    *prefix = is_v4 ? SK__ADDRESS_BITS - V4_BITS : SK__ADDRESS_BITS;
    if (slash != NULL && !read_prefix(slash + 1, *prefix, prefix))
        return false;
    *prefix = (uint8_t)(*prefix + (is_v4 ? V4_BITS : 0));
    memcpy(cleared, out, sizeof(cleared));
    clear_behind(cleared, *prefix);
    return memcmp(cleared, out, sizeof(cleared)) == 0;
}

/* ---- subjects ---- */

bool sk__subject_of(const seckill_subject *given, sk__subject *out) {
    size_t kind = kind_size(given->kind), value = given->value.size;

    if (kind == 0 || value == 0 || value > SECKILL_SUBJECT_MAX || given->value.data == NULL)
        return false;
    out->bytes[0] = (uint8_t)kind;
    memcpy(out->bytes + 1, given->kind, kind);
    if (strcmp(given->kind, SECKILL_KIND_ADDRESS) == 0) {
        if (!read_network(given->value, out->bytes + 1 + kind))
            return false;
        value = SK__ADDRESS_SIZE + 1;
    } else {
        memcpy(out->bytes + 1 + kind, given->value.data, value);
    }
    out->size = (uint8_t)(1 + kind + value);
    return true;
}

enum { ADDRESS_AT = sizeof(SECKILL_KIND_ADDRESS) }; /* the size's byte takes the place of the NUL */

static bool is_address(const uint8_t *bytes, size_t size) {
    return size == ADDRESS_AT + SK__ADDRESS_SIZE + 1 && bytes[0] == ADDRESS_AT - 1 &&
           memcmp(bytes + 1, SECKILL_KIND_ADDRESS, ADDRESS_AT - 1) == 0 && bytes[size - 1] <= SK__ADDRESS_BITS;
}

bool sk__subject_is_address(const sk__subject *subject, uint8_t *prefix) {
    if (!is_address(subject->bytes, subject->size))
        return false;
    *prefix = subject->bytes[ADDRESS_AT + SK__ADDRESS_SIZE];
    return true;
}

void sk__subject_shorten(sk__subject *address, uint8_t prefix) {
    clear_behind(address->bytes + ADDRESS_AT, prefix);
    address->bytes[ADDRESS_AT + SK__ADDRESS_SIZE] = prefix;
}

static bool tell_network(const uint8_t bytes[SK__ADDRESS_SIZE + 1], char text[SK__NETWORK_TEXT_SIZE]) {
    unsigned prefix = bytes[SK__ADDRESS_SIZE], whole = SK__ADDRESS_BITS;
    bool is_v4 = memcmp(bytes, v4_mapped, sizeof(v4_mapped)) == 0 && prefix >= V4_BITS;
    size_t used;

    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes + (is_v4 ? sizeof(v4_mapped) : 0), text, SK__NETWORK_TEXT_SIZE) == NULL)
        return false;
    used = strlen(text);
    if (prefix != whole)
        (void)snprintf(text + used, SK__NETWORK_TEXT_SIZE - used, "/%u", is_v4 ? prefix - V4_BITS : prefix);
    return true;
}

bool sk__subject_tell(seckill_bytes bytes, char kind[SECKILL_KIND_MAX + 1], char text[SK__NETWORK_TEXT_SIZE],
                      seckill_subject *out) {
    const uint8_t *at = bytes.data;
    size_t size = bytes.size != 0 ? at[0] : 0;

    if (size == 0 || size > SECKILL_KIND_MAX || bytes.size < size + 2 || bytes.size > SK__SUBJECT_SIZE)
        return false;
    memcpy(kind, at + 1, size);
    kind[size] = '\0';
    if (kind_size(kind) != size)
        return false;
    out->kind = kind;
    out->value.data = at + 1 + size;
    out->value.size = bytes.size - 1 - size;
    if (strcmp(kind, SECKILL_KIND_ADDRESS) != 0)
        return true;
    if (!is_address(at, bytes.size) || !tell_network(out->value.data, text))
        return false;
    out->value.data = text;
    out->value.size = strlen(text);
    return true;
}
