/* http: from bytes to requests: llhttp, and the checks that it leaves to its user. No I/O.
 *
 * llhttp has no limits on sizes, wants no Host, takes folded lines, a bare LF behind the request line and behind the trailers,
 * several spaces in the request line, and RTSP; all of these are refused here, because two servers that read the same bytes
 * differently can be played off against each other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include "limits.h"
#include "request.h"

#include <llhttp.h>

/* Why a request is refused before anybody has looked at what it asks for. */
typedef struct {
    int status;         /* the HTTP status */
    const char *detail; /* one sentence, a static string */
} http_refusal;

typedef enum {
    HTTP_PART_HEADER = 0, /* of a request: nothing, or a part of the header has come */
    HTTP_PART_BODY,       /* the header is complete */
    HTTP_PART_TRAILER,    /* the last chunk of the body has come */
    HTTP_PART_DONE        /* all of the request has come */
} http_part;

typedef enum {
    HTTP_FEED_MORE,    /* all was taken, the request is not complete */
    HTTP_FEED_HEADER,  /* the header has become complete; feed what is left, even if that is nothing */
    HTTP_FEED_DONE,    /* the request is complete; what is left belongs to the next one */
    HTTP_FEED_REFUSED, /* see `refusal`; nothing more can be read from this peer */
} http_feed;

typedef struct {
    llhttp_t llhttp;
    const http_limits *limits;
    http_request *request;
    http_refusal refusal;
    size_t header_bytes; /* as they came over the wire, trailers too */
    size_t body_bytes;   /* the same, chunk sizes included */
    http_part part;
    char last;            /* the last byte of header or trailer that was checked */
    uint8_t words;        /* of the request line that have begun; one more when it is over */
    bool in_name;         /* of a header field */
    bool expect_continue; /* the peer waits for 100 before it sends the body */
} http_parser;

/* `limits` and `request` must outlive the parser; a new or cleared request for each call. */
void http_parser_begin(http_parser *parser, const http_limits *limits, http_request *request);

/* Reads on; `used` gets how much of the data was taken. */
http_feed http_parser_feed(http_parser *parser, const char *data, size_t size, size_t *used);

#endif
