/* Decides the requests that wait in RabbitMQ, in the place of the deciders: one intake for each item.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_INTAKE_H
#define SECKILL_WORKER_INTAKE_H

#include "decider.h"
#include "settings.h"

#include <stdio.h>

struct item;
struct worker;

typedef struct intake intake;

/* Whether --queue can be used, as far as that shows without a connection. False with a sentence in `trouble`. */
bool intake_check(const settings *settings, char trouble[256]);

/* Starts the connection to the broker, before there are items. False: out of memory, or there is no thread. */
bool intake_open(struct worker *worker);

/* Ends it, when there are no items any more: then worker->consumer is NULL. Nothing is waited for any more. */
void intake_end(struct worker *worker);
void intake_abort(struct worker *worker);

/* For /healthz and /metrics. */
bool intake_connected(const struct worker *worker);
void intake_write_metrics(const struct worker *worker, FILE *out);

/* NULL: out of memory. The intake frees itself when it is closed, and tells its item (item_task_closed). */
intake *intake_start(struct item *item);

void intake_close(intake *intake);

queue_view intake_view(const intake *intake);

#endif
