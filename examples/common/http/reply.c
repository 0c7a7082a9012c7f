/* http: the bytes of an answer's header.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reply.h"

#include <string.h>

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_phrase(int status) {
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

static char *put(char *at, const char *text) {
    size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static char *put_number(char *at, size_t number) {
    char digits[24], *first = digits + sizeof digits;
    *--first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return put(at, first);
}

/* By hand, because it is done for each answer, and printf takes as long as half of all the rest. It always fits: content types
 * are ours and `fields` is bounded; see HTTP_REPLY_HEAD_MAX. */
size_t http_reply_head(const http_reply *reply, const char *connection, char head[HTTP_REPLY_HEAD_MAX]) {
    char *at = put(head, "HTTP/1.1 ");
    at = put(put_number(at, (size_t)reply->status), " ");
    at = put(at, http_status_phrase(reply->status));
    at = put(at, "\r\nContent-Type: ");
    at = put(at, reply->content_type != NULL ? reply->content_type : "application/json");
    at = put(at, "\r\nContent-Length: ");
    at = put_number(at, reply->body_size);
    at = put(at, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    at = put(at, reply->fields);
    if (connection != NULL)
        at = put(put(put(at, "Connection: "), connection), "\r\n");
    return (size_t)(put(at, "\r\n") - head);
}
