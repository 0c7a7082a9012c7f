/* seckill-front: every outcome that an answer can name. `code` in an answer is a status name of the library's, or one of the
 * front's own below, for what the library never sees.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_CODES_H
#define FRONT_CODES_H

#include <seckill/seckill.h>

/* X(NAME, HTTP status, CLASS, "stable_name", "message") */
#define FRONT_CODE_MAP(X)                                                                                                      \
    FRONT_UNSEEN_MAP(X)                                                                                                        \
    FRONT_SEEN_MAP(X)

/* What a request may be refused with before anybody has looked at what it asks for: one for each HTTP status. */
#define FRONT_UNSEEN_MAP(X)                                                                                                    \
    X(BAD_REQUEST, 400, FINAL, "bad_request", "the request is not well-formed")                                                \
    X(REQUEST_TIMEOUT, 408, RETRYABLE, "request_timeout", "the request did not come in time")                                  \
    X(BODY_TOO_LARGE, 413, FINAL, "body_too_large", "the body is too long")                                                    \
    X(URI_TOO_LONG, 414, FINAL, "uri_too_long", "the request target is too long")                                              \
    X(EXPECTATION, 417, FINAL, "expectation", "the only expectation that is met is 100-continue")                              \
    X(TOO_MANY_CONNECTIONS, 429, RETRYABLE, "too_many_connections", "this address has too many connections")                   \
    X(HEADER_TOO_LARGE, 431, FINAL, "header_too_large", "the header is too long")                                              \
    X(NOT_IMPLEMENTED, 501, FINAL, "not_implemented", "this server does not do that")                                          \
    X(OVERLOADED, 503, RETRYABLE, "overloaded", "this server cannot take more")                                                \
    X(HTTP_VERSION, 505, FINAL, "http_version", "this server speaks HTTP/1.1 and HTTP/1.0")

#define FRONT_SEEN_MAP(X)                                                                                                      \
    X(NO_SESSION, 401, FINAL, "no_session", "who the user is must be proved")                                                  \
    X(NOT_YOURS, 403, FINAL, "not_yours", "the token or ticket was issued to another user")                                    \
    X(NO_SUCH_PATH, 404, FINAL, "no_such_path", "nothing is served at this path")                                              \
    X(METHOD_NOT_ALLOWED, 405, FINAL, "method_not_allowed", "this path does not take this method")                             \
    X(MEDIA_TYPE, 415, FINAL, "media_type", "the body must be application/json")                                               \
    X(CAPTCHA_MISSING, 403, FINAL, "captcha_missing", "the answer to a captcha is wanted: \"captcha\"")                        \
    X(CAPTCHA_WRONG, 403, FINAL, "captcha_wrong", "this is not the right answer to a captcha of this user and activity")       \
    X(CAPTCHA_EXPIRED, 403, FINAL, "captcha_expired", "the answer to the captcha does not count any more: answer a new one")   \
    X(CAPTCHA_USED, 403, FINAL, "captcha_used", "the answer to the captcha was used for another request: answer a new one")    \
    X(CAPTCHA_UNAVAILABLE, 503, RETRYABLE, "captcha_unavailable", "who knows the right answers to captchas cannot be asked")

typedef enum {
#define FRONT_CODE_ENUM(name, number, status_class, text, message) CODE_##name,
    SECKILL_STATUS_MAP(FRONT_CODE_ENUM) FRONT_CODE_MAP(FRONT_CODE_ENUM)
#undef FRONT_CODE_ENUM
        CODE_COUNT
} front_code;

typedef struct {
    const char *name, *message;
    seckill_class status_class;
} front_code_info;

const front_code_info *front_code_of(front_code code);

/* The HTTP status that says the same best. */
int front_code_http(front_code code);

/* A status of the library's as a code; one of a later release is "unknown". */
front_code front_code_from(seckill_status status);

/* The code for an HTTP status with which a request was refused unseen. */
front_code front_code_from_http(int http);

#endif
