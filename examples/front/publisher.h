/* seckill-front: the thread that puts requests into RabbitMQ, for all loops of the process.
 *
 * It publishes what was handed in meanwhile, one behind the other, and goes on while the broker writes them to its disks; each
 * is answered when the broker has confirmed it, and not before. No confirm in time, or the connection lost before it:
 * SECKILL_UNKNOWN, the request may wait in the queue all the same. Not confirmed for want of room: SECKILL_BUSY. While there
 * is no connection, which is made again with growing pauses, SECKILL_UNREACHABLE is answered at once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_PUBLISHER_H
#define FRONT_PUBLISHER_H

#include "common/amqp_link.h"
#include "common/message.h"

#include <stdio.h>
#include <uv.h>

typedef struct publisher publisher;

typedef struct {
    link_address address;
    link_queues queues;
    uint32_t timeout_ms; /* for a confirm, and to connect */
    uint32_t most;       /* requests under way at one time; more are SECKILL_BUSY */
    uint32_t items;      /* queues whose length is remembered */
} publisher_settings;

/* NULL: out of memory. The settings are copied. */
publisher *publisher_new(const publisher_settings *settings);

/* Starts the thread. 0, or libuv's error. */
int publisher_start(publisher *one);

/* Ends the thread; what is under way is answered no more. NULL is allowed. */
void publisher_stop(publisher *one);

/* After publisher_stop, and when all boxes are closed. NULL is allowed. */
void publisher_free(publisher *one);

/* ---- for loops; all but publisher_forget may be called by any thread */

typedef struct publish_job publish_job;

/* Where a loop gets its answers. */
typedef struct publisher_box {
    uv_async_t async; /* the loop does not wait for it */
    uv_mutex_t lock;
    publish_job *first, **end;
} publisher_box;

int publisher_box_open(publisher_box *box, uv_loop_t *loop);

/* When the thread has ended, by who closes the loop, which must run once more; `closed` gets the handle, whose data is the
 * box. */
void publisher_box_close(publisher_box *box, uv_close_cb closed);

typedef struct {
    const char *message; /* static */
    seckill_status status;
    uint32_t retry_after_ms;
} publish_result;

typedef void (*publish_cb)(const publish_result *result, void *user_data);

/* Hands a request in. SECKILL_OK: `cb` runs once, later, on the box's loop, unless it is forgotten. Else it never does:
 * SECKILL_BUSY, SECKILL_UNREACHABLE, SECKILL_NO_MEMORY. */
seckill_status publisher_submit(publisher *one, publisher_box *box, const request_message *request, publish_job **job,
                                publish_cb cb, void *user_data);

/* Nobody waits for its answer any more. On its loop's thread. */
void publisher_forget(publish_job *job);

/* An item's queue: the requests that wait there and are in no worker's hand, by how many it shrinks, and how long they take; 0:
 * not known. */
typedef struct {
    uint64_t waiting, per_second;
    uint32_t wait_ms;
} publisher_view;

publisher_view publisher_look(publisher *one, const char *activity, const char *item);

bool publisher_connected(const publisher *one);

/* For Prometheus. */
void publisher_write_metrics(const publisher *one, FILE *out);

#endif
