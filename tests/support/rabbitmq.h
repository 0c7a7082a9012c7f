/* A private RabbitMQ for tests: examples/common/rabbitmq.sh in a fresh temporary folder, which goes when it is freed.
 *
 * It takes some 4 s to start: share one in a test program. It ends with the thread that started it, so nothing is left behind
 * when a test crashes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_RABBITMQ_H
#define SK_TESTS_RABBITMQ_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct rabbitmq rabbitmq;

enum { RABBITMQ_URL = 256 };

/* Whether the broker is installed. */
bool rabbitmq_available(void);

/* Starts a broker and waits until it serves. NULL, with the reason on stderr, if it does not. */
rabbitmq *rabbitmq_start(void);

/* For --queue, with the file of the password; and the same through a proxy at "127.0.0.1:port". */
const char *rabbitmq_url(const rabbitmq *broker);
void rabbitmq_url_through(const rabbitmq *broker, const char *address, char url[RABBITMQ_URL]);

/* "127.0.0.1:port", for a proxy. */
const char *rabbitmq_address(const rabbitmq *broker);

/* SIGKILL, and waits for its end; starts it again on the same data and port. False: it does not come up. */
void rabbitmq_kill(rabbitmq *broker);
bool rabbitmq_restart(rabbitmq *broker);

/* SIGSTOP (and waits until it stands still) and SIGCONT: a broker that hangs. */
void rabbitmq_pause(rabbitmq *broker);
void rabbitmq_resume(rabbitmq *broker);

/* Ends it and removes its folder. NULL is allowed. */
void rabbitmq_free(rabbitmq *broker);

#endif
