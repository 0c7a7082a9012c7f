#include "engine/engine.h"

#include "engine/batch.h"
#include "engine/blacklist.h"
#include "engine/once.h"
#include "engine/task.h"

#include <stdio.h>
#include <string.h>

/* ---- life ---- */

seckill_status sk__engine_open(const sk__engine_config *config, sk__engine **out) {
    sk__engine *engine = sk__calloc(config->allocator, 1, sizeof(*engine));

    if (engine == NULL)
        return SECKILL_NO_MEMORY;
    engine->config = *config;
    (void)snprintf(engine->prefix, sizeof(engine->prefix), "%s", config->prefix);
    engine->config.prefix = engine->prefix;
    engine->random = config->random_seed;
    engine->repeats.per_second = config->max_repeats;
    sk__heap_init(&engine->timers, config->allocator);
    sk__list_init(&engine->in_line);
    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++) {
        sk__heap_init(&engine->nodes[i].ready, config->allocator);
        engine->nodes[i].trouble = SECKILL_UNREACHABLE;
    }
    sk__list_init(&engine->items);
    sk__list_init(&engine->calls);
    sk__list_init(&engine->refused);
    for (uint32_t i = 0; i < SK__ONCE_PARTS; i++)
        sk__list_init(&engine->once[i]);
    *out = engine;
    return SECKILL_OK;
}

/* Every op has a deadline, and so has every task: fire them all. Then calls end instead of being sent. */
void sk__engine_finish_all(sk__engine *engine) {
    sk__timer *timer;

    engine->closing = true;
    engine->now_us = sk__engine_now_us(engine);
    sk__ops_refuse(engine);
    while ((timer = sk__timer_next(engine)) != NULL) {
        sk__timer_stop(engine, timer);
        timer->fire(engine, timer);
    }
    sk__calls_send(engine);
}

void sk__engine_free(sk__engine *engine) {
    /* One that ends may bring back another, which waited for it. */
    while (!sk__list_is_empty(&engine->calls))
        sk__calls_send(engine);
    while (!sk__list_is_empty(&engine->items))
        sk__item_free(SK__CONTAINER(engine->items.next, seckill_item, link));
    sk__blacklist_free(engine->blacklist);
    sk__heap_free(&engine->timers);
    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
        sk__heap_free(&engine->nodes[i].ready);
    sk__free(engine->config.allocator, engine);
}

/* ---- the turn ---- */

/* No more than there can be as the turn begins: callbacks that start again what ends at once must not hold up the loop. */
static void fire_due(sk__engine *engine) {
    int64_t now = sk__engine_now(engine);
    size_t left = engine->timers.count + (size_t)engine->stats.in_progress;
    sk__timer *timer;

    while (left-- > 0 && !engine->closing && (timer = sk__timer_next(engine)) != NULL && timer->node.key <= now) {
        sk__timer_stop(engine, timer);
        timer->fire(engine, timer);
    }
}

void sk__engine_turn(sk__engine *engine) {
    sk__transport *transport = engine->config.transport;
    const sk__timer *next;

    engine->now_us = sk__engine_now_us(engine);
    fire_due(engine);
    sk__ops_refuse(engine);
    if (!engine->closing) {
        sk__once_make(engine);
        sk__batches_make(engine);
    }
    if (engine->closing)
        return; /* asked for by a callback: everything ends in the next turn */
    sk__calls_send(engine);
    next = sk__timer_next(engine);
    transport->alarm(transport, next != NULL ? next->node.key : INT64_MAX);
}

void sk__engine_up(sk__engine *engine, uint32_t node) {
    engine->nodes[node].trouble = SECKILL_SERVER_BUSY; /* what still waits then waits for others */
    engine->nodes[node].is_down = false;
    sk__engine_wake(engine);
}

/* Why, the transport tells who asks. */
void sk__engine_down(sk__engine *engine, uint32_t node, seckill_status status) {
    engine->nodes[node].trouble = status;
}

void sk__engine_moved(sk__engine *engine) {
    for (uint32_t i = 0; i < engine->node_count; i++) {
        engine->nodes[i].is_down = false; /* a send finds out */
        if (engine->nodes[i].trouble == SECKILL_DENIED)
            engine->nodes[i].trouble = SECKILL_UNREACHABLE; /* the number may be another server's now */
    }
    sk__lines_move(engine);
    sk__engine_wake(engine);
}

uint64_t sk__engine_batches(const sk__engine *engine) {
    uint64_t batches = 0;

    for (uint32_t i = 0; i < engine->node_count; i++)
        batches += engine->nodes[i].batches;
    return batches;
}
