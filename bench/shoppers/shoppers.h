/* seckill-shoppers: what its parts share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_SHOPPERS_H
#define SECKILL_BENCH_SHOPPERS_H

#include "histogram.h"

#include <jansson.h>
#include <seckill/seckill.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the command line says. */
typedef struct {
    const char *front, *activity, *item;
    const char *user_header; /* users are named in this header ... */
    seckill_keyring *ring;   /* ... or proved by session tokens of this ring */
    uint32_t shoppers, connections, quantity;
    double never_pay, ask_twice, cancel, retry_refused; /* shares of the shoppers */
    uint64_t seed;
    uint64_t timeout_ms;   /* of one request */
    uint64_t give_up_ms;   /* of one step, all its repetitions together */
    uint64_t patience_ms;  /* in the queue, from the ticket to the decision */
    uint64_t pay_after_ms; /* at most so long after the grant */
    int any_position;      /* the queue is a broker's: a position may go up */
    int json, progress;
    const char *report; /* a file for the JSON */
} shop_settings;

/* The kinds of requests. */
typedef enum { KIND_REQUEST, KIND_POLL, KIND_ORDER, KIND_CANCEL, KINDS } request_kind;

/* Codes of refusals and errors, counted. */
enum { CODES_MAX = 32, CODE_SIZE = 32 };

typedef struct {
    char code[CODE_SIZE];
    uint64_t count;
} code_count;

/* What happened. */
typedef struct {
    uint64_t sent[KINDS];           /* HTTP requests, repetitions included */
    uint64_t finished;              /* shoppers */
    uint64_t granted;               /* shoppers with a reservation */
    uint64_t ordered;               /* shoppers with an order */
    uint64_t cancelled;             /* shoppers who gave their units back */
    uint64_t never_paid;            /* shoppers who did not, but let the time pass */
    uint64_t paid_late;             /* shoppers whose order was refused, as the hold was over */
    uint64_t granted_late;          /* of the granted: refused at first */
    uint64_t repeated;              /* requests sent again because no answer to go on with had come */
    uint64_t turned_away;           /* answers that said: come back later */
    uint64_t queued;                /* shoppers who got a ticket */
    uint64_t missed;                /* shoppers who were granted, and learned it only when the hold was over */
    uint64_t requeued;              /* tickets that were replaced, as their place was lost */
    uint64_t rose;                  /* positions that went up although the ticket was the same */
    uint64_t no_decision;           /* shoppers whose patience was over before their ticket was decided */
    uint64_t decided;               /* shoppers whose first request was granted or refused ... */
    uint64_t decided_us;            /* ... the last one so long after the doors were opened */
    uint64_t waiting, most_waiting; /* shoppers with a ticket that they do not know to be decided; the most at one time */
    uint64_t highest_position;      /* that any ticket had */
    uint64_t replays_checked, replays_differ;
    uint64_t connections, disconnects; /* made; ended with a request under way */
    uint64_t no_final_answer;
    uint64_t unexpected;           /* final answers that this shop should not give */
    code_count refused[CODES_MAX]; /* shoppers whose request was refused for good, by reason */
    code_count errors[CODES_MAX];  /* the unexpected answers, by code */
    histogram latency[KINDS];      /* microseconds: of one request each */
    histogram first_answer;        /* from a shopper's first sending to the first answer that is no "come back later" */
    histogram decision;            /* from a shopper's first sending until it is granted or refused */
    histogram in_queue;            /* from a ticket until it is known to be decided */
    char first_trouble[512];       /* the first thing that was inconsistent or unexpected, for a person */
} shop_counts;

/* Counts a code; past CODES_MAX kinds of them they are counted as "other". */
void count_code(code_count *codes, const char *code);
uint64_t count_total(const code_count *codes);

/* Report. */
json_t *report_json(const shop_settings *settings, const shop_counts *counts, double seconds);
void report_print(FILE *file, const shop_settings *settings, const shop_counts *counts, double seconds);

/* HTTP requests of all kinds. */
uint64_t report_sent(const shop_counts *counts);

/* Whether all that the shoppers saw fits together. */
int report_consistent(const shop_counts *counts);

#endif
