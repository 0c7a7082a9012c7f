/* http: from bytes to requests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "parser.h"

#include <string.h>

static const char body_too_long[] = "the body is longer than this server allows";

/* ---- refusing */

static int refuse(http_parser *parser, int status, const char *detail) {
    if (parser->refusal.status == 0)
        parser->refusal = (http_refusal){status, detail};
    return HPE_USER;
}

static int refuse_memory(http_parser *parser) {
    return refuse(parser, 503, http_request_no_memory);
}

/* ---- what llhttp calls */

static http_parser *parser_of(llhttp_t *llhttp) {
    return llhttp->data;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size) {
    http_parser *parser = parser_of(llhttp);
    http_request *request = parser->request;
    if (size > parser->limits->target_bytes - request->target.size)
        return refuse(parser, 414, "the request target is longer than this server allows");
    return http_request_append(request, &request->target, at, size) ? HPE_OK : refuse_memory(parser);
}

/* Trailers are read, counted and dropped: nothing here has a use for them. */
static bool in_trailer(const http_parser *parser) {
    return parser->part != HTTP_PART_HEADER;
}

static int begin_field(http_parser *parser) {
    if (parser->request->field_count == HTTP_FIELDS_MAX)
        return refuse(parser, 431, "the request has more header fields than this server allows");
    return http_request_add_field(parser->request) ? HPE_OK : refuse_memory(parser);
}

static int on_name(llhttp_t *llhttp, const char *at, size_t size) {
    http_parser *parser = parser_of(llhttp);
    http_request *request = parser->request;
    bool begins = !parser->in_name && size != 0;
    parser->in_name = parser->in_name || begins;
    if (in_trailer(parser) || size == 0)
        return HPE_OK;
    if (begins && begin_field(parser) != HPE_OK)
        return HPE_USER;
    http_span *name = &request->fields[request->field_count - 1].name;
    return http_request_append(request, name, at, size) ? HPE_OK : refuse_memory(parser);
}

static int on_name_complete(llhttp_t *llhttp) {
    http_parser *parser = parser_of(llhttp);
    bool named = parser->in_name;
    parser->in_name = false;
    return named ? HPE_OK : refuse(parser, 400, "a header field has no name");
}

static int on_value(llhttp_t *llhttp, const char *at, size_t size) {
    http_parser *parser = parser_of(llhttp);
    http_request *request = parser->request;
    if (in_trailer(parser) || request->field_count == 0)
        return HPE_OK;
    http_span *value = &request->fields[request->field_count - 1].value;
    return http_request_append(request, value, at, size) ? HPE_OK : refuse_memory(parser);
}

static int on_headers_complete(llhttp_t *llhttp) {
    /* An upgrade is not offered, so that asking for one changes nothing. */
    if (llhttp->method != HTTP_CONNECT)
        llhttp->upgrade = 0;
    return HPE_PAUSED;
}

/* A chunk that will be too long is refused before it comes. The last one is empty: trailers follow, which are lines again. */
static int on_chunk_header(llhttp_t *llhttp) {
    http_parser *parser = parser_of(llhttp);
    if (llhttp->content_length > parser->limits->body_bytes - parser->request->body.size)
        return refuse(parser, 413, body_too_long);
    if (llhttp->content_length != 0)
        return HPE_OK;
    parser->part = HTTP_PART_TRAILER;
    parser->last = '\n';
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size) {
    http_parser *parser = parser_of(llhttp);
    http_request *request = parser->request;
    if (size > parser->limits->body_bytes - request->body.size)
        return refuse(parser, 413, body_too_long);
    return http_request_append(request, &request->body, at, size) ? HPE_OK : refuse_memory(parser);
}

