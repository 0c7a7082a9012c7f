/* Runs seckill-ctl and says what it said.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_CTL_FIXTURE_H
#define SK_TESTS_CTL_FIXTURE_H

#include "redis_server.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct {
    int code;
    char out[65536], err[16384];
} ctl_outcome;

/* Runs it with the arguments of a line, separated by single spaces, after formatting it as printf does. The outcome is valid
 * until the next call. */
const ctl_outcome *ctl(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with --json behind it: the exit code must be `code`, and the output one JSON object. It is valid until the next
 * call. */
const json_t *ctl_json(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Members of the answer, by a path such as "total.sold" or "shards.0.status"; a missing one fails the test. */
long long ctl_int(const json_t *object, const char *path);
const char *ctl_text(const json_t *object, const char *path);

/* A private Redis, named to seckill-ctl by SECKILL_REDIS. For cmocka's group setup and teardown. */
extern redis_server *ctl_redis;
int ctl_start_redis(void **state);
int ctl_stop_redis(void **state);

#endif
