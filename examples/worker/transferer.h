/* Finishes what is half done between an item's shards: units that a process which died had on their way, and what a failover
 * made a shard forget to have sent. With --listen it also reads the item's stock now and then, to be shown.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_TRANSFERER_H
#define SECKILL_WORKER_TRANSFERER_H

#include "task.h"

#include <seckill/item.h>

struct item;

typedef struct {
    task task;
    struct item *item;
    int64_t owed, transit; /* as of the last look */
    seckill_stock stock;   /* of all shards, as it was read last */
    bool has_stock;        /* it was read */
    uint64_t stock_due_ms; /* when it is to be read next */
} transferer;

void transferer_start(transferer *transferer, struct item *item);

/* A shard has a new epoch: what it sent or took last may be lost. */
void transferer_hurry(transferer *transferer);

void transferer_close(transferer *transferer);

#endif