static int on_message_complete(llhttp_t *llhttp) {
    parser_of(llhttp)->part = HTTP_PART_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parser_begin(http_parser *parser, const http_limits *limits, http_request *request) {
    memset(parser, 0, sizeof *parser);
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    parser->limits = limits;
    parser->request = request;
}

/* ---- what llhttp leaves to its user */

static bool refuse_line(http_parser *parser, const char *detail) {
    refuse(parser, 400, detail);
    return false;
}

/* A request line is three words with one space between, and the last begins with H: that it is HTTP/1.1 llhttp has seen. */
static bool check_words(http_parser *parser, const char *data, size_t size) {
    enum { LAST = 3, OVER };
    char before = parser->last;
    for (size_t i = 0; i < size && parser->words < OVER; before = data[i++]) {
        char c = data[i];
        if (parser->words == 0 && (c == '\r' || c == '\n'))
            continue; /* empty lines before it */
        if (parser->words == 0 || before == ' ')
            parser->words++;
        if (before == ' ' && (c == ' ' || (parser->words == LAST && c != 'H')))
            return refuse_line(parser,
                               "the request line is not a method, a target and an HTTP version, with one space between");
        if (c == '\n')
            parser->words = OVER;
    }
    return true;
}

/* Every line of a header ends in CR LF, and none goes on in the next line. `parser->last` is the byte before the data. */
static bool check_lines(http_parser *parser, const char *data, size_t size) {
    const char *end = data + size;
    for (const char *at = data; at != end;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at)), *stop = feed != NULL ? feed : end;
        const char *turn = memchr(at, '\r', (size_t)(stop - at));
        char before = at == data ? parser->last : '\n', last = stop == at ? before : stop[-1];
        if (before == '\n' && (*at == ' ' || *at == '\t'))
            return refuse_line(parser, "a header field goes on in the next line");
        if ((before == '\r' && stop != at) || (turn != NULL && turn + 1 != stop) || (feed != NULL && last != '\r'))
            return refuse_line(parser, "a line does not end in CR LF");
        at = feed != NULL ? feed + 1 : end;
    }
    parser->last = size != 0 ? end[-1] : parser->last;
    return true;
}

static void trim_end(const http_request *request, http_span *value) {
    const char *text = http_request_text(request, *value).data;
    while (value->size != 0 && (text[value->size - 1] == ' ' || text[value->size - 1] == '\t'))
        value->size--;
}

/* Without a way out, so that the compiler looks at many bytes at a time. */
static bool has_control(http_text text) {
    unsigned char found = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        found |= (unsigned char)((unsigned)(c < 0x20) & (unsigned)(c != '\t')) | (unsigned char)(c == 0x7f);
    }
    return found != 0;
}

static bool check_fields(http_parser *parser) {
    http_request *request = parser->request;
    for (uint32_t i = 0; i < request->field_count; i++) {
        trim_end(request, &request->fields[i].value);
        if (has_control(http_request_text(request, request->fields[i].value))) {
            refuse(parser, 400, "a header field has a control character");
            return false;
        }
    }
    return true;
}

static bool check_host(http_parser *parser) {
    http_text host;
    unsigned count = http_request_find(parser->request, "Host", &host);
    if (count == 0 && parser->request->version_10)
        return true;
    bool good = count == 1 && http_text_is_authority(host);
    if (!good)
        refuse(parser, 400, count == 0 ? "the request has no Host" : "the request has no single, well-formed Host");
    return good;
}

/* Where a body ends must not be open to two readings. */
static bool check_framing(http_parser *parser) {
    http_text coding;
    unsigned lengths = http_request_find(parser->request, "Content-Length", NULL);
    unsigned codings = http_request_find(parser->request, "Transfer-Encoding", &coding);
    if (lengths > 1 || codings > 1 || (lengths != 0 && codings != 0) || (codings != 0 && parser->request->version_10))
        refuse(parser, 400, "the request says in more than one way where its body ends");
    else if (codings == 1 && !http_text_is(coding, "chunked"))
        refuse(parser, 501, "the only transfer coding that this server reads is chunked");
    else if (lengths == 1 && parser->llhttp.content_length > parser->limits->body_bytes)
        refuse(parser, 413, body_too_long);
    return parser->refusal.status == 0;
}

static bool check_expect(http_parser *parser) {
    http_text expect;
    unsigned count = http_request_find(parser->request, "Expect", &expect);
    if (count == 0 || parser->request->version_10)
        return true;
    if (count != 1 || !http_text_is(expect, "100-continue")) {
        refuse(parser, 417, "the only expectation that this server meets is 100-continue");
        return false;
    }
    parser->expect_continue =
        parser->llhttp.content_length != 0 || http_request_find(parser->request, "Transfer-Encoding", NULL) != 0;
    return true;
}

static bool check_target(http_parser *parser) {
    const char *wrong = http_request_split(parser->request);
    if (wrong != NULL)
        refuse(parser, wrong == http_request_no_memory ? 503 : 400, wrong);
    return wrong == NULL;
}

