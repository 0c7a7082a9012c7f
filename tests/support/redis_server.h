/* A private Redis (or Valkey) server for tests.
 *
 * It runs in a fresh temporary folder that holds its socket, data and log; the folder goes when the server is freed. The server
 * dies with the thread that started it, so nothing is left behind when a test crashes. Nothing here depends on cmocka.
 *
 *     redis_server *server = redis_server_start(NULL);
 *     assert_non_null(server);
 *     redis_server_forget(redis_server_command(server, "SET %s %d", "key", 1));
 *     ... connect to redis_server_address(server) ...
 *     redis_server_free(server);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_REDIS_SERVER_H
#define SK_TESTS_REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct redis_server redis_server;

/* What it listens on besides its unix socket: a free port of 127.0.0.1. TLS: nothing else is spoken there, and `lines` name the
 * certificates. */
typedef enum { REDIS_SERVER_NO_TCP, REDIS_SERVER_TCP, REDIS_SERVER_TLS } redis_server_port_kind;

typedef struct {
    redis_server_port_kind tcp;
    bool durable;             /* append-only file with `appendfsync always`: what was acknowledged survives a kill */
    const char *const *lines; /* more lines of redis.conf, NULL at the end; NULL: none */
} redis_server_options;

/* Whether a server program is installed: redis-server, or valkey-server, or what SECKILL_TEST_REDIS names. */
bool redis_server_available(void);

/* Starts a server and waits until it answers. NULL, with the reason on stderr, if it does not. NULL options: a unix socket, no
 * persistence. */
redis_server *redis_server_start(const redis_server_options *options);

/* "unix:/path", and "127.0.0.1:port" (NULL without options.tcp), as seckill_client_options.address takes them. */
const char *redis_server_address(const redis_server *server);
const char *redis_server_tcp_address(const redis_server *server);
const char *redis_server_socket(const redis_server *server); /* the path alone */
int redis_server_port(const redis_server *server);           /* 0 without options.tcp */
const char *redis_server_folder(const redis_server *server);
pid_t redis_server_pid(const redis_server *server); /* 0 while it does not run */

/* Runs one command and waits for its reply, on a connection that is kept (so "AUTH ..." lasts until a restart); formats as
 * redisCommand does. The caller frees the reply. NULL, with the reason on stderr: no answer within 10 s. */
redisReply *redis_server_command(redis_server *server, const char *format, ...);
redisReply *redis_server_command_argv(redis_server *server, int argc, const char **argv, const size_t *sizes);

/* Frees a reply, NULL too. */
void redis_server_forget(redisReply *reply);

/* For one-liners: the reply's integer, or of a string the number it begins with; -1 for anything else. */
long long redis_server_integer(redis_server *server, const char *format, ...);

/* SIGKILL, and waits for its end: what a crash leaves. */
void redis_server_kill(redis_server *server);
/* SIGTERM, and waits: saves what is to be saved. */
void redis_server_stop(redis_server *server);
/* SIGSTOP (and waits until it stands still) and SIGCONT: a server that hangs. */
void redis_server_pause(redis_server *server);
void redis_server_resume(redis_server *server);
/* Starts it again on the same data and addresses, killing it first if it runs. False, with the reason on stderr. */
bool redis_server_restart(redis_server *server);

/* Kills it and removes its folder. NULL is allowed. */
void redis_server_free(redis_server *server);

/* A TCP port of 127.0.0.1 that was free a moment ago. */
int redis_server_free_port(void);

#endif
