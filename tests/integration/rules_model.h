/* A random sale beside its oracle, step by step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_RULES_MODEL_H
#define SK_TESTS_RULES_MODEL_H

#include "rules_fixture.h"
#include "rules_oracle.h"
#include "sale_queue.h"

enum { REQUESTS = 20, TOKENS = 40, FIRST_UNITS = 30 };

typedef struct {
    int user, request;
    seckill_reservation_ref ref;
} token;

typedef struct {
    rules *r;
    oracle o;
    sale newcomer; /* a client that has not asked for anything yet */
    bool has_newcomer;
    token tokens[TOKENS]; /* some that were granted, whatever became of them */
    size_t token_count;
    uint32_t operations; /* loads and withdrawals: their ids */
    struct {
        int user, request;
        seckill_ticket ticket;
    } tickets[TOKENS];
    size_t ticket_count;
    seckill_queue_id screened[ORACLE_SHARDS][2]; /* from and to, of now or of long ago */
    sale_lookup_answer found;
    sale_events_answer events;
    sale_queue_answer queue;
} game;

/* "u3"; good until it was called four times. */
const char *model_name(char letter, int number);
void model_compare_record(int user, const seckill_reservation *shown, const oracle_record *expected);
sale *model_newcomer(game *g);
void model_keep_token(game *g, int user, int request, const seckill_reservation_ref *ref);

/* Each makes one call of both, compares, and says whose it was. */
int model_enqueue(game *g);
int model_poll(game *g);
int model_refuse(game *g);
void model_process(game *g);

/* Keeps the ticket of a request that waits in a queue of the shop's own. */
void model_wait_outside(game *g);

#endif
