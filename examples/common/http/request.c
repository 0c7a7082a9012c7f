/* http: one HTTP request as it was read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char http_request_no_memory[] = "the request does not fit into memory";

enum { FIRST_ROOM = 1024, FIRST_FIELDS = 8 };

void http_request_clear(http_request *request) {
    free(request->bytes);
    free(request->fields);
    memset(request, 0, sizeof *request);
}

void http_request_forget(http_request *request) {
    http_request left = {.verb = request->verb, .keep_alive = request->keep_alive, .version_10 = request->version_10};
    http_request_clear(request);
    *request = left;
}

static bool make_room(http_request *request, size_t size) {
    size_t room = request->room != 0 ? request->room : FIRST_ROOM;
    while (room - request->size < size)
        room *= 2;
    if (room == request->room)
        return true;
    char *bytes = realloc(request->bytes, room);
    if (bytes == NULL)
        return false;
    request->bytes = bytes;
    request->room = room;
    return true;
}

bool http_request_append(http_request *request, http_span *span, const char *data, size_t size) {
    if (size != 0) {
        if (size > UINT32_MAX / 4 || request->size > UINT32_MAX / 4 || !make_room(request, size))
            return false;
        memcpy(request->bytes + request->size, data, size);
    }
    if (span->size == 0)
        span->at = (uint32_t)request->size;
    span->size += (uint32_t)size;
    request->size += size;
    return true;
}

bool http_request_add_field(http_request *request) {
    if (request->field_count == request->field_room) {
        uint32_t room = request->field_room != 0 ? request->field_room * 2 : FIRST_FIELDS;
        http_field *fields = realloc(request->fields, room * sizeof *fields);
        if (fields == NULL)
            return false;
        request->fields = fields;
        request->field_room = room;
    }
    request->fields[request->field_count++] = (http_field){{0, 0}, {0, 0}};
    return true;
}

http_text http_request_text(const http_request *request, http_span span) {
    return (http_text){span.size != 0 ? request->bytes + span.at : "", span.size};
}

bool http_text_is(http_text text, const char *word) {
    return strlen(word) == text.size && strncasecmp(text.data, word, text.size) == 0;
}

/* How many characters of a text, from `at` on, are letters, digits or of `more`. */
static size_t run_of(http_text text, size_t at, const char *more) {
    size_t begin = at;
    for (; at < text.size && text.data[at] != '\0'; at++) {
        char c = text.data[at], letter = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') && strchr(more, c) == NULL)
            break;
    }
    return at - begin;
}

bool http_text_is_authority(http_text text) {
    bool literal = text.size != 0 && text.data[0] == '[';
    size_t at = literal ? 1 : 0, size = run_of(text, at, literal ? ":." : "-._~%!$&'()*+,;=");
    at += size;
    if (literal && (at == text.size || text.data[at++] != ']'))
        return false;
    if (size != 0 && at < text.size && text.data[at] == ':')
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9';)
            at++;
    return size != 0 && at == text.size;
}

unsigned http_request_find(const http_request *request, const char *name, http_text *value) {
    unsigned count = 0;
    size_t size = strlen(name);
    for (uint32_t i = 0; i < request->field_count; i++) {
        http_span field = request->fields[i].name;
        if (field.size != size || strncasecmp(request->bytes + field.at, name, size) != 0)
            continue;
        if (count++ == 0 && value != NULL)
            *value = http_request_text(request, request->fields[i].value);
    }
    return count;
}

