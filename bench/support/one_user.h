/* The other: the script that shops commonly use, which decides one user at a time, and how it is driven.
 *
 * It knows whether the user has bought (a set), whether something is left (a counter), and takes one. It keeps no record, no
 * time at which a hold ends, no request id: a retry of who was granted reads as a refusal.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_ONE_USER_H
#define SECKILL_BENCH_ONE_USER_H

#include "redis_server.h"

#include <stdint.h>

/* KEYS: stock, users; ARGV: the user. 1: granted; 0: nothing left; -1: has bought. */
extern const char one_user_script[];
#define ONE_USER_STOCK "{other}:stock"
#define ONE_USER_USERS "{other}:users"

/* Sets the stock and loads the script; gives its SHA-1. */
void one_user_prepare(redis_server *server, uint64_t units, char sha[41]);

/* Runs redis-benchmark (or valkey-benchmark) on the load's processor with a command, in which __rand_int__ stands for 12
 * digits. Requests a second, as measured by itself. */
double one_user_tool(redis_server *server, uint64_t requests, int connections, int pipeline, const char *redis_command);

/* The same with EVALSHA of the script, each request another user of 16 bytes. */
double one_user_benchmark(redis_server *server, const char *sha, uint64_t requests, int connections, int pipeline);

/* The same on a server of its own with these lines, with units for all. */
double one_user_rate(const char *const *lines, uint64_t users, int connections, int pipeline);

#endif
