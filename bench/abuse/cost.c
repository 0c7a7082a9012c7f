#include "cost.h"

#include "bench.h"
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENQUEUED = 1000, IDLE_MS = 1000 };

/* 0 where there is no such line: nobody has called it yet. */
static double info(place *self, const char *section, const char *line) {
    redisReply *reply = redis_server_command(self->redis, "INFO %s", section);
    const char *at;
    double value;

    if (reply == NULL || reply->str == NULL)
        bench_fail("Redis does not say what it has done");
    at = strstr(reply->str, line);
    value = at != NULL ? strtod(at + strlen(line), NULL) : 0;
    redis_server_forget(reply);
    return value;
}

cost cost_of_redis(place *self) {
    return (cost){.commands =
                      info(self, "commandstats", "cmdstat_evalsha:calls=") + info(self, "commandstats", "cmdstat_eval:calls="),
                  .inner = info(self, "stats", "total_commands_processed:"),
                  .processor = bench_cpu_time(self->pids[PLACE_REDIS]),
                  .seconds = bench_now()};
}

cost cost_less(cost one, cost other, double times) {
    return (cost){one.commands - times * other.commands, one.inner - times * other.inner,
                  one.processor - times * other.processor, one.seconds - times * other.seconds};
}

static cost shared_by(cost all, double count) {
    return (cost){all.commands / count, all.inner / count, all.processor / count, all.seconds / count};
}

static void on_idled(uv_timer_t *timer) {
    *(bool *)timer->data = true;
    uv_close((uv_handle_t *)timer, NULL);
}

cost cost_of_idling(place *self) {
    bool over = false;
    uv_timer_t timer = {.data = &over};
    cost begun = cost_of_redis(self), all;

    uv_update_time(&self->shop.loop);
    (void)uv_timer_init(&self->shop.loop, &timer);
    (void)uv_timer_start(&timer, on_idled, IDLE_MS, 0);
    sale_run_until(&self->shop, &over);
    all = cost_less(cost_of_redis(self), begun, 1);
    (void)uv_run(&self->shop.loop, UV_RUN_NOWAIT); /* the timer is closed when its place goes */
    return shared_by(all, all.seconds);
}

/* Of another activity than the one that the worker works for. */
cost cost_of_enqueue(place *self) {
    sale *shop = &self->shop;
    seckill_item *before = shop->item;
    char user[CRAFT_USER];
    cost begun, all;

    if (seckill_item_open(shop->client, "trial", place_items[PLACE_CALM], &shop->item) != SECKILL_OK ||
        sale_define(shop, 8, NULL).status != SECKILL_OK || sale_load(shop, "all", ENQUEUED).status != SECKILL_OK)
        bench_fail("an item could not be put on sale");
    begun = cost_of_redis(self);
    for (int i = 0; i < ENQUEUED; i++) {
        (void)snprintf(user, sizeof(user), "trial-%08d", i);
        if (sale_enqueue(shop, user, user, 1).status != SECKILL_OK)
            bench_fail("a request could not be queued");
    }
    all = cost_less(cost_of_redis(self), begun, 1);
    seckill_item_close(shop->item);
    shop->item = before;
    return shared_by(all, ENQUEUED);
}
