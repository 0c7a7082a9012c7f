/* See settings.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "settings.h"

#include "orders_db.h"

#include "intake.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTIVITY = 1000,
    ITEM,
    ROLES,
    NO_BLACKLIST,
    BLACKLIST_ENTRIES,
    LISTEN,
    QUEUE,
    QUEUE_LENGTH,
    QUEUE_DELIVERIES,
    PREFETCH,
    DECIDE_BATCH,
    DECIDE_POLL_MAX,
    ORDERS,
    INVENTORY,
    REFUND_UNPAID_AFTER,
    REPLAY_WINDOW,
    REDIS,
    REDIS_USER,
    REDIS_PASSWORD_FILE,
    REDIS_TLS, /* and its companions */
    PREFIX,
    TIMEOUT,
    REPLICAS,
    BATCH,
    BATCHES,
    POLL_MIN,
    POLL_MAX,
    EXPIRE_INTERVAL,
    TRANSFERS_INTERVAL,
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
    {"no-blacklist", no_argument, NULL, NO_BLACKLIST},
    {"blacklist-entries", required_argument, NULL, BLACKLIST_ENTRIES},
    {"listen", required_argument, NULL, LISTEN},
    {"queue", required_argument, NULL, QUEUE},
    {"queue-length", required_argument, NULL, QUEUE_LENGTH},
    {"queue-deliveries", required_argument, NULL, QUEUE_DELIVERIES},
    {"prefetch", required_argument, NULL, PREFETCH},
    {"decide-batch", required_argument, NULL, DECIDE_BATCH},
    {"decide-poll-max", required_argument, NULL, DECIDE_POLL_MAX},
    {"orders", required_argument, NULL, ORDERS},
    {"inventory", required_argument, NULL, INVENTORY},
    {"refund-unpaid-after", required_argument, NULL, REFUND_UNPAID_AFTER},
    {"replay-window", required_argument, NULL, REPLAY_WINDOW},
    {"redis", required_argument, NULL, REDIS},
    {"redis-user", required_argument, NULL, REDIS_USER},
    {"redis-password-file", required_argument, NULL, REDIS_PASSWORD_FILE},
    {"redis-tls", no_argument, NULL, REDIS_TLS},
    {"redis-ca", required_argument, NULL, REDIS_TLS},
    {"redis-cert", required_argument, NULL, REDIS_TLS},
    {"redis-key", required_argument, NULL, REDIS_TLS},
    {"redis-server-name", required_argument, NULL, REDIS_TLS},
    {"prefix", required_argument, NULL, PREFIX},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"replicas", required_argument, NULL, REPLICAS},
    {"batch", required_argument, NULL, BATCH},
    {"batches", required_argument, NULL, BATCHES},
    {"poll-min", required_argument, NULL, POLL_MIN},
    {"poll-max", required_argument, NULL, POLL_MAX},
    {"expire-interval", required_argument, NULL, EXPIRE_INTERVAL},
    {"transfers-interval", required_argument, NULL, TRANSFERS_INTERVAL},
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
    {REPLICAS, false, offsetof(settings, replicas), 0, SECKILL_REPLICAS_MAX, 0},
    {BATCH, false, offsetof(settings, batch), 1, SECKILL_BATCH_MAX, SECKILL_BATCH_MAX},
    {BATCHES, false, offsetof(settings, batches), 1, 1024, 64},
    {QUEUE_LENGTH, false, offsetof(settings, queue_length), 1, 1 << 30, 1000000},
    {QUEUE_DELIVERIES, false, offsetof(settings, queue_deliveries), 1, 1000000, 20},
    {PREFETCH, false, offsetof(settings, prefetch), 1, 65535, 1000},
    {DECIDE_BATCH, false, offsetof(settings, decide_batch), 1, SECKILL_BATCH_MAX, SECKILL_BATCH_MAX},
    {BLACKLIST_ENTRIES, false, offsetof(settings, blacklist_entries), 1, 67108864, 4000000},
    {DECIDE_POLL_MAX, true, offsetof(settings, decide_poll_max_ms), 1, 60000, 50},
    {POLL_MIN, true, offsetof(settings, poll_min_ms), 1, 60000, 5},
    {POLL_MAX, true, offsetof(settings, poll_max_ms), 1, 60000, 200},
    {EXPIRE_INTERVAL, true, offsetof(settings, expire_interval_ms), 1, 60000, 200},
    {TRANSFERS_INTERVAL, true, offsetof(settings, transfers_interval_ms), 1, 60000, 1000},
    {LIST_INTERVAL, true, offsetof(settings, list_interval_ms), 10, 3600000, 5000},
    {BUSY_TIMEOUT, true, offsetof(settings, busy_timeout_ms), 0, 60000, 1000},
    {STOP_TIMEOUT, true, offsetof(settings, stop_timeout_ms), 0, 3600000, 5000},
    {PROGRESS, true, offsetof(settings, progress_ms), 10, 3600000, 0},
    {REPLAY_WINDOW, true, offsetof(settings, replay_window_ms), 0, INT64_C(30) * 24 * 3600 * 1000, 600000},
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
    } roles[] = {{"decide", ROLE_DECIDE}, {"expire", ROLE_EXPIRE}, {"orders", ROLE_ORDERS}, {"transfers", ROLE_TRANSFERS}};
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
            return complain("--roles", "decide, expire, orders and transfers are expected, with commas between them");
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

