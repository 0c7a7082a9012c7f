/* See reconcile.h: the tables for a person.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reconcile.h"
#include "show.h"
#include "table.h"

#include <string.h>

/* ---- shards ---- */

static void show_numbers(text_table *table, const json_t *shard) {
    static const char *const names[] = {"loaded", "transferred_in", "transferred_out", "available", "reserved",
                                        "sold",   "users",          "events",          "queued"};
    bool was_read = json_object_get(shard, "loaded") != NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (was_read) {
            table_number(table, show_int(shard, names[i]));
        } else {
            table_text(table, "?");
        }
    }
}

static void show_accounts(const json_t *item) {
    const json_t *shards = json_object_get(item, "shards"), *total = json_object_get(item, "total");
    text_table *table = table_new(">shard|>loaded|>in|>out|>available|>reserved|>sold|>users|>events|>queued|>faults");
    for (size_t i = 0; i < json_array_size(shards); i++) {
        const json_t *shard = json_array_get(shards, i);
        bool is_read = strcmp(show_text(shard, "status"), "ok") == 0;
        table_number(table, show_int(shard, "shard"));
        show_numbers(table, shard);
        if (is_read) {
            table_number(table, show_int(shard, "fault_count"));
        } else {
            table_text(table, show_text(shard, "message"));
        }
    }
    table_rule(table);
    table_text(table, "total");
    show_numbers(table, total);
    table_number(table, show_int(item, "fault_count"));
    table_end(table, stdout);
    char transit[OPTIONS_TEXT], owed[OPTIONS_TEXT], overdue[OPTIONS_TEXT];
    options_format_grouped(show_int(total, "in_transit"), transit);
    options_format_grouped(show_int(total, "owed"), owed);
    options_format_grouped(show_int(total, "overdue"), overdue);
    printf("units in transit: %s; owed: %s; overdue: %s\n", transit, owed, overdue);
}

/* ---- orders ---- */

static void show_orders(const json_t *orders) {
    static const struct {
        const char *name, *words;
    } notes[] = {
        {"refunds_due", "refunds due"},
        {"awaiting_replay", "awaiting a worker's replay"},
        {"not_compared", "reservations not compared"},
    };
    const json_t *unfinished = json_object_get(orders, "unfinished");
    char total[OPTIONS_TEXT], left[OPTIONS_TEXT], compared[OPTIONS_TEXT], number[OPTIONS_TEXT];
    options_format_grouped(show_int(orders, "orders_compared"), compared);
    options_format_grouped(show_int(orders, "inventory"), total);
    options_format_grouped(show_int(orders, "left"), left);
    printf("orders: %s; real inventory: %s, left: %s", compared, total, left);
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (show_int(orders, notes[i].name) != 0) {
            options_format_grouped(show_int(orders, notes[i].name), number);
            printf("; %s: %s", notes[i].words, number);
        }
    }
    puts("");
    for (size_t i = 0; i < json_array_size(unfinished); i++) {
        const json_t *one = json_array_get(unfinished, i);
        printf("not finished: a %s, operation %s\n  -> %s\n", show_text(one, "direction"), show_text(one, "operation"),
               show_text(one, "finish"));
    }
}

/* ---- faults ---- */

static void show_number(text_table *table, const json_t *fault, const char *name) {
    if (json_object_get(fault, name)) {
        table_number(table, show_int(fault, name));
    } else {
        table_text(table, "");
    }
}

static void show_user(text_table *table, const json_t *fault) {
    const json_t *user = json_object_get(fault, "user");
    table_text(table, json_is_object(user) ? show_text(user, "hex") : show_text(fault, "user"));
}

static void show_expected(text_table *table, const json_t *fault) {
    if (json_object_get(fault, "ends")) {
        table_text(table, show_text(fault, "ends"));
    } else {
        show_number(table, fault, "expected");
    }
}

static void show_repaired(text_table *table, const json_t *fault) {
    char text[200];
    bool is_repaired = json_is_true(json_object_get(fault, "repaired")),
         has_why = json_object_get(fault, "not_repaired") != NULL;
    snprintf(text, sizeof text, "%s%s%s", is_repaired ? "yes" : "no", has_why ? ": " : "",
             has_why ? show_text(fault, "not_repaired") : "");
    table_text(table, text);
}

static void show_faults(const json_t *faults) {
    if (json_array_size(faults) == 0) {
        return;
    }
    puts("");
    text_table *table = table_new("fault|>shard|key|what|user|reservation|>found|>expected|repaired");
    for (size_t i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        table_text(table, show_text(fault, "kind"));
        show_number(table, fault, "shard");
        table_text(table, show_text(fault, "key"));
        table_text(table, show_text(fault, "what"));
        show_user(table, fault);
        table_text(table, show_text(fault, "reservation_id"));
        show_number(table, fault, "found");
        show_expected(table, fault);
        show_repaired(table, fault);
    }
    table_end(table, stdout);
}

static void show_item(const json_t *out, const json_t *item) {
    printf("%s/%s\n", show_text(out, "activity"), show_text(item, "item"));
    if (json_array_size(json_object_get(item, "shards")) > 0) {
        show_accounts(item);
    }
    if (strcmp(show_text(item, "status"), "ok") != 0 && show_int(item, "fault_count") == 0) {
        puts(show_text(item, "message"));
    }
    if (json_object_get(item, "orders")) {
        show_orders(json_object_get(item, "orders"));
    }
    show_faults(json_object_get(item, "faults"));
    if (json_object_get(item, "incomplete")) {
        printf("not all of it was looked at: %s\n", show_text(item, "incomplete"));
    }
    puts("");
}

void reconcile_show(json_t *out) {
    const json_t *items = json_object_get(out, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        show_item(out, json_array_get(items, i));
    }
    if (show_int(out, "unnamed") > 0) {
        printf("%lld more faults were counted and are not named: see --max-faults\n", (long long)show_int(out, "unnamed"));
    }
    if (strcmp(show_text(out, "status"), "ok") == 0) {
        puts(show_text(out, "message"));
    }
}
