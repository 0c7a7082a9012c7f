/* A child process that a test halts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_TESTS_PROCESS_H
#define SECKILL_TESTS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* SIGSTOP, and waits until it stands still: its threads may go on for a while after kill() has returned. Go on with SIGCONT.
 * False: it is no child of ours, or it has ended, and is reaped. */
bool process_pause(pid_t pid);

#endif
