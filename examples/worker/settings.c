/* See settings.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "settings.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: seckill-worker --activity A [--activity B ...] --orders FILE.db [options]\n"
    "\n"
    "Decides the requests that wait in the queue, gives the units of expired reservations back, and writes confirmed orders to "
    "the\n"
    "orders database, which also holds each item's real inventory. Any number of workers may run at once, with one orders "
    "database\n"
    "between them; one killed at any moment loses nothing and repeats nothing.\n"
    "\n"
    "What to work on (at least one)\n"
    "  --activity A              an activity with all of its items; listed again and again; up to 64 times\n"
    "  --item A/I                one item; up to 1,024 times\n"
    "  --roles R[,R...]          what to do: decide, expire, orders; default: all three. --orders is needed for orders only\n"
    "\n"
    "Queue\n"
    "  --refuse-users FILE       users whose requests in the queue are refused as blacklisted: one a line, # begins a comment; "
    "up to\n"
    "                            1,000,000 in 128 MiB. Read again on SIGHUP; a file that cannot be used leaves the old list\n"
    "\n"
    "Orders database (SQLite)\n"
    "  --orders FILE.db          the file, on a local disk; it is made only where --inventory says what is in it\n"
    "  --inventory A/I=UNITS     the real inventory of an item that has none in the file yet; up to 1,024 times. An order of "
    "an item\n"
    "                            without inventory is refused and refunded\n"
    "  --refund-unpaid-after T   refund orders that are not marked as paid so long after they were confirmed, 1s to 30d; "
    "default: never\n"
    "\n"
    "Redis\n"
    "  --redis ADDRESS           host:port, host, [v6]:port or unix:/path; else SECKILL_REDIS, else 127.0.0.1:6379\n"
    "  --redis-user NAME         ACL user; needs a password\n"
    "  --redis-password-file F   the first line of F is the password, up to 511 bytes\n"
    "  --prefix P                of all keys; else SECKILL_PREFIX, else seckill\n"
    "  --timeout T               of each call, 1ms to 1h; default 3s\n"
    "\n"
    "Pace (durations: 5ms, 2s, 1m)\n"
    "  --batch N                 events read at once from a shard, 1 to 512; default 512\n"
    "  --batches N               batches between Redis and the database at once, over all shards, 1 to 1,024; default 64. "
    "Memory: about\n"
    "                            340 bytes an event, so up to 340 x batch x batches\n"
    "  --decide-batch N          requests decided at once in a shard, 1 to 512; default 512\n"
    "  --decide-poll-max T       longest pause between two looks at an idle queue, 1ms to 1m; default 50ms; with more than 50 "
    "shards\n"
    "                            longer: an idle worker makes 1,000 looks a second at most\n"
    "  --poll-min T              pause between two looks at a busy shard, 1ms to 1m; default 5ms\n"
    "  --poll-max T              it doubles up to this while a shard is idle, to 1m; default 200ms\n"
    "  --expire-interval T       longest pause between two looks for expired reservations, 1ms to 1m; default 200ms\n"
    "  --list-interval T         pause between two looks for new items and refunds left over, 10ms to 1h; default 5s\n"
    "  --busy-timeout T          how long to wait for another process's lock on the database before trying again, to 1m; "
    "default 1s\n"
    "  --stop-timeout T          how long to finish what is in hand once told to stop, to 1h; default 5s\n"
    "\n"
    "Output\n"
    "  --progress T              a status line on stderr this often, 10ms to 1h\n"
    "  --listen ADDRESS          GET /metrics (Prometheus) and /healthz there: host:port, [v6]:port or unix:/path; default: "
    "nowhere\n"
    "  --json                    the last line, on stdout, is one JSON object\n"
    "  --verbose                 log what an operator wants to see once; twice: everything\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM and SIGINT stop the worker: it finishes the decisions that are under way, writes and acknowledges what it has in "
    "hand,\n"
    "and ends. A second one ends it at once.\n"
    "\n"
    "Exit codes: 0 stopped, all in hand was written and acknowledged; 1 out of memory, or --listen cannot be had; 2 wrong "
    "usage, or a\n"
    "file that cannot be used; 3 the orders database cannot be used (missing, not writable, damaged, of another release): "
    "nothing was\n"
    "read or acknowledged; 4 stopped, but something in hand could not be written or acknowledged in time: it is not lost, the "
    "next\n"
    "worker gets it again.\n";

enum {
    ACTIVITY = 1000,
    ITEM,
    ROLES,
    REFUSE_USERS,
    LISTEN,
    DECIDE_BATCH,
    DECIDE_POLL_MAX,
    ORDERS,
    INVENTORY,
    REFUND_UNPAID_AFTER,
    REDIS,
    REDIS_USER,
    REDIS_PASSWORD_FILE,
    PREFIX,
    TIMEOUT,
    BATCH,
    BATCHES,
    POLL_MIN,
    POLL_MAX,
    EXPIRE_INTERVAL,
    LIST_INTERVAL,
    BUSY_TIMEOUT,
    STOP_TIMEOUT,
    PROGRESS,
    JSON,
    VERBOSE,
    HELP,
    VERSION
};

static const struct option long_options[] = {
    {"activity", required_argument, NULL, ACTIVITY},
    {"item", required_argument, NULL, ITEM},
    {"roles", required_argument, NULL, ROLES},
    {"refuse-users", required_argument, NULL, REFUSE_USERS},
    {"listen", required_argument, NULL, LISTEN},
    {"decide-batch", required_argument, NULL, DECIDE_BATCH},
    {"decide-poll-max", required_argument, NULL, DECIDE_POLL_MAX},
    {"orders", required_argument, NULL, ORDERS},
    {"inventory", required_argument, NULL, INVENTORY},
    {"refund-unpaid-after", required_argument, NULL, REFUND_UNPAID_AFTER},
    {"redis", required_argument, NULL, REDIS},
    {"redis-user", required_argument, NULL, REDIS_USER},
    {"redis-password-file", required_argument, NULL, REDIS_PASSWORD_FILE},
    {"prefix", required_argument, NULL, PREFIX},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"batch", required_argument, NULL, BATCH},
    {"batches", required_argument, NULL, BATCHES},
    {"poll-min", required_argument, NULL, POLL_MIN},
    {"poll-max", required_argument, NULL, POLL_MAX},
    {"expire-interval", required_argument, NULL, EXPIRE_INTERVAL},
    {"list-interval", required_argument, NULL, LIST_INTERVAL},
    {"busy-timeout", required_argument, NULL, BUSY_TIMEOUT},
    {"stop-timeout", required_argument, NULL, STOP_TIMEOUT},
    {"progress", required_argument, NULL, PROGRESS},
    {"json", no_argument, NULL, JSON},
    {"verbose", no_argument, NULL, VERBOSE},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

#define AN_ID "an id is 1 to 64 of A-Za-z0-9._-"

static int complain(const char *option, const char *why) {
    (void)fprintf(stderr, "seckill-worker: %s: %s; see --help\n", option, why);
    return 0;
}

/* ---- options that take a number ---- */

