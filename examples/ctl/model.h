/* The library's results as JSON. Each takes an object and puts its members in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_MODEL_H
#define SECKILL_CTL_MODEL_H

#include "ctl.h"

const char *model_phase_name(const seckill_item_info *info); /* "on sale", "ended" ... */
void model_settings(json_t *object, const seckill_item_info *info);
void model_outcomes(json_t *object, const seckill_shard_outcome *outcomes, size_t count); /* "outcomes" */
void model_stock(json_t *object, const seckill_stock_result *result);                     /* "total", "shards", "account" ... */
const char *model_state_name(seckill_reservation_state state);
void model_reservation(json_t *object, const seckill_reservation *reservation);
void model_token(json_t *object, const seckill_reservation_ref *ref);
void model_ticket(json_t *object, const seckill_ticket *ticket);

/* Issues the token of a reservation with a ring, as "token"; NULL: does nothing. */
void model_issue(json_t *object, const seckill_keyring *ring, const seckill_reservation_ref *ref);

/* Callbacks that put a whole result into ctl->out: give ctl as user_data. */
void model_on_item(const seckill_item_result *result, void *user_data);
void model_on_list(const seckill_list_result *result, void *user_data);
void model_on_stock(const seckill_stock_result *result, void *user_data);

#endif
