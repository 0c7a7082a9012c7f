/* See batch.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

void batch_pool_init(batch_pool *pool, size_t limit, size_t room) {
    memset(pool, 0, sizeof *pool);
    pool->limit = limit;
    pool->room = room;
    pool->end = &pool->first;
}

static void free_batch(batch *b) {
    free(b->events);
    free(b->outcomes);
    free(b->bytes);
    free(b->acks);
    free(b);
}

void batch_pool_free(batch_pool *pool) {
    for (batch *b = pool->free, *next; b; b = next) {
        next = b->next;
        free_batch(b);
    }
    pool->free = NULL;
}

static batch *make_batch(batch_pool *pool) {
    batch *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->events = calloc(pool->room, sizeof *b->events);
    b->outcomes = calloc(pool->room, sizeof *b->outcomes);
    b->bytes = calloc(pool->room, sizeof *b->bytes);
    b->acks = calloc(pool->room, sizeof *b->acks);
    if (!b->events || !b->outcomes || !b->bytes || !b->acks) {
        free_batch(b);
        return NULL;
    }
    pool->made++;
    return b;
}

void batch_take(batch_pool *pool, batch_waiter *waiter, void (*got)(batch_waiter *, batch *)) {
    batch *b = pool->free;
    if (b) {
        pool->free = b->next;
    } else if (pool->made < pool->limit) {
        b = make_batch(pool);
    }
    if (b || pool->made == 0) {
        got(waiter, b);
        return;
    }
    waiter->got = got;
    waiter->next = NULL;
    *pool->end = waiter;
    pool->end = &waiter->next;
}

void batch_give_back(batch_pool *pool, batch *b) {
    b->owner = NULL;
    b->count = 0;
    b->next = pool->free;
    pool->free = b;
    if (pool->giving) {
        return; /* a waiter gave it back inside `got`: the loop below goes on, instead of a recursion as deep as the line */
    }
    pool->giving = true;
    while (pool->free && pool->first) {
        batch_waiter *waiter = pool->first;
        batch *given = pool->free;
        pool->free = given->next;
        pool->first = waiter->next;
        if (!pool->first) {
            pool->end = &pool->first;
        }
        waiter->got(waiter, given);
    }
    pool->giving = false;
}

/* What a broken peer might send too large is cut here and then refused by the database as what no order can be. */
static seckill_bytes keep(uint8_t *room, size_t limit, seckill_bytes from) {
    if (from.size > 0) {
        memcpy(room, from.data, from.size < limit ? from.size : limit);
    }
    return (seckill_bytes){room, from.size};
}

void batch_fill(batch *b, const char *activity, const char *item, const seckill_event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        orders_db_event *to = &b->events[i];
        to->activity = activity;
        to->item = item;
        to->event = events[i];
        to->event.user = keep(b->bytes[i].user, SECKILL_USER_MAX, events[i].user);
        to->event.order_ref = keep(b->bytes[i].order_ref, SECKILL_ORDER_REF_MAX, events[i].order_ref);
    }
    b->count = count;
}
