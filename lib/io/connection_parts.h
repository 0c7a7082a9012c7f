/* What the files that are a connection share: connection.c (serving, failing, ending), attempt.c (from an address to a
 * connection that is up) and commands.c (what is asked and answered).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_CONNECTION_PARTS_H
#define SK_IO_CONNECTION_PARTS_H

#include "io/adapter.h"
#include "io/connection.h"
#include "io/pending.h"
#include "io/resolver.h"

enum { CAUSE_SIZE = 512 };

typedef enum {
    STATE_WAITING, /* until the next attempt */
    STATE_RESOLVING,
    STATE_CONNECTING,
    STATE_SECURING, /* the handshake of TLS */
    STATE_LOGGING_IN,
    STATE_UP,
    STATE_CLOSED
} state;

struct sk__connection {
    sk__connection_config config;
    uv_loop_t *loop;
    state state;
    uv_timer_t timer;      /* the end of waiting; of an attempt, or of one address's part in it; of the oldest command's time */
    int64_t attempt_until; /* resolving, connecting and AUTH together */
    int64_t up_since;
    sk__resolver resolver;
    uint32_t candidate, candidates; /* which of the addresses is tried, of how many */
    sk__adapter *adapter;           /* NULL: no connection */
    uint32_t adapters;              /* not closed yet: those of earlier attempts too */
    sk__pending_queue pending;
    char *text; /* the command that is handed to hiredis; NULL: there was none yet */
    size_t room;
    bool unsent;
    bool timer_closed;
    bool denied;                      /* the login was refused */
    uint32_t at;                      /* the address that is tried or connected */
    bool answered;                    /* it has answered since it is up */
    bool leaving;                     /* it is given up when nothing is outstanding any more, because of `parting` */
    uint32_t failures;                /* in a row */
    uint32_t partings;                /* in a row */
    int64_t integer;                  /* of the reply that is called back; -1: it is none */
    uint32_t told[SECKILL_SEEDS_MAX]; /* a hash of the trouble that was logged last, by address: it is news once */
    uint64_t count;
    char doom[CAUSE_SIZE]; /* why a callback of hiredis gave the connection up */
    char parting[CAUSE_SIZE];
    char trouble[CAUSE_SIZE];
};

/* ---- attempt.c */

/* From STATE_WAITING: begins to resolve, or to connect. */
void sk__attempt_begin(sk__connection *connection);
/* In STATE_CONNECTING: the socket is connected. In STATE_SECURING: the handshake is done. In either: the address does not
 * answer as it should, and the next one is tried. */
void sk__attempt_connected(sk__connection *connection);
void sk__attempt_secured(sk__connection *connection);
void sk__attempt_failed(sk__connection *connection, const char *cause);
/* The resolver's callback. */
void sk__attempt_resolved(void *owner, int error);

/* ---- commands.c */

/* Adds a command to the output buffer, in any state. */
seckill_status sk__connection_append(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                     sk__reply_cb cb, void *context);

/* Prepares for a reply to nothing. False: out of memory. */
bool sk__connection_expect_the_unexpected(sk__connection *connection);

/* ---- connection.c */

int64_t sk__connection_now_ms(const sk__connection *connection);
void sk__connection_start_timer(sk__connection *connection, int64_t wait_ms);

/* The address that is tried or connected, for people. */
const char *sk__connection_target(const sk__connection *connection, char text[SK__ADDRESS_TEXT_MAX + 1]);

/* It can be used. */
void sk__connection_go_up(sk__connection *connection);

/* Lets go of the socket, if there is one. Not from a callback of hiredis. */
void sk__connection_let_go(sk__connection *connection);

/* Gives up what there is, and tries again later. Not from a callback of hiredis. */
__attribute__((format(printf, 2, 3))) void sk__connection_give_up(sk__connection *connection, const char *format, ...);

/* The same from a callback of hiredis: it frees the context when it is done, then `settle` sees to the rest. */
__attribute__((format(printf, 2, 3))) void sk__connection_doom(sk__connection *connection, const char *format, ...);

/* hiredis has returned: what has it made of the connection? */
void sk__connection_settle(sk__connection *connection);

/* Frees it if nothing on the loop refers to it any more; see sk__connection_close. */
void sk__connection_finish_close(sk__connection *connection);

#endif
