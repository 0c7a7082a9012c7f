/* A crowd of users who buy while something fails: each asks until the answer is final, whatever comes in between. Half of them
 * reserve at once and half queue; some confirm what they got, some give it back. A seckill-worker decides the queue and writes
 * the orders.
 *
 * No caller may ever see anything but a documented status, and in the end what users were told must be what Redis and the
 * orders database say.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_CROWD_H
#define SK_TESTS_SALE_CROWD_H

#include "sale_checks.h"
#include "sale_claims.h"
#include "worker_fixture.h"

enum { CROWD_CLIENTS_MAX = 4 };

typedef struct crowd crowd;

typedef enum { CROWD_KEEPS, CROWD_CONFIRMS, CROWD_CANCELS } crowd_wish;

typedef struct {
    crowd *crowd;
    seckill_item *item;
    char name[16]; /* the request's id too */
    bool queues;
    crowd_wish wish;
    int64_t created_ms;
    sale_claim claim;
    void (*step)(void *user); /* what is asked next, and again until the answer is final */
    uv_timer_t timer;
    uint32_t asked; /* how often */
    seckill_status status;
    bool granted, settled;
    seckill_reservation grant;
    seckill_reservation_ref ref;
    seckill_ticket ticket;
} crowd_user;

typedef struct {
    uint32_t users, each_second; /* so many come in a second, until all have come; 0: all at once */
    uint32_t shards, most;       /* units that one asks for */
    int64_t units;
    uint32_t clients;
    const char *addresses[CROWD_CLIENTS_MAX]; /* of their clients; NULL: as below */
    redis_server *server;                     /* a server; not used where `address` is set */
    const char *address;                      /* of the test's own client and of the worker; NULL: the server's */
    const char *worker_address;               /* NULL: as that */
    uint32_t replicas, timeout_ms, command_timeout_ms;
    uint32_t max_skew_ms;
    bool may_lose; /* replicas are not waited for, and a master is lost */
    uint64_t seed;
} crowd_plan;

struct crowd {
    crowd_plan plan;
    shop shop; /* its server is the plan's */
    worker_process worker;
    seckill_client *clients[CROWD_CLIENTS_MAX];
    seckill_item *items[CROWD_CLIENTS_MAX];
    crowd_user *users;
    uv_timer_t arrivals;
    uint32_t come, over;                      /* users */
    uint32_t lost;                            /* that were told ok, and later that there is nothing */
    uint32_t seen[SECKILL_CLASS_UNKNOWN + 1]; /* answers that were not final, by class */
    uint64_t random;
    int64_t began_us, last_us; /* when somebody got a final answer last */
    int64_t longest_turn_us;   /* of the loop, while they came: more than some milliseconds say that the machine was busy */
};

/* Defines and loads "sale/phone", opens the clients, starts the worker. Everything fails the test where it does not work. */
void crowd_open(crowd *self, const crowd_plan *plan);
void crowd_close(crowd *self);

/* Starts a worker in place of the one that has ended, and waits until it is at work. */
void crowd_start_worker(crowd *self);

/* Lets them come; runs the loop until all have a final answer, and calls `then` (may be NULL) after each turn. */
void crowd_run(crowd *self, void (*then)(crowd *self, void *context), void *context);

/* The part of the users that are done, in percent. */
uint32_t crowd_done(const crowd *self);

/* Waits until the worker has done everything, and ends it. Starts another one where it has ended. */
void crowd_finish_work(crowd *self);

/* After that: everybody has what he was told, and asked again is told the same; no answer "sold out" was wrong; the account
 * holds, and orders, inventory and what is sold are the same. */
void crowd_check(crowd *self);

/* How many were told that they got something of which there is no record, in these units. */
int64_t crowd_count_lost(crowd *self, int64_t *units);

#endif
