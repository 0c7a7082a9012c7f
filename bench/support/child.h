/* A program that a benchmark starts beside itself. It dies with the thread that started it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_CHILD_H
#define SECKILL_BENCH_CHILD_H

#include <stdint.h>
#include <sys/types.h>

/* Starts it on the server's processor; its words on standard output come out of `*out`, if that is wanted. */
pid_t child_start(const char *const *arguments, int *out_or_null);

enum { CHILD_PATH = 4096 };

/* The path of an example program, "front/seckill-front": what the environment's `variable` says, or what the build folder has,
 * ../examples from where this program is. */
void child_find(const char *variable, const char *name, char path[CHILD_PATH]);

/* Reads the line from a server's standard output that says where it listens: the port at its end. */
uint16_t child_port(int out);

/* Waits until a front on this port of 127.0.0.1 says that it is ready. */
void child_await(uint16_t port);

/* SIGTERM, and waits for its end: its status, as waitpid has it. */
int child_stop(pid_t pid);

#endif
