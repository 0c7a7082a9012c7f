/* The real inventory; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <string.h>

orders_db_status orders_db__read_inventory(orders_db *db, const char *activity, const char *item, orders_db__inventory *has) {
    orders_sql_statement *statement;
    memset(has, 0, sizeof *has);
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__INVENTORY, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__first(db, statement, "reading the inventory", &has->found);
    if (has->found) {
        has->total = db->sql->column_int(statement, 0);
        has->left = db->sql->column_int(statement, 1);
    }
    db->sql->reset(statement);
    return status;
}

static orders_db_status write_inventory(orders_db *db, const char *activity, const char *item, int64_t total, int64_t left) {
    return orders_db__run_for_item(db, ORDERS_DB__SET_INVENTORY, activity, item, total, left, "setting the inventory");
}

static orders_db_status set_inventory(orders_db *db, const char *activity, const char *item, int64_t total,
                                      orders_db_set_mode mode) {
    orders_db__inventory has;
    orders_db_status status = orders_db__read_inventory(db, activity, item, &has);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int64_t sold = has.total - has.left;
    if (has.found && (mode == ORDERS_DB_IF_ABSENT || (mode == ORDERS_DB_RAISE && has.total >= total))) {
        return ORDERS_DB_OK;
    }
    if (total < sold) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: %lld units are sold: the inventory cannot be %lld", activity,
                               item, (long long)sold, (long long)total);
    }
    return write_inventory(db, activity, item, total, total - sold);
}

orders_db_status orders_db_set_inventory(orders_db *db, const char *activity, const char *item, int64_t units_total,
                                         orders_db_set_mode mode) {
    if (!orders_db__is_item(activity, item) || units_total < 0 || units_total > SECKILL_AMOUNT_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "an item's name or its units are out of range");
    }
    bool own;
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    return orders_db__end_own(db, own, set_inventory(db, activity, item, units_total, mode));
}

/* What an item's confirmed orders took. */
static orders_db_status read_sold(orders_db *db, const char *activity, const char *item, int64_t *sold) {
    orders_sql_statement *statement;
    bool row;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__SOLD, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__first(db, statement, "adding up what is sold", &row);
    *sold = row ? db->sql->column_int(statement, 0) : 0;
    db->sql->reset(statement);
    return status;
}

static orders_db_status mend_inventory(orders_db *db, const char *activity, const char *item, int64_t *left, int64_t *mended) {
    orders_db__inventory has;
    int64_t sold = 0;
    orders_db_status status = orders_db__read_inventory(db, activity, item, &has);
    if (status == ORDERS_DB_OK) {
        status = read_sold(db, activity, item, &sold);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (!has.found) {
        return orders_db__fail(db, ORDERS_DB_NOT_FOUND, "%s/%s has no inventory", activity, item);
    }
    if (sold > has.total) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: %lld units are sold, of %lld", activity, item, (long long)sold,
                               (long long)has.total);
    }
    *left = has.left;
    *mended = has.total - sold;
    return *left == *mended ? ORDERS_DB_OK : write_inventory(db, activity, item, has.total, *mended);
}

orders_db_status orders_db_mend_inventory(orders_db *db, const char *activity, const char *item, int64_t *left,
                                          int64_t *mended) {
    bool own;
    *left = *mended = 0;
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    return orders_db__end_own(db, own, mend_inventory(db, activity, item, left, mended));
}
