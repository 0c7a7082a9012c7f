/* preflight: everything that must be right before a sale, each with its remedy. What the servers and shards say is the
 * library's to judge; key file, orders database and disk are looked at here.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "goods.h"
#include "orders.h"
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    ORDER_BYTES = 1024,   /* of disk for each order, its index and its place in the write-ahead log */
    LOG_BYTES = 64 << 20, /* of disk that the write-ahead log may take besides */
    LOCK_WAIT_MS = 5000
};

static const char *const levels[] = {"ok", "warning", "failed"};

typedef struct {
    ctl_run *ctl;
    seckill_preflight_options options;
    int64_t units; /* that are to be sold; -1: not given */
    const char *keys, *orders;
    seckill_level worst;
    json_t *checks;
    seckill_stock_result stock; /* of the item that is looked at; its total alone */
    const char *item;
} preflight;

/* ---- noting ---- */

static json_t *add(preflight *flight, const char *check, const char *level, const char *found, const char *remedy) {
    json_t *object = json_out_object();
    if (flight->item) {
        json_out_text(object, "item", flight->item);
    }
    json_out_text(object, "check", check);
    json_out_text(object, "level", level);
    json_out_text(object, "found", found);
    json_out_text(object, "remedy", remedy);
    json_out_append(flight->checks, object);
    return object;
}

