/* seckill-front: the blacklist: each loop's client follows it; who keeps on asking too fast is put there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_LISTED_H
#define FRONT_LISTED_H

#include "front.h"

/* Begins to follow the blacklist, unless --no-blacklist says not to. False: out of memory. */
bool listed_follow(front_loop *loop);

/* Whether the whole list has been read once; always true where it is not followed. From then on the copy is used, however long
 * ago Redis was heard of. */
bool listed_ready(front_loop *loop);

/* Whether the copy has this subject. */
bool listed_has(const front_loop *loop, const char *kind, seckill_bytes value);

/* Lists a subject for --ban-for: a few at one time, and who is one more keeps on, and comes again. */
void listed_ban(front_loop *loop, const char *kind, seckill_bytes value);

/* Renews what the metrics say of the copy. */
void listed_count(front_loop *loop);

#endif
