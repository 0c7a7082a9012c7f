/* The blacklist, as the deciders ask it: the client's copy. Loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_LISTED_H
#define SECKILL_WORKER_LISTED_H

#include <seckill/seckill.h>
#include <stdbool.h>

struct worker;

/* What was said in the log. */
typedef struct {
    bool waited;  /* nothing is decided before the list is loaded */
    bool behind;  /* the copy is old */
    bool dropped; /* it has no room for all */
} listed_said;

/* Begins to follow the blacklist, unless --no-blacklist says not to, or nothing is decided. */
seckill_status listed_follow(struct worker *worker);

/* Whether the whole list has been read once, or none is followed. From then on the copy is used, however old it is; here it is
 * logged when that begins to matter. */
bool listed_ready(struct worker *worker);

bool listed_has_user(const struct worker *worker, seckill_bytes user);

seckill_blacklist_state listed_state(const struct worker *worker);

#endif
