/* The worker's log: lines on stderr, from any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_LOG_H
#define SECKILL_WORKER_LOG_H

#include <seckill/client.h>

/* Sets the most detailed level that is written. Before any thread is started; SECKILL_LOG_WARNING without it. */
void log_set_level(seckill_log_level level);

/* Writes one line, with the time (UTC) and the level before it. Lines of several threads do not mix. */
void log_line(seckill_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The library's log callback. */
void log_from_library(seckill_log_level level, const char *line, void *user_data);

#endif
