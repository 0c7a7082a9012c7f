/* The thread that owns the orders database: nothing else touches it, since its calls block.
 *
 * Jobs are handed in on the loop's thread. The thread takes all that wait and runs them in one transaction, so that under load
 * one sync of the disk serves many batches. Only when that transaction is committed do they go back to the loop's thread. What
 * fails (locked, disk full, an I/O error, a file that was moved, a server that is down) is logged and tried again, with growing
 * pauses, until it works or the thread is told to stop: a job is never reported as committed when it is not, and never dropped
 * before.
 *
 * The queue has no limit of its own: every job belongs to a batch of the pool (see batch.h) or to an item, and those are
 * bounded.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_DB_THREAD_H
#define SECKILL_WORKER_DB_THREAD_H

#include "orders_db.h"
#include "prometheus.h"

#include <uv.h>

typedef struct db_thread db_thread;
typedef struct db_job db_job;

/* Embedded in whatever it works on, which it keeps busy from submit to done. */
struct db_job {
    /* On the database thread, inside a transaction; run again after one that failed. */
    orders_db_status (*run)(orders_db *db, db_job *job);
    /* On the loop's thread, once. Not committed: only after db_thread_stop; nothing of the job stands for sure. */
    void (*done)(db_job *job, bool committed);
    bool writes; /* false: it only reads, and is not counted as a transaction */
    bool committed;
    db_job *next;
};

/* What the thread says, always on the loop's thread; `context` is db_thread_config's. */
typedef struct {
    void (*opened)(void *context); /* the database is open, jobs are being run; once, unless `closed` comes first */
    /* The thread is gone and its memory freed; the last call. Not ORDERS_DB_OK: the database could not be opened.
     *   transactions   as db_thread_transactions */
    void (*closed)(void *context, orders_db_status status, const char *error, uint64_t transactions);
} db_thread_events;

typedef struct {
    uv_loop_t *loop;
    const char *where; /* as orders_db_open takes it; stays valid until `closed` */
    bool create;       /* make the file if there is none, at the start only: a file that vanishes later is not made anew */
    uint32_t busy_timeout_ms;
    db_thread_events events;
    void *context;
} db_thread_config;

/* Starts the thread and opens the database there. One that is locked, or whose server does not answer, is tried again; any
 * other failure ends the thread. Returns 0 or libuv's error. */
int db_thread_start(const db_thread_config *config, db_thread **thread);

/* Hands a job in. Loop's thread; not after db_thread_stop. */
void db_thread_submit(db_thread *thread, db_job *job);

/* Runs what waits (each once: what fails now comes back as not committed), closes the database, then calls `closed`. Repeating
 * is harmless. */
void db_thread_stop(db_thread *thread);

/* Committed transactions that wrote, so far; how long each took, from its beginning to its commit. */
uint64_t db_thread_transactions(db_thread *thread);
prometheus_times db_thread_times(db_thread *thread);

/* Whether the database works. */
typedef struct {
    uint64_t failures;   /* tries that failed, so far: each is done again */
    uint64_t failing_ms; /* since when none has worked; 0: the last one did */
} db_thread_trouble;
db_thread_trouble db_thread_troubles(db_thread *thread);

#endif
