/* Something that is done again and again, one round at a time: reading a shard, expiring an item, listing an activity.
 *
 * A round begins when the timer calls `run` and lasts, over any number of callbacks, until the round itself says when the next
 * one is due (task_next, task_failed). In between the task is busy: it waits for Redis or for the database, and no other round
 * begins. A task that is told to close finishes the round it is in. Loop's thread only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_TASK_H
#define SECKILL_WORKER_TASK_H

#include <seckill/status.h>
#include <stdbool.h>
#include <uv.h>

typedef struct task task;

struct task {
    uv_timer_t timer;
    void (*run)(task *task);    /* begins a round */
    void (*closed)(task *task); /* it is closed: its memory may be freed */
    bool busy, closing, again;
    unsigned failures; /* rounds in a row that failed */
};

/* The first round begins on the loop's next turn. `task` must stay where it is until `closed`. */
void task_start(uv_loop_t *loop, task *task, void (*run)(struct task *), void (*closed)(struct task *));

/* Ends a round: it worked, the next one begins in `delay_ms`. */
void task_next(task *task, uint64_t delay_ms);

/* Ends a round that failed: the next one begins after a pause that doubles from 50 ms to 5 s, less a random part of it. The
 * cause is logged (what happens every few milliseconds is logged every few seconds). `what` begins the line: "reading events".
 *   message   NULL: the status's own */
void task_failed(task *task, const char *what, const char *about, seckill_status status, const char *message);

/* How long to wait before what has failed so often is tried again: from 50 ms up to 5 s, with jitter. */
uint64_t task_pause_ms(unsigned failures);

/* Logs a trouble as task_failed does, for what is tried again in another way. */
void task_log_trouble(const char *what, const char *about, seckill_status status, const char *message);

/* There is news: the next round begins at once, or right after the one under way. */
void task_hurry(task *task);

/* Ends the task: `closed` is called when the round under way has ended. Repeating is harmless. */
void task_close(task *task);

#endif
