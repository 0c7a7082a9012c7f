/* seckill-front: how long the queues of a broker are, as far as this front knows.
 *
 * A queue's length is read at most every DEPTHS_READ_MS, and only while somebody asks for it; what this front published since
 * is added. Other fronts' requests come in with the next reading. Pure: time is an argument, and there is no lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_DEPTHS_H
#define FRONT_DEPTHS_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { DEPTHS_READ_MS = 200, DEPTHS_INTEREST_MS = 2000, DEPTHS_KEY = 2 * SECKILL_ID_MAX + 2 };

typedef struct depths depths;

typedef struct depth depth;
struct depth {
    char key[DEPTHS_KEY]; /* "activity/item" */
    bool is_declared;     /* its queue is there, as far as is known */
    uint64_t failed_ms;   /* when it could not be declared; 0: it could, or was not tried */
    uint64_t ready;       /* requests that waited at the last reading */
    uint64_t sent;        /* requests of this front that the broker has taken since */
    uint64_t under_way;   /* those published that are not confirmed yet: they may be in a reading, or not */
    uint64_t per_second;  /* by which the queue shrinks, smoothed; 0: not known, or it does not */
    uint64_t read_ms;     /* when it was read last; 0: never */
    uint64_t asked_ms;    /* when somebody wanted to know it last */
    depth *next;
};

/* `max` queues are remembered, at least 1. NULL: out of memory. */
depths *depths_new(uint32_t max);
void depths_free(depths *all);

/* What is known of a queue: begins as nothing, in the place of the one that nobody asked for the longest, where there are
 * `max`. Valid until the next call. NULL: out of memory, or the names are too long. */
depth *depths_of(depths *all, const char *activity, const char *item, uint64_t now_ms);

/* The same without asking for it: one that is not remembered is not. NULL: it is not. */
depth *depths_find(depths *all, const char *activity, const char *item);

/* One that is to be read now; NULL: none. */
depth *depths_due(depths *all, uint64_t now_ms);

/* It was read. */
void depths_read(depth *one, uint64_t ready, uint64_t now_ms);

/* How many wait, and how long that takes; 0: not known. */
uint64_t depths_waiting(const depth *one);
uint32_t depths_wait_ms(const depth *one);

/* Nothing is known of any queue's declaration any more: the broker is another. */
void depths_forget(depths *all);

#endif
