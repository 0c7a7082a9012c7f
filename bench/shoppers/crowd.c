/* See crowd.h.
 *
 * A shopper goes from step to step: request, perhaps the same request again, then order or cancellation, perhaps again. A step
 * is repeated, with the same ids, until its answer is final; that is what a good client of the shop does.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "crowd.h"

#include "answers.h"
#include "shopper.h"
#include "waits.h"

#include <stdlib.h>
#include <string.h>

enum {
    REFUSED_TRIES = 3,      /* how often one who does not take no for an answer asks again ... */
    REFUSED_PAUSE_MS = 500, /* ... after so long */
    BACKOFF_MS = 50,        /* first pause before a repetition; it doubles ... */
    BACKOFF_MAX_MS = 2000,  /* ... up to this */
    NOBODY = -1
};

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
    shopper_queue begun, fresh; /* those who have begun go first: their holds run */
    shopper *all;
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

static shopper *leave(shopper_crowd *crowd, shopper_queue *queue) {
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

/* ---- steps ---- */

static void trouble(shopper_crowd *crowd, const shopper *s, const char *what, const char *detail) {
    if (!crowd->counts->first_trouble[0]) {
        snprintf(crowd->counts->first_trouble, sizeof crowd->counts->first_trouble, "shopper %u: %s: %.300s",
                 number_of(crowd, s), what, detail);
    }
}

static void finish(shopper_crowd *crowd, shopper *s) {
    shopper_forget(s);
    crowd->counts->finished++;
}

static void go(shopper_crowd *crowd, shopper *s, shopper_step step, uint64_t after_ms) {
    s->step = (uint8_t)step;
    s->tries = 0;
    s->step_since = uv_now(crowd->loop) + after_ms;
    wait_for(crowd, s, after_ms);
}

/* With a reservation in hand. */
static void use_reservation(shopper_crowd *crowd, shopper *s) {
    uint64_t pause = (uint64_t)(shopper_chance(crowd->settings, number_of(crowd, s), CHANCE_PAY_AFTER) *
                                (double)crowd->settings->pay_after_ms);
    if (s->nature & CANCELS) {
        go(crowd, s, CANCEL, pause);
    } else if (s->nature & NEVER_PAYS) {
        crowd->counts->never_paid++;
        finish(crowd, s);
    } else {
        go(crowd, s, ORDER, pause);
    }
}

/* Compares what a repetition said with what was said first. */
static void compare(shopper_crowd *crowd, shopper *s, uint64_t first, uint64_t now, const char *what, const char *body) {
    crowd->counts->replays_checked++;
    if (first != now) {
        crowd->counts->replays_differ++;
        trouble(crowd, s, what, body);
    }
}

static void refused(shopper_crowd *crowd, shopper *s, const char *code) {
    if (s->nature & RETRIES_REFUSED && s->refusals < REFUSED_TRIES) {
        s->refusals++;
        go(crowd, s, REQUEST, REFUSED_PAUSE_MS);
    } else if (s->nature & ASKS_TWICE && s->step == REQUEST) {
        go(crowd, s, REQUEST_AGAIN, 0);
    } else {
        count_code(crowd->counts->refused, code);
        finish(crowd, s);
    }
}

static void unexpected(shopper_crowd *crowd, shopper *s, const final_answer *answer, const char *body) {
    char label[96];
    snprintf(label, sizeof label, "an answer that should not be (HTTP %d, %.32s)", answer->http, answer->code);
    crowd->counts->unexpected++;
    count_code(crowd->counts->errors, answer->code);
    trouble(crowd, s, label, body);
    finish(crowd, s);
}

static void on_request_answer(shopper_crowd *crowd, shopper *s, const final_answer *answer, const char *body) {
    if (answer->verdict == VERDICT_DONE && !s->granted) {
        s->granted = 1;
        s->reservation = answer->identity;
        s->token = strdup(answer->token);
        crowd->counts->granted++;
        crowd->counts->granted_late += s->refusals > 0 || s->step == REQUEST_AGAIN;
        if (s->nature & ASKS_TWICE && s->step == REQUEST) {
            go(crowd, s, REQUEST_AGAIN, 0);
        } else {
            use_reservation(crowd, s);
        }
    } else if (answer->verdict == VERDICT_DONE) {
        compare(crowd, s, s->reservation, answer->identity, "the same request id got another reservation", body);
        use_reservation(crowd, s);
    } else if (answer->verdict == VERDICT_NO && !s->granted) {
        refused(crowd, s, answer->code);
    } else if (answer->verdict == VERDICT_NO && strcmp(answer->code, "expired") == 0) {
        /* It was granted, and its time was over before the question came again. */
        crowd->counts->paid_late++;
        finish(crowd, s);
    } else {
        unexpected(crowd, s, answer, body);
    }
}

static void on_order_answer(shopper_crowd *crowd, shopper *s, const final_answer *answer, const char *body) {
    if (answer->verdict == VERDICT_DONE && s->step == ORDER) {
        s->order = answer->identity;
        crowd->counts->ordered++;
        if (s->nature & ASKS_TWICE) {
            go(crowd, s, ORDER_AGAIN, 0);
        } else {
            finish(crowd, s);
        }
    } else if (answer->verdict == VERDICT_DONE) {
        compare(crowd, s, s->order, answer->identity, "the same token got another order", body);
        finish(crowd, s);
    } else if (answer->verdict == VERDICT_NO && s->step == ORDER && answer->late) {
        crowd->counts->paid_late++;
        finish(crowd, s);
    } else {
        unexpected(crowd, s, answer, body);
    }
}

static void on_cancel_answer(shopper_crowd *crowd, shopper *s, const final_answer *answer, const char *body) {
    if (answer->verdict == VERDICT_DONE && s->step == CANCEL) {
        s->order = answer->identity;
        crowd->counts->cancelled++;
        if (s->nature & ASKS_TWICE) {
            go(crowd, s, CANCEL_AGAIN, 0);
        } else {
            finish(crowd, s);
        }
    } else if (answer->verdict == VERDICT_DONE) {
        compare(crowd, s, s->order, answer->identity, "the same token was cancelled otherwise", body);
        finish(crowd, s);
    } else if (answer->verdict == VERDICT_NO && s->step == CANCEL && answer->late) {
        crowd->counts->paid_late++;
        finish(crowd, s);
    } else {
        unexpected(crowd, s, answer, body);
    }
}

/* No final answer yet: the same again, later; but not for ever. */
static void repeat(shopper_crowd *crowd, shopper *s, const client_answer *answer, int64_t retry_after_ms) {
    uint64_t pause = (uint64_t)BACKOFF_MS << (s->tries < 8 ? s->tries : 8);
    pause = pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS;
    pause += (uint64_t)(shopper_chance(crowd->settings, number_of(crowd, s), CHANCE_PAUSE + (s->tries & 63U)) * (double)pause);
    if (retry_after_ms >= 0) {
        crowd->counts->turned_away++;
        pause = (uint64_t)retry_after_ms > pause ? (uint64_t)retry_after_ms : pause;
    }
    if (uv_now(crowd->loop) + pause - s->step_since > crowd->settings->give_up_ms) {
        crowd->counts->no_final_answer++;
        trouble(crowd, s, "no final answer", answer->size ? answer->body : "no answer at all");
        finish(crowd, s);
        return;
    }
    s->tries = s->tries < UINT16_MAX ? (uint16_t)(s->tries + 1) : s->tries;
    wait_for(crowd, s, pause);
}

/* ---- the loop ---- */

static void stop(shopper_crowd *crowd) {
    crowd->counts->connections = client_connected(crowd->client);
    crowd->counts->disconnects = client_disconnected(crowd->client);
    client_close(crowd->client);
    uv_close((uv_handle_t *)&crowd->timer, NULL);
}

static void pump(shopper_crowd *crowd);

static void on_timer(uv_timer_t *timer) {
    pump(timer->data);
}

/* Sends for all who are ready, as far as there are connections, and sets the clock for those who wait. */
static void pump(shopper_crowd *crowd) {
    uint64_t now = uv_now(crowd->loop), next;
    uint32_t who;
    shopper *s = NULL;
    if (uv_is_closing((uv_handle_t *)&crowd->timer)) {
        return;
    }
    while (waits_take(&crowd->waits, now, &who)) {
        join(crowd, &crowd->begun, who);
    }
    while (client_ready(crowd->client) && ((s = leave(crowd, &crowd->begun)) || (s = leave(crowd, &crowd->fresh)))) {
        s->step_since = s->step_since ? s->step_since : now;
        if (!send_next(crowd, s)) {
            crowd->counts->no_final_answer++;
            trouble(crowd, s, "could not be sent", "out of memory, or a token that is too long");
            finish(crowd, s);
        }
    }
    if (crowd->counts->finished == crowd->settings->shoppers) {
        stop(crowd);
    } else if ((next = waits_next(&crowd->waits)) != UINT64_MAX) {
        uv_timer_start(&crowd->timer, on_timer, next > now ? next - now : 0, 0);
    }
}

static void on_answer(const client_answer *answer, void *about, void *user_data) {
    shopper_crowd *crowd = user_data;
    shopper *s = about;
    final_answer final;
    int64_t retry_after_ms;
    if (!answer) {
        pump(crowd);
        return;
    }
    request_kind kind = shopper_kind(s->step);
    histogram_add(&crowd->counts->latency[kind], answer->microseconds);
    if (!answers_read(answer, kind, &final, &retry_after_ms)) {
        repeat(crowd, s, answer, retry_after_ms);
    } else if (kind == KIND_REQUEST) {
        on_request_answer(crowd, s, &final, answer->body);
    } else if (kind == KIND_ORDER) {
        on_order_answer(crowd, s, &final, answer->body);
    } else {
        on_cancel_answer(crowd, s, &final, answer->body);
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
    pump(crowd);
}

void crowd_free(shopper_crowd *crowd) {
    client_free(crowd->client);
    waits_free(&crowd->waits);
    free(crowd->all);
    free(crowd);
}
