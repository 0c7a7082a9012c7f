/* Tells Redis to refund what the orders database refused, and what is not paid in time, until the answer is final; see reader.c
 * for its place in the order.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_REFUNDER_H
#define SECKILL_WORKER_REFUNDER_H

#include "db_thread.h"
#include "task.h"

struct item;
struct refund;

typedef struct {
    task task;
    db_job job;
    struct item *item;
    int64_t unpaid_before_ms; /* unpaid orders confirmed before this are over; 0: none is */
    size_t unpaid;            /* orders that were, in this round */
    struct refund *refunds;   /* of this round */
    size_t count;
    size_t refunded;  /* orders that a final answer moved to refunded */
    size_t under_way; /* that Redis has not answered */
    bool failed;      /* one of them */
    seckill_status failure;
    char message[200];
} refunder;

void refunder_start(refunder *refunder, struct item *item);

/* A refund became due. */
void refunder_hurry(refunder *refunder);

void refunder_close(refunder *refunder);

#endif
