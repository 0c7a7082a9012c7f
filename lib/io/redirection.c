/* What the nodes of a Redis Cluster say about slots.
 *
 * All of it comes from a peer: nothing is read beyond its size, and what is not understood is garbage as a whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/redirection.h"

#include <string.h>

typedef struct {
    const char *at;
    size_t size;
} span;

/* Takes what stands before the next `separator`, or all, and the separator. */
static span take(span *rest, char separator) {
    const char *end = rest->size > 0 ? memchr(rest->at, separator, rest->size) : NULL;
    span taken = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->size};
    size_t used = taken.size + (end != NULL ? 1 : 0);

    rest->at += used;
    rest->size -= used;
    return taken;
}

static bool is(span text, const char *word) {
    return text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

/* 1 to 5 digits and nothing else. */
static bool read_number(span text, uint32_t max, uint32_t *number) {
    *number = 0;
    if (text.size == 0 || text.size > 5)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *number = *number * 10 + (uint32_t)(text.at[i] - '0');
    }
    return *number <= max;
}

/* The host to take where none is named. Over a unix socket one talks to this machine. */
static span host_of(const sk__address *from) {
    static const char here[] = "127.0.0.1";
    const char *host = from->is_unix ? here : from->name;
    span text = {host, strlen(host)};

    return text;
}

static bool read_address(span host, span port, const sk__address *from, sk__address *address) {
    uint32_t number;

    if (is(host, "?")) /* it prefers host names, and has none */
        return false;
    if (host.size == 0)
        host = host_of(from);
    return read_number(port, UINT16_MAX, &number) && sk__address_from_host(host.at, host.size, number, address) == SECKILL_OK;
}

/* Cuts "host:port" at its last colon: IPv6 addresses have more of them, and stand here without brackets. */
static bool cut_port(span text, span *host, span *port) {
    for (size_t i = text.size; i > 0; i--) {
        if (text.at[i - 1] == ':') {
            *host = (span){text.at, i - 1};
            *port = (span){text.at + i, text.size - i};
            return true;
        }
    }
    return false;
}

sk__redirection_kind sk__redirection_read(const char *text, size_t size, const sk__address *from,
                                          sk__redirection *redirection) {
    span rest = {text, size}, word = take(&rest, ' '), slot = take(&rest, ' '), host = {NULL, 0}, port = {NULL, 0};
    sk__redirection_kind kind = is(word, "MOVED") ? SK__MOVED : is(word, "ASK") ? SK__ASK : SK__NO_REDIRECTION;

    if (kind == SK__NO_REDIRECTION)
        return kind;
    if (!read_number(slot, SK__SLOTS - 1, &redirection->slot) || !cut_port(take(&rest, ' '), &host, &port) ||
        !read_address(host, port, from, &redirection->address))
        return SK__BAD_REDIRECTION;
    redirection->names_host = host.size > 0;
    return kind;
}

/* ---- CLUSTER NODES */

/* A master of whom the others know where it is. One that has failed still has its slots, until they are given to another. */
static bool read_flags(span flags) {
    bool master = false, elsewhere = false;

    while (flags.size > 0) {
        span flag = take(&flags, ',');

        master = master || is(flag, "master");
        elsewhere = elsewhere || is(flag, "noaddr") || is(flag, "handshake");
    }
    return master && !elsewhere;
}

/* "ip:port@cport,hostname,name=value..."; older servers say less. */
static bool read_place(span place, const sk__address *from, bool by_name, sk__address *address) {
    span where = take(&place, ','), name = take(&place, ','), bus = where, host = {NULL, 0}, port = {NULL, 0};

    where = take(&bus, '@');
    if (!cut_port(where, &host, &port))
        return false;
    if (by_name && name.size > 0 && memchr(name.at, '=', name.size) == NULL)
        host = name;
    return read_address(host, port, from, address);
}

sk__reading sk__node_line_next(const char **text, size_t *size, const sk__address *from, bool by_name, sk__node_line *line) {
    enum { ID, PLACE, FLAGS, MASTER, PING, PONG, EPOCH, LINK, FIELDS };
    span rest = {*text, *size}, whole, fields[FIELDS];

    if (rest.size == 0)
        return SK__END;
    whole = take(&rest, '\n');
    *text = rest.at;
    *size = rest.size;
    if (whole.size > 0 && whole.at[whole.size - 1] == '\r')
        whole.size--;
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = take(&whole, ' ');
        if (fields[i].size == 0)
            return SK__GARBAGE;
    }
    line->serves = read_flags(fields[FLAGS]);
    line->slots = whole.at;
    line->slots_size = whole.size;
    if (line->serves && !read_place(fields[PLACE], from, by_name, &line->address))
        return SK__GARBAGE;
    return SK__MORE;
}

sk__reading sk__slot_range_next(sk__node_line *line, uint32_t *first, uint32_t *last) {
    span rest = {line->slots, line->slots_size}, range = {NULL, 0}, begin;

    while (rest.size > 0 && range.size == 0) {
        range = take(&rest, ' ');
        if (range.size > 0 && range.at[0] == '[')
            range.size = 0;
    }
    line->slots = rest.at;
    line->slots_size = rest.size;
    if (range.size == 0)
        return SK__END;
    begin = take(&range, '-');
    if (!read_number(begin, SK__SLOTS - 1, first))
        return SK__GARBAGE;
    *last = *first;
    /* `range` is what stands behind the dash; "5-" has nothing there. */
    if (range.size == 0)
        return begin.at + begin.size == range.at ? SK__MORE : SK__GARBAGE;
    return read_number(range, SK__SLOTS - 1, last) && *last >= *first ? SK__MORE : SK__GARBAGE;
}