static int read_password(settings *s) {
    char trouble[256];
    if (!options_redis_password(s->redis_password_file, s->password, trouble)) {
        return complain("--redis-password-file", trouble);
    }
    if (s->redis_password_file && options_exposed(s->redis_password_file, trouble)) {
        (void)fprintf(stderr, "seckill-worker: --redis-password-file: warning: %s\n", trouble);
    }
    return !s->redis_user || s->password[0] ||
           complain("--redis-user", "needs --redis-password-file, or SECKILL_REDIS_PASSWORD");
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
    case NO_BLACKLIST:
        s->no_blacklist = true;
        return 1;
    case QUEUE:
        s->queue = text;
        return 1;
    case LISTEN:
        s->listen = text;
        return 1;
    case REDIS_PASSWORD_FILE:
        s->redis_password_file = text;
        return 1;
    case ORDERS:
        s->orders = text;
        return 1;
    case REDIS:
        s->redis = text;
        return 1;
    case REDIS_USER:
        s->redis_user = text;
        return 1;
    case REDIS_TLS:
        redis_tls_take(&s->tls, name, text);
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
    char why[ORDERS_DB_ERROR_SIZE];
    if (orders && (!s->orders || !*s->orders)) {
        return complain("--orders", "say where the orders are written");
    }
    if (orders && orders_db_check(s->orders, why) != ORDERS_DB_OK) {
        return complain("--orders", why);
    }
    if (!orders && (s->orders || s->inventory_count > 0)) {
        return complain(s->orders ? "--orders" : "--inventory", "--roles leaves orders out");
    }
    if (s->refund_unpaid_after_ms > 0 && (!orders || !(s->roles & ROLE_EXPIRE))) {
        return complain("--refund-unpaid-after", "needs the roles orders and expire");
    }
    if (s->no_blacklist && !(s->roles & ROLE_DECIDE)) {
        return complain("--no-blacklist", "--roles leaves decide out");
    }
    return 1;
}

static int check_queue(const settings *s) {
    char trouble[256];
    if (strcmp(s->queue, "redis") == 0) {
        return 1;
    }
    if (!(s->roles & ROLE_DECIDE)) {
        return complain("--queue", "--roles leaves decide out");
    }
    return intake_check(s, trouble) || complain("--queue", trouble);
}

static int check_tls(const settings *s) {
    const char *wrong = redis_tls_wrong(&s->tls);
    char trouble[256];
    if (s->tls.key && options_exposed(s->tls.key, trouble)) {
        (void)fprintf(stderr, "seckill-worker: --redis-key: warning: %s\n", trouble);
    }
    return !wrong || complain("TLS to Redis", wrong);
}

static int check(const settings *s) {
    if (s->activity_count + s->item_count == 0) {
        return complain("--activity", "say what to work on");
    }
    if (s->poll_min_ms > s->poll_max_ms) {
        return complain("--poll-min", "it is longer than --poll-max");
    }
    return check_roles(s) && check_queue(s) && check_tls(s);
}

int settings_read(settings *s, int argc, char **argv, int *exit_code) {
    int index = 0, option;
    memset(s, 0, sizeof *s);
    s->log_level = SECKILL_LOG_WARNING;
    s->roles = ROLES_ALL;
    s->queue = "redis";
    s->redis = options_environment("SECKILL_REDIS");
    s->prefix = options_environment("SECKILL_PREFIX");
    for (size_t i = 0; i < NUMBER_RULES; i++) {
        set_number(s, &number_rules[i], number_rules[i].otherwise);
    }
    *exit_code = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == HELP) {
            settings_print_help();
        } else if (option == VERSION) {
            (void)puts("seckill-worker " SECKILL_VERSION_STRING);
        }
        if (option == HELP || option == VERSION) {
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
    return check(s) && read_password(s);
}