/* Where each is kept and what it may be. */
typedef struct {
    int option;
    bool is_duration;
    size_t at; /* offset of a uint32_t in settings */
    int64_t low, high, otherwise;
} number_rule;

static const number_rule number_rules[] = {
    {TIMEOUT, true, offsetof(settings, timeout_ms), 1, 3600000, 3000},
    {BATCH, false, offsetof(settings, batch), 1, SECKILL_BATCH_MAX, SECKILL_BATCH_MAX},
    {BATCHES, false, offsetof(settings, batches), 1, 1024, 64},
    {DECIDE_BATCH, false, offsetof(settings, decide_batch), 1, SECKILL_BATCH_MAX, SECKILL_BATCH_MAX},
    {DECIDE_POLL_MAX, true, offsetof(settings, decide_poll_max_ms), 1, 60000, 50},
    {POLL_MIN, true, offsetof(settings, poll_min_ms), 1, 60000, 5},
    {POLL_MAX, true, offsetof(settings, poll_max_ms), 1, 60000, 200},
    {EXPIRE_INTERVAL, true, offsetof(settings, expire_interval_ms), 1, 60000, 200},
    {LIST_INTERVAL, true, offsetof(settings, list_interval_ms), 10, 3600000, 5000},
    {BUSY_TIMEOUT, true, offsetof(settings, busy_timeout_ms), 0, 60000, 1000},
    {STOP_TIMEOUT, true, offsetof(settings, stop_timeout_ms), 0, 3600000, 5000},
    {PROGRESS, true, offsetof(settings, progress_ms), 10, 3600000, 0},
    {REFUND_UNPAID_AFTER, true, offsetof(settings, refund_unpaid_after_ms), 1000, INT64_C(30) * 24 * 3600 * 1000, 0},
};

