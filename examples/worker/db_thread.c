/* See db_thread.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "db_thread.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAUSE_MIN_MS = 20, /* after the first failure; it doubles ... */
    PAUSE_MAX_MS = 2000,
    LOG_INTERVAL_MS = 10000 /* a failure that goes on is logged this often */
};

typedef struct {
    db_job *first;
    db_job **end; /* where the next one is linked */
} job_list;

struct db_thread {
    db_thread_config config;
    uv_thread_t thread;
    uv_async_t async;

    uv_mutex_t mutex; /* for what follows */
    uv_cond_t wake;   /* jobs, or stopping */
    job_list waiting, finished;
    bool is_open, stopping, ended;
    uint64_t transactions;
    prometheus_times times;                  /* of these */
    uint64_t all_failures, failing_since_ms; /* failing_since_ms: 0 unless the last try failed */
    orders_db_status end_status;
    char end_error[ORDERS_DB_ERROR_SIZE];

    /* The thread's own. */
    orders_db *db;
    char error[ORDERS_DB_ERROR_SIZE]; /* of the last failure */
    orders_db_status logged;          /* the failure that was logged last */
    uint64_t logged_at;
    uint64_t failures; /* in a row */
    uint64_t took_us;  /* the last transaction */

    bool told_open; /* the loop's thread: `opened` was called */
};

