/* A small sale in which a process may be killed at any step: what a shopper's process is to do, and what it wrote down of what
 * it did. Both are in memory that outlives the process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_CRASH_H
#define SK_TESTS_SALE_CRASH_H

#include "sale_checks.h"
#include "sale_queue.h"

enum { CRASH_USERS = 20, CRASH_SHARDS = 4 };

typedef enum { WISH_NOTHING, WISH_CONFIRM, WISH_CANCEL, WISH_REFUND, WISHES } crash_wish;

/* A user with one request, whose id is the user's name. An answer came where its `calls` is 1, or its `settled` is set. */
typedef struct {
    char user[16];
    uint32_t quantity;
    int64_t created_ms;
    bool queues; /* else reserves at once */
    crash_wish wish;

    bool asked;
    sale_answer reserved;
    sale_ticket_answer enqueued, polled;
    bool settling; /* confirm or cancel was sent */
    bool settled;
    sale_answer settlement;
    bool refunding, is_refunded;
    sale_answer refund;
} crash_note;

typedef struct {
    char address[64];
    uint32_t max_batch;
    bool finished;
    crash_note notes[CRASH_USERS];
} crash_script;

/* The shopper's process: does what the script says. The descriptor is of the memory that the script is in. Its exit code. */
int crash_shopper_main(const char *descriptor);

/* Whether the shopper knows that it got something, and what. */
const seckill_reservation *crash_grant(const crash_note *note);
const seckill_reservation_ref *crash_ref(const crash_note *note);

#endif
