/* Loads and returns: units on their way between a table of the shop's own and a sale; see orders_db.h.
 *
 * Who begins or ends one reads it first, in the same transaction, and only one transaction writes at a time: so what was done
 * under an id is done once, whoever repeats it, and whenever.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <string.h>

static const char *const direction_names[] = {"load", "return"};
static const char *const progress_names[] = {"begun", "done", "undone"};

const char *orders_db_direction_name(orders_db_direction direction) {
    return direction_names[direction == ORDERS_DB_RETURN];
}

const char *orders_db_progress_name(orders_db_progress progress) {
    return (unsigned)progress <= ORDERS_DB_UNDONE ? progress_names[progress] : "no_such_progress";
}

static orders_db_status check(orders_db *db, const orders_db_allocation *a) {
    /* What names an item names an operation: the same letters, and as many. */
    if (!orders_db__is_item(a->activity, a->item) || !orders_db__is_item(a->operation, a->operation) || a->asked < 0 ||
        a->asked > SECKILL_AMOUNT_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "the name of an item or of an operation, or an amount, is out of range");
    }
    return !a->goods || orders_db__are_goods(a->goods)
               ? ORDERS_DB_OK
               : orders_db__fail(
                     db, ORDERS_DB_INVALID,
                     "goods are TABLE or SCHEMA.TABLE, COLUMN=VALUE and COLUMN: a name is 1 to 64 of A-Z a-z 0-9 _, "
                     "not a digit first, and a value 1 to 128 bytes");
}

static orders_db_status use(orders_db *db, int which, const orders_db_allocation *a, orders_sql_statement **statement) {
    orders_db_status status = orders_db__use_for_item(db, which, a->activity, a->item, statement);
    if (status == ORDERS_DB_OK) {
        orders_db__bind_text(db, *statement, 3, a->operation);
    }
    return status;
}

/* What it points to is valid until the statement moves on. False: out of memory. */
static bool read_allocation(orders_db *db, orders_sql_statement *row, orders_db_allocation *a, orders_db_goods *goods) {
    const char *direction = orders_db__text(db, row, 3), *progress = orders_db__text(db, row, 4);
    *goods = (orders_db_goods){orders_db__text(db, row, 7), orders_db__text(db, row, 8), orders_db__text(db, row, 9),
                               orders_db__text(db, row, 10)};
    *a = (orders_db_allocation){.activity = orders_db__text(db, row, 0),
                                .item = orders_db__text(db, row, 1),
                                .operation = orders_db__text(db, row, 2),
                                .goods = goods->table ? goods : NULL,
                                .asked = db->sql->column_int(row, 5),
                                .units = db->sql->column_int(row, 6),
                                .begun_ms = db->sql->column_int(row, 11),
                                .ended_ms = db->sql->column_int(row, 12)};
    if (!a->activity || !a->item || !a->operation || !direction || !progress) {
        return false;
    }
    a->direction = strcmp(direction, direction_names[ORDERS_DB_RETURN]) == 0 ? ORDERS_DB_RETURN : ORDERS_DB_LOAD;
    while (a->progress < ORDERS_DB_UNDONE && strcmp(progress, progress_names[a->progress]) != 0) {
        a->progress++;
    }
    return true;
}

static bool are_same_goods(const orders_db_goods *a, const orders_db_goods *b) {
    return a && b ? strcmp(a->table, b->table) == 0 && strcmp(a->key_column, b->key_column) == 0 &&
                        strcmp(a->key_value, b->key_value) == 0 && strcmp(a->units_column, b->units_column) == 0
                  : !a && !b;
}

static orders_db_status take_found(orders_db *db, const orders_db_allocation *found, orders_db_allocation *a) {
    if (found->direction != a->direction || found->asked != a->asked || !are_same_goods(found->goods, a->goods)) {
        return orders_db__fail(db, ORDERS_DB_REFUSED,
                               "operation %s of %s/%s was something else: a %s of %lld units (0: all)%s%s", a->operation,
                               a->activity, a->item, direction_names[found->direction], (long long)found->asked,
                               found->goods ? " of " : " without goods", found->goods ? found->goods->table : "");
    }
    a->progress = found->progress;
    a->units = found->units;
    a->begun_ms = found->begun_ms;
    a->ended_ms = found->ended_ms;
    return ORDERS_DB_OK;
}

