/* A flat JSON object of strings and integers: what the payload of a token is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_JSON_H
#define SK_TOKEN_JSON_H

#include "seckill/base.h"

#include <stdbool.h>

enum { SK__JSON_STRING_MAX = 160 }; /* bytes of a name or a string, unescaped: more than any claim has */

typedef struct {
    seckill_bytes name;
    seckill_bytes text; /* data is NULL: the value is no string */
    int64_t number;     /* -1: the value is no integer */
} sk__member;

/* Called for each member, in the text's order; false ends the reading. What it gets lives only in the call. */
typedef bool (*sk__member_fn)(void *context, const sk__member *member);

/* Reads an object, strictly by RFC 8259, but only what claims are made of: strings up to SK__JSON_STRING_MAX and integers from
 * 0 to 10^16 - 1 without sign, fraction or exponent. Two things are left to `each`: names may repeat, and the bytes of strings
 * from 0x80 on are unchecked (a claim is either of ASCII or checked as UTF-8). False also where `each` gave false. */
SECKILL_CHECKED bool sk__json_each(const uint8_t *json, size_t size, sk__member_fn each, void *context);

#endif
