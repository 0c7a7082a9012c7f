/* seckill-front: requests wait in RabbitMQ, a queue for each item; see publisher.h.
 *
 * A repetition looks into Redis first: decided, it is answered; else it is published once more, which is harmless, since it is
 * decided by its request id. (The first message may be gone: delivered, decided and refused without a trace, or a dead letter.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

#include "publisher.h"

#include "common/options.h"

#include <stdlib.h>
#include <string.h>

/* ---- publishing */

static void on_published(const publish_result *result, void *user_data) {
    entrant *one = user_data;
    one->base.job = NULL;
    if (result->status != SECKILL_OK) {
        queue_fail(one, result->status, result->message, result->retry_after_ms);
        return;
    }
    const queue_kind *queue = one->base.loop->front->queue;
    seckill_ticket ticket = one->ticket; /* it goes with `one`, before it is written down */
    seckill_ticket_result said = {.message = "", .state = SECKILL_TICKET_QUEUED, .ticket = &ticket};
    queue->place(one->base.loop, one->base.activity, one->base.item, &said);
    queue_answer(one, &said);
}

static void fill(request_message *request, const entrant *one) {
    memcpy(request->activity, one->base.activity, sizeof request->activity);
    memcpy(request->item, one->base.item, sizeof request->item);
    memcpy(request->user, one->user.bytes, one->user.size);
    request->user_size = one->user.size;
    memcpy(request->request_id, one->wish.id, one->wish.id_size);
    request->request_id_size = one->wish.id_size;
    request->quantity = (uint32_t)one->wish.quantity;
    request->created_ms = one->ticket.since_ms;
}

static void publish(entrant *one) {
    front_loop *loop = one->base.loop;
    request_message request = {.quantity = 0};
    fill(&request, one);
    one->base.forget = publisher_forget;
    seckill_status status = publisher_submit(loop->front->publisher, loop->box, &request, &one->base.job, on_published, one);
    if (status != SECKILL_OK)
        queue_fail(one, status, status == SECKILL_UNREACHABLE ? "the queue cannot be reached at present" : NULL, 0);
}

/* ---- repetitions */

static void on_looked(const seckill_ticket_result *result, void *user_data) {
    entrant *one = user_data;
    one->base.op = NULL;
    if (result->status == SECKILL_OK && result->state == SECKILL_TICKET_QUEUED)
        publish(one);
    else
        queue_answer(one, result);
}

static seckill_status look(seckill_item *item, entrant *one) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    options.ticket = &one->ticket;
    return seckill_poll(item, &options, &one->base.op, on_looked, one);
}

static void put(entrant *one) {
    pending *base = &one->base;
    seckill_reserve_options options = wish_options(&one->wish, &one->user);
    seckill_status status;
    seckill_item *item = catalog_handle(base->loop->catalog, base->activity, base->item, &status);
    if (item != NULL)
        status = seckill_ticket_outside(item, &options, &one->ticket);
    if (status == SECKILL_OK && one->wish.retry)
        status = look(item, one);
    else if (status == SECKILL_OK) {
        publish(one);
        return;
    }
    if (status != SECKILL_OK)
        queue_fail(one, status, NULL, 0);
}

/* ---- how long the queue is */

static void measure(front_loop *loop, catalog_item *item) {
    const char *activity = seckill_item_activity(item->handle), *name = seckill_item_name(item->handle);
    publisher_view view = publisher_look(loop->front->publisher, activity, name);
    admission_set(&item->admission, view.waiting, view.per_second);
}

/* All that wait are decided before it, at the most. */
static void place(front_loop *loop, const char *activity, const char *item, seckill_ticket_result *result) {
    publisher_view view = publisher_look(loop->front->publisher, activity, item);
    result->position = view.waiting != 0 ? view.waiting : 1;
    result->wait_ms = view.wait_ms;
}

static bool connected(const front_state *front) {
    return publisher_connected(front->publisher);
}

static void write_metrics(const front_state *front, FILE *out) {
    publisher_write_metrics(front->publisher, out);
}

/* ---- its life */

static bool start(front_state *front, char trouble[256]) {
    const front_settings *settings = front->settings;
    publisher_settings wanted = {
        .queues = {settings->prefix, settings->queue_length, settings->queue_deliveries},
        .timeout_ms = settings->timeout_ms,
        .most = settings->queue_in_progress,
        .items = settings->item_cache,
    };
    bool good = link_address_read(settings->queue, &wanted.address, trouble);
    if (good && wanted.address.password_file[0] != '\0' && options_exposed(wanted.address.password_file, trouble))
        front_log(SECKILL_LOG_WARNING, "--queue: %s", trouble);
    if (good) {
        front->publisher = publisher_new(&wanted);
        good = front->publisher != NULL && publisher_start(front->publisher) == 0;
        snprintf(trouble, 256, "--queue: out of memory, or there is no thread");
    }
    options_wipe(&wanted, sizeof wanted);
    return good;
}

static void stop(front_state *front) {
    publisher_stop(front->publisher);
}

static void drop(front_state *front) {
    publisher_free(front->publisher);
    front->publisher = NULL;
}

static int open_box(front_loop *loop) {
    loop->box = calloc(1, sizeof *loop->box);
    int error = loop->box != NULL ? publisher_box_open(loop->box, &loop->uv) : UV_ENOMEM;
    if (error != 0) {
        free(loop->box);
        loop->box = NULL;
    }
    return error;
}

static void free_box(uv_handle_t *handle) {
    free(handle->data);
}

static void close_box(front_loop *loop) {
    if (loop->box != NULL)
        publisher_box_close(loop->box, free_box);
    loop->box = NULL;
}

const queue_kind queue_amqp = {
    .start = start,
    .stop = stop,
    .drop = drop,
    .open = open_box,
    .close = close_box,
    .put = put,
    .measure = measure,
    .place = place,
    .connected = connected,
    .write_metrics = write_metrics,
};
