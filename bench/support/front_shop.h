/* A private server, an item on sale, and one seckill-front on the server's processor; and a crowd's requests to it.
 *
 * The front is $SECKILL_FRONT, or what the build folder has: ../examples/front/seckill-front from where this program is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_FRONT_SHOP_H
#define SECKILL_BENCH_FRONT_SHOP_H

#include "http_load.h"
#include "shop.h"

typedef struct {
    redis_server *redis;
    sale shop;
    seckill_keyring *ring;
    pid_t front;
    int words; /* what the front writes on standard output */
    uint16_t port;
} front_shop;

typedef struct {
    bool direct;          /* not queued */
    bool redis_beside;    /* it runs on the load's processor, so that the front has the other to itself */
    uint32_t shards;      /* 0: 8, as the library has it */
    uint64_t units;       /* on sale */
    uint32_t connections; /* that the front must take */
} front_shop_options;

void front_shop_open(front_shop *self, const front_shop_options *options);
void front_shop_close(front_shop *self);

/* For each user from the `first` on a request of one unit, with his session and an id of 16 bytes. */
http_load_requests front_shop_requests(const front_shop *self, uint64_t first, uint64_t count);

#endif
