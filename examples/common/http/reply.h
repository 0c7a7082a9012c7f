/* http: the bytes of an answer's header.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "server.h"

enum { HTTP_REPLY_HEAD_MAX = 768 };

/* The phrase that belongs to a status, such as "Not Found"; a static string. */
const char *http_status_phrase(int status);

/* Writes the header and returns its size. `connection`: "close", "keep-alive" or NULL for none. */
size_t http_reply_head(const http_reply *reply, const char *connection, char head[HTTP_REPLY_HEAD_MAX]);

#endif
