/* See intake.h.
 *
 * A request is in the broker until it is settled here, and settled only when what it became stands in Redis: its grant, or its
 * remembered refusal. Whatever dies before, it is delivered again and finds that under its request id. So the order of the two
 * steps is all that there is to get right:
 *
 *     delivered ─▶ seckill_reserve ─▶ granted ────────────────────────▶ acknowledged
 *                                 └▶ refused ─▶ seckill_refuse (why) ─▶ acknowledged
 *
 * Requests are sent in the order in which they were delivered, many at a time. Where the sale has not begun, or is paused, they
 * stay in hand, in that order, and one is sent once in a while to see. What fails is tried again for itself, with growing
 * pauses, and holds up nobody.
 *
 * SPDX-License-Identifier: MIT
 */
#include "intake.h"

#include "consumer.h"
#include "item.h"
#include "log.h"
#include "prometheus.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    STOPPED_MIN_MS = 10,
    STOPPED_MAX_MS = 500,
    LIST_AGAIN_MS = 20, /* until the blacklist is loaded */
    IDLE_MS = 1000,
    NOT_DEFINED_TRIES = 6 /* then it is gone for good */
};

/* In the order of delivery, or of when they are due. */
typedef struct {
    delivery *first;
    size_t count;
} hand;

struct intake {
    task task;
    item *item;
    consumer_queue *queue;
    hand waiting, later;
    delivery **waiting_end;
    size_t in_flight;
    bool stopped;              /* the sale has not begun, or is paused ... */
    uint64_t stopped_until_ms; /* ... and is looked at again then */
    bool closing, task_closed, removed;
};

static intake *of(task *t) {
    return (intake *)((char *)t - offsetof(intake, task));
}

static worker *worker_of(const intake *in) {
    return in->item->worker;
}

static uint64_t now_ms(const intake *in) {
    return uv_now(&worker_of(in)->loop);
}

/* ---- what is in hand */

static bool comes_before(const delivery *a, const delivery *b) {
    return a->life != b->life ? a->life < b->life : a->tag < b->tag;
}

static void append(intake *in, delivery *one) {
    one->next = NULL;
    *in->waiting_end = one;
    in->waiting_end = &one->next;
    in->waiting.count++;
}

static delivery *take_first(intake *in) {
    delivery *one = in->waiting.first;
    in->waiting.first = one->next;
    if (!one->next) {
        in->waiting_end = &in->waiting.first;
    }
    in->waiting.count--;
    return one;
}

/* Where it was before it was sent. */
static void put_back(intake *in, delivery *one) {
    delivery **at = &in->waiting.first;
    while (*at && comes_before(*at, one)) {
        at = &(*at)->next;
    }
    one->next = *at;
    *at = one;
    if (!one->next) {
        in->waiting_end = &one->next;
    }
    in->waiting.count++;
}

static void put_off(intake *in, delivery *one) {
    one->due_ms = now_ms(in) + task_pause_ms(one->failures++);
    delivery **at = &in->later.first;
    while (*at && (*at)->due_ms <= one->due_ms) {
        at = &(*at)->next;
    }
    one->next = *at;
    *at = one;
    in->later.count++;
    task_hurry(&in->task);
}

static void take_due(intake *in) {
    while (in->later.first && in->later.first->due_ms <= now_ms(in)) {
        delivery *one = in->later.first;
        in->later.first = one->next;
        in->later.count--;
        put_back(in, one);
    }
}

/* Settles all that waits: the end, or the connection is lost, and with it what came before that was told. */
static void give_back(intake *in) {
    hand *hands[] = {&in->waiting, &in->later};
    for (size_t i = 0; i < 2; i++) {
        while (hands[i]->first) {
            delivery *one = hands[i]->first;
            hands[i]->first = one->next;
            consumer_settle(worker_of(in)->consumer, one, DELIVERY_REQUEUE);
        }
        hands[i]->count = 0;
    }
    in->waiting_end = &in->waiting.first;
}

/* ---- its end */

static void free_when_over(intake *in) {
    item *it = in->item;
    if (in->in_flight == 0 && in->task_closed && in->removed) {
        free(in);
        item_task_closed(it);
    }
}

