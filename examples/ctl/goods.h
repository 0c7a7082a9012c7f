/* Stock that comes from the orders database and goes back there; and what it shares with the other stock commands.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_GOODS_H
#define SECKILL_CTL_GOODS_H

#include "../common/orders_db.h"
#include "ctl.h"

/* ---- commands_stock.c ---- */

/* The operation's id, the caller's or a new one. A new one is printed before anything is sent: whatever happens to this process
 * or to a connection, the operation can be repeated under its id, and counts once. NULL: there is none, and that was said. */
const char *stock_operation_id(ctl_run *ctl, const char *kind, char made[OPTIONS_TEXT]);

/* A load's or a withdrawal's result into ctl->out; give ctl as user_data. */
void stock_on_moved(const seckill_item_result *result, void *user_data);

/* Says which --operation could not be one. */
void stock_bad_operation(ctl_run *ctl, const char *id);

/* ---- commands_goods.c ---- */

/* stock load --from-orders-db; stock return. */
void goods_load(ctl_run *ctl);
void goods_return(ctl_run *ctl);
void goods_show(json_t *out);

/* For the tables of options of both. */
#define GOODS_OPTIONS                                                                                                          \
    {"orders", "WHERE", "the worker's orders database: FILE, or mysql://USER@HOST[:PORT]/DATABASE[?socket=PATH...]"},          \
        {"goods", "TABLE", "the shop's own table in that database, or SCHEMA.TABLE; default: the real inventory alone"},       \
        {"goods-key", "COLUMN=VALUE", "its one row that has this value, as the database writes it"}, {                         \
        "goods-units", "COLUMN", "where that row says how many units there are"                                                \
    }

/* The operations of an item that are begun and not ended, each with its "finish": the command that ends it. The caller's
 *   where   of the database, for that command
 * ORDERS_DB_OK, or why they could not be read; *open is an array in any case. */
orders_db_status goods_open_operations(orders_db *db, const options_name *name, const char *where, json_t **open);

#endif