static void note(preflight *flight, const char *check, seckill_level level, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void note(preflight *flight, const char *check, seckill_level level, const char *remedy, const char *format, ...) {
    char found[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(found, sizeof found, format, arguments);
    va_end(arguments);
    add(flight, check, levels[level], found, level == SECKILL_LEVEL_OK ? "" : remedy);
    if (level > flight->worst) {
        flight->worst = level;
    }
}

static void skip(preflight *flight, const char *check, const char *option) {
    char found[128];
    snprintf(found, sizeof found, "not looked at: %s was not given", option);
    add(flight, check, "skipped", found, "");
}

/* ---- key file ---- */

/* As the front does for every session: with the key that issues, and back. */
static seckill_status try_keys(const seckill_keyring *ring) {
    seckill_reservation_ref ref = {.user = {'u'}, .user_size = 1}, read;
    char token[SECKILL_TOKEN_SIZE];
    ref.issued_ms = options_now_ms();
    ref.valid_until_ms = ref.issued_ms + 60000;
    seckill_status status = seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL);
    return status != SECKILL_OK
               ? status
               : seckill_token_verify(ring, SECKILL_TOKEN_SESSION, token, strlen(token), ref.issued_ms, 0, &read);
}

static void check_keys(preflight *flight) {
    static const char make[] = "make a key: seckill-ctl keys new --out FILE; the front and the edge need the same file";
    char trouble[256];
    struct stat about;
    if (!flight->keys) {
        skip(flight, "key file", "--keys");
        return;
    }
    seckill_keyring *ring = options_keyring(flight->keys, trouble);
    seckill_status status = ring ? try_keys(ring) : SECKILL_OK;
    if (!ring) {
        note(flight, "key file", SECKILL_LEVEL_FAILED, make, "%s", trouble);
    } else if (status != SECKILL_OK) {
        note(flight, "key file", SECKILL_LEVEL_FAILED, make, "%s has no key that can issue tokens (%s)", flight->keys,
             seckill_status_message(status));
    } else if (stat(flight->keys, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        note(flight, "key file", about.st_mode & S_IRWXO ? SECKILL_LEVEL_FAILED : SECKILL_LEVEL_WARNING,
             "chmod 600 FILE; if somebody else may have read it, put a new key in its place",
             "%s can be read by %s (mode %03o): whoever has a key can be any user", flight->keys,
             about.st_mode & S_IRWXO ? "everybody" : "its group", (unsigned)(about.st_mode & 0777));
    } else {
        note(flight, "key file", SECKILL_LEVEL_OK, "", "it issues and verifies session tokens");
    }
    seckill_keyring_free(ring);
}

/* ---- stock and orders ---- */

static void on_stock(const seckill_stock_result *result, void *user_data) {
    preflight *flight = user_data;
    flight->stock.status = result->status;
    flight->stock.total = result->total;
    flight->ctl->done = 1;
}

/* What is to be compared with what is loaded, and cannot be: not looked at is not well. */
static void note_no_stock(preflight *flight, const char *check) {
    note(flight, check, SECKILL_LEVEL_FAILED, "try again, when all else is well", "the stock could not be read: %s",
         seckill_status_message(flight->stock.status));
}

static void check_units(preflight *flight) {
    int64_t loaded = flight->stock.total.loaded;
    if (flight->units < 0) {
        skip(flight, "units", "--units");
    } else if (flight->stock.status != SECKILL_OK) {
        note_no_stock(flight, "units");
    } else {
        note(flight, "units", loaded == flight->units ? SECKILL_LEVEL_OK : SECKILL_LEVEL_FAILED,
             "load what is missing (seckill-ctl stock load), or withdraw what is too much",
             "%" PRId64 " units loaded, %" PRId64 " wanted", loaded, flight->units);
    }
}

static void check_inventory(preflight *flight, orders_db *db) {
    const options_name *name = &flight->ctl->name;
    orders_db_item_account account;
    int64_t loaded = flight->stock.total.loaded;
    orders_db_status status = orders_db_account(db, name->activity, name->item, &account);
    if (status != ORDERS_DB_OK && status != ORDERS_DB_NOT_FOUND) {
        note(flight, "orders", SECKILL_LEVEL_FAILED, "see the file", "%s", orders_db_error(db));
    } else if (!account.has_inventory) {
        note(flight, "inventory", SECKILL_LEVEL_FAILED,
             "start the worker with --inventory A/I=UNITS, or load the item with seckill-ctl stock load --from-orders-db",
             "the orders database has no inventory of this item: every order would be refused");
    } else if (!orders_db_adds_up(&account)) {
        note(flight, "inventory", SECKILL_LEVEL_FAILED, "seckill-ctl account A/I --orders FILE",
             "it does not add up: %" PRId64 " units are not %" PRId64 " left and %" PRId64 " sold", account.units_total,
             account.units_left, account.units[ORDERS_DB_CONFIRMED]);
    } else if (flight->stock.status != SECKILL_OK) {
        note_no_stock(flight, "inventory");
    } else {
        note(flight, "inventory",
             account.units_total == loaded  ? SECKILL_LEVEL_OK
             : account.units_total < loaded ? SECKILL_LEVEL_FAILED
                                            : SECKILL_LEVEL_WARNING,
             account.units_total < loaded ? "withdraw what is not there, or set the inventory: orders past it would be refused"
                                          : "load the rest, if it is to be sold",
             "%" PRId64 " units in the orders database, %" PRId64 " loaded", account.units_total, loaded);
    }
}

/* What somebody began to load or to return, and is not where it belongs. */
static void check_operations(preflight *flight, orders_db *db) {
    json_t *open;
    if (goods_open_operations(db, &flight->ctl->name, flight->orders, &open) != ORDERS_DB_OK) {
        note(flight, "operations", SECKILL_LEVEL_FAILED, "see the database", "%s", orders_db_error(db));
    }
    for (size_t i = 0; i < json_array_size(open); i++) {
        const json_t *one = json_array_get(open, i);
        note(flight, "operations", SECKILL_LEVEL_WARNING, show_text(one, "finish"),
             "a %s of units was begun and is not finished: operation %s", show_text(one, "direction"),
             show_text(one, "operation"));
    }
    json_decref(open);
}

static void check_orders(preflight *flight) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db = NULL;
    if (!flight->orders) {
        skip(flight, "orders", "--orders");
        return;
    }
    if (orders_db_open(flight->orders, ORDERS_DB_READ_ONLY, LOCK_WAIT_MS, &db, error) != ORDERS_DB_OK) {
        note(flight, "orders", SECKILL_LEVEL_FAILED,
             "start the worker once, which makes a file, or run `seckill-ctl orders migrate`; or name the right one", "%s",
             error);
        return;
    }
    check_inventory(flight, db);
    check_operations(flight, db);
    orders_db_close(db);
}

/* The folder of the orders database has room for an order of each unit that is loaded. */
static void check_disk(preflight *flight) {
    const char *file = flight->orders ? orders_db_path(flight->orders) : NULL; /* a server has a disk of its own */
    char *path = file ? strdup(file) : NULL;
    struct statvfs disk;
    if (!path) {
        return;
    }
    if (statvfs(dirname(path), &disk) != 0) {
        note(flight, "disk", SECKILL_LEVEL_FAILED, "see the folder of the orders database", "%s: %s", path, strerror(errno));
    } else {
        int64_t units = flight->units > flight->stock.total.loaded ? flight->units : flight->stock.total.loaded;
        double room = (double)disk.f_bavail * (double)disk.f_frsize;
        double wanted = (double)units * (double)ORDER_BYTES + (double)LOG_BYTES;
        note(flight, "disk",
             room < wanted       ? SECKILL_LEVEL_FAILED
             : room < 2 * wanted ? SECKILL_LEVEL_WARNING
                                 : SECKILL_LEVEL_OK,
             "free space, or move the orders database to a larger disk",
             "%.0f MiB free for the orders database, %.0f MiB wanted", room / (1 << 20), wanted / (1 << 20));
    }
    free(path);
}

/* ---- an item ---- */

static void add_finding(preflight *flight, const seckill_finding *finding) {
    json_t *object = add(flight, finding->name, levels[finding->level], finding->found, finding->remedy);
    if (finding->shard != SECKILL_NO_SHARD) {
        json_out_int(object, "shard", finding->shard);
    }
    if (finding->server[0]) {
        json_out_text(object, "server", finding->server);
    }
}

static void on_preflight(const seckill_preflight_result *result, void *user_data) {
    preflight *flight = user_data;
    for (size_t i = 0; i < result->count; i++) {
        add_finding(flight, &result->findings[i]);
    }
    if (result->count == 0) {
        note(flight, "reach", SECKILL_LEVEL_FAILED, "try again", "%s", result->message);
    }
    flight->worst = result->worst > flight->worst ? result->worst : flight->worst;
    flight->ctl->done = 1;
}

/* 0: a call could not be started, and that was said. */
static int check_item(preflight *flight) {
    ctl_run *ctl = flight->ctl;
    seckill_status status = seckill_item_open(ctl->client, ctl->name.activity, ctl->name.item, &ctl->item);
    if (status != SECKILL_OK) {
        ctl_answer(ctl, status, NULL);
        return 0;
    }
    int asked = ctl_wait(ctl, seckill_preflight(ctl->item, &flight->options, on_preflight, flight)) &&
                ctl_wait(ctl, seckill_stock_get(ctl->item, 0, on_stock, flight));
    if (asked) {
        check_units(flight);
        check_orders(flight);
        check_disk(flight);
    }
    seckill_item_close(ctl->item);
    ctl->item = NULL;
    return asked;
}

/* ---- an activity ---- */

typedef struct {
    ctl_run *ctl;
    json_t *items;
    seckill_status status;
    char message[256];
} item_list;

static void on_items(const seckill_list_result *result, void *user_data) {
    item_list *list = user_data;
    list->status = result->status;
    snprintf(list->message, sizeof list->message, "%s", result->message);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(list->items, json_string(result->items[i]));
    }
    list->ctl->done = 1;
}

