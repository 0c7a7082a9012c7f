/* http: when connections must have got on. All that wait for one kind of thing wait equally long, so each kind is a
 * list in order of time: setting and clearing take constant time, and looking for what is due touches only what is due.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_DEADLINES_H
#define HTTP_DEADLINES_H

#include <stdint.h>

enum {
    DEADLINE_NONE = -1,
    DEADLINE_REST,
    DEADLINE_IDLE,
    DEADLINE_HEADER,
    DEADLINE_BODY,
    DEADLINE_WRITE,
    DEADLINE_LINGER,
    DEADLINE_KINDS
};

typedef struct deadline {
    struct deadline *next, *previous;
    uint64_t due_ms;
    int kind;
} deadline;

typedef struct {
    deadline heads[DEADLINE_KINDS]; /* of rings */
    uint32_t wait_ms[DEADLINE_KINDS];
} deadlines;

void deadlines_init(deadlines *all, const uint32_t wait_ms[DEADLINE_KINDS]);

/* A new deadline is set to DEADLINE_NONE before anything else. */
void deadline_init(deadline *one);
void deadline_set(deadlines *all, deadline *one, int kind, uint64_t now_ms);
void deadline_clear(deadline *one);

/* Takes one that is due off its list, with its kind left as it was; NULL: none. */
deadline *deadlines_take(deadlines *all, uint64_t now_ms);

#endif
