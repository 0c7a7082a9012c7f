/* A shop with a pool of threads, whose calls block: each takes the next shopper, reserves a unit for him, and sells it to him.
 *
 *     seckill-threads ACTIVITY ITEM SHOPPERS [THREADS]
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include <seckill/seckill.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 32, THREADS_MAX = 1024, TRIES = 20 };

typedef struct {
    seckill_sync_item *item; /* one for all threads */
    unsigned shoppers;
    atomic_uint next, sold, refused, failed;
} shop;

/* Asks again under the same request id where the answer is not final: nothing is taken twice. */
static seckill_status reserve(shop *self, seckill_bytes shopper, seckill_sync_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    options.user = options.request_id = shopper; /* a real shop's request ids come from its users, one for each request */
    answer->struct_size = sizeof(*answer);
    seckill_status status = seckill_sync_reserve(self->item, &options, answer);
    for (int i = 1; i < TRIES && seckill_status_class(status) != SECKILL_CLASS_FINAL; i++) {
        struct timespec pause = {answer->retry_after_ms / 1000, answer->retry_after_ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
        status = seckill_sync_reserve(self->item, &options, answer);
    }
    return status;
}

/* A real shop gives the shopper a token of `ref`, and confirms when it comes back with the payment. */
static seckill_status sell(shop *self, seckill_bytes shopper) {
    seckill_sync_answer answer;
    seckill_status status = reserve(self, shopper, &answer);
    if (status != SECKILL_OK || !answer.has_ref) {
        return status; /* refused, or sold to him before */
    }
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    options.ref = &answer.ref;
    options.order_ref = shopper;
    return seckill_sync_confirm(self->item, &options, NULL);
}

static void *work(void *context) {
    shop *self = context;
    for (unsigned n = self->next++; n < self->shoppers; n = self->next++) {
        char name[32];
        seckill_bytes shopper = {name, (size_t)snprintf(name, sizeof(name), "shopper-%u", n)};
        seckill_status status = sell(self, shopper);
        atomic_uint *count = status == SECKILL_OK ? &self->sold : status > 0 ? &self->refused : &self->failed;
        ++*count;
    }
    return NULL;
}

static void run(shop *self, unsigned threads) {
    pthread_t pool[THREADS_MAX];
    unsigned started = 0;
    while (started < threads && pthread_create(&pool[started], NULL, work, self) == 0) {
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(pool[i], NULL);
    }
}

int main(int argc, char **argv) {
    shop self = {.shoppers = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0};
    unsigned threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : THREADS;
    if (argc < 4 || argc > 5 || self.shoppers < 1 || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: %s ACTIVITY ITEM SHOPPERS [THREADS, 1 to %d]\n", argv[0], THREADS_MAX);
        return 2;
    }
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_sync *sync = NULL;
    options.address = getenv("SECKILL_REDIS"); /* NULL: 127.0.0.1:6379 */
    seckill_status status = seckill_sync_open(&options, &sync);
    if (status == SECKILL_OK) {
        status = seckill_sync_item_open(sync, argv[1], argv[2], &self.item);
    }
    if (status == SECKILL_OK) {
        run(&self, threads);
    } else {
        fprintf(stderr, "%s: %s\n", seckill_status_name(status), seckill_status_message(status));
    }
    printf("%u sold, %u refused, %u failed\n", self.sold, self.refused, self.failed);
    seckill_sync_close(sync); /* no thread makes calls any more; its items go with it */
    return status == SECKILL_OK && self.failed == 0 && self.sold + self.refused == self.shoppers ? EXIT_SUCCESS : EXIT_FAILURE;
}
