#include "engine/core.h"

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

int64_t sk__engine_now_us(const sk__engine *engine) {
    return engine->config.transport->now_us(engine->config.transport);
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

bool sk__timer_start_wait(sk__engine *engine, sk__timer *timer, uint32_t wait_ms,
                          void (*fire)(sk__engine *engine, sk__timer *timer)) {
    int64_t due_ms = sk__engine_now(engine) + wait_ms;

    if (wait_ms != engine->config.timeout_ms)
        return sk__timer_start(engine, timer, due_ms, fire);
    timer->fire = fire;
    timer->node.key = due_ms;
    sk__list_append(&engine->in_line, &timer->link);
    return true;
}

void sk__timer_stop(sk__engine *engine, sk__timer *timer) {
    sk__heap_remove(&engine->timers, &timer->node);
    if (timer->link.next != NULL)
        sk__list_remove(&timer->link);
}

sk__timer *sk__timer_next(const sk__engine *engine) {
    sk__heap_node *top = sk__heap_top(&engine->timers);
    sk__timer *of_heap = top != NULL ? SK__CONTAINER(top, sk__timer, node) : NULL;
    sk__timer *of_line = SK__CONTAINER(engine->in_line.next, sk__timer, link);

    if (sk__list_is_empty(&engine->in_line))
        return of_heap;
    return of_heap == NULL || of_line->node.key < of_heap->node.key ? of_line : of_heap;
}

/* ---- servers ---- */

uint32_t sk__engine_node_of(sk__engine *engine, uint32_t slot) {
    uint32_t number = engine->config.transport->node(engine->config.transport, slot);

    if (number >= engine->node_count)
        engine->node_count = number + 1;
    return number;
}

sk__node *sk__engine_node(sk__engine *engine, uint32_t slot) {
    return &engine->nodes[sk__engine_node_of(engine, slot)];
}

seckill_status sk__engine_trouble(sk__engine *engine, uint32_t slot) {
    return engine->closing ? SECKILL_CLOSED : sk__engine_node(engine, slot)->trouble;
}

const char *sk__engine_cause(sk__engine *engine, uint32_t slot) {
    sk__transport *transport = engine->config.transport;
    seckill_status status = sk__engine_trouble(engine, slot);
    const char *cause = engine->closing ? "" : transport->trouble(transport, sk__engine_node_of(engine, slot));

    return cause[0] != '\0' ? cause : seckill_status_message(status);
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
