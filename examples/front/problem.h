/* seckill-front: how requests are answered: JSON where it went well, a problem (RFC 9457) where it did not.
 *
 * Every function here answers the exchange, which must not be used again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_PROBLEM_H
#define FRONT_PROBLEM_H

#include "front.h"

#include <jansson.h>

/* 200, 201 or the like, with a JSON value that is taken over; NULL, which is what jansson gives when memory is out, becomes a
 * problem. */
void answer_json(front_loop *loop, http_exchange *exchange, int http, json_t *value);

/* The same, for something that has not come to its end: the client may ask again then. */
void answer_json_wait(front_loop *loop, http_exchange *exchange, int http, json_t *value, uint32_t retry_after_ms);

/* "final", "retryable" or "unknown". */
const char *answer_class(seckill_class status_class);

/* Any text; `body` is from malloc and taken over; NULL as above. */
void answer_text(front_loop *loop, http_exchange *exchange, const char *content_type, char *body, size_t size);

/* A code with its usual HTTP status. `detail` is one sentence; NULL: the code's message. */
void answer_problem(front_loop *loop, http_exchange *exchange, front_code code, const char *detail);

/* A status of the library's. `retry_after_ms` is its hint; 0: a default, where the same may be asked again. */
void answer_status(front_loop *loop, http_exchange *exchange, seckill_status status, const char *detail,
                   uint32_t retry_after_ms);

/* The result of an operation. What is said of a fault of Redis or of the keys is for the log, not for a shopper. */
void answer_result(front_loop *loop, http_exchange *exchange, seckill_status status, const char *message,
                   uint32_t retry_after_ms);

/* 401, with what the client is to send. */
void answer_no_session(front_loop *loop, http_exchange *exchange, front_code code, const char *detail);

/* 405, with what the path takes: bits of http_verb. */
void answer_method(front_loop *loop, http_exchange *exchange, unsigned verbs);

/* For http_handlers.refused. */
void answer_refusal(front_loop *loop, const http_refusal *refusal, http_reply *reply);

#endif
