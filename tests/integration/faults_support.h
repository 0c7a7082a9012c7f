/* What the tests of faults share: a stage on which every operation of the library has something to do, and a picture of all
 * keys, to see that an operation that failed has changed nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAULTS_SUPPORT_H
#define SK_TESTS_FAULTS_SUPPORT_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "sale_queue.h"

typedef enum {
    FAULT_RESERVE,
    FAULT_CONFIRM,
    FAULT_CANCEL,
    FAULT_REFUND,
    FAULT_ENQUEUE,
    FAULT_REFUSE,
    FAULT_REQUEUE, /* poll, of a ticket whose place is lost */
    FAULT_PROCESS, /* decides the one that waits */
    FAULT_EXPIRE,
    FAULT_LOAD,
    FAULT_WITHDRAW,
    FAULT_FINISH,    /* transfers: each shard is asked what it has, sent and took */
    FAULT_RECONCILE, /* with repair, of which there is nothing */
    FAULT_REPEAT,    /* the event of what was sold */
    FAULT_ACK,
    FAULT_LOOKUP,
    FAULT_POLL, /* of the one that waits */
    FAULT_STOCK,
    FAULT_EVENTS,
    FAULT_DEFINE, /* with the same settings */
    FAULT_RESUME,
    FAULT_GET,
    FAULT_LIST,
    FAULT_BLACKLIST, /* adds one who is not on it */
    FAULT_UNLIST,    /* removes one who is */
    FAULT_CHECK,
    FAULT_ONCE,
    FAULT_OPS
} fault_op;

const char *fault_op_name(fault_op op);

/* Item "sale/phone" with no unit left on shard 0, where all these users live, but one that is overdue. */
typedef struct {
    redis_server *server;
    sale sale;
    char buyer[8], stranger[8]; /* of shard 0, and of shard 1: they have nothing yet */
    char payer[8], quitter[8], returner[8], late[8];
    seckill_reservation_ref paid;              /* reserved */
    uint8_t quit[SECKILL_RESERVATION_ID_SIZE]; /* reserved */
    uint8_t sold[SECKILL_RESERVATION_ID_SIZE];
    seckill_event_ack ack; /* of what was sold */
    char joiner[8];        /* of shard 0 too: is not in the queue yet */
    /* The only one that waits there, since an earlier epoch; and one that this server never saw. */
    seckill_ticket waits, lost;
} fault_stage;

typedef struct {
    seckill_status status;
    char message[256];
    int calls;
    int64_t amount;
} fault_answer;

/* Starts a server and sets the stage on it with two shards; `options` are of the client that acts from then on, NULL: defaults.
 * The address is filled in. */
void fault_stage_set(fault_stage *stage, const redis_server_options *server, const seckill_client_options *options);
void fault_stage_strike(fault_stage *stage);

/* Opens another client for the same item; closes the one before. */
void fault_stage_reopen(fault_stage *stage, const seckill_client_options *options);

/* Starts an operation, each about something else on the stage; the callback adds 1 to answer->calls, which begins as zero. */
seckill_status fault_start(fault_stage *stage, fault_op op, fault_answer *answer);
/* Runs one to its end. */
fault_answer fault_run(fault_stage *stage, fault_op op);
fault_answer fault_reserve(fault_stage *stage, const char *user);

/* All keys of a server as they are serialized. */
typedef redisReply fault_picture;
fault_picture *fault_picture_take(redis_server *server);
/* Whether nothing differs now but, where not NULL, the one key; prints what does. */
bool fault_picture_holds(const fault_picture *picture, redis_server *server, const char *except);
/* Makes all keys what they were. */
void fault_picture_restore(const fault_picture *picture, redis_server *server);

/* Sends a command, words between spaces (an empty one is ""), whose reply must not be an error. */
void fault_command(redis_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The n-th user whose home is this shard; the item must be defined. */
void fault_user(sale *on, uint32_t shard, unsigned n, char user[8]);

int64_t fault_now_ms(void);

#define fault_assert_status(answer, expected)                                                                                  \
    assert_string_equal(seckill_status_name((answer).status), seckill_status_name(expected))

#endif
