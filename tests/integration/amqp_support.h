/* A shop whose requests wait in RabbitMQ: one broker for a whole test program, and for each test a Redis, a front and workers
 * of its own, and empty queues.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_AMQP_SUPPORT_H
#define SK_TESTS_AMQP_SUPPORT_H

#include "amqp_link.h"
#include "front_harness.h"
#include "rabbitmq.h"

#define AMQP_REQUESTS "/v1/activities/sale/items/phone/requests"

enum { AMQP_TICKETS_MAX = 512 };

typedef char amqp_ticket[SECKILL_TOKEN_SIZE];

/* A worker as a process of its own, which dies with the test. */
typedef struct {
    pid_t pid;
    char log[96], address[96]; /* the file of its log; its --listen */
} amqp_worker;

/* Starts the broker; cmocka's group setup and teardown. Where there is none the program ends with 77. */
int amqp_setup(void **state);
int amqp_teardown(void **state);
rabbitmq *amqp_broker(void);

/* Empties the queues and kills workers that a failed test has left, then front_open with --queue. `url` NULL: the broker's own.
 * (The queues stay: RabbitMQ 3.10 writes down half a second late that there is a queue, so that one which is killed before has
 * lost a new queue with all that it confirmed.) */
front *amqp_front(int64_t units, const char *url, const char *const *options);

/* Only makes the options, for front_start and front_spawn: in a static array, --queue and `options`. */
const char *const *amqp_options(const char *url, const char *const *options);

amqp_worker amqp_worker_start(const front *shop, const char *url, const char *const *options);

/* Sends a signal and waits for the end: the exit code, 128 + signal where one killed it. Removes its log. */
int amqp_worker_end(amqp_worker *worker, int signal);

/* Waits until its log, or its metrics, has the text. */
void amqp_worker_wait_log(const amqp_worker *worker, const char *text);
void amqp_worker_wait_metric(const amqp_worker *worker, const char *line);

/* The same until a metric is this or more: what is delivered again is so once more, perhaps, than need be. */
void amqp_worker_wait_at_least(const amqp_worker *worker, const char *name, int64_t value);

/* Asks for one unit; the HTTP status. The answer is in amqp_answer. */
int amqp_ask(const front *shop, const char *user, const char *id, bool retry);
extern front_answer amqp_answer;

/* Asks for one unit each for users PREFIX0 to PREFIX(count - 1), with their name as request id; each must be answered 202. */
void amqp_ask_all(const front *shop, const char *prefix, int count, amqp_ticket *tickets);

/* Polls once: the state, a static text; "" where it is none. */
const char *amqp_poll(const front *shop, const char *user, const char *ticket);

/* Polls each until it waits no more; how many are granted; of those refused the reason must be this. */
int amqp_wait_decided(const front *shop, const char *prefix, int count, amqp_ticket *tickets, const char *reason);

/* The account: loaded is available, reserved and sold, and as many are reserved. */
void amqp_check_account(front *shop, int64_t loaded, int64_t reserved);

/* ---- the broker, as an operator sees it */

/* Opens a link of the test's own. */
link_state *amqp_link_of_test(void);
void amqp_link_end(link_state *link);

/* Messages that are ready in the item's queue, in that of the dead letters; -1: there is no such queue. Waiting until it is
 * so. */
int64_t amqp_ready(const char *name);
void amqp_wait_ready(const char *name, int64_t count);
extern const char amqp_queue[], amqp_dead[];

void amqp_delete_queue(const char *name);

/* Publishes to the item's queue, confirmed. */
void amqp_publish(const void *body, size_t size);

#endif
