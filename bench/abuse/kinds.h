/* The kinds of abuse by requests; and the one that is no abuse, but too much.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_KINDS_H
#define SECKILL_BENCH_KINDS_H

#include "craft.h"

enum { ABUSE_KINDS_MAX = 48, ABUSE_BATCH_MAX = 20 };

/* Where senders come from: each from an address of its own, in a network of its kind's; or from what is listed; or all from a
 * few; or from many addresses of a network of theirs. */
typedef enum { FROM_OWN, FROM_LISTED, FROM_LISTED_NETWORK, FROM_FEW, FROM_CROWD } abuse_origin;
typedef enum { USER_NEW, USER_LISTED, USER_FAST, USER_OF_CROWD } abuse_user;
typedef enum { TO_REQUESTS, TO_RETRIES, TO_ORDERS, TO_CANCELLATIONS, TO_TICKETS, TO_BAD_JSON, TO_SHAPES } abuse_aim;

typedef struct {
    const char *name, *allowed;
    abuse_aim aim;
    craft_fault session, proof; /* proof: the captcha, the token or the ticket, whatever is aimed at */
    abuse_user user;
    abuse_origin origin;
    int batch; /* requests at once, without a pause; 0: one, and then a pause that keeps it below each limit */
} abuse_kind;

extern const abuse_kind abuse_kinds[];
extern const size_t abuse_kind_count;

/* Everything is right, but what they want is sold out. */
extern const abuse_kind overload_kind;

#endif