/* ---- deciding */

static void pump(intake *in);

/* It is in nobody's hand but ours again. */
static intake *landed(delivery *one) {
    intake *in = one->owner;
    in->in_flight--;
    return in;
}

static void go_on(intake *in) {
    if (in->closing) {
        free_when_over(in);
    } else {
        pump(in);
    }
}

static void settle(intake *in, delivery *one, delivery_verdict verdict) {
    consumer_settle(worker_of(in)->consumer, one, verdict);
}

/* It goes back to the broker where nothing more is decided, or its connection is gone. */
static bool handed_back(intake *in, delivery *one) {
    bool back = in->closing || consumer_is_lost(worker_of(in)->consumer, one);
    if (back) {
        settle(in, one, DELIVERY_REQUEUE);
    }
    return back;
}

static void try_later(intake *in, delivery *one, const char *what, seckill_status status, const char *message) {
    if (handed_back(in, one)) {
        return;
    }
    task_log_trouble(what, in->item->label, status, message);
    put_off(in, one);
}

typedef enum { DECIDED_GRANTED, DECIDED_REFUSED, DECIDED_BLACKLISTED } decided;

static void count(intake *in, const delivery *one, decided what) {
    worker *w = worker_of(in);
    queue_counts *sums[] = {&in->item->queue, &w->counts.queue};
    int64_t waited = options_now_ms() - one->request.created_ms;
    w->counts.decided_until_ms = uv_now(&w->loop);
    prometheus_count(&w->decision_times, prometheus_slow, waited > 0 ? (uint64_t)waited * 1000 : 0);
    for (size_t i = 0; i < 2; i++) {
        sums[i]->decided++;
        sums[i]->granted += what == DECIDED_GRANTED;
        sums[i]->refused += what != DECIDED_GRANTED;
        sums[i]->blacklisted += what == DECIDED_BLACKLISTED;
    }
}

/* Without a trace in Redis: tickets say what stands there, or how things are (too old, the user's records are full). */
static void count_refused(intake *in, const delivery *one, seckill_status reason) {
    count(in, one, reason == SECKILL_BLACKLISTED ? DECIDED_BLACKLISTED : DECIDED_REFUSED);
}

static void on_refused(const seckill_ticket_result *result, void *user_data) {
    delivery *one = user_data;
    intake *in = landed(one);
    switch (result->status) {
    case SECKILL_OK:
    case SECKILL_BUSY:
    case SECKILL_TOO_OLD:
    case SECKILL_CONFLICT:
        if (!result->replayed) {
            count_refused(in, one, result->reason);
        }
        settle(in, one, DELIVERY_ACK);
        break;
    default:
        try_later(in, one, "remembering a refusal of", result->status, result->message);
    }
    go_on(in);
}

static void refuse(intake *in, delivery *one, seckill_status reason) {
    const request_message *request = &one->request;
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;
    options.user = (seckill_bytes){request->user, request->user_size};
    options.request_id = (seckill_bytes){request->request_id, request->request_id_size};
    options.quantity = request->quantity;
    options.created_ms = request->created_ms;
    options.reason = reason;
    seckill_status status = seckill_refuse(in->item->handle, &options, NULL, on_refused, one);
    if (status == SECKILL_OK) {
        in->in_flight++;
    } else {
        try_later(in, one, "remembering a refusal of", status, NULL);
    }
}

/* The sale has not begun, or is paused. */
static void stop_for_now(intake *in, delivery *one, uint32_t retry_after_ms) {
    uint64_t pause = retry_after_ms < STOPPED_MIN_MS ? STOPPED_MIN_MS : retry_after_ms;
    if (handed_back(in, one)) {
        return;
    }
    put_back(in, one);
    in->stopped = true;
    in->stopped_until_ms = now_ms(in) + (pause < STOPPED_MAX_MS ? pause : STOPPED_MAX_MS);
    task_hurry(&in->task);
}