/* ---- the target */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a target, decoded; -1: a bad escape. `used` gets how many characters it took. */
static int target_char(const char *text, size_t size, size_t *used) {
    *used = 1;
    if (text[0] != '%')
        return (unsigned char)text[0];
    if (size < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return -1;
    *used = 3;
    return hex_digit(text[1]) * 16 + hex_digit(text[2]);
}

static const char *check_target(http_text target) {
    for (size_t i = 0, used = 1; i < target.size; i += used, used = 1) {
        unsigned char raw = (unsigned char)target.data[i];
        if (raw <= 0x20 || raw >= 0x7f)
            return "the request target has a character that must be escaped";
        if (raw == '#')
            return "a request target has no fragment";
        if (raw != '%')
            continue;
        int c = target_char(target.data + i, target.size - i, &used);
        if (c < 0)
            return "the request target has a bad percent-escape";
        if (c == 0)
            return "the request target has a NUL";
    }
    return NULL;
}

/* Where the path begins: 0, or behind the authority of an absolute target, which may be its end. */
static size_t path_start(http_text target, http_text *authority) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        if (target.size > length && strncasecmp(target.data, schemes[i], length) == 0) {
            size_t at = length;
            while (at < target.size && target.data[at] != '/' && target.data[at] != '?')
                at++;
            *authority = (http_text){target.data + length, at - length};
            return at;
        }
    }
    return 0;
}

/* Decodes a part of the target onto the end of the request's text. */
static bool decode(http_request *request, http_span part, http_span *segment) {
    for (size_t i = 0, used; i < part.size; i += used) {
        char c = (char)target_char(request->bytes + part.at + i, part.size - i, &used);
        if (!http_request_append(request, segment, &c, 1))
            return false;
    }
    return true;
}

/* The segment at `*at`, which moves to the slash behind it, or to the end. One without escapes stays where it is. */
static bool split_one(http_request *request, size_t *at, size_t end, http_span *segment) {
    const char *text = request->bytes + request->target.at + *at, *slash = memchr(text, '/', end - *at);
    size_t size = slash != NULL ? (size_t)(slash - text) : end - *at;
    http_span part = {request->target.at + (uint32_t)*at, (uint32_t)size};
    *at += size;
    if (memchr(text, '%', size) != NULL)
        return decode(request, part, segment);
    *segment = part;
    return true;
}

const char *http_request_split(http_request *request) {
    http_text target = http_request_text(request, request->target);
    const char *wrong = check_target(target);
    if (wrong != NULL)
        return wrong;
    http_text authority = {"", 0};
    size_t at = path_start(target, &authority);
    if (at != 0 && !http_text_is_authority(authority))
        return "the request target has no well-formed host";
    const char *query = memchr(target.data, '?', target.size);
    size_t end = query != NULL ? (size_t)(query - target.data) : target.size;
    if (at == 0 && (end == 0 || target.data[0] != '/'))
        return http_text_is(target, "*") ? NULL : "the request target is neither a path nor an absolute URI";
    while (at < end) {
        at++; /* the slash */
        http_span segment = {0, 0};
        if (!split_one(request, &at, end, &segment))
            return http_request_no_memory;
        if (request->segment_count == HTTP_SEGMENTS_MAX) {
            request->segment_count = 0;
            return NULL;
        }
        request->segments[request->segment_count++] = segment;
    }
    return NULL;
}

/* ---- the query */

static bool decode_value(http_text text, char *value, size_t room) {
    size_t size = 0, at = 0;
    for (size_t used; at < text.size && size < room - 1; at += used)
        value[size++] = (char)target_char(text.data + at, text.size - at, &used);
    value[size] = '\0';
    return at == text.size;
}

unsigned http_request_query(const http_request *request, const char *name, char *value, size_t room) {
    http_text target = http_request_text(request, request->target);
    const char *at = memchr(target.data, '?', target.size), *end = target.data + target.size;
    size_t length = strlen(name);
    unsigned count = 0;
    value[0] = '\0';
    while (at != NULL && ++at <= end) {
        const char *next = memchr(at, '&', (size_t)(end - at)), *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at)), *last = equals != NULL ? equals : stop;
        http_text text = {equals != NULL ? equals + 1 : stop, equals != NULL ? (size_t)(stop - equals - 1) : 0};
        if ((size_t)(last - at) == length && memcmp(at, name, length) == 0 && count++ == 0 && !decode_value(text, value, room))
            value[0] = '\0';
        at = next;
    }
    return count;
}
