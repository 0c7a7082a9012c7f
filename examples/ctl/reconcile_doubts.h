/* A set of reservations that are to be looked at again, by their ids.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_RECONCILE_DOUBTS_H
#define SECKILL_CTL_RECONCILE_DOUBTS_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { DOUBTS_MAX = 1000000 }; /* of 104 bytes each, and up to 8 more for finding them */

typedef struct {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    uint8_t user[SECKILL_USER_MAX];
    uint8_t user_size;
    uint8_t state; /* of the reservation when it came into doubt; 0: an order is in doubt */
    bool open;     /* false: it was found to fit */
    int64_t since_ms;
} doubt;

typedef struct {
    doubt *all;         /* as they came; owned, and so the next */
    uint32_t *places;   /* by hash: the place in `all`, from 1; 0: free */
    size_t count, room; /* `places` are twice the room */
    int64_t left_out;   /* for which there was no room any more */
} doubt_list;

/* The one with this id, open or not. NULL: there is none. */
doubt *doubts_find(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

/* Puts one in, in the place of one with the same id. Beyond DOUBTS_MAX it is only counted. */
void doubts_put(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE], seckill_bytes user, uint8_t state,
                int64_t since_ms);

void doubts_settle(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

void doubts_free(doubt_list *list);

#endif