enum { NUMBER_RULES = sizeof number_rules / sizeof number_rules[0] };

static void set_number(settings *s, const number_rule *rule, int64_t value) {
    uint32_t number = (uint32_t)value;
    memcpy((char *)s + rule->at, &number, sizeof number);
}

/* -1: the option takes no number. */
static int read_number(settings *s, int option, const char *name, const char *text) {
    for (size_t i = 0; i < NUMBER_RULES; i++) {
        const number_rule *rule = &number_rules[i];
        int64_t value;
        if (rule->option != option) {
            continue;
        }
        if (!(rule->is_duration ? options_duration(text, &value) : options_whole(text, rule->low, rule->high, &value))) {
            return complain(name, rule->is_duration ? "this is no duration, such as 200ms" : "this is no number in its range");
        }
        if (value < rule->low || value > rule->high) {
            return complain(name, "out of range");
        }
        set_number(s, rule, value);
        return 1;
    }
    return -1;
}

/* ---- the others ---- */

static int read_activity(settings *s, const char *text) {
    if (s->activity_count == ACTIVITIES_MAX) {
        return complain("--activity", "too many");
    }
    if (!options_is_id(text)) {
        return complain("--activity", AN_ID);
    }
    s->activities[s->activity_count++] = text;
    return 1;
}

static int read_item(settings *s, const char *text) {
    if (s->item_count == NAMED_ITEMS_MAX) {
        return complain("--item", "too many");
    }
    return options_item_name(text, &s->items[s->item_count++]) || complain("--item", "ACTIVITY/ITEM is expected; " AN_ID);
}

static unsigned role_of(const char *name, size_t size) {
    static const struct {
        const char *name;
        unsigned role;
    } roles[] = {{"decide", ROLE_DECIDE}, {"expire", ROLE_EXPIRE}, {"orders", ROLE_ORDERS}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strlen(roles[i].name) == size && memcmp(roles[i].name, name, size) == 0) {
            return roles[i].role;
        }
    }
    return 0;
}

static int read_roles(settings *s, const char *text) {
    unsigned roles = 0;
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        unsigned role = role_of(at, size);
        if (role == 0) {
            return complain("--roles", "decide, expire and orders are expected, with commas between them");
        }
        roles |= role;
        at += size;
        if (*at == '\0') {
            s->roles = roles;
            return 1;
        }
    }
}

static int read_inventory(settings *s, const char *text) {
    char name[2 * SECKILL_ID_MAX + 2];
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : sizeof name;
    settings_inventory *inventory = &s->inventories[s->inventory_count];
    if (s->inventory_count == INVENTORIES_MAX) {
        return complain("--inventory", "too many");
    }
    if (size >= sizeof name) {
        return complain("--inventory", "ACTIVITY/ITEM=UNITS is expected");
    }
    memcpy(name, text, size);
    name[size] = '\0';
    if (!options_item_name(name, &inventory->name) || !options_whole(equals + 1, 0, SECKILL_AMOUNT_MAX, &inventory->units)) {
        return complain("--inventory", "ACTIVITY/ITEM=UNITS is expected; " AN_ID);
    }
    s->inventory_count++;
    return 1;
}

