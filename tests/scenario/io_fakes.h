/* Several scripted servers for the tests of lib/io: nodes of a cluster that say what a test wants.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_IO_FAKES_H
#define SK_TESTS_IO_FAKES_H

#include "io_fixture.h"

enum { FAKES_MAX = 4, ANSWER_MAX = 4000 };

typedef struct {
    fake_redis *fake;
    /* What it answers; "" is nothing (and then what it answers later seems to answer this), and what begins with one of RESP's
     * marks is sent as it is ("-ERR no"). AUTH succeeds. */
    char map[ANSWER_MAX];               /* to CLUSTER NODES, else as a bulk string */
    char waited[80];                    /* to WAIT */
    char answer[200];                   /* to all else */
    char after_asking[200];             /* to what comes after ASKING, if not "" */
    bool deaf;                          /* answers no AUTH any more */
    bool asking, hangs_up;              /* hangs_up: ends the connection in place of an answer to all else */
    int maps, waits, askings, commands; /* asked so far */
    char last[200];                     /* the last command */
    char last_wait[80];
    fake_redis_client *client; /* of the last command */
} io_fake;

typedef struct io_fakes {
    io_test *test;
    io_fake nodes[FAKES_MAX];
    int count;
} io_fakes;

/* Starts so many servers, each of which answers "+ok" followed by its index; the first is the configuration's address. */
io_fakes *io_fakes_open(io_test *test, int count);
/* The same, opens the io and waits until it is connected. */
io_fakes *io_fakes_connect(io_test *test, int count);
/* Closes the io, if it is open, and the servers. Where a test fails, its teardown does it. */
void io_fakes_close(io_fakes *fakes);

int io_fakes_port(const io_fakes *fakes, int node);

/* Sets what all answer to CLUSTER NODES: "0-99 1,5 100-16383" would be the slots of the first, of the second ... NULL: no line.
 */
void io_fakes_map(io_fakes *fakes, const char *const *slots);

/* Sets an answer, printf's way. */
#define io_fakes_say(field, ...) ((void)snprintf((field), sizeof(field), __VA_ARGS__))

/* How often all were asked for the map. */
int io_fakes_maps(const io_fakes *fakes);

/* Runs the loop for some turns, for what comes at once if it comes. */
void io_fakes_settle(io_test *test);

/* Which number the io has for the server that serves a slot. */
uint32_t io_fakes_node(const io_fakes *fakes, uint32_t slot);

/* Sends until it is taken: where there is no connection one is waited for. */
void io_fakes_send(io_fakes *fakes, const sk__sending *how, const char *words);

/* The same, and waits for its reply, which has to be this. */
void io_fakes_ask(io_fakes *fakes, uint32_t slot, sk__reply_kind kind, const char *text);

#endif
