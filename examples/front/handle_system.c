/* seckill-front: GET /metrics and GET /healthz.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "problem.h"
#include "queue.h"

#include <stdlib.h>
#include <string.h>

static const metrics *metrics_of(size_t loop, const void *user_data) {
    const front_state *front = user_data;
    return &front->loops[loop].metrics;
}

static void write_queue(FILE *out, const void *user_data) {
    const front_state *front = user_data;
    if (front->queue->write_metrics != NULL)
        front->queue->write_metrics(front, out);
}

/* The text costs as much as a dozen requests, and neither limit nor blacklist bounds who asks for it. */
static void write_page(front_loop *loop) {
    const front_state *front = loop->front;
    metrics_page *page = &loop->page;
    if (page->text != NULL && page->written >= METRICS_PAGES)
        return;
    page->written++;
    free(page->text);
    page->text = metrics_text(metrics_of, write_queue, front->loop_count, front, front->since, &page->size);
}

void handle_metrics(const front_call *call) {
    const metrics_page *page = &call->loop->page;
    write_page(call->loop);
    char *text = page->text != NULL ? malloc(page->size) : NULL;
    if (text != NULL)
        memcpy(text, page->text, page->size);
    answer_text(call->loop, call->exchange, "text/plain; version=0.0.4; charset=utf-8", text, page->size);
}

void metrics_page_forget(front_loop *loop) {
    free(loop->page.text);
    loop->page = (metrics_page){0};
}

/* Ready: every loop has its connection to Redis and has read the blacklist, the queue can be reached, and the program is not
 * stopping. Why it is not is for the log, not for whoever asks. */
void handle_health(const front_call *call) {
    const front_state *front = call->loop->front;
    bool connected = true, loaded = true;
    for (size_t i = 0; i < front->loop_count; i++) {
        connected = connected && metrics_connected(&front->loops[i].metrics);
        loaded = loaded && metrics_list_loaded(&front->loops[i].metrics);
    }
    if (atomic_load(&call->loop->stop) != 0)
        answer_problem(call->loop, call->exchange, CODE_OVERLOADED, "this server is stopping");
    else if (!connected)
        answer_status(call->loop, call->exchange, SECKILL_UNREACHABLE, "there is no connection to Redis", 0);
    else if (!loaded)
        answer_status(call->loop, call->exchange, SECKILL_SERVER_BUSY, "the blacklist is not loaded yet", 0);
    else if (front->queue->connected != NULL && !front->queue->connected(front))
        answer_status(call->loop, call->exchange, SECKILL_UNREACHABLE, "there is no connection to the queue", 0);
    else
        answer_json(call->loop, call->exchange, 200, json_pack("{s:s}", "status", "ready"));
}
