/* Prints answers for a person: reads the JSON that a command made.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_SHOW_H
#define SECKILL_CTL_SHOW_H

#include <jansson.h>
#include <stdint.h>

/* Members; a missing one is "" or 0. */
const char *show_text(const json_t *object, const char *name);
int64_t show_int(const json_t *object, const char *name);

/* Whether an answer that is no success still has something to look at. */
int show_has_details(const json_t *out);

/* The general view: a line for each member that is text, a number or a truth value. */
void show_members(json_t *out);

/* The outcomes of shards: one line if all are well, else a row for each shard that failed, with its cause. */
void show_outcomes(const json_t *out, const char *done);

#endif
