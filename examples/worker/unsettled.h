/* The deliveries of one AMQP channel that are not acknowledged yet, by their tags, which go up from 1; and how to acknowledge
 * many of them with one word. Pure.
 *
 * "All up to this tag" is good only where none of them is still in hand, and only with a tag that is unsettled itself: with
 * another one RabbitMQ goes on to those behind it, and then closes the channel.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_UNSETTLED_H
#define SECKILL_WORKER_UNSETTLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins as zero. */
typedef struct {
    uint8_t *states; /* a ring */
    size_t room;     /* a power of two, or 0 */
    uint64_t first;  /* all tags below it are settled */
    uint64_t next;   /* the tag of the next delivery; 0: 1 */
    uint64_t looked; /* ready ones are at it or behind */
    size_t ready;    /* how many can be acknowledged */
} unsettled;

/* The next delivery: its tag. 0: out of memory, and it is not counted. */
uint64_t unsettled_add(unsettled *all);

/* It can be acknowledged; it is settled otherwise already. Each once for a tag that is in hand. */
void unsettled_ready(unsettled *all, uint64_t tag);
void unsettled_gone(unsettled *all, uint64_t tag);

/* What to acknowledge next, `multiple`: all up to it, which is settled then. False: nothing. */
bool unsettled_next(unsettled *all, uint64_t *tag, bool *multiple);

/* A new channel. */
void unsettled_clear(unsettled *all);
void unsettled_free(unsettled *all);

#endif
