/* See blacklist_lines.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "blacklist_lines.h"

#include "../common/json.h"
#include "../common/json_out.h"
#include "../common/options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int fail(char trouble[BLACKLIST_TROUBLE], const char *why) {
    snprintf(trouble, BLACKLIST_TROUBLE, "%s", why);
    return 0;
}

/* ---- addresses: the library takes many spellings of one ---- */

enum { ADDRESS = 16, ADDRESS_BITS = 128, V4_BITS = 96 /* in front of every IPv4 address */ };

static const uint8_t v4_mapped[V4_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int is_v4(const uint8_t address[ADDRESS]) {
    return memcmp(address, v4_mapped, sizeof v4_mapped) == 0;
}

/* Reads the text of an address. `bits` gets how many stand before those that its prefix counts. */
static int read_address(const char *text, uint8_t address[ADDRESS], unsigned *bits) {
    *bits = 0;
    if (inet_pton(AF_INET6, text, address) == 1) {
        return 1;
    }
    *bits = V4_BITS;
    memcpy(address, v4_mapped, sizeof v4_mapped);
    return inet_pton(AF_INET, text, address + sizeof v4_mapped) == 1;
}

/* Without sign, blanks and zeros in front. */
static int read_prefix(const char *text, unsigned bits, unsigned *prefix) {
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1)) {
        return 0;
    }
    for (; *text; text++) {
        value = value * 10 + (unsigned)(*text - '0');
    }
    *prefix = bits + value;
    return *prefix <= ADDRESS_BITS;
}

static int has_bits_behind(const uint8_t address[ADDRESS], unsigned prefix) {
    for (unsigned bit = prefix; bit < ADDRESS_BITS; bit++) {
        if (address[bit / 8] & (0x80U >> bit % 8)) {
            return 1;
        }
    }
    return 0;
}

static void write_network(const uint8_t address[ADDRESS], unsigned prefix, blacklist_line *line) {
    char text[INET6_ADDRSTRLEN + 4];
    int v4 = is_v4(address); /* its prefix has these bits: they are set */
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, address + (v4 ? sizeof v4_mapped : 0), text, INET6_ADDRSTRLEN);
    if (prefix != ADDRESS_BITS) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "/%u", v4 ? prefix - V4_BITS : prefix);
    }
    line->value_size = strlen(text);
    memcpy(line->value, text, line->value_size);
}

static int set_network(blacklist_line *line, seckill_bytes value, char trouble[BLACKLIST_TROUBLE]) {
    char text[SECKILL_SUBJECT_MAX + 1], *slash;
    uint8_t address[ADDRESS];
    unsigned bits, prefix = ADDRESS_BITS;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    slash = strchr(text, '/');
    if (slash) {
        *slash = '\0';
    }
    if (memchr(value.data, '\0', value.size) || !read_address(text, address, &bits) ||
        (slash && !read_prefix(slash + 1, bits, &prefix))) {
        return fail(trouble, "this is no address: write 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32");
    }
    if (has_bits_behind(address, prefix)) {
        return fail(trouble, "the address has bits behind its prefix: write 192.0.2.0/24, not 192.0.2.7/24");
    }
    write_network(address, prefix, line);
    return 1;
}

/* ---- subjects ---- */

int blacklist_line_name(blacklist_line *line, const char *kind, seckill_bytes value, char trouble[BLACKLIST_TROUBLE]) {
    if (!options_is_id(kind) || strlen(kind) > SECKILL_KIND_MAX) {
        return fail(trouble, "a kind is 1 to 16 of A-Z a-z 0-9 . _ -");
    }
    if (value.size < 1 || value.size > SECKILL_SUBJECT_MAX) {
        return fail(trouble, "a value has 1 to 64 bytes");
    }
    snprintf(line->kind, sizeof line->kind, "%s", kind);
    if (strcmp(kind, SECKILL_KIND_ADDRESS) == 0) {
        return set_network(line, value, trouble);
    }
    line->value_size = value.size;
    memcpy(line->value, value.data, value.size);
    return 1;
}

seckill_blacklist_entry blacklist_line_entry(const blacklist_line *line) {
    seckill_blacklist_entry entry = {.subject = {line->kind, {line->value, line->value_size}}};
    entry.reason = (seckill_bytes){line->reason, line->reason_size};
    entry.until_ms = line->until_ms;
    return entry;
}

/* ---- JSON ---- */

