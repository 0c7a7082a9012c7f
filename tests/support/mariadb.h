/* A private MariaDB server for tests.
 *
 * It runs in a fresh temporary folder that holds its data, its unix socket (the only way in) and its log; the folder goes when
 * the server is freed. The server dies with the thread that started it, so nothing is left behind when a test crashes. A commit
 * is on the disk before it is answered. Nothing here depends on cmocka.
 *
 *     mariadb_server *server = mariadb_start(NULL);
 *     assert_true(mariadb_new_database(server, "shop"));
 *     ... orders_db_migrate(mariadb_where(server, "shop", NULL), ...) ...
 *     mariadb_free(server);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_TESTS_MARIADB_H
#define SECKILL_TESTS_MARIADB_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct mariadb_server mariadb_server;

typedef struct {
    const char *folder;       /* in which its own is made; NULL: TMPDIR, or /tmp */
    const char *const *lines; /* more options of mariadbd, NULL at the end; NULL: none */
} mariadb_options;

/* Whether the server's programs are installed. */
bool mariadb_available(void);

/* Starts a server and waits until it answers. NULL, with the reason on stderr, if it does not. */
mariadb_server *mariadb_start(const mariadb_options *options);

/* Makes a database, empty even where there was one, and the user "seckill" without a password who may do everything in it. */
bool mariadb_new_database(mariadb_server *server, const char *name);

/* As --orders takes it, with more of the query (NULL: none), such as "timeout=1"; valid until the next call. */
const char *mariadb_where(const mariadb_server *server, const char *database, const char *more);
const char *mariadb_where_as(const mariadb_server *server, const char *user, const char *database);

const char *mariadb_socket(const mariadb_server *server);
pid_t mariadb_pid(const mariadb_server *server);

/* Runs one statement as root, on a connection that is kept until the server ends; formats as printf does. False, with the
 * reason on stderr: it failed. */
bool mariadb_sql(mariadb_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number that a query gives first; -1: none. */
long long mariadb_integer(mariadb_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* SIGKILL, and waits for its end; SIGTERM, and waits; SIGSTOP, and waits until it stands still; SIGCONT. */
void mariadb_kill(mariadb_server *server);
void mariadb_stop(mariadb_server *server);
void mariadb_pause(mariadb_server *server);
void mariadb_resume(mariadb_server *server);

/* Starts it again on the same data and socket, killing it first if it runs. False, with the reason on stderr. */
bool mariadb_restart(mariadb_server *server);

/* Kills it and removes its folder. NULL is allowed. */
void mariadb_free(mariadb_server *server);

#endif
