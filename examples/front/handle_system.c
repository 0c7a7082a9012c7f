/* seckill-front: GET /metrics and GET /healthz.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "problem.h"

static const metrics *metrics_of(size_t loop, const void *user_data) {
    const front_state *front = user_data;
    return &front->loops[loop].metrics;
}

void handle_metrics(const front_call *call) {
    const front_state *front = call->loop->front;
    size_t size = 0;
    char *text = metrics_text(metrics_of, front->loop_count, front, front->since, &size);
    answer_text(call->loop, call->exchange, "text/plain; version=0.0.4; charset=utf-8", text, size);
}

/* Ready: every loop has its connection to Redis, and the program is not stopping. Why it is not is for the log, not for
 * whoever asks. */
void handle_health(const front_call *call) {
    const front_state *front = call->loop->front;
    bool connected = true;
    for (size_t i = 0; i < front->loop_count; i++)
        connected = connected && metrics_connected(&front->loops[i].metrics);
    if (atomic_load(&call->loop->stop) != 0)
        answer_problem(call->loop, call->exchange, CODE_OVERLOADED, "this server is stopping");
    else if (!connected)
        answer_status(call->loop, call->exchange, SECKILL_UNREACHABLE, "there is no connection to Redis", 0);
    else
        answer_json(call->loop, call->exchange, 200, json_pack("{s:s}", "status", "ready"));
}
