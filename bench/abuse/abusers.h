/* Abusers that send requests: many kinds, each from addresses of its own, so many requests for each one of honest shoppers. And
 * a crowd that is no abuse, but too much: one kind, from many addresses.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_ABUSERS_H
#define SECKILL_BENCH_ABUSERS_H

#include "kinds.h"
#include "shoppers.h"
#include "tally.h"

enum {
    ABUSERS_FACTOR = 20,
    ABUSERS_SENDERS = 12, /* of each kind */
    OVERLOAD_FACTOR = 10,
    OVERLOAD_SENDERS = 250,
    ABUSERS_LISTED_USERS = 2000,
    ABUSERS_LISTED_ADDRESSES = 8, /* 127.67.0.1 and so on, each by itself */
    ABUSERS_FAST = 2              /* users, and addresses, that are much too fast */
};

#define ABUSERS_LISTED_NETWORK "127.68.0.0/16"

typedef struct sender sender;
typedef struct abusers abusers;

struct abusers {
    const craft *craft;
    uv_loop_t *loop;
    uint16_t port;
    shoppers *victims;
    const char *item;       /* that they want */
    const abuse_kind *list; /* of `kinds` */
    size_t kinds;
    uint32_t each, factor; /* senders of each kind; requests for each one of the victims' */
    uv_timer_t tick;
    tally tallies[ABUSE_KINDS_MAX]; /* of each kind */
    sender *senders;
    uint32_t turns[ABUSE_KINDS_MAX]; /* of each kind's senders */
    uint32_t open;                   /* senders that have a connection */
    uint64_t sent, answered;         /* requests */
    uint64_t users, shapes;          /* that were made up so far; of malformed HTTP that were looked at */
    size_t next;                     /* the kind whose turn it is */
    bool stopping, done;
};

/* The n-th listed user, and the n-th of those that are too fast. */
void abusers_listed_user(uint32_t n, char user[CRAFT_USER]);
void abusers_fast_user(uint32_t n, char user[CRAFT_USER]);
/* As text: the n-th listed address, and the n-th from which too much comes. */
void abusers_listed_address(uint32_t n, char address[20]);
void abusers_fast_address(uint32_t n, char address[20]);

/* Begins: what comes before `tick` is set, the rest is zero. */
void abusers_start(abusers *self);

/* Whether each kind has been tried, and all together enough for what honest shoppers have sent so far. */
bool abusers_have_enough(const abusers *self);

/* Sends no more; `done` when all is answered, and all connections are closed. */
void abusers_stop(abusers *self);

void abusers_free(abusers *self);

#endif
