/* See worker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker.h"

#include "item.h"
#include "log.h"
#include "metrics.h"
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- stopping ----
 *
 * First the tasks end, each after the round it is in: batches are written and acknowledged. When the last one is gone, or when
 * that takes too long, the database thread and the client are closed, and with them the loop's last handles. */

static void stop_database(worker *w) {
    if (w->db && !w->db_stopping) {
        w->db_stopping = true;
        db_thread_stop(w->db);
    }
}

static void close_client(worker *w) {
    seckill_client *client = w->client;
    w->client = NULL;
    seckill_client_close(client, NULL, NULL);
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void close_rest(worker *w) {
    if (w->closing) {
        return;
    }
    w->closing = true;
    stop_database(w);
    close_client(w);
    intake_end(w);
    close_handle((uv_handle_t *)&w->signals[0]);
    close_handle((uv_handle_t *)&w->signals[1]);
    close_handle((uv_handle_t *)&w->progress);
    close_handle((uv_handle_t *)&w->stop_timer);
    serve_stop(&w->serve);
}

void worker_part_gone(worker *w) {
    if (w->stopping && w->item_count + w->activity_count == 0) {
        close_rest(w);
    }
}

/* What is under way is called back now, as unknown or not committed; the tasks end with it. */
static void on_stop_timeout(uv_timer_t *timer) {
    worker *w = timer->data;
    log_line(SECKILL_LOG_WARNING, "not all in hand could be finished in time; it is not lost, the next worker gets it");
    w->counts.unfinished = true;
    stop_database(w);
    close_client(w);
    intake_abort(w);
}

static void stop(worker *w) {
    if (w->stopping) {
        return;
    }
    w->stopping = true;
    (void)uv_timer_start(&w->stop_timer, on_stop_timeout, w->settings->stop_timeout_ms, 0);
    watch_end_all(w);
    for (item *it = w->items; it; it = it->next) {
        item_end(it);
    }
    worker_part_gone(w);
}

static void fail(worker *w, int exit_code) {
    w->exit_code = w->exit_code ? w->exit_code : exit_code;
    stop(w);
}

static void on_signal(uv_signal_t *handle, int number) {
    worker *w = handle->data;
    if (w->stopping) {
        /* Told twice: end at once, as by a kill, which loses nothing. */
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    log_line(SECKILL_LOG_INFO, "stopping");
    stop(w);
}

/* ---- starting: the database, then its inventory, then Redis ---- */

static bool open_client(worker *w) {
    const settings *s = w->settings;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    options.loop = &w->loop;
    options.address = s->redis;
    options.user = s->redis_user;
    options.password = s->password[0] ? s->password : NULL;
    options.prefix = s->prefix;
    options.timeout_ms = s->timeout_ms;
    options.replicas = s->replicas;
    redis_tls_apply(&s->tls, &options);
    options.log = log_from_library;
    options.log_level = s->log_level;
    seckill_status status = seckill_client_open(&options, &w->client);
    if (status == SECKILL_OK) {
        status = listed_follow(w);
    }
    if (status != SECKILL_OK) {
        log_line(SECKILL_LOG_ERROR, "the client of Redis cannot be opened: %s", seckill_status_message(status));
        fail(w, status == SECKILL_INVALID ? EXIT_USAGE : EXIT_TROUBLE);
    }
    return status == SECKILL_OK;
}

static bool start_parts(worker *w) {
    const settings *s = w->settings;
    bool started = true;
    for (size_t i = 0; i < s->activity_count; i++) {
        started = started && watch_activity(w, s->activities[i]);
    }
    for (size_t i = 0; i < s->item_count; i++) {
        item *it = item_at_work(w, s->items[i].activity, s->items[i].item);
        if (it) {
            it->named = true;
        }
        started = started && it;
    }
    return started;
}

static orders_db_status set_inventories(orders_db *db, db_job *job) {
    const worker *w = (const worker *)((const char *)job - offsetof(worker, inventory_job));
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0; i < w->settings->inventory_count && status == ORDERS_DB_OK; i++) {
        const settings_inventory *inventory = &w->settings->inventories[i];
        status =
            orders_db_set_inventory(db, inventory->name.activity, inventory->name.item, inventory->units, ORDERS_DB_IF_ABSENT);
    }
    return status;
}

/* False: the worker fails. */
static bool open_queue(worker *w) {
    bool wanted = (w->settings->roles & ROLE_DECIDE) && strcmp(w->settings->queue, "redis") != 0;
    if (!wanted || intake_open(w)) {
        return true;
    }
    log_line(SECKILL_LOG_ERROR, "--queue: out of memory, there is no thread, or the password cannot be read any more");
    fail(w, EXIT_TROUBLE);
    return false;
}

static void start_work(worker *w) {
    if (open_client(w) && open_queue(w) && !start_parts(w)) {
        log_line(SECKILL_LOG_ERROR, "out of memory, or an id is malformed");
        fail(w, EXIT_TROUBLE);
    }
}

static void on_inventories_set(db_job *job, bool committed) {
    worker *w = (worker *)((char *)job - offsetof(worker, inventory_job));
    if (committed && !w->stopping) {
        start_work(w);
    }
}

static void on_database_open(void *context) {
    worker *w = context;
    if (!w->stopping) {
        w->inventory_job =
            (db_job){.run = set_inventories, .done = on_inventories_set, .writes = w->settings->inventory_count > 0};
        db_thread_submit(w->db, &w->inventory_job);
    }
}

static void on_database_closed(void *context, orders_db_status status, const char *error, uint64_t transactions) {
    worker *w = context;
    w->db = NULL;
    w->counts.transactions = transactions;
    if (status != ORDERS_DB_OK && !w->stopping) {
        log_line(SECKILL_LOG_ERROR, "orders database %s: %s: %s%s", w->settings->orders, orders_db_status_name(status), error,
                 status == ORDERS_DB_MISSING && orders_db_path(w->settings->orders) && w->settings->inventory_count == 0
                     ? " (it is made only with --inventory)"
                     : "");
        fail(w, EXIT_DATABASE);
    }
}

static bool start_database(worker *w) {
    db_thread_config config = {
        .loop = &w->loop,
        .where = w->settings->orders,
        /* A new file without inventory would refuse, and so refund, every order: a wrong path must not do that. */
        .create = w->settings->inventory_count > 0,
        .busy_timeout_ms = w->settings->busy_timeout_ms,
        .events = {.opened = on_database_open, .closed = on_database_closed},
        .context = w,
    };
    int error = db_thread_start(&config, &w->db);
    if (error) {
        log_line(SECKILL_LOG_ERROR, "the database thread cannot be started: %s", uv_strerror(error));
        w->db = NULL;
    }
    return error == 0;
}

/* ---- the loop ---- */

static void on_progress(uv_timer_t *timer) {
    worker *w = timer->data;
    uint64_t now = uv_now(&w->loop);
    metrics_progress(w, now - w->progress_at_ms, &w->progress_decided);
    w->progress_at_ms = now;
}

static bool start_handles(worker *w) {
    static const int numbers[] = {SIGTERM, SIGINT};
    (void)uv_timer_init(&w->loop, &w->progress);
    (void)uv_timer_init(&w->loop, &w->stop_timer);
    w->progress.data = w->stop_timer.data = w;
    bool started = true;
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&w->loop, &w->signals[i]);
        w->signals[i].data = w;
        started = started && uv_signal_start(&w->signals[i], on_signal, numbers[i]) == 0;
    }
    w->progress_at_ms = uv_now(&w->loop);
    if (w->settings->progress_ms > 0) {
        (void)uv_timer_start(&w->progress, on_progress, w->settings->progress_ms, w->settings->progress_ms);
    }
    return started;
}

/* With the orders database first, if there is one to use: what it refuses must not be read. */
static void start(worker *w) {
    const settings *s = w->settings;
    if (!start_handles(w) || !serve_start(&w->serve, w)) {
        fail(w, EXIT_TROUBLE);
    } else if (!(s->roles & ROLE_ORDERS)) {
        start_work(w);
    } else if (!start_database(w)) {
        fail(w, EXIT_TROUBLE);
    }
}

int worker_run(const settings *s, worker_counts *counts) {
    worker w;
    memset(&w, 0, sizeof w);
    w.settings = s;
    w.started = (int64_t)time(NULL);
    if (uv_loop_init(&w.loop) != 0) {
        log_line(SECKILL_LOG_ERROR, "the loop cannot be made");
        return EXIT_TROUBLE;
    }
    batch_pool_init(&w.pool, s->batches, s->batch);
    start(&w);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&w.loop) != 0) {
        log_line(SECKILL_LOG_ERROR, "a handle was left open");
        w.exit_code = EXIT_TROUBLE;
    }
    batch_pool_free(&w.pool);
    *counts = w.counts;
    if (w.exit_code == EXIT_CLEAN && w.counts.unfinished) {
        return EXIT_UNFINISHED;
    }
    return w.exit_code;
}
