#include "engine/pace.h"

enum { MEASURE_MS = 200, MS_PER_SECOND = 1000 };

static void begin(sk__pace *pace, uint64_t decided, int64_t now_ms) {
    pace->decided = decided;
    pace->since_ms = now_ms;
}

void sk__pace_note(sk__pace *pace, uint64_t decided, int64_t now_ms) {
    int64_t passed = now_ms - pace->since_ms;
    uint64_t measured;

    if (pace->since_ms == 0 || decided < pace->decided || passed < 0) {
        pace->per_second = 0;
        begin(pace, decided, now_ms);
        return;
    }
    if (passed < MEASURE_MS)
        return;
    measured = (decided - pace->decided) * MS_PER_SECOND / (uint64_t)passed;
    /* A queue that stood still a moment ago, or has begun to, says more than the mean. */
    pace->per_second = pace->per_second == 0 || measured == 0 ? measured : (pace->per_second + measured) / 2;
    begin(pace, decided, now_ms);
}

uint32_t sk__pace_wait_ms(const sk__pace *pace, uint64_t count) {
    uint64_t wait;

    if (pace->per_second == 0)
        return 0;
    if (count > UINT64_MAX / MS_PER_SECOND)
        return UINT32_MAX;
    wait = count * MS_PER_SECOND / pace->per_second;
    return wait == 0 ? 1 : wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
}
