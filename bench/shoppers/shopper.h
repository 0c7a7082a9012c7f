/* One shopper: what it is like, where it stands, what it says.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_SHOPPER_H
#define SECKILL_BENCH_SHOPPER_H

#include "client.h"
#include "shoppers.h"

/* What a shopper is like: fixed by seed and number. */
enum { NEVER_PAYS = 1, ASKS_TWICE = 2, CANCELS = 4, RETRIES_REFUSED = 8 };

/* The questions that chance is asked. From CHANCE_POLL and CHANCE_PAUSE on, one for each repetition. */
enum {
    CHANCE_NEVER_PAYS = 1,
    CHANCE_ASKS_TWICE,
    CHANCE_CANCELS,
    CHANCE_RETRIES,
    CHANCE_PAY_AFTER,
    CHANCE_PAUSE,
    CHANCE_POLL = CHANCE_PAUSE + 64
};

/* What has happened to a shopper. */
enum {
    ANSWERED = 1,   /* it has had an answer */
    DECIDED = 2,    /* it was granted or refused, once */
    WAITING = 4,    /* it has a ticket that it does not know to be decided */
    WAS_QUEUED = 8, /* it has had a ticket */
    WAS_REFUSED = 16,
    WAS_GRANTED = 32,
    ASKED_AGAIN = 64 /* it has asked twice */
};

typedef enum { REQUEST, REQUEST_AGAIN, POLL, POLL_AGAIN, ORDER, ORDER_AGAIN, CANCEL, CANCEL_AGAIN } shopper_step;

typedef struct {
    int64_t next;                 /* in its queue */
    uint64_t step_since;          /* milliseconds of the loop's clock */
    uint64_t asked_us, queued_us; /* when it sent its first request, and when it got its ticket */
    uint64_t position;            /* that the ticket had when it was polled last */
    char *session, *token, *ticket;
    uint64_t reservation, order; /* hashes of what the shop said first */
    uint8_t nature, step, flags, refusals;
    uint16_t tries; /* of this step */
    uint16_t polls;
    uint32_t poll_after_ms; /* as it was told last */
} shopper;

/* A number of 0 to 1 that belongs to a seed, a shopper and a question. */
double shopper_chance(const shop_settings *settings, uint32_t who, uint64_t question);

uint8_t shopper_nature(const shop_settings *settings, uint32_t who);

request_kind shopper_kind(shopper_step step);

/* Writes what shopper `who` sends next. 0: out of memory, or a token that is too long. */
int shopper_write(const shop_settings *settings, shopper *s, uint32_t who, char head[CLIENT_REQUEST_MAX],
                  char body[CLIENT_REQUEST_MAX]);

/* Lets go of what a shopper keeps. */
void shopper_forget(shopper *s);

#endif