static int nibble(char c) {
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Two digits for each byte. */
static int read_hex(const char *text, size_t size, size_t most, uint8_t *out, size_t *out_size) {
    if (size % 2 != 0 || size / 2 > most) {
        return 0;
    }
    for (size_t i = 0; i < size; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *out_size = size / 2;
    return 1;
}

/* A member that is a text, or {"hex":"..."}. It is taken away; a missing one has no bytes. */
static int take_bytes(json_t *object, const char *name, size_t most, uint8_t *out, size_t *size,
                      char trouble[BLACKLIST_TROUBLE]) {
    const json_t *value = json_object_get(object, name);
    const json_t *hex = json_object_size(value) == 1 ? json_object_get(value, "hex") : NULL;
    int good = !value;
    *size = 0;
    if (json_is_string(value) && json_string_length(value) <= most) {
        *size = json_string_length(value);
        memcpy(out, json_string_value(value), *size);
        good = 1;
    } else if (json_is_string(hex)) {
        good = read_hex(json_string_value(hex), json_string_length(hex), most, out, size);
    }
    if (!good) {
        snprintf(trouble, BLACKLIST_TROUBLE, "\"%s\" must be a text, or {\"hex\":\"...\"}, of at most %zu bytes", name, most);
    }
    (void)json_object_del(object, name);
    return good;
}

/* Not what is relative to now: a file may be imported at any time. */
static int read_until(const char *text, int64_t *until_ms) {
    return *text >= '0' && *text <= '9' && options_time(text, 0, until_ms) && *until_ms > 0;
}

static int read_members(json_t *object, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]) {
    const char *kind = "", *until = NULL, *since = NULL;
    uint8_t value[SECKILL_SUBJECT_MAX];
    size_t size;
    const json_field fields[] = {
        {"kind", JSON_FIELD_TEXT, 1, 1, SECKILL_KIND_MAX, {.text = {&kind, NULL}}},
        {"until", JSON_FIELD_TEXT, 0, 1, OPTIONS_TEXT, {.text = {&until, NULL}}},
        {"since", JSON_FIELD_TEXT, 0, 0, OPTIONS_TEXT, {.text = {&since, NULL}}},
    };
    if (!take_bytes(object, "value", sizeof value, value, &size, trouble) ||
        !take_bytes(object, "reason", sizeof line->reason, line->reason, &line->reason_size, trouble) ||
        !json_read_fields(object, fields, sizeof fields / sizeof fields[0], trouble)) {
        return 0;
    }
    line->until_ms = 0;
    if (until && !read_until(until, &line->until_ms)) {
        return fail(trouble, "\"until\" must be a time with its zone, such as 2026-12-01T00:00:00Z");
    }
    return blacklist_line_name(line, kind, (seckill_bytes){value, size}, trouble);
}

static int read_object(const char *data, size_t size, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]) {
    static const char first[] = "line 1, "; /* of this one */
    json_t *object = json_read_object(data, size, trouble);
    if (!object) {
        if (strncmp(trouble, first, sizeof first - 1) == 0) {
            memmove(trouble, trouble + sizeof first - 1, strlen(trouble) - sizeof first + 2);
        }
        return 0;
    }
    int good = read_members(object, line, trouble);
    json_decref(object);
    return good;
}

/* ---- lines ---- */

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* What is left without the blanks around it; 0: nothing, or a comment. */
static size_t trim(const char **data, size_t size) {
    while (size > 0 && is_blank((*data)[0])) {
        (*data)++;
        size--;
    }
    while (size > 0 && is_blank((*data)[size - 1])) {
        size--;
    }
    return size > 0 && (*data)[0] != '#' ? size : 0;
}

int blacklist_line_json(const char *data, size_t size, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]) {
    size = trim(&data, size);
    if (size == 0) {
        return BLACKLIST_LINE_EMPTY;
    }
    return read_object(data, size, line, trouble) ? BLACKLIST_LINE_ENTRY : BLACKLIST_LINE_FAULT;
}

int blacklist_line_plain(const char *data, size_t size, const blacklist_line *terms, blacklist_line *line,
                         char trouble[BLACKLIST_TROUBLE]) {
    size = trim(&data, size);
    if (size == 0) {
        return BLACKLIST_LINE_EMPTY;
    }
    *line = *terms;
    return blacklist_line_name(line, terms->kind, (seckill_bytes){data, size}, trouble) ? BLACKLIST_LINE_ENTRY
                                                                                        : BLACKLIST_LINE_FAULT;
}

/* ---- the way back ---- */

/* A NUL is no text for those who read JSON: bytes, as what is no UTF-8. */
static void put_bytes(json_t *object, const char *name, seckill_bytes bytes) {
    if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size)) {
        json_t *raw = json_out_object();
        json_out_hex(raw, "hex", bytes.data, bytes.size);
        json_out_value(object, name, raw);
    } else {
        json_out_bytes(object, name, bytes);
    }
}

static void put_time(json_t *object, const char *name, int64_t ms) {
    const int64_t last = INT64_C(253402300799999); /* of the year 9999: later ones have no form that is read everywhere */
    char text[OPTIONS_TEXT];
    if (ms > 0) {
        options_format_time(ms < last ? ms : last, text);
        json_out_text(object, name, text);
    }
}

json_t *blacklist_line_object(const seckill_blacklist_entry *entry) {
    json_t *object = json_out_object();
    json_out_text(object, "kind", entry->subject.kind);
    put_bytes(object, "value", entry->subject.value);
    put_time(object, "until", entry->until_ms);
    put_time(object, "since", entry->since_ms);
    if (entry->reason.size > 0) {
        put_bytes(object, "reason", entry->reason);
    }
    return object;
}
