/* Ours: an item on sale, on a private server, through the public calls with their defaults; and a crowd that wants it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_SHOP_H
#define SECKILL_BENCH_SHOP_H

#include "bench.h"
#include "redis_server.h"
#include "sale.h"

/* The append-only file as it is by default: written at once, synced every second. */
extern const char *const shop_everysec[];
/* Synced before each answer. */
extern const char *const shop_always[];

/* Starts a server on the server's processor, with lines of redis.conf; the caller goes on on the load's. */
redis_server *shop_server(const char *const *lines);

/* An item with a limit of 1 for each user, and a client of it. */
void shop_open(sale *shop, const redis_server *server, uint32_t shards, uint64_t units);

/* The n-th user: 16 bytes. The request ids of crowds have 16 bytes too. */
enum { SHOP_USER = 16 };
void shop_user(uint64_t n, char user[SHOP_USER + 1]);

/* Asks for a unit for one of these users, whose request id is the same; `flags` as seckill_reserve takes them. */
void shop_ask(seckill_item *item, const char *user, uint32_t flags, seckill_result_cb cb, void *user_data);

typedef struct {
    uint64_t granted, refused; /* refused: sold out */
    double start, seconds;     /* start: bench_now() before the first request */
} shop_outcome;

typedef struct {
    uint64_t first, count;      /* users */
    uint32_t in_flight;         /* how many requests wait for their answer at any time: a closed loop; at most 65,536 */
    bool first_attempts;        /* SECKILL_FIRST_ATTEMPT */
    seckill_item *const *items; /* of several clients on the shop's loop, asked in turn; NULL: the shop's own alone */
    uint32_t item_count;
    /* Called after each answer with what has come so far, `seconds` not counted; NULL: nobody looks. */
    void (*on_answer)(const shop_outcome *so_far, void *user_data);
    void *user_data;
} shop_crowd;

/* Each user reserves one unit, once. Any other answer ends the program. */
shop_outcome shop_sell(sale *shop, const shop_crowd *crowd);

/* Grants a second to so many new users, on a server of its own with these lines: 8 shards, 8,192 requests in flight. */
double shop_grant_rate(const char *const *lines, uint64_t users);

#endif
