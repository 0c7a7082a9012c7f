/* http: one HTTP request as it was read: method, target, headers, body. No I/O.
 *
 * All of its text lies in one growing block that exists only while there is a request, so that an idle connection costs little;
 * places in the block are kept as offsets, since it moves when it grows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_FIELDS_MAX = 64,  /* header fields of one request */
    HTTP_SEGMENTS_MAX = 8, /* segments of a path */
};

/* Methods as bits, so that a route can allow several. */
typedef enum { HTTP_VERB_GET = 1, HTTP_VERB_HEAD = 2, HTTP_VERB_POST = 4, HTTP_VERB_OTHER = 8 } http_verb;

/* A range of a request's text; valid as long as nothing is added to the request. */
typedef struct {
    const char *data;
    size_t size;
} http_text;

typedef struct {
    uint32_t at, size;
} http_span;

typedef struct {
    http_span name, value;
} http_field;

typedef struct {
    char *bytes;
    size_t size, room;
    http_field *fields;
    uint32_t field_count, field_room;
    http_verb verb;
    http_span target, body;
    http_span segments[HTTP_SEGMENTS_MAX]; /* of the path, decoded; see http_request_split */
    uint32_t segment_count;
    bool keep_alive; /* what the request asks for, by its version and its Connection field */
    bool version_10; /* HTTP/1.0: keep-alive must be said in the answer */
} http_request;

/* Frees everything; the request is empty again. */
void http_request_clear(http_request *request);

/* Frees all text; what is left is the verb, and what the answer's header depends on. */
void http_request_forget(http_request *request);

/* Appends text and says where it lies, or makes `span` longer, whose end must be the end of all text. False: out of memory. */
bool http_request_append(http_request *request, http_span *span, const char *data, size_t size);

/* Begins a new header field with an empty name and value. False: out of memory. */
bool http_request_add_field(http_request *request);

http_text http_request_text(const http_request *request, http_span span);

/* How many fields have this name, in any case; `value` (may be NULL) gets the first one's. */
unsigned http_request_find(const http_request *request, const char *name, http_text *value);

/* How many members of the target's query have this name, as it stands; `value` gets the first one's value, decoded ("+" stays
 * what it is) and with a NUL; "" where it does not fit into `room` bytes. */
unsigned http_request_query(const http_request *request, const char *name, char *value, size_t room);

/* Whether a text is this word, in any case. */
bool http_text_is(http_text text, const char *word);

/* Whether a text is a host with or without a port: name, name:80, [2001:db8::1]:80. */
bool http_text_is_authority(http_text text);

/* Decodes the target's path into segments: "/v1/items/a%2Db" gives "v1", "items", "a-b". Both forms that a server must take are
 * taken: "/path?query" and "http://host/path?query"; the query is checked, for http_request_query. A path of more than
 * HTTP_SEGMENTS_MAX segments has none. NULL: done; otherwise what is wrong, a static string, or http_request_no_memory. */
const char *http_request_split(http_request *request);
extern const char http_request_no_memory[];

#endif
