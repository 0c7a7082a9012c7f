#include "engine/retry.h"

#include "base/backoff.h"

enum { BACKOFF_MIN_MS = 10, BACKOFF_MAX_MS = 500, US_PER_MS = 1000, US_PER_SECOND = 1000000 };

int64_t sk__budget_take(sk__budget *budget, int64_t now_ms) {
    int64_t now = now_ms * US_PER_MS;
    int64_t full = now - US_PER_SECOND; /* a quiet second: the budget holds no more */

    if (budget->spent_us < full)
        budget->spent_us = full;
    budget->spent_us += US_PER_SECOND / budget->per_second;
    return budget->spent_us <= now ? now_ms : (budget->spent_us + US_PER_MS - 1) / US_PER_MS;
}

int64_t sk__retry_at(sk__budget *budget, int64_t now_ms, uint32_t attempts, uint32_t chance) {
    int64_t backoff = now_ms + sk__backoff_ms(BACKOFF_MIN_MS, BACKOFF_MAX_MS, attempts, chance);
    int64_t allowed = sk__budget_take(budget, now_ms);

    return backoff > allowed ? backoff : allowed;
}
