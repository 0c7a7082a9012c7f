/* http: the bytes of an answer's header.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reply.h"

#include <stdio.h>

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

size_t http_reply_head(const http_reply *reply, const char *connection, char head[HTTP_REPLY_HEAD_MAX]) {
    int size = snprintf(head, HTTP_REPLY_HEAD_MAX,
                        "HTTP/1.1 %d %s\r\n"
                        "Content-Type: %s\r\n"
                        "Content-Length: %zu\r\n"
                        "Cache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\n"
                        "%s%s%s%s\r\n",
                        reply->status, http_status_phrase(reply->status),
                        reply->content_type != NULL ? reply->content_type : "application/json", reply->body_size, reply->fields,
                        connection != NULL ? "Connection: " : "", connection != NULL ? connection : "",
                        connection != NULL ? "\r\n" : "");
    /* Content types are ours and `fields` is bounded, so that it always fits; see HTTP_REPLY_HEAD_MAX. */
    return size > 0 && size < HTTP_REPLY_HEAD_MAX ? (size_t)size : 0;
}
