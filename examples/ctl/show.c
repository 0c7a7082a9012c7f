/* See show.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "show.h"

#include "../common/options.h"
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *show_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

int64_t show_int(const json_t *object, const char *name) {
    return (int64_t)json_integer_value(json_object_get(object, name));
}

int show_has_details(const json_t *out) {
    return json_array_size(json_object_get(out, "shards")) > 0 || json_array_size(json_object_get(out, "items")) > 0 ||
           json_array_size(json_object_get(out, "outcomes")) > 0 || json_array_size(json_object_get(out, "checks")) > 0 ||
           json_is_true(json_object_get(out, "is_listed"));
}

/* The value of a member as text; 0 where it is none that fits on a line. */
static int text_of(const json_t *value, char out[512]) {
    if (json_is_string(value)) {
        snprintf(out, 512, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(out, 512, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(out, 512, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        return 0;
    }
    return 1;
}

/* "granted_ms" is 300000 for programs; a person reads the time beside it, or 5m. */
static int is_milliseconds(const char *name) {
    size_t size = strlen(name);
    return size > 3 && strcmp(name + size - 3, "_ms") == 0;
}

static void show_member(const json_t *out, const char *name, const json_t *value, int width) {
    char text[512], plain[64];
    if (!text_of(value, text)) {
        return;
    }
    snprintf(plain, sizeof plain, "%s", name);
    if (is_milliseconds(name)) {
        plain[strlen(plain) - 3] = '\0';
        if (json_object_get(out, plain)) {
            return;
        }
        options_format_duration((int64_t)json_integer_value(value), text);
    }
    for (char *at = plain; *at; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    printf("%-*s  %s\n", width, plain, text);
}

static int is_status(const char *name) {
    return strcmp(name, "status") == 0 || strcmp(name, "class") == 0 || strcmp(name, "message") == 0;
}

void show_members(json_t *out) {
    const char *name;
    json_t *value;
    int width = 0;
    json_object_foreach(out, name, value) {
        int size = (int)strlen(name);
        width = size > width && !json_is_array(value) && !json_is_object(value) ? size : width;
    }
    json_object_foreach(out, name, value) {
        if (!is_status(name)) {
            show_member(out, name, value, width);
        }
    }
}

void show_outcomes(const json_t *out, const char *done) {
    const json_t *outcomes = json_object_get(out, "outcomes");
    size_t failed = 0, count = json_array_size(outcomes);
    for (size_t i = 0; i < count; i++) {
        failed += strcmp(show_text(json_array_get(outcomes, i), "status"), "ok") != 0;
    }
    if (count > 0 && failed == 0) {
        printf("%s on %s%zu shard%s\n", done, count > 1 ? "all " : "", count, count > 1 ? "s" : "");
    }
    if (failed == 0) {
        return;
    }
    printf("%s on %zu of %zu shards; these failed:\n", done, count - failed, count);
    text_table *table = table_new(">shard|status|cause");
    for (size_t i = 0; i < count; i++) {
        const json_t *outcome = json_array_get(outcomes, i);
        if (strcmp(show_text(outcome, "status"), "ok") != 0) {
            table_number(table, show_int(outcome, "shard"));
            table_text(table, show_text(outcome, "status"));
            table_text(table, show_text(outcome, "message"));
        }
    }
    table_end(table, stdout);
}

/* ---- stock ---- */

/* A cell: what was not read is "?", what a sum has not is empty. */
static void show_cell(text_table *table, const json_t *stock, const char *name, int is_read) {
    const json_t *value = json_object_get(stock, name);
    if (json_is_integer(value)) {
        table_number(table, (int64_t)json_integer_value(value));
    } else {
        table_text(table, json_is_string(value) ? json_string_value(value) : is_read ? "" : "?");
    }
}

static void show_row(text_table *table, const json_t *stock, const char *title, const char *const *members, size_t count) {
    char verdict[TABLE_CELL] = "holds";
    int is_read = json_object_get(stock, "loaded") != NULL;
    long long difference = show_int(stock, "account_difference");
    if (title) {
        table_text(table, title);
    } else {
        table_number(table, show_int(stock, "shard"));
    }
    for (size_t i = 0; i < count; i++) {
        show_cell(table, stock, members[i], is_read);
    }
    if (!is_read) {
        snprintf(verdict, sizeof verdict, "%s: %s", show_text(stock, "status"), show_text(stock, "message"));
    } else if (difference != 0) {
        snprintf(verdict, sizeof verdict, "VIOLATED: %lld units too %s", llabs(difference), difference > 0 ? "many" : "few");
    }
    table_text(table, verdict);
}

void show_shards(const json_t *out, const char *titles, const char *const *members, size_t count) {
    const json_t *shards = json_object_get(out, "shards");
    text_table *table = table_new(titles);
    for (size_t i = 0; i < json_array_size(shards); i++) {
        show_row(table, json_array_get(shards, i), NULL, members, count);
    }
    table_rule(table);
    show_row(table, json_object_get(out, "total"), "total", members, count);
    table_end(table, stdout);
}

void show_sums(const json_t *out) {
    static const char *const names[] = {"transferred_out", "transfers", "in_transit", "owed",
                                        "cancelled",       "expired",   "refunded"};
    char sums[7][OPTIONS_TEXT];
    for (size_t i = 0; i < 7; i++) {
        options_format_grouped(show_int(json_object_get(out, "total"), names[i]), sums[i]);
    }
    printf("\nunits moved between shards: %s in %s transfers, %s of them in transit; owed: %s\n", sums[0], sums[1], sums[2],
           sums[3]);
    printf("units that came back: %s cancelled, %s expired, %s refunded\n", sums[4], sums[5], sums[6]);
    printf("account (loaded + in - out = available + reserved + sold): %s\n", show_text(out, "account"));
}
