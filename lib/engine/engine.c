#include "engine/engine.h"

#include "engine/batch.h"
#include "engine/task.h"

#include <stdio.h>
#include <string.h>

/* ---- memory, times, chance ---- */

void *sk__engine_alloc(sk__engine *engine, size_t size) {
    return sk__calloc(engine->config.allocator, 1, size);
}

void sk__engine_release(sk__engine *engine, void *memory) {
    sk__free(engine->config.allocator, memory);
}

int64_t sk__engine_now(const sk__engine *engine) {
    return engine->config.transport->now_ms(engine->config.transport);
}

void sk__engine_wake(sk__engine *engine) {
    engine->config.transport->wake(engine->config.transport);
}

/* SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). Chance only, no secrets. */
uint64_t sk__engine_random(sk__engine *engine) {
    uint64_t z = (engine->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

bool sk__timer_start(sk__engine *engine, sk__timer *timer, int64_t due_ms, void (*fire)(sk__engine *engine, sk__timer *timer)) {
    timer->fire = fire;
    return sk__heap_add(&engine->timers, &timer->node, due_ms);
}

void sk__timer_stop(sk__engine *engine, sk__timer *timer) {
    sk__heap_remove(&engine->timers, &timer->node);
}

/* ---- admission and counting ---- */

bool sk__engine_enter(sk__engine *engine) {
    if (engine->stats.in_progress >= engine->config.max_operations)
        return false;
    engine->stats.in_progress++;
    engine->stats.operations++;
    return true;
}

void sk__engine_leave(sk__engine *engine, seckill_status status) {
    engine->stats.in_progress--;
    if (status > 0)
        engine->stats.refused++;
    else if (status < 0 && seckill_status_class(status) == SECKILL_CLASS_UNKNOWN)
        engine->stats.unknown++;
    else if (status < 0)
        engine->stats.failed++;
}

/* ---- life ---- */

seckill_status sk__engine_open(const sk__engine_config *config, sk__engine **out) {
    sk__engine *engine = sk__calloc(config->allocator, 1, sizeof(*engine));

    if (engine == NULL)
        return SECKILL_NO_MEMORY;
    engine->config = *config;
    (void)snprintf(engine->prefix, sizeof(engine->prefix), "%s", config->prefix);
    engine->config.prefix = engine->prefix;
    engine->random = config->random_seed;
    sk__heap_init(&engine->timers, config->allocator);
    sk__heap_init(&engine->ready, config->allocator);
    sk__list_init(&engine->items);
    sk__list_init(&engine->calls);
    sk__list_init(&engine->outstanding);
    sk__list_init(&engine->tasks);
    *out = engine;
    return SECKILL_OK;
}

/* Every op has its deadline in the heap, and so has every task: fire them all. Then calls end instead of being sent. */
void sk__engine_finish_all(sk__engine *engine) {
    sk__heap_node *top;

    engine->closing = true;
    (void)snprintf(engine->trouble, sizeof(engine->trouble), "the client was closed");
    while ((top = sk__heap_top(&engine->timers)) != NULL) {
        sk__timer *timer = SK__CONTAINER(top, sk__timer, node);

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
    sk__heap_free(&engine->timers);
    sk__heap_free(&engine->ready);
    sk__free(engine->config.allocator, engine);
}

/* ---- the turn ---- */

/* Only what is due as the turn begins: a callback that starts an operation with no patience must not hold up the loop. */
static void fire_due(sk__engine *engine) {
    int64_t now = sk__engine_now(engine);
    sk__heap_node *top;

    while (!engine->closing && (top = sk__heap_top(&engine->timers)) != NULL && top->key <= now) {
        sk__timer *timer = SK__CONTAINER(top, sk__timer, node);

        sk__timer_stop(engine, timer);
        timer->fire(engine, timer);
    }
}

void sk__engine_turn(sk__engine *engine) {
    sk__transport *transport = engine->config.transport;
    const sk__heap_node *next;

    fire_due(engine);
    sk__batches_make(engine);
    sk__calls_send(engine);
    next = sk__heap_top(&engine->timers);
    transport->alarm(transport, next != NULL ? next->key : INT64_MAX);
}

void sk__engine_up(sk__engine *engine) {
    engine->trouble[0] = '\0';
    sk__engine_wake(engine);
}

void sk__engine_down(sk__engine *engine, const char *cause) {
    (void)snprintf(engine->trouble, sizeof(engine->trouble), "%s", cause);
}
