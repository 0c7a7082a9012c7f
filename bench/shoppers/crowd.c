/* See crowd.h.
 *
 * Whoever waits, for its turn in the shop's queue or before it repeats something, is a number in a heap: it holds no
 * connection.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "crowd.h"

#include "steps.h"
#include "waits.h"

#include <stdlib.h>

enum { NOBODY = -1 };

typedef struct {
    int64_t first, last;
} shopper_queue;

struct shopper_crowd {
    uv_loop_t *loop;
    const shop_settings *settings;
    shop_counts *counts;
    http_client *client;
    uv_timer_t timer;
    wait_heap waits;
    shopper_queue begun, fresh;
    shopper *all;
    uint64_t opened_us;
};

/* ---- queues ---- */

static uint32_t number_of(const shopper_crowd *crowd, const shopper *s) {
    return (uint32_t)(s - crowd->all);
}

static void join(shopper_crowd *crowd, shopper_queue *queue, uint32_t who) {
    crowd->all[who].next = NOBODY;
    if (queue->first == NOBODY) {
        queue->first = who;
    } else {
        crowd->all[queue->last].next = who;
    }
    queue->last = who;
}

static shopper *take(shopper_crowd *crowd, shopper_queue *queue) {
    if (queue->first == NOBODY) {
        return NULL;
    }
    shopper *s = &crowd->all[queue->first];
    queue->first = s->next;
    return s;
}

static void wait_for(shopper_crowd *crowd, shopper *s, uint64_t ms) {
    if (ms == 0 || !waits_add(&crowd->waits, uv_now(crowd->loop) + ms, number_of(crowd, s))) {
        join(crowd, &crowd->begun, number_of(crowd, s));
    }
}

/* ---- sending ---- */

static uint64_t now_us(void) {
    return uv_hrtime() / 1000;
}

static visit visit_of(const shopper_crowd *crowd, shopper *s) {
    return (visit){crowd->settings, crowd->counts, s, number_of(crowd, s), uv_now(crowd->loop), now_us(), crowd->opened_us};
}

/* 0: out of memory, or the token is too long: nothing was sent. */
static int send_next(shopper_crowd *crowd, shopper *s) {
    char head[CLIENT_REQUEST_MAX], body[CLIENT_REQUEST_MAX];
    if (!shopper_write(crowd->settings, s, number_of(crowd, s), head, body) || !client_send(crowd->client, head, body, s)) {
        return 0;
    }
    crowd->counts->sent[shopper_kind(s->step)]++;
    crowd->counts->repeated += s->tries > 0;
    return 1;
}

/* ---- the loop ---- */

static void stop(shopper_crowd *crowd) {
    crowd->counts->connections = client_connected(crowd->client);
    crowd->counts->disconnects = client_disconnected(crowd->client);
    client_close(crowd->client);
    uv_close((uv_handle_t *)&crowd->timer, NULL);
}

static void pump(shopper_crowd *crowd);

/* Those who have begun go first: their holds run, or will as soon as their tickets are decided. */
static shopper *next_shopper(shopper_crowd *crowd) {
    shopper *s = take(crowd, &crowd->begun);
    return s ? s : take(crowd, &crowd->fresh);
}

static void start_step(shopper_crowd *crowd, shopper *s) {
    s->step_since = s->step_since ? s->step_since : uv_now(crowd->loop);
    s->asked_us = s->asked_us ? s->asked_us : now_us();
    if (!send_next(crowd, s)) {
        visit v = visit_of(crowd, s);
        steps_give_up(&v, "could not be sent", "out of memory, or a token that is too long");
    }
}

static void on_timer(uv_timer_t *timer) {
    pump(timer->data);
}

/* Sends for all who are ready, as far as there are connections, and sets the clock for those who wait. */
static void pump(shopper_crowd *crowd) {
    uint64_t now = uv_now(crowd->loop), next;
    uint32_t who;
    shopper *s;
    if (uv_is_closing((uv_handle_t *)&crowd->timer)) {
        return;
    }
    while (waits_take(&crowd->waits, now, &who)) {
        join(crowd, &crowd->begun, who);
    }
    while (client_ready(crowd->client) && (s = next_shopper(crowd))) {
        start_step(crowd, s);
    }
    if (crowd->counts->finished == crowd->settings->shoppers) {
        stop(crowd);
    } else if ((next = waits_next(&crowd->waits)) != UINT64_MAX) {
        uv_timer_start(&crowd->timer, on_timer, next > now ? next - now : 0, 0);
    }
}

static void move(shopper_crowd *crowd, shopper *s, next_move next) {
    if (next.what == GO) {
        s->step = (uint8_t)next.step;
        s->tries = 0;
        s->step_since = uv_now(crowd->loop) + next.after_ms;
    }
    wait_for(crowd, s, next.after_ms);
}

static void on_answer(const client_answer *answer, void *about, void *user_data) {
    shopper_crowd *crowd = user_data;
    shopper *s = about;
    if (answer) {
        visit v = visit_of(crowd, s);
        next_move next = steps_take(&v, answer);
        if (next.what == LEAVE) {
            steps_finish(&v);
        } else {
            move(crowd, s, next);
        }
    }
    pump(crowd);
}

shopper_crowd *crowd_new(uv_loop_t *loop, const shop_settings *settings, shop_counts *counts) {
    shopper_crowd *made = calloc(1, sizeof *made);
    shopper *all = calloc(settings->shoppers, sizeof *all);
    http_client *client =
        made ? client_new(loop, settings->front, settings->connections, settings->timeout_ms, on_answer, made) : NULL;
    if (!made || !all || !client) {
        free(all);
        free(made);
        return NULL;
    }
    made->loop = loop;
    made->settings = settings;
    made->counts = counts;
    made->client = client;
    made->all = all;
    made->begun.first = made->fresh.first = NOBODY;
    uv_timer_init(loop, &made->timer);
    made->timer.data = made;
    return made;
}

void crowd_start(shopper_crowd *crowd) {
    for (uint32_t who = 0; who < crowd->settings->shoppers; who++) {
        crowd->all[who].nature = shopper_nature(crowd->settings, who);
        join(crowd, &crowd->fresh, who);
    }
    uv_update_time(crowd->loop);
    crowd->opened_us = now_us();
    pump(crowd);
}

void crowd_free(shopper_crowd *crowd) {
    client_free(crowd->client);
    waits_free(&crowd->waits);
    free(crowd->all);
    free(crowd);
}
