/* seckill-front: one loop: its thread, how it starts, how it stops.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front.h"
#include "handlers.h"
#include "listed.h"
#include "problem.h"
#include "queue.h"
#include "router.h"

#include <unistd.h>

enum { TICK_MS = 100 }; /* how often counters are copied */

/* ---- stopping: the server first, then the client, then the timer; then the loop has nothing to wait for and ends */

static void on_client_closed(void *user_data) {
    front_loop *loop = user_data;
    loop->client = NULL;
    uv_close((uv_handle_t *)&loop->timer, NULL);
}

static void on_server_closed(void *user_data) {
    front_loop *loop = user_data;
    captcha_close(loop);
    if (loop->client != NULL)
        seckill_client_close(loop->client, on_client_closed, loop);
    else
        on_client_closed(loop);
}

/* What verified the sessions that are remembered may not be in the new ring. */
static void take_ring(front_loop *loop) {
    front_ring *ring = atomic_exchange(&loop->next_ring, NULL);
    if (ring == NULL)
        return;
    front_ring_release(loop->ring);
    loop->ring = ring;
    if (loop->sessions != NULL) /* else it failed to start */
        sessions_use_ring(loop->sessions, ring->keys);
    if (front_ring_used(ring))
        front_log(SECKILL_LOG_WARNING, "--keys %s: read again, %u key%s", loop->front->settings->keys, ring->count,
                  ring->count == 1 ? "" : "s");
}

static void on_wake(uv_async_t *wake) {
    front_loop *loop = wake->data;
    take_ring(loop);
    int how = atomic_load(&loop->stop);
    if (how == FRONT_RUN || loop->failed)
        return; /* one that failed to start is stopping by itself */
    if (loop->stop_due_ms == 0)
        loop->stop_due_ms = uv_now(&loop->uv) + loop->front->settings->stop_timeout_ms;
    if (how == FRONT_STOP_NOW)
        http_server_abort(&loop->server);
    else
        http_server_stop(&loop->server);
}

static void copy_counters(front_loop *loop) {
    seckill_client_stats stats = {.struct_size = sizeof stats};
    if (loop->client != NULL && !loop->server.stopping && seckill_client_get_stats(loop->client, &stats) == SECKILL_OK)
        metrics_copy_stats(&loop->metrics, &stats);
    if (loop->client != NULL && !loop->server.stopping)
        listed_count(loop);
    atomic_store_explicit(&loop->metrics.connections, loop->server.count, memory_order_relaxed);
    atomic_store_explicit(&loop->metrics.turned_away, loop->server.refused, memory_order_relaxed);
    atomic_store_explicit(&loop->metrics.in_progress, loop->server.in_progress, memory_order_relaxed);
}

static void on_tick(uv_timer_t *timer) {
    front_loop *loop = timer->data;
    copy_counters(loop);
    metrics_page_forget(loop);
    if (loop->stop_due_ms == 0 || uv_now(&loop->uv) < loop->stop_due_ms || loop->server.count == 0)
        return;
    front_log(SECKILL_LOG_WARNING, "stopping took too long: %zu connections are closed", loop->server.count);
    http_server_abort(&loop->server);
}

/* ---- what the server calls */

static void on_request(http_exchange *exchange, void *user_data) {
    router_request(user_data, exchange);
}

static void on_refused(const http_refusal *refusal, http_reply *reply, void *user_data) {
    answer_refusal(user_data, refusal, reply);
}

/* ---- starting */

static void log_of_client(seckill_log_level level, const char *line, void *user_data) {
    (void)user_data;
    front_log(level, "%s", line);
}

static seckill_status open_client(front_loop *loop) {
    const front_settings *settings = loop->front->settings;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    options.loop = &loop->uv;
    options.address = settings->redis;
    options.user = settings->redis_user;
    options.password = loop->front->password;
    options.prefix = settings->prefix;
    options.timeout_ms = settings->timeout_ms;
    options.replicas = settings->replicas;
    redis_tls_apply(&settings->tls, &options);
    options.log = log_of_client;
    options.log_level = settings->log_level;
    seckill_status status = seckill_client_open(&options, &loop->client);
    if (status != SECKILL_OK) {
        loop->client = NULL;
        front_log(SECKILL_LOG_ERROR, "cannot open a client: %s",
                  status == SECKILL_INVALID ? "--redis, --redis-user, --prefix or an option of TLS cannot be used"
                                            : seckill_status_message(status));
    }
    return status;
}

static bool make_parts(front_loop *loop) {
    const front_settings *settings = loop->front->settings;
    if (open_client(loop) != SECKILL_OK || !captcha_open(loop))
        return false;
    loop->catalog = catalog_new(&loop->uv, loop->client, settings->item_cache);
    loop->sessions = sessions_new(loop->ring->keys, settings->session_cache, settings->leeway_ms);
    if (loop->catalog != NULL && loop->sessions != NULL && listed_follow(loop) &&
        uv_random(NULL, NULL, &loop->random, sizeof loop->random, 0, NULL) == 0)
        return true;
    front_log(SECKILL_LOG_ERROR, "out of memory, or there is no random number");
    return false;
}

static bool open_server(front_loop *loop) {
    static const http_handlers handlers = {on_request, on_refused, on_server_closed};
    int error = http_server_open(&loop->server, &loop->uv, loop->socket, loop->unix_socket, &loop->front->settings->http,
                                 &loop->front->peers, &handlers, loop);
    if (error != 0)
        front_log(SECKILL_LOG_ERROR, "cannot listen: %s", uv_strerror(error));
    return error == 0;
}

static void loop_main(void *argument) {
    front_loop *loop = argument;
    if (!make_parts(loop)) {
        loop->failed = true;
        close(loop->socket);
        on_server_closed(loop);
    } else {
        loop->failed = !open_server(loop);
    }
    uv_sem_post(&loop->front->started);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    metrics_page_forget(loop);
    catalog_free(loop->catalog);
    sessions_free(loop->sessions);
    atomic_store(&loop->over, true);
    uv_async_send(&loop->front->finished);
}

int front_loop_start(front_loop *loop) {
    int error = uv_loop_init(&loop->uv);
    if (error == 0)
        error = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (error == 0 && loop->front->queue->open != NULL)
        error = loop->front->queue->open(loop);
    if (error != 0) {
        close(loop->socket);
        return error;
    }
    /* It stays open until the thread is joined, so that it can be sent at any time, but the loop does not wait for it. */
    uv_unref((uv_handle_t *)&loop->wake);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_timer_start(&loop->timer, on_tick, 1, TICK_MS);
    loop->wake.data = loop->timer.data = loop;
    error = uv_thread_create(&loop->thread, loop_main, loop);
    if (error != 0)
        close(loop->socket);
    return error;
}

void front_loop_stop(front_loop *loop, front_stop how) {
    atomic_store(&loop->stop, how);
    uv_async_send(&loop->wake);
}

void front_loop_use_ring(front_loop *loop, front_ring *ring) {
    front_ring_release(atomic_exchange(&loop->next_ring, ring)); /* one that it has not taken over yet */
    uv_async_send(&loop->wake);
}

void front_loop_join(front_loop *loop) {
    uv_thread_join(&loop->thread);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    if (loop->front->queue->close != NULL)
        loop->front->queue->close(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
}
