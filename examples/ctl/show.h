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

/* A row for each shard of a stock, and one for their sum. `titles` as table_new takes them: "shard" first, "account" last, the
 * `count` members between them. */
void show_shards(const json_t *out, const char *titles, const char *const *members, size_t count);

/* What follows below them: units that moved and came back, and whether the account holds. */
void show_sums(const json_t *out);

/* The outcomes of shards: one line if all are well, else a row for each shard that failed, with its cause. */
void show_outcomes(const json_t *out, const char *done);

#endif
