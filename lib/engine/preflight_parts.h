/* What the files that judge share: preflight_servers.c (each server, and the servers beside each other) and preflight_judge.c
 * (shards, the item, and the order of it all).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_PREFLIGHT_PARTS_H
#define SK_ENGINE_PREFLIGHT_PARTS_H

#include "engine/preflight.h"

/* Notes a finding, if there is room. `server` and `remedy` outlive it. */
void sk__note(sk__findings *out, seckill_check check, seckill_level level, uint32_t shard, const char *server,
              const char *remedy, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* Of a server, or of the whole (server ""): NOTE(out, check, level, server, remedy, format, ...) with bare names. */
#define SK__NOTE(out, check, level, ...)                                                                                       \
    sk__note(out, SECKILL_CHECK_##check, SECKILL_LEVEL_##level, SECKILL_NO_SHARD, __VA_ARGS__)

static inline uint32_t sk__shards_of(const sk__preflight *all) {
    return all->info != NULL ? all->info->settings->shards : 0;
}

static inline const char *sk__servers_word(uint32_t count) {
    return count == 1 ? "server" : "servers";
}

/* Judges a check that is one of servers; no other. Both need the mapping list where any server was seen. */
void sk__judge_servers(const sk__preflight *all, seckill_check check, sk__findings *out);
void sk__judge_clocks(const sk__preflight *all, sk__findings *out);
void sk__judge_spread(const sk__preflight *all, sk__findings *out);

#endif