static void check_items(preflight *flight, const json_t *items) {
    options_name *name = &flight->ctl->name;
    for (size_t i = 0; i < json_array_size(items); i++) {
        snprintf(name->item, sizeof name->item, "%s", json_string_value(json_array_get(items, i)));
        flight->item = name->item;
        if (!check_item(flight)) {
            return;
        }
    }
    flight->item = NULL;
}

static void check_activity(preflight *flight) {
    ctl_run *ctl = flight->ctl;
    item_list list = {.ctl = ctl, .items = json_out_array()};
    if (ctl_wait(ctl, seckill_item_list(ctl->client, ctl->name.activity, 0, on_items, &list))) {
        if (list.status != SECKILL_OK) {
            note(flight, "reach", SECKILL_LEVEL_FAILED, "see that the servers run and that the login is right", "%s",
                 list.message);
        } else if (json_array_size(list.items) == 0) {
            note(flight, "item", SECKILL_LEVEL_FAILED, "define its items, or name the prefix under which they are",
                 "the activity has no items");
        }
        check_items(flight, list.items);
    }
    json_decref(list.items);
}

/* ---- the command ---- */

static int read_preflight_options(preflight *flight) {
    ctl_run *ctl = flight->ctl;
    uint32_t skew_ms = 0;
    if (!ctl_whole(ctl, "users", 0, SECKILL_AMOUNT_MAX, &flight->options.users) ||
        !ctl_whole(ctl, "units", 0, SECKILL_AMOUNT_MAX, &flight->units) || !ctl_duration(ctl, "max-skew", 3600000, &skew_ms)) {
        return 0;
    }
    flight->options.max_skew_ms = skew_ms;
    flight->options.flags = ctl_value(ctl, "no-persistence") ? SECKILL_PREFLIGHT_VOLATILE : 0;
    flight->orders = ctl_value(ctl, "orders");
    flight->keys = ctl->keys;
    return 1;
}

