/* Takes the events of one shard to the orders database, and acknowledges them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_READER_H
#define SECKILL_WORKER_READER_H

#include <stdint.h>

struct item;

typedef struct reader reader;

/* NULL: out of memory. The reader frees itself when it is closed, and tells its item (item_task_closed). */
reader *reader_start(struct item *item, uint32_t shard);

void reader_close(reader *reader);

#endif
