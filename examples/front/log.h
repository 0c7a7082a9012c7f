/* seckill-front: one line each on stderr; any thread. Tokens, keys and passwords are never in one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_LOG_H
#define FRONT_LOG_H

#include <seckill/seckill.h>

/* Before any thread is started. */
void front_log_level(seckill_log_level level);

__attribute__((format(printf, 2, 3))) void front_log(seckill_log_level level, const char *format, ...);

#endif
