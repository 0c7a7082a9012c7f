/* Honest shoppers: each comes from an address of its own, solves a captcha, asks for one unit, polls as it is told, and orders.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_SHOPPERS_H
#define SECKILL_BENCH_SHOPPERS_H

#include "craft.h"
#include "histogram.h"
#include "wire.h"

enum {
    SHOPPERS_ID = 33,        /* bytes of an order's id as text, with its NUL */
    SHOPPERS_LOOT = 64,      /* shoppers of whom abusers know what they have */
    SHOPPERS_THINK_MS = 100, /* between the grant and the order: time for thieves */
    SHOPPERS_PATIENCE_MS = 60000
};

/* What is measured: from when it was due, by the plan of arrivals or as the front has told the shopper to come, to its answer.
 * The first one has the connecting in it. */
typedef enum { STEP_CAPTCHA, STEP_REQUEST, STEP_POLL, STEP_ORDER, STEPS } shopper_step;
extern const char *const shopper_steps[STEPS];

typedef enum { SHOPPER_WAITS, SHOPPER_ORDERED, SHOPPER_SOLD_OUT, SHOPPER_TURNED_AWAY } shopper_outcome;

typedef struct shoppers shoppers;

typedef struct {
    shoppers *all;
    wire wire;
    uv_timer_t timer;
    uint32_t number;
    shopper_step step;
    shopper_outcome outcome;
    uint64_t due_us;
    char user[CRAFT_USER], order[SHOPPERS_ID];
    char *ticket, *token; /* while they are needed */
    int32_t loot;         /* its place in the loot, -1: none */
    bool over;
} shopper;

/* What a thief has of a shopper who is being served. Texts are "" while there is none. */
typedef struct {
    char session[SECKILL_TOKEN_SIZE], captcha[CRAFT_CAPTCHA], ticket[SECKILL_TOKEN_SIZE], token[SECKILL_TOKEN_SIZE];
    bool captcha_stolen; /* tried once already */
} shopper_loot;

struct shoppers {
    const craft *craft;
    uv_loop_t *loop;
    uv_timer_t arrivals;
    const char *item; /* of activity "sale" */
    uint16_t port;
    uint32_t first, count; /* numbers of users */
    double rate;           /* that come in a second */
    shopper *each;
    uint64_t begun_us, requests;
    uint32_t came, over, outcomes[SHOPPER_TURNED_AWAY + 1];
    histogram steps[STEPS];
    shopper_loot loot[SHOPPERS_LOOT];
    uint32_t loot_next;
    bool done;
};

/* Begins: `craft`, `loop`, `item`, `port`, `first`, `count` and `rate` are set, the rest is zero. `done` when all are over and
 * nothing of it is in the loop any more. */
void shoppers_start(shoppers *self);

/* The number of a shopper by its user; -1: no shopper's. */
int64_t shoppers_number(const void *user, size_t size);

/* The shopper of a number, NULL: none of these. */
const shopper *shoppers_find(const shoppers *self, int64_t number);

void shoppers_free(shoppers *self);

#endif
