/* A program that a benchmark starts beside itself. It dies with the thread that started it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_CHILD_H
#define SECKILL_BENCH_CHILD_H

#include <sys/types.h>

/* Starts it on the server's processor; its words on standard output come out of `*out`, if that is wanted. */
pid_t child_start(const char *const *arguments, int *out_or_null);

/* SIGTERM, and waits for its end. */
void child_stop(pid_t pid);

#endif
