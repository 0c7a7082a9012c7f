/* What scan.lua says: a step of a walk over the users of a shard.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_SCAN_H
#define SK_SCRIPT_SCAN_H

#include "script/record.h"

enum { SK__CURSOR_SIZE = 24 }; /* bytes of a cursor with its NUL: a whole number of 64 bits */

typedef struct {
    char cursor[SK__CURSOR_SIZE]; /* where it goes on */
    bool complete;                /* nowhere: the walk has come round */
    uint32_t count;               /* users that follow, each for sk__read_walked */
} sk__walk_step;

typedef struct {
    seckill_bytes user;    /* in the reply; one that is damaged may be longer than SECKILL_USER_MAX, or cut off at 255 bytes */
    bool damaged;          /* what is stored is no list of records */
    uint32_t count;        /* records */
    seckill_bytes records; /* SK__RECORD_SIZE each */
} sk__walked;

/* Where a walk begins. */
void sk__cursor_begin(char cursor[SK__CURSOR_SIZE]);

/* Whether it is one that a step gave, or can be: it was in a caller's hands. */
bool sk__cursor_valid(const char cursor[SK__CURSOR_SIZE]);

sk__walk_step sk__read_walk_step(sk__reader *reader);
sk__walked sk__read_walked(sk__reader *reader);

#endif