/* The allocation as it stands, if there is one of this id and it is the same: *found. */
static orders_db_status find(orders_db *db, orders_db_allocation *a, bool *found) {
    orders_sql_statement *statement;
    orders_db_allocation there;
    orders_db_goods goods;
    *found = false;
    orders_db_status status = use(db, ORDERS_DB__ALLOCATION, a, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__first(db, statement, "looking for an operation", found);
    if (status == ORDERS_DB_OK && *found) {
        status = read_allocation(db, statement, &there, &goods) ? take_found(db, &there, a)
                                                                : orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    db->sql->reset(statement);
    return status;
}

static orders_db_status insert(orders_db *db, const orders_db_allocation *a, int64_t at_ms) {
    orders_sql_statement *statement;
    orders_db_goods none = {0};
    const orders_db_goods *goods = a->goods ? a->goods : &none;
    orders_db_status status = use(db, ORDERS_DB__ALLOCATE, a, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    orders_db__bind_text(db, statement, 4, direction_names[a->direction]);
    db->sql->bind_int(statement, 5, a->asked);
    db->sql->bind_int(statement, 6, a->units);
    orders_db__bind_text(db, statement, 7, goods->table);
    orders_db__bind_text(db, statement, 8, goods->key_column);
    orders_db__bind_text(db, statement, 9, goods->key_value);
    orders_db__bind_text(db, statement, 10, goods->units_column);
    return orders_db__run_with(db, statement, 11, at_ms, "noting an operation");
}

orders_db_status orders_db_open_allocations(orders_db *db, const char *activity, const char *item, orders_db_allocation_cb cb,
                                            void *user_data) {
    orders_sql_statement *statement;
    bool row = false;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__ALLOCATIONS_OPEN, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    while ((status = db->sql->step(db, statement, "listing operations", &row)) == ORDERS_DB_OK && row) {
        orders_db_allocation a;
        orders_db_goods goods;
        if (!read_allocation(db, statement, &a, &goods)) {
            status = orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
            break;
        }
        cb(&a, user_data);
    }
    db->sql->reset(statement);
    return status;
}

/* How many times an item's allocations began and ended, and how many have not ended. */
static orders_db_status count(orders_db *db, const char *activity, const char *item, int64_t *changes, int64_t *open) {
    orders_sql_statement *statement;
    bool row;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__ALLOCATIONS_SEEN, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__first(db, statement, "counting operations", &row);
    int64_t begun = row ? db->sql->column_int(statement, 0) : 0, ended = row ? db->sql->column_int(statement, 1) : 0;
    *changes = begun + ended;
    *open = begun - ended;
    db->sql->reset(statement);
    return status;
}

orders_db_status orders_db_see_allocations(orders_db *db, const char *activity, const char *item, orders_db_seen *seen) {
    int64_t open;
    *seen = (orders_db_seen){0};
    return count(db, activity, item, &seen->changes, &open);
}

/* ---- moving ---- */

/* Moves units from the goods to the real inventory, below 0 the other way. All that was read is read once more at the end:
 * where the goods are no table of the shop's own, but one of ours, or a trigger of the shop has its own mind, nothing is moved.
 */
static orders_db_status move(orders_db *db, const orders_db_allocation *a, int64_t units) {
    orders_db__inventory inventory;
    int64_t has, now = 0;
    orders_db_status status = orders_db__read_goods(db, a->goods, &has);
    if (status == ORDERS_DB_OK) {
        status = orders_db__read_inventory(db, a->activity, a->item, &inventory);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (has < units || inventory.left + units < 0) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: there are %lld units, not %lld", a->activity, a->item,
                               (long long)(units > 0 ? has : inventory.left), (long long)(units > 0 ? units : -units));
    }
    if (has - units > SECKILL_AMOUNT_MAX || inventory.total + units > SECKILL_AMOUNT_MAX) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: so many units cannot be counted", a->activity, a->item);
    }
    status = orders_db__write_goods(db, a->goods, has, has - units);
    if (status == ORDERS_DB_OK) {
        status = orders_db__run_for_item(db, ORDERS_DB__SET_INVENTORY, a->activity, a->item, inventory.total + units,
                                         inventory.left + units, "setting the inventory");
    }
    if (status == ORDERS_DB_OK) {
        status = orders_db__read_goods(db, a->goods, &now);
    }
    return status != ORDERS_DB_OK || now == has - units
               ? status
               : orders_db__fail(db, ORDERS_DB_REFUSED, "%s.%s does not keep what it is set to", a->goods->table,
                                 a->goods->units_column);
}

/* ---- beginning ---- */

/* What is to be taken of what is there. */
static orders_db_status take(orders_db *db, orders_db_allocation *a, int64_t there, const char *where) {
    a->units = a->asked ? a->asked : there;
    return a->units > 0 && a->units <= there ? ORDERS_DB_OK
                                             : orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: there are only %lld units %s",
                                                               a->activity, a->item, (long long)(there > 0 ? there : 0), where);
}

static orders_db_status load_goods(orders_db *db, orders_db_allocation *a) {
    int64_t has;
    orders_db_status status = orders_db__read_goods(db, a->goods, &has);
    if (status == ORDERS_DB_OK) {
        status = take(db, a, has, "in the goods");
    }
    return status == ORDERS_DB_OK ? move(db, a, a->units) : status;
}

