/* A connection to RabbitMQ: librabbitmq's calls with every error as a status and a sentence.
 *
 * The calls block, for `timeout_ms` at most where the broker is silent; so a link belongs to a thread of its own. Two channels:
 * on the first requests are published or consumed, on the second queues are declared and looked at: what the broker closes for
 * an argument that it does not like is only the second, which opens again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_AMQP_LINK_H
#define SECKILL_EXAMPLES_AMQP_LINK_H

#if __has_include(<rabbitmq-c/amqp.h>) /* from librabbitmq 0.12 on */
#include <rabbitmq-c/amqp.h>
#else
#include <amqp.h>
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { LINK_TEXT = 256, LINK_PASSWORD = 512, LINK_FILE = 512, LINK_NAME = 256, LINK_HEARTBEAT_S = 10 };

/* Where the broker is, and who we are there. Holds a secret: wipe it. */
typedef struct {
    char host[LINK_TEXT], user[LINK_TEXT], vhost[LINK_TEXT], password[LINK_PASSWORD], ca[LINK_FILE];
    char password_file[LINK_FILE]; /* "": it came from the environment */
    char label[2 * LINK_TEXT];     /* host:port/vhost, for messages */
    int port;
    bool tls;
} link_address;

/* Reads amqp://USER@HOST[:PORT][/VHOST][?password-file=FILE], or amqps:// with ca=FILE, which it needs. The password is that
 * file's first line, or the environment's SECKILL_AMQP_PASSWORD; a URL that has one is refused. False with a sentence in
 * `trouble`. */
bool link_address_read(const char *text, link_address *address, char trouble[256]);

typedef enum {
    LINK_OK = 0,
    LINK_LOST,    /* there is no connection, or not any more: open it again */
    LINK_DENIED,  /* the broker does not let us: login, vhost or permission */
    LINK_OTHER,   /* the queue is there with other arguments */
    LINK_MISSING, /* there is no such queue */
    LINK_FAILED   /* the broker could not do it; the connection stands */
} link_status;

typedef struct {
    amqp_connection_state_t connection; /* NULL: none */
    char trouble[LINK_TEXT];            /* what was wrong last, for a person */
    pthread_mutex_t lock;               /* of `fd` */
    int fd;                             /* -1: none */
} link_state;

void link_init(link_state *link);
void link_free(link_state *link); /* closes it first */

/* Connects, logs in and opens both channels. `who` names the program to the broker. */
link_status link_open(link_state *link, const link_address *address, const char *who, uint32_t timeout_ms);

/* Closes it, politely where it stands. Repeating is harmless. */
void link_close(link_state *link);

/* Any thread: a call that waits for the broker fails now, as LINK_LOST. */
void link_abort(link_state *link);

/* The socket, to wait for. */
int link_fd(link_state *link);

/* When to open it again, after one more failure: the pause, 0 at first and after each success, doubles up to 5 seconds. */
uint64_t link_again_ms(uint64_t now_ms, uint64_t *pause_ms);

/* What a person can do about it: to be put behind `trouble`; "" where there is no such word. */
const char *link_advice(link_status status);

/* ---- queues */

/* What bounds a queue of requests. Who first needs one declares it, so all must say the same. */
typedef struct {
    const char *prefix;  /* NULL: "seckill" */
    uint32_t length;     /* requests that may wait; more are not taken */
    uint32_t deliveries; /* times that a request is delivered again before it goes to the dead letters */
} link_queues;

/* PREFIX.requests/ACTIVITY/ITEM; PREFIX.requests.dead */
void link_queue_name(const char *prefix, const char *activity, const char *item, char name[LINK_NAME]);
void link_dead_name(const char *prefix, char name[LINK_NAME]);

/* Makes the queue of an item, or that of the dead letters. One that is there stays as it is. LINK_OTHER: not with these
 * arguments. */
link_status link_declare(link_state *link, const link_queues *queues, const char *name);
link_status link_declare_dead(link_state *link, const link_queues *queues);

/* How many messages are ready in a queue; not those that consumers have in hand. */
link_status link_depth(link_state *link, const char *name, uint64_t *depth);

/* ---- the first channel */

/* From now on what is published is confirmed: amqp_basic_publish, its n-th call n. */
link_status link_confirm(link_state *link);

/* Messages of a queue are delivered, at most `prefetch` that are not acknowledged, with this tag. */
link_status link_consume(link_state *link, const char *name, const char *tag, uint32_t prefetch);
link_status link_cancel(link_state *link, const char *tag);

/* The next frame that has come. `*there` false: none; else what it is about is in `frame` until the next call. Heartbeats are
 * sent here: call it each second at least. */
link_status link_next(link_state *link, amqp_frame_t *frame, bool *there);

/* Whether there is something for link_next that the socket does not show any more. */
bool link_has_more(link_state *link);

/* Reads the header and the body behind a method that has them (a delivery, a return), whose own arguments are gone then:
 * take them first. `properties` stays until the next link_next. A body of more than `room` bytes is read and dropped, and its
 * properties are NULL; `*size` says how long it was. */
link_status link_content(link_state *link, amqp_basic_properties_t **properties, char *body, size_t room, uint64_t *size);

/* For the answer of one of librabbitmq's own calls on the first channel. */
link_status link_check(link_state *link, int status);

#endif