static void list_clear(job_list *list) {
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(job_list *list, db_job *job) {
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

/* ---- the database thread ---- */

static void note_failure(db_thread *t, orders_db_status status) {
    uint64_t now = uv_hrtime() / 1000000;
    t->failures++;
    uv_mutex_lock(&t->mutex);
    t->all_failures++;
    t->failing_since_ms = t->failing_since_ms ? t->failing_since_ms : now;
    uv_mutex_unlock(&t->mutex);
    if (t->failures == 1 || status != t->logged || now - t->logged_at >= LOG_INTERVAL_MS) {
        /* Another process's lock is everyday life; all else needs a person sooner or later. */
        log_line(status == ORDERS_DB_BUSY ? SECKILL_LOG_WARNING : SECKILL_LOG_ERROR,
                 "orders database %s: %s: %s (failed %llu times; nothing is acknowledged until it works)", t->config.where,
                 orders_db_status_name(status), t->error, (unsigned long long)t->failures);
        t->logged = status;
        t->logged_at = now;
    }
}

static void note_success(db_thread *t) {
    if (t->failures > 0) {
        log_line(SECKILL_LOG_WARNING, "orders database %s: works again", t->config.where);
        t->failures = 0;
        uv_mutex_lock(&t->mutex);
        t->failing_since_ms = 0;
        uv_mutex_unlock(&t->mutex);
    }
}

static orders_db_status open_database(db_thread *t, unsigned flags) {
    return orders_db_open(t->config.where, flags, t->config.busy_timeout_ms, &t->db, t->error);
}

/* Waits before the next try. False: told to stop. */
static bool pause_before_retry(db_thread *t) {
    uint64_t pause = t->failures > 7 ? PAUSE_MAX_MS : (uint64_t)PAUSE_MIN_MS << (t->failures - 1);
    uint64_t until = uv_hrtime() + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS) * 1000000;
    uv_mutex_lock(&t->mutex);
    for (uint64_t now = uv_hrtime(); now < until && !t->stopping; now = uv_hrtime()) {
        (void)uv_cond_timedwait(&t->wake, &t->mutex, until - now); /* new jobs wake it too */
    }
    bool stopping = t->stopping;
    uv_mutex_unlock(&t->mutex);
    return !stopping;
}

static orders_db_status run_jobs(db_thread *t, db_job *jobs) {
    orders_db_status status = orders_db_begin(t->db);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    for (db_job *job = jobs; job && status == ORDERS_DB_OK; job = job->next) {
        status = job->run(t->db, job);
    }
    if (status == ORDERS_DB_OK) {
        status = orders_db_commit(t->db);
    }
    if (status != ORDERS_DB_OK) {
        orders_db_rollback(t->db);
    }
    return status;
}

static orders_db_status try_once(db_thread *t, db_job *jobs) {
    if (!t->db) {
        orders_db_status status = open_database(t, 0);
        if (status != ORDERS_DB_OK) {
            return status;
        }
    }
    orders_db_status status = run_jobs(t, jobs);
    if (status != ORDERS_DB_OK) {
        (void)snprintf(t->error, sizeof t->error, "%s", orders_db_error(t->db));
    }
    if (status != ORDERS_DB_OK && status != ORDERS_DB_BUSY) {
        /* What stands at that path may be another file by now, or a repaired one; a connection may be lost. */
        orders_db_close(t->db);
        t->db = NULL;
    }
    return status;
}

static bool run_until_committed(db_thread *t, db_job *jobs) {
    for (;;) {
        uint64_t began = uv_hrtime();
        orders_db_status status = try_once(t, jobs);
        if (status == ORDERS_DB_OK) {
            t->took_us = (uv_hrtime() - began) / 1000;
            note_success(t);
            return true;
        }
        note_failure(t, status);
        if (!pause_before_retry(t)) {
            return false;
        }
    }
}

/* All jobs that wait; waits for one. NULL: told to stop, and none is left. */
static db_job *take_jobs(db_thread *t) {
    uv_mutex_lock(&t->mutex);
    while (!t->waiting.first && !t->stopping) {
        uv_cond_wait(&t->wake, &t->mutex);
    }
    db_job *jobs = t->waiting.first;
    list_clear(&t->waiting);
    uv_mutex_unlock(&t->mutex);
    return jobs;
}

static void give_back(db_thread *t, db_job *jobs, bool committed) {
    bool wrote = false;
    uv_mutex_lock(&t->mutex);
    for (db_job *job = jobs, *next; job; job = next) {
        next = job->next;
        wrote = wrote || job->writes;
        job->committed = committed;
        list_add(&t->finished, job);
    }
    if (committed && wrote) {
        t->transactions++;
        prometheus_count(&t->times, prometheus_quick, t->took_us);
    }
    uv_mutex_unlock(&t->mutex);
    (void)uv_async_send(&t->async);
}

/* Opens the database for the first time. A lock passes, and a server comes back; what else is wrong is told to whoever started
 * us. */
static orders_db_status open_first(db_thread *t) {
    for (;;) {
        orders_db_status status = open_database(t, t->config.create ? ORDERS_DB_CREATE : 0);
        if (status == ORDERS_DB_OK) {
            note_success(t);
        }
        if (status != ORDERS_DB_BUSY && status != ORDERS_DB_UNREACHABLE) {
            return status;
        }
        note_failure(t, status);
        if (!pause_before_retry(t)) {
            return status;
        }
    }
}

static void announce(db_thread *t, orders_db_status status, bool ended) {
    uv_mutex_lock(&t->mutex);
    t->is_open = t->is_open || status == ORDERS_DB_OK;
    if (status != ORDERS_DB_OK) {
        t->end_status = status;
        (void)snprintf(t->end_error, sizeof t->end_error, "%s", t->error);
    }
    t->ended = ended;
    uv_mutex_unlock(&t->mutex);
    (void)uv_async_send(&t->async);
}

static void thread_main(void *argument) {
    db_thread *t = argument;
    orders_db_status status = open_first(t);
    if (status == ORDERS_DB_OK) {
        announce(t, ORDERS_DB_OK, false);
    }
    for (db_job *jobs; status == ORDERS_DB_OK && (jobs = take_jobs(t)) != NULL;) {
        give_back(t, jobs, run_until_committed(t, jobs));
    }
    orders_db_close(t->db);
    announce(t, status, true);
}

/* ---- the loop's thread ---- */

static void on_async_closed(uv_handle_t *handle) {
    db_thread *t = handle->data;
    db_thread_events events = t->config.events;
    void *context = t->config.context;
    orders_db_status status = t->end_status;
    uint64_t transactions = t->transactions;
    char error[ORDERS_DB_ERROR_SIZE];
    (void)snprintf(error, sizeof error, "%s", t->end_error);
    uv_cond_destroy(&t->wake);
    uv_mutex_destroy(&t->mutex);
    free(t);
    events.closed(context, status, error, transactions);
}

/* Signals of one async handle run together: look for everything. */
static void on_async(uv_async_t *async) {
    db_thread *t = async->data;
    uv_mutex_lock(&t->mutex);
    db_job *finished = t->finished.first;
    bool is_open = t->is_open, ended = t->ended;
    list_clear(&t->finished);
    uv_mutex_unlock(&t->mutex);

    if (is_open && !t->told_open) {
        t->told_open = true;
        t->config.events.opened(t->config.context);
    }
    for (db_job *job = finished, *next; job; job = next) {
        next = job->next; /* done may submit the job again */
        job->done(job, job->committed);
    }
    if (ended && !uv_is_closing((uv_handle_t *)&t->async)) {
        (void)uv_thread_join(&t->thread); /* it has nothing left to do */
        uv_close((uv_handle_t *)&t->async, on_async_closed);
    }
}

static int start_parts(db_thread *t) {
    int error = uv_mutex_init(&t->mutex);
    if (error) {
        return error;
    }
    error = uv_cond_init(&t->wake);
    if (error) {
        uv_mutex_destroy(&t->mutex);
        return error;
    }
    error = uv_thread_create(&t->thread, thread_main, t);
    if (error) {
        uv_cond_destroy(&t->wake);
        uv_mutex_destroy(&t->mutex);
    }
    return error;
}

static void on_unused_async_closed(uv_handle_t *handle) {
    free(handle->data);
}

int db_thread_start(const db_thread_config *config, db_thread **thread) {
    db_thread *t = calloc(1, sizeof *t);
    if (!t) {
        return UV_ENOMEM;
    }
    t->config = *config;
    list_clear(&t->waiting);
    list_clear(&t->finished);
    t->async.data = t;
    int error = uv_async_init(config->loop, &t->async, on_async);
    if (error) {
        free(t);
        return error;
    }
    error = start_parts(t);
    if (error) {
        uv_close((uv_handle_t *)&t->async, on_unused_async_closed);
        return error;
    }
    *thread = t;
    return 0;
}

void db_thread_submit(db_thread *t, db_job *job) {
    uv_mutex_lock(&t->mutex);
    list_add(&t->waiting, job);
    uv_cond_signal(&t->wake);
    uv_mutex_unlock(&t->mutex);
}

void db_thread_stop(db_thread *t) {
    uv_mutex_lock(&t->mutex);
    t->stopping = true;
    uv_cond_signal(&t->wake);
    uv_mutex_unlock(&t->mutex);
}

prometheus_times db_thread_times(db_thread *t) {
    uv_mutex_lock(&t->mutex);
    prometheus_times times = t->times;
    uv_mutex_unlock(&t->mutex);
    return times;
}

db_thread_trouble db_thread_troubles(db_thread *t) {
    uv_mutex_lock(&t->mutex);
    uint64_t since = t->failing_since_ms;
    db_thread_trouble trouble = {.failures = t->all_failures, .failing_ms = since ? uv_hrtime() / 1000000 - since + 1 : 0};
    uv_mutex_unlock(&t->mutex);
    return trouble;
}

uint64_t db_thread_transactions(db_thread *t) {
    uv_mutex_lock(&t->mutex);
    uint64_t transactions = t->transactions;
    uv_mutex_unlock(&t->mutex);
    return transactions;
}