static void conclude(preflight *flight) {
    ctl_run *ctl = flight->ctl;
    int strict = ctl_value(ctl, "strict") != NULL;
    int ready = flight->worst == SECKILL_LEVEL_OK || (flight->worst == SECKILL_LEVEL_WARNING && !strict);
    if (ctl->exit_code != CTL_OK) {
        return; /* a call could not even be made */
    }
    json_out_bool(ctl->out, "ready", ready);
    json_out_text(ctl->out, "status", ready ? "ok" : "not_ready");
    json_out_text(ctl->out, "class", "final");
    json_out_text(ctl->out, "message", ready ? "ready" : "not ready: see the checks that failed, and their remedies");
    ctl->exit_code = ready ? CTL_OK : CTL_FAULT;
}

static void run_preflight(ctl_run *ctl) {
    preflight flight = {.ctl = ctl, .options = SECKILL_PREFLIGHT_OPTIONS_INIT, .units = -1};
    int is_item = 0;
    if (!read_preflight_options(&flight) || !ctl_take_item_or_activity(ctl, &is_item) || !ctl_open_client(ctl)) {
        return;
    }
    json_out_value(ctl->out, "checks", flight.checks = json_out_array());
    if (is_item) {
        check_item(&flight);
    } else {
        check_activity(&flight);
    }
    check_keys(&flight);
    conclude(&flight);
}

/* ---- showing ---- */

static void where(const json_t *check, char out[400]) {
    const char *item = show_text(check, "item"), *server = show_text(check, "server");
    int size = snprintf(out, 400, "%s", item);
    if (json_object_get(check, "shard")) {
        size += snprintf(out + size, (size_t)(400 - size), "%sshard %" PRId64, size ? " " : "", show_int(check, "shard"));
    }
    if (server[0]) {
        snprintf(out + size, (size_t)(400 - size), "%s%s", size ? " " : "", server);
    }
}

static void show_preflight(json_t *out) {
    const json_t *checks = json_object_get(out, "checks");
    char place[400];
    int width = (int)strlen("where");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        where(json_array_get(checks, i), place);
        width = (int)strlen(place) > width ? (int)strlen(place) : width;
    }
    printf("%-11s  %-7s  %-*s  %s\n", "check", "level", width, "where", "found");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *one = json_array_get(checks, i);
        const char *remedy = show_text(one, "remedy");
        where(one, place);
        printf("%-11s  %-7s  %-*s  %s\n", show_text(one, "check"),
               strcmp(show_text(one, "level"), "failed") == 0 ? "FAILED" : show_text(one, "level"), width, place,
               show_text(one, "found"));
        if (remedy[0]) {
            printf("%-11s  %-7s  %-*s  -> %s\n", "", "", width, "", remedy);
        }
    }
    printf("\n%s\n", show_text(out, "message"));
}

static const ctl_option preflight_options[] = {
    {"users", "N", "how many are expected, for memory and for the users of each shard"},
    {"units", "N", "how many are to be sold of each item"},
    {"orders", "WHERE", "the worker's orders database: its inventory is compared, and a file's disk looked at"},
    {"max-skew", "DURATION", "how far clocks may differ; default: the item's max_skew, at least 500ms"},
    {"no-persistence", NULL, "servers without an append-only log will do"},
    {"strict", NULL, "a warning is a failure"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_preflight_commands[] = {
    {"preflight", "A[/I]", 1, "everything that must be right before a sale, each with its remedy",
     "Asks every shard and every server that serves one, and loads the scripts there; looks at the key file (--keys), and at "
     "the\n"
     "orders database (--orders). With --replicas N each master must have so many in step. Exit code 4: something failed. It\n"
     "changes nothing of the item, and can be run while it sells.",
     preflight_options, run_preflight, show_preflight},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
