/* The worker: what it is made of, and its life from start to stop.
 *
 *     watch.c     which items there are: lists each activity, opens and closes items
 *     item.c      an item at work, with the tasks below
 *     expirer.c   gives the units of expired reservations back
 *     reader.c    one for each shard: events from Redis to the database, then acknowledged
 *     decider.c   one for each shard: decides the requests in the queue; listed.c knows who is blacklisted
 *     intake.c    in its place with --queue amqp://...: one for each item; consumer.c is the thread that talks to RabbitMQ
 *     refunder.c  tells Redis to refund what the database refused, and what is not paid in time
 *     replayer.c  tells Redis again which orders there are, after a failover lost some; replay.c does a page of it
 *     transferer.c  finishes what is half done between shards
 *     db_thread.c the thread that writes
 *     metrics.c   what was counted, as text; serve.c has it over HTTP
 *
 * Everything but the threads of database and broker runs on the loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_WORKER_H
#define SECKILL_WORKER_WORKER_H

#include "batch.h"
#include "db_thread.h"
#include "decider.h"
#include "listed.h"
#include "serve.h"
#include "settings.h"

#include <seckill/seckill.h>
#include <stdbool.h>
#include <uv.h>

/* What was done since the start. */
typedef struct {
    uint64_t events_read;     /* redelivered ones again */
    uint64_t orders_written;  /* confirmations that became orders */
    uint64_t orders_refunded; /* refunds noted in the database */
    uint64_t refused;         /* confirmations refused for inventory; redelivered ones again */
    uint64_t not_recorded;    /* events that no order can look like, or that contradict one: left where they are */
    uint64_t acknowledged;    /* events removed from Redis */
    uint64_t refunds;         /* final answers of Redis to refunds */
    uint64_t unpaid_refunded; /* orders whose refund it noted as due because they were not paid in time */
    uint64_t expired_reservations, expired_units;
    uint64_t orders_replayed; /* told to Redis again, with a final answer, whether it knew them or not */
    uint64_t orders_missing;  /* of them, and of refunds, those that it had lost */
    uint64_t transfer_checks; /* times that nothing was left half done between an item's shards */
    uint64_t transactions;
    queue_counts queue;                         /* of all items */
    queue_view left;                            /* at the end: the queues as they were looked at last */
    uint64_t decided_from_ms, decided_until_ms; /* by the loop's clock */
    bool unfinished;                            /* a batch in hand was not written or not acknowledged */
} worker_counts;

typedef struct worker worker;
struct item;
struct activity;

struct worker {
    const settings *settings;
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t progress, stop_timer;
    uint64_t progress_at_ms, progress_decided; /* the last progress line: when, and what it counted */
    seckill_client *client;                    /* NULL: not open, or being closed: no call may be made any more */
    struct consumer *consumer;                 /* NULL: requests wait in Redis, or there is no broker yet or any more */
    db_thread *db;                             /* NULL: not running */
    bool db_stopping;                          /* no job may be handed in any more */
    db_job inventory_job;
    batch_pool pool;
    worker_counts counts;
    prometheus_times decision_times; /* from a request's enqueue to its decision */
    prometheus_times event_ages;     /* when they became orders or refunds */
    int64_t started;                 /* seconds since 1970 */
    struct item *items;
    struct activity *activities;
    size_t item_count, activity_count, decider_count; /* that are not freed yet */
    listed_said listed;
    serve serve;
    bool stopping, closing;
    int exit_code;
};

/* Runs until it is told to stop. Returns the exit code; fills *counts. */
int worker_run(const settings *settings, worker_counts *counts);

/* For the parts: an item or an activity was freed. The last one lets a stop go on. */
void worker_part_gone(worker *worker);

#endif
