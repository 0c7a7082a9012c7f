/* A reservation and its order: read, judged, and told to each other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_RECONCILE_PAIRS_H
#define SECKILL_CTL_RECONCILE_PAIRS_H

#include "reconcile.h"

enum { PAIRS_MAX = 256 }; /* read at once, and look-ups under way at once */

typedef enum {
    PAIR_FITS, /* or is on its way: a refund is due */
    PAIR_ORDER_MISSING,
    PAIR_ORDER_BEHIND,
    PAIR_ORDER_DIFFERS,
    PAIR_RESERVATION_MISSING,
    PAIR_RESERVATION_BEHIND
} pair_verdict;

struct pair_reading;

typedef struct {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    uint8_t user[SECKILL_USER_MAX];
    size_t user_size;
    seckill_reservation record; /* state 0: Redis has none of this id for this user */
    bool has_order, is_stranger /* another item's or user's */, refund_due;
    orders_db_state state;
    uint32_t quantity;
    int64_t price;
    struct pair_reading *reading;
} pair;

seckill_bytes pair_user(const pair *pair);

/* Puts what is known of an order into a pair: an item's name and the pair's user, if set, are compared. */
void pair_take_order(pair *pair, const orders_db_order *order, const options_name *name);

/* The order of a pair, from the database; ORDERS_DB_OK also where it has none. */
orders_db_status pair_read_order(const reconciliation *r, pair *pair);

/* The records of up to PAIRS_MAX pairs, from Redis. 0: some could not be read, and that was said. */
int pairs_read_records(reconciliation *r, pair *pairs, size_t count);

/* `what`, if it does not fit, gets words that say how. */
pair_verdict pair_judge(const pair *pair, char what[160]);

/* Repairs. NULL: it was done; else why not. Each script that writes sees by itself that it must. */
const char *pair_repeat_event(reconciliation *r, const pair *pair);  /* so that a worker writes the order */
const char *pair_confirm_again(reconciliation *r, const pair *pair); /* and refunds, where the order is */

#endif
