#include "engine/pace.h"

enum { MEASURE_MS = 200, MS_PER_SECOND = 1000 };

static void begin(sk__pace *pace, uint64_t decided, bool is_empty, int64_t now_ms) {
    pace->decided = decided;
    pace->since_ms = now_ms;
    pace->was_empty = is_empty;
}

static uint64_t max(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* A queue that stands still for a moment, between two batches of a worker, has not stopped: its speed halves each time. */
static uint64_t smoothed(uint64_t before, uint64_t measured) {
    return before == 0 ? measured : (before + measured) / 2;
}

void sk__pace_note(sk__pace *pace, uint64_t decided, uint64_t enqueued, int64_t now_ms) {
    bool is_empty = decided >= enqueued;
    int64_t passed = now_ms - pace->since_ms;
    uint64_t measured;

    if (pace->since_ms == 0 || decided < pace->decided || passed < 0) {
        pace->per_second = 0;
        begin(pace, decided, is_empty, now_ms);
        return;
    }
    if (passed < MEASURE_MS)
        return;
    measured = (decided - pace->decided) * MS_PER_SECOND / (uint64_t)passed;
    if (is_empty || pace->was_empty)
        pace->per_second = max(pace->per_second, measured);
    else
        pace->per_second = smoothed(pace->per_second, measured);
    begin(pace, decided, is_empty, now_ms);
}

uint32_t sk__pace_wait_ms(const sk__pace *pace, uint64_t count) {
    uint64_t wait;

    if (pace->per_second == 0 || count == 0)
        return 0;
    if (count > UINT64_MAX / MS_PER_SECOND)
        return UINT32_MAX;
    wait = count * MS_PER_SECOND / pace->per_second;
    return wait == 0 ? 1 : wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
}