static void take_answer(intake *in, delivery *one, const seckill_result *result) {
    switch (result->status) {
    case SECKILL_OK:
        if (!result->replayed) {
            count(in, one, DECIDED_GRANTED);
        }
        settle(in, one, DELIVERY_ACK);
        return;
    case SECKILL_SOLD_OUT:
    case SECKILL_NOT_ENOUGH:
    case SECKILL_LIMIT_REACHED:
    case SECKILL_ENDED:
    case SECKILL_BLACKLISTED:
        if (result->replayed) {
            settle(in, one, DELIVERY_ACK);
        } else {
            refuse(in, one, result->status);
        }
        return;
    case SECKILL_TOO_OLD:
    case SECKILL_CONFLICT:
    case SECKILL_BUSY:
        count_refused(in, one, result->status);
        settle(in, one, DELIVERY_ACK);
        return;
    case SECKILL_CANCELLED:
    case SECKILL_EXPIRED:
    case SECKILL_REFUNDED:
        settle(in, one, DELIVERY_ACK);
        return;
    case SECKILL_NOT_STARTED:
    case SECKILL_PAUSED:
        stop_for_now(in, one, result->retry_after_ms);
        return;
    default:
        break;
    }
    one->unknown += result->status == SECKILL_NOT_DEFINED;
    if (result->status == SECKILL_NOT_DEFINED && one->unknown > NOT_DEFINED_TRIES && !in->closing) {
        task_log_trouble("a request goes to the dead letters, of", in->item->label, result->status, result->message);
        settle(in, one, DELIVERY_REJECT);
    } else {
        try_later(in, one, "deciding a request of", result->status, result->message);
    }
}

static void on_reserved(const seckill_result *result, void *user_data) {
    delivery *one = user_data;
    intake *in = landed(one);
    if (result->status != SECKILL_NOT_STARTED && result->status != SECKILL_PAUSED &&
        seckill_status_class(result->status) == SECKILL_CLASS_FINAL) {
        in->stopped = false;
    }
    take_answer(in, one, result);
    go_on(in);
}

/* Who is on the blacklist, the client refuses, which follows it. What comes again may have been granted: then only Redis
 * knows. */
static void decide(intake *in, delivery *one) {
    const request_message *request = &one->request;
    worker *w = worker_of(in);
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    options.user = (seckill_bytes){request->user, request->user_size};
    options.request_id = (seckill_bytes){request->request_id, request->request_id_size};
    options.quantity = request->quantity;
    options.created_ms = request->created_ms;
    options.flags = one->redelivered || one->failures > 0 ? 0 : SECKILL_FIRST_ATTEMPT;
    one->owner = in;
    if (w->counts.decided_from_ms == 0) {
        w->counts.decided_from_ms = uv_now(&w->loop);
    }
    seckill_status status = seckill_reserve(in->item->handle, &options, NULL, on_reserved, one);
    if (status == SECKILL_OK) {
        in->in_flight++;
    } else {
        try_later(in, one, "deciding a request of", status, NULL);
    }
}

static bool may_decide(const intake *in) {
    worker *w = worker_of(in);
    if (in->closing || !w->client || !listed_ready(w)) {
        return false;
    }
    return !in->stopped || (in->in_flight == 0 && now_ms(in) >= in->stopped_until_ms);
}

static void pump(intake *in) {
    while (in->waiting.first && may_decide(in)) {
        decide(in, take_first(in));
    }
}

/* ---- its rounds: what is due by time */

static uint64_t pause_ms(const intake *in) {
    uint64_t now = now_ms(in), until = now + IDLE_MS;
    if (in->later.first && in->later.first->due_ms < until) {
        until = in->later.first->due_ms;
    }
    if (in->stopped && in->waiting.first && in->stopped_until_ms < until) {
        until = in->stopped_until_ms;
    }
    if (in->waiting.first && !listed_ready(worker_of(in))) {
        until = now + LIST_AGAIN_MS;
    }
    return until > now ? until - now : 1;
}

static void run(task *t) {
    intake *in = of(t);
    take_due(in);
    pump(in);
    task_next(t, pause_ms(in));
}

/* ---- what the consumer says */

static void on_delivered(void *owner, delivery *first) {
    intake *in = owner;
    while (first) {
        delivery *next = first->next;
        if (in->closing) {
            settle(in, first, DELIVERY_REQUEUE);
        } else {
            append(in, first);
        }
        first = next;
    }
    if (!in->closing) {
        pump(in);
        if (in->waiting.first) {
            task_hurry(&in->task);
        }
    }
}

