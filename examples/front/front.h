/* seckill-front: the program's parts as they know each other.
 *
 * A front has one or more loops. Each runs in a thread of its own with its own listening socket, client, caches and counters;
 * what they share is fixed before they start, or atomic.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "captcha.h"
#include "catalog.h"
#include "http/server.h"
#include "log.h"
#include "metrics.h"
#include "ring.h"
#include "session.h"
#include "settings.h"

typedef struct front_loop front_loop;

typedef struct {
    const front_settings *settings;
    const char *password; /* of Redis, while loops start; NULL: none */
    int64_t since;        /* when the process started, in seconds since 1970 */
    struct gate *gate;
    const struct queue_kind *queue; /* where requests wait; see queue.h */
    struct publisher *publisher;    /* for its own use */
    http_peers peers;               /* of all loops */
    captcha_secrets captcha;
    uv_sem_t started;    /* posted once by each loop */
    uv_async_t finished; /* sent by each loop when it is over */
    front_loop *loops;
    size_t loop_count;
} front_state;

enum { METRICS_PAGES = 10 };

/* The metrics' text. In each tick of the loop it is written so often at most; who comes then gets the last one. */
typedef struct {
    char *text; /* NULL: none */
    size_t size;
    uint32_t written;
} metrics_page;

struct front_loop {
    front_state *front;
    uv_thread_t thread;
    uv_loop_t uv;
    uv_async_t wake;  /* `stop` or `next_ring` has changed */
    uv_timer_t timer; /* copies the client's counters; watches over stopping */
    http_server server;
    seckill_client *client;
    catalog *catalog;
    struct publisher_box *box; /* the queue's own */
    sessions *sessions;
    captcha captcha;
    front_ring *ring;                /* held, and let go of by who joins the loop */
    _Atomic(front_ring *) next_ring; /* the same, to be taken over; NULL: none */
    metrics metrics;
    metrics_page page;
    uint64_t random;        /* for waits_random */
    atomic_int stop;        /* a front_stop */
    atomic_bool over;       /* the thread has nothing more to do */
    uint64_t stop_due_ms;   /* when stopping has taken long enough; 0: not stopping */
    uint64_t complained_ms; /* when a fault was logged last */
    uint64_t ban_complained_ms;
    uint32_t bans_under_way;
    bool list_loaded; /* see listed.h */
    int socket;
    bool unix_socket;
    bool failed; /* to start; read after `started` */
};

/* How to stop: answer what is in progress first, or not even that. */
typedef enum { FRONT_RUN = 0, FRONT_STOP = 1, FRONT_STOP_NOW = 2 } front_stop;

/* Starts the loop's thread; what it is given in the structure is the front, the ring, the socket and its kind, the rest is
 * zero. The thread posts front->started. 0, or a libuv error: then there is no thread, and the socket is closed. */
int front_loop_start(front_loop *loop);

/* Any thread, any time between start and join. */
void front_loop_stop(front_loop *loop, front_stop how);

/* Gives it a ring to hold instead of the one that it has, which it uses from its next turn on. As front_loop_stop. */
void front_loop_use_ring(front_loop *loop, front_ring *ring);

/* Waits until the thread is over and frees what the loop has. */
void front_loop_join(front_loop *loop);

#endif
