/* What the worker counts, for those who watch it: the text that Prometheus reads, the progress line, the last line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_METRICS_H
#define SECKILL_WORKER_METRICS_H

#include "worker.h"

/* All queues that are at work. */
queue_view metrics_queues(const worker *worker);

/* Prometheus text, from malloc. NULL: out of memory. */
char *metrics_text(const worker *worker, size_t *size);

/* One line on stderr.
 *   elapsed_ms   since the line before; `decided`: requests decided until then; updated */
void metrics_progress(const worker *worker, uint64_t elapsed_ms, uint64_t *decided);

/* The last line, on stdout. */
void metrics_last_line(const worker_counts *counts, bool json, int exit_code);

#endif
