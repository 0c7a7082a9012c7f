/* A load of simple commands for the tests of lib/io with clusters: what the engine does with errors, in small.
 *
 * Each job increments a counter of its own, again and again; a reply that was lost, or says that somebody else serves the slot
 * or that it is to be asked again, lets the job ask again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_IO_LOAD_H
#define SK_TESTS_IO_LOAD_H

#include "io_fixture.h"

enum { JOBS_MAX = 256 };

typedef struct io_load io_load;

typedef struct {
    io_load *load;
    uint32_t slot;
    char keys[2][32]; /* both in that slot; the second one "" if one is enough */
    bool outstanding, asking, lasting;
    int done;          /* answers */
    int unknown;       /* replies that were lost, or are not replicated: it may be done once more than it seems */
    long long counted; /* what the last answer said */
    char trouble[200]; /* the last error */
} io_job;

struct io_load {
    io_test *test;
    io_job jobs[JOBS_MAX];
    int count;
    bool stopped;
    int asked_again, moved, asks, try_agains, downs, lost, unreplicated;
};

/* One job for each tag, spread over the slots; with `pairs` each asks with two keys, which may stand on two sides of a slot
 * that moves. It takes over test->then_turn and test->then_reply's place: replies are its own. */
void io_load_begin(io_load *load, io_test *test, int jobs, bool pairs);

/* Sends what can be sent; called in each turn. */
void io_load_push(io_load *load);

int io_load_least(const io_load *load); /* how often the job that was answered least was */
uint32_t io_load_slot(const char *key);

/* Runs until every job was answered so often more. */
void io_load_run(io_load *load, int more);
/* The same, but for one that may be held up. */
void io_load_run_others(io_load *load, int more, int held_up);
/* Runs until nothing is outstanding, and sends nothing any more. */
void io_load_stop(io_load *load);

#endif