static int read_password(settings *s, const char *path) {
    char text[OPTIONS_FILE_MAX + 1], trouble[256];
    if (options_read_file(path, text, trouble) < 0) {
        return complain("--redis-password-file", trouble);
    }
    size_t size = strcspn(text, "\r\n");
    int good = size > 0 && size < sizeof s->password;
    if (good) {
        memcpy(s->password, text, size);
        s->password[size] = '\0';
    }
    options_wipe(text, sizeof text);
    return good || complain("--redis-password-file", "its first line is no password of 1 to 511 bytes");
}

static int read_option(settings *s, int option, const char *name, char *text) {
    switch (option) {
    case ACTIVITY:
        return read_activity(s, text);
    case ITEM:
        return read_item(s, text);
    case ROLES:
        return read_roles(s, text);
    case INVENTORY:
        return read_inventory(s, text);
    case REFUSE_USERS:
        s->refuse_users = text;
        return 1;
    case LISTEN:
        s->listen = text;
        return 1;
    case REDIS_PASSWORD_FILE:
        return read_password(s, text);
    case ORDERS:
        s->orders = text;
        return 1;
    case REDIS:
        s->redis = text;
        return 1;
    case REDIS_USER:
        s->redis_user = text;
        return 1;
    case PREFIX:
        s->prefix = text;
        return 1;
    case JSON:
        s->json = true;
        return 1;
    case VERBOSE:
        s->log_level = s->log_level == SECKILL_LOG_WARNING ? SECKILL_LOG_INFO : SECKILL_LOG_DEBUG;
        return 1;
    default:
        return read_number(s, option, name, text);
    }
}

/* An option that a role left out would have needed is a mistake that costs orders or decisions: better said now. */
static int check_roles(const settings *s) {
    bool orders = s->roles & ROLE_ORDERS;
    if (orders && (!s->orders || !*s->orders)) {
        return complain("--orders", "say where the orders are written");
    }
    if (!orders && (s->orders || s->inventory_count > 0)) {
        return complain(s->orders ? "--orders" : "--inventory", "--roles leaves orders out");
    }
    if (s->refund_unpaid_after_ms > 0 && (!orders || !(s->roles & ROLE_EXPIRE))) {
        return complain("--refund-unpaid-after", "needs the roles orders and expire");
    }
    if (s->refuse_users && !(s->roles & ROLE_DECIDE)) {
        return complain("--refuse-users", "--roles leaves decide out");
    }
    return 1;
}

static int check(const settings *s) {
    if (s->activity_count + s->item_count == 0) {
        return complain("--activity", "say what to work on");
    }
    if (s->poll_min_ms > s->poll_max_ms) {
        return complain("--poll-min", "it is longer than --poll-max");
    }
    if (s->redis_user && !s->password[0]) {
        return complain("--redis-user", "needs --redis-password-file");
    }
    return check_roles(s);
}

int settings_read(settings *s, int argc, char **argv, int *exit_code) {
    int index = 0, option;
    memset(s, 0, sizeof *s);
    s->log_level = SECKILL_LOG_WARNING;
    s->roles = ROLES_ALL;
    s->redis = options_environment("SECKILL_REDIS");
    s->prefix = options_environment("SECKILL_PREFIX");
    for (size_t i = 0; i < NUMBER_RULES; i++) {
        set_number(s, &number_rules[i], number_rules[i].otherwise);
    }
    *exit_code = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == HELP || option == VERSION) {
            (void)fputs(option == HELP ? help : "seckill-worker " SECKILL_VERSION_STRING "\n", stdout);
            *exit_code = EXIT_CLEAN;
            return 0;
        }
        if (option == '?' || !read_option(s, option, long_options[index].name, optarg)) {
            return 0; /* said already */
        }
    }
    if (optind < argc) {
        return complain(argv[optind], "what is this?");
    }
    return check(s);
}