static http_verb verb_of(uint8_t method) {
    switch (method) {
    case HTTP_GET:
        return HTTP_VERB_GET;
    case HTTP_HEAD:
        return HTTP_VERB_HEAD;
    case HTTP_POST:
        return HTTP_VERB_POST;
    default:
        return HTTP_VERB_OTHER;
    }
}

static bool version_spoken(const http_parser *parser) {
    return parser->llhttp.http_major == 1 && parser->llhttp.http_minor <= 1;
}

static bool check_request_line(http_parser *parser) {
    if (!version_spoken(parser))
        refuse(parser, 505, "this server speaks HTTP/1.1 and HTTP/1.0");
    else if (parser->llhttp.method == HTTP_CONNECT)
        refuse(parser, 501, "this server is no proxy");
    parser->request->version_10 = parser->llhttp.http_minor == 0;
    parser->request->verb = verb_of(parser->llhttp.method);
    parser->request->keep_alive = llhttp_should_keep_alive(&parser->llhttp) != 0;
    return parser->refusal.status == 0;
}

static http_feed header_complete(http_parser *parser) {
    bool good = check_request_line(parser) && check_fields(parser) && check_host(parser) && check_framing(parser) &&
                check_expect(parser) && check_target(parser);
    if (!good)
        return HTTP_FEED_REFUSED;
    parser->part = HTTP_PART_BODY;
    llhttp_resume(&parser->llhttp);
    return HTTP_FEED_HEADER;
}

/* ---- feeding */

static http_feed parse_error(http_parser *parser, llhttp_errno_t error) {
    /* llhttp also calls it an invalid version when what follows a good one is not the end of the line. */
    if ((error == HPE_INVALID_VERSION && !version_spoken(parser)) || error == HPE_PAUSED_H2_UPGRADE)
        refuse(parser, 505, "this server speaks HTTP/1.1 and HTTP/1.0");
    else
        refuse(parser, 400, "this is not a well-formed HTTP request");
    return HTTP_FEED_REFUSED;
}

/* The header, or the trailers. */
static http_feed feed_lines(http_parser *parser, const char *data, size_t size, size_t *used) {
    size_t room = parser->limits->header_bytes - parser->header_bytes;
    size_t taken = size < room ? size : room;
    llhttp_errno_t error = llhttp_execute(&parser->llhttp, data, taken);
    if (error == HPE_PAUSED)
        taken = (size_t)(llhttp_get_error_pos(&parser->llhttp) - data);
    else if (error != HPE_OK)
        return parse_error(parser, error);
    *used = taken;
    parser->header_bytes += taken;
    if (!check_words(parser, data, taken) || !check_lines(parser, data, taken))
        return HTTP_FEED_REFUSED;
    if (error == HPE_PAUSED)
        return parser->part == HTTP_PART_HEADER ? header_complete(parser) : HTTP_FEED_DONE;
    if (taken == size)
        return HTTP_FEED_MORE;
    refuse(parser, 431, "the request's header is longer than this server allows");
    return HTTP_FEED_REFUSED;
}

/* Chunks of one byte and chunk extensions cost something; together they may take what a header may take, and eight times the
 * body. */
static bool count_body(http_parser *parser, size_t size) {
    size_t most = (size_t)parser->limits->body_bytes * 8 + parser->limits->header_bytes;
    parser->body_bytes += size;
    if (parser->body_bytes > most)
        refuse(parser, 413, "the body's chunks are too many or too long");
    return parser->body_bytes <= most;
}

static http_feed feed_body(http_parser *parser, const char *data, size_t size, size_t *used) {
    llhttp_errno_t error = llhttp_execute(&parser->llhttp, data, size);
    *used = size;
    if (error == HPE_PAUSED)
        *used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - data);
    else if (error != HPE_OK)
        return parse_error(parser, error);
    if (!count_body(parser, *used))
        return HTTP_FEED_REFUSED;
    if (parser->part != HTTP_PART_TRAILER)
        return parser->part == HTTP_PART_DONE ? HTTP_FEED_DONE : HTTP_FEED_MORE;
    size_t lines = 0;
    llhttp_resume(&parser->llhttp);
    http_feed outcome = feed_lines(parser, data + *used, size - *used, &lines);
    *used += lines;
    return outcome;
}

http_feed http_parser_feed(http_parser *parser, const char *data, size_t size, size_t *used) {
    *used = 0;
    if (parser->refusal.status != 0)
        return HTTP_FEED_REFUSED;
    return parser->part == HTTP_PART_BODY ? feed_body(parser, data, size, used) : feed_lines(parser, data, size, used);
}
