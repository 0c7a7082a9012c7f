/* A Redis server that plays a script, on the libuv loop of the test: for what a real server does not do on demand.
 *
 * It runs while the test runs its loop, so there are no threads and no sleeps, and what happens is the same every time.
 *
 *     fake_redis *fake = fake_redis_open(loop, FAKE_REDIS_UNIX);
 *     fake_redis_script(fake, "expect AUTH secret\n reply +OK\n expect GET *\n drip $2\\r\\nhi\n expect ...\n reset");
 *     fake_redis_script(fake, "expect ...\n reply +OK\n again");
 *     ... the code under test connects to fake_redis_address(fake); uv_run(loop, UV_RUN_ONCE) until it has done its part ...
 *     assert_string_equal(fake_redis_failure(fake), "");
 *     assert_string_equal(fake_redis_text(fake, 0), "AUTH secret");
 *     fake_redis_close(fake);
 *     uv_run(loop, UV_RUN_DEFAULT);
 *
 * The first script is played to the first connection, the second to the second, and the last to all that follow. A script is a
 * step a line:
 *
 *     expect WORD WORD ...  waits for a command with these arguments; * stands for any one, ... at the end for any that follow.
 *                           Anything else is a failure: see fake_redis_failure.
 *     reply TEXT            sends TEXT and \r\n: "+OK", ":1", "-ERR no", "$2\r\nhi", "*1\r\n+OK"
 *     raw TEXT              sends just TEXT
 *     drip TEXT             as reply, a byte a turn of the loop
 *     bulk-of N             replies with N bytes "x"
 *     wait                  waits for fake_redis_go
 *     close, reset          ends the connection; reset (RST) is for TCP
 *     half-close            sends no more, but goes on reading
 *     stall                 reads no more, and keeps the connection
 *     again                 from the first line
 *
 * After the last line commands are read and never answered. In WORD and TEXT, \r \n \\ and \xNN stand for bytes (a space in a
 * WORD is \x20, an empty WORD is \e).
 *
 * Where answers have to be computed, give it a handler in place of scripts. It writes as libuv does: a program that uses it
 * ignores SIGPIPE, unless the script writes nothing to a peer that has gone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAKE_REDIS_H
#define SK_TESTS_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

typedef struct fake_redis fake_redis;
typedef struct fake_redis_client fake_redis_client;

typedef enum {
    FAKE_REDIS_UNIX,
    FAKE_REDIS_TCP, /* a free port of 127.0.0.1 */
    FAKE_REDIS_DEAF /* TCP, but connecting to it never ends: its queue is full and it accepts nobody */
} fake_redis_kind;

typedef struct {
    int argc;
    char **argv; /* each with a '\0' after it */
    size_t *sizes;
} fake_redis_command;

/* NULL, with the reason on stderr. */
fake_redis *fake_redis_open(uv_loop_t *loop, fake_redis_kind kind);

/* "unix:/path" or "127.0.0.1:port". */
const char *fake_redis_address(const fake_redis *fake);
int fake_redis_port(const fake_redis *fake); /* 0 for a unix socket */

/* Adds the script of the next connection; the text is copied. */
void fake_redis_script(fake_redis *fake, const char *script);

/* Without scripts: called for each command. It answers with the calls below, now or later, in order. */
typedef void (*fake_redis_handler)(void *context, fake_redis_client *client, const fake_redis_command *command);
void fake_redis_handle(fake_redis *fake, fake_redis_handler handler, void *context);

/* For handlers. The bytes are RESP, whole or in part. A client is valid until it is ended or the peer has closed. */
void fake_redis_reply(fake_redis_client *client, const void *bytes, size_t size);
void fake_redis_reply_text(fake_redis_client *client, const char *text); /* and \r\n */
void fake_redis_reply_bulk(fake_redis_client *client, const void *bytes, size_t size);
void fake_redis_end(fake_redis_client *client, bool reset);

/* Lets one `wait` pass: the one that is waiting or else the next. */
void fake_redis_go(fake_redis *fake);

/* Ends all connections and refuses new ones; listens again at the same address. */
void fake_redis_refuse(fake_redis *fake);
void fake_redis_listen(fake_redis *fake);

/* What it has seen so far, over all connections. */
size_t fake_redis_connections(const fake_redis *fake); /* accepted */
size_t fake_redis_ended(const fake_redis *fake);       /* of these: that the peer has closed or broken */
size_t fake_redis_received(const fake_redis *fake);    /* whole commands */
const fake_redis_command *fake_redis_command_at(const fake_redis *fake, size_t index);
const char *fake_redis_text(const fake_redis *fake, size_t index); /* the arguments, a space between them, cut at 200 bytes */

/* "" or the first thing that did not go by the script. */
const char *fake_redis_failure(const fake_redis *fake);

/* Closes it; memory is freed when the loop has run on. NULL is allowed. */
void fake_redis_close(fake_redis *fake);

#endif