/* What Redis had loaded counts only if no operation has moved units meanwhile, or is about to. */
static orders_db_status load_inventory(orders_db *db, orders_db_allocation *a, const orders_db_seen *seen) {
    orders_db__inventory inventory;
    int64_t changes, open;
    orders_db_status status = orders_db__read_inventory(db, a->activity, a->item, &inventory);
    if (status == ORDERS_DB_OK) {
        status = count(db, a->activity, a->item, &changes, &open);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (!inventory.found) {
        return orders_db__fail(db, ORDERS_DB_NOT_FOUND, "%s/%s has no inventory", a->activity, a->item);
    }
    if (open > 0) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "another operation of %s/%s is not finished: see seckill-ctl preflight",
                               a->activity, a->item);
    }
    if (!seen || seen->changes != changes) {
        return orders_db__fail(db, ORDERS_DB_BUSY, "another operation has moved units of %s/%s meanwhile", a->activity,
                               a->item);
    }
    return take(db, a, inventory.total - seen->loaded, "of the real inventory that are not on sale yet");
}

static orders_db_status begin_return(orders_db *db, orders_db_allocation *a) {
    orders_db__inventory inventory;
    int64_t has;
    orders_db_status status = a->goods ? orders_db__read_goods(db, a->goods, &has) : ORDERS_DB_OK;
    if (status == ORDERS_DB_OK) {
        status = orders_db__read_inventory(db, a->activity, a->item, &inventory);
    }
    return status != ORDERS_DB_OK || inventory.found
               ? status
               : orders_db__fail(db, ORDERS_DB_NOT_FOUND, "%s/%s has no inventory", a->activity, a->item);
}

static orders_db_status allocate(orders_db *db, orders_db_allocation *a, const orders_db_seen *seen, int64_t at_ms) {
    bool found;
    orders_db_status status = find(db, a, &found);
    if (status != ORDERS_DB_OK || found) {
        return status;
    }
    if (a->goods && db->sql->check_table && (status = db->sql->check_table(db, a->goods->table)) != ORDERS_DB_OK) {
        return status;
    }
    a->progress = ORDERS_DB_BEGUN;
    a->units = a->ended_ms = 0;
    a->begun_ms = at_ms;
    status = a->direction == ORDERS_DB_RETURN ? begin_return(db, a)
             : a->goods                       ? load_goods(db, a)
                                              : load_inventory(db, a, seen);
    return status == ORDERS_DB_OK ? insert(db, a, at_ms) : status;
}

orders_db_status orders_db_allocate(orders_db *db, orders_db_allocation *allocation, const orders_db_seen *seen,
                                    int64_t at_ms) {
    bool own;
    orders_db_status status = check(db, allocation);
    if (status == ORDERS_DB_OK) {
        status = orders_db__begin_own(db, &own);
    }
    return status == ORDERS_DB_OK ? orders_db__end_own(db, own, allocate(db, allocation, seen, at_ms)) : status;
}

/* ---- ending ---- */

static orders_db_status note_end(orders_db *db, orders_db_allocation *a, orders_db_progress progress, int64_t at_ms) {
    orders_sql_statement *statement;
    orders_db_status status = use(db, ORDERS_DB__ALLOCATED, a, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    orders_db__bind_text(db, statement, 4, progress_names[progress]);
    db->sql->bind_int(statement, 5, a->units);
    a->progress = progress;
    a->ended_ms = at_ms;
    return orders_db__run_with(db, statement, 6, at_ms, "noting that an operation has ended");
}

/* A load that is undone gives its units back to the goods, as a return that is done does. */
static orders_db_status end(orders_db *db, orders_db_allocation *a, orders_db_progress progress, int64_t units, int64_t at_ms) {
    bool found;
    orders_db_status status = find(db, a, &found);
    if (status != ORDERS_DB_OK || (found && a->progress != ORDERS_DB_BEGUN)) {
        return status;
    }
    if (!found || (a->direction == ORDERS_DB_RETURN && progress == ORDERS_DB_UNDONE && units > 0)) {
        return orders_db__fail(db, found ? ORDERS_DB_INVALID : ORDERS_DB_NOT_FOUND, "there is no such operation to be ended");
    }
    a->units = a->direction == ORDERS_DB_RETURN ? units : a->units;
    if (a->goods && a->units > 0 && (a->direction == ORDERS_DB_LOAD) == (progress == ORDERS_DB_UNDONE)) {
        status = move(db, a, -a->units);
    }
    return status == ORDERS_DB_OK ? note_end(db, a, progress, at_ms) : status;
}

orders_db_status orders_db_allocation_end(orders_db *db, orders_db_allocation *allocation, orders_db_progress progress,
                                          int64_t units, int64_t at_ms) {
    bool own;
    orders_db_status status = check(db, allocation);
    if (status == ORDERS_DB_OK && (progress == ORDERS_DB_BEGUN || units < 0 || units > SECKILL_AMOUNT_MAX)) {
        status = orders_db__fail(db, ORDERS_DB_INVALID, "the units of an operation are out of range");
    }
    if (status == ORDERS_DB_OK) {
        status = orders_db__begin_own(db, &own);
    }
    if (status == ORDERS_DB_OK) {
        status = orders_db__end_own(db, own, end(db, allocation, progress, units, at_ms));
    }
    if (status != ORDERS_DB_OK) {
        allocation->progress = ORDERS_DB_BEGUN; /* as far as anybody knows */
    }
    return status;
}