static void on_lost(void *owner) {
    give_back(owner);
}

static void on_removed(void *owner) {
    intake *in = owner;
    in->removed = true;
    in->queue = NULL;
    free_when_over(in);
}

/* ---- its life */

static void on_task_closed(task *t) {
    intake *in = of(t);
    in->task_closed = true;
    free_when_over(in);
}

intake *intake_start(item *it) {
    intake *in = calloc(1, sizeof *in);
    if (!in) {
        return NULL;
    }
    in->item = it;
    in->waiting_end = &in->waiting.first;
    in->queue = consumer_add(it->worker->consumer, it->name.activity, it->name.item, in);
    if (!in->queue) {
        free(in);
        return NULL;
    }
    task_start(&it->worker->loop, &in->task, run, on_task_closed);
    return in;
}

void intake_close(intake *in) {
    worker *w = worker_of(in);
    if (in->closing) {
        return;
    }
    if (w->stopping) {
        queue_view_add(&w->counts.left, intake_view(in));
    }
    in->closing = true;
    give_back(in);
    consumer_remove(in->queue);
    task_close(&in->task);
}

queue_view intake_view(const intake *in) {
    const delivery *oldest = in->waiting.first ? in->waiting.first : in->later.first;
    int64_t waited = oldest ? options_now_ms() - oldest->request.created_ms : 0;
    uint64_t in_hand = in->waiting.count + in->later.count + in->in_flight;
    return (queue_view){(in->queue ? consumer_depth(in->queue) : 0) + in_hand, waited > 0 ? (uint64_t)waited : 0, in->stopped};
}

/* ---- the connection */

bool intake_check(const settings *s, char trouble[256]) {
    link_address address;
    char exposed[256];
    bool good = link_address_read(s->queue, &address, trouble);
    if (good && address.password_file[0] != '\0' && options_exposed(address.password_file, exposed)) {
        (void)fprintf(stderr, "seckill-worker: --queue: warning: %s\n", exposed);
    }
    options_wipe(&address, sizeof address);
    return good;
}

static void on_stopped(void *context) {
    worker *w = context;
    w->consumer = NULL;
}

bool intake_open(worker *w) {
    const settings *s = w->settings;
    char trouble[256];
    consumer_config config = {
        .loop = &w->loop,
        .queues = {s->prefix, s->queue_length, s->queue_deliveries},
        .timeout_ms = s->timeout_ms,
        .prefetch = s->prefetch,
        .events = {on_delivered, on_lost, on_removed},
        .stopped = on_stopped,
        .context = w,
    };
    bool started = link_address_read(s->queue, &config.address, trouble) && consumer_start(&config, &w->consumer) == 0;
    options_wipe(&config, sizeof config);
    return started;
}

void intake_end(worker *w) {
    if (w->consumer) {
        consumer_stop(w->consumer);
    }
}

void intake_abort(worker *w) {
    if (w->consumer) {
        consumer_abort(w->consumer);
    }
}

bool intake_connected(const worker *w) {
    return !w->consumer || consumer_count(w->consumer).connected;
}

void intake_write_metrics(const worker *w, FILE *out) {
    if (!w->consumer) {
        return;
    }
    consumer_counts counts = consumer_count(w->consumer);
    prometheus_value(out, "seckill_worker_queue_connected", "gauge", "1 while there is a connection to the queue's broker.",
                     counts.connected);
    prometheus_value(out, "seckill_worker_queue_connections_total", "counter", "Times that the broker was connected to.",
                     counts.connections);
    prometheus_value(out, "seckill_worker_queue_delivered_total", "counter", "Requests that the broker delivered.",
                     counts.delivered);
    prometheus_value(out, "seckill_worker_queue_redelivered_total", "counter",
                     "Those of them that had been in somebody's hand before.", counts.redelivered);
    prometheus_value(out, "seckill_worker_queue_poison_total", "counter", "Messages that are no requests: dead letters.",
                     counts.poison);
}
