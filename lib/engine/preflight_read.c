/* What a server says of itself, read from its own words. */
#include "engine/preflight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAG_MAX = 10 }; /* seconds, as min-replicas-max-lag has it */

/* The value behind "name:" at the beginning of a line; its size, 0 where there is none. */
static size_t find(const char *text, size_t size, const char *name, const char **value) {
    size_t name_size = strlen(name);

    while (size != 0) {
        const char *stop = memchr(text, '\n', size);
        size_t line = stop != NULL ? (size_t)(stop - text) : size, next = line + (stop != NULL);

        if (line > name_size && memcmp(text, name, name_size) == 0 && text[name_size] == ':') {
            *value = text + name_size + 1;
            return line - name_size - 1 - (line > name_size + 1 && text[line - 1] == '\r');
        }
        text += next;
        size -= next;
    }
    return 0;
}

static void read_text(const char *text, size_t size, const char *name, char *out, size_t room) {
    const char *value = NULL;
    size_t found = find(text, size, name, &value);

    if (found >= room)
        found = room - 1;
    if (found > 0)
        memcpy(out, value, found);
    out[found] = '\0';
}

static int64_t read_whole(const char *text, size_t size, const char *name) {
    char digits[24];

    read_text(text, size, name, digits, sizeof(digits));
    return strtoll(digits, NULL, 10);
}

static bool is(const char *text, size_t size, const char *name, const char *wanted) {
    char value[24];

    read_text(text, size, name, value, sizeof(value));
    return strcmp(value, wanted) == 0;
}

/* ip=127.0.0.1,port=7001,state=online,offset=14,lag=0: one that hangs stays online for a minute, and its lag grows, in seconds
 * since it said last how far it is. */
static bool is_in_step(const char *replica) {
    const char *lag = strstr(replica, ",lag=");

    return strstr(replica, ",state=online") != NULL && (lag == NULL || strtol(lag + 5, NULL, 10) <= LAG_MAX);
}

/* slave0, slave1, and so on: no more are looked at than can be wanted, and some that are not in step. */
static uint32_t count_replicas(const char *text, size_t size) {
    uint32_t count = 0;

    for (int i = 0; i < 4 * SECKILL_REPLICAS_MAX; i++) {
        char name[16], replica[400]; /* its host has up to 255 bytes */

        (void)snprintf(name, sizeof(name), "slave%d", i);
        read_text(text, size, name, replica, sizeof(replica));
        count += is_in_step(replica);
    }
    return count;
}

void sk__server_read_info(sk__server *server, const char *text, size_t size) {
    read_text(text, size, "run_id", server->run_id, sizeof(server->run_id));
    server->is_valkey = is(text, size, "server_name", "valkey");
    read_text(text, size, server->is_valkey ? "valkey_version" : "redis_version", server->version, sizeof(server->version));
    read_text(text, size, "maxmemory_policy", server->policy, sizeof(server->policy));
    server->max_memory = read_whole(text, size, "maxmemory");
    server->used_memory = read_whole(text, size, "used_memory");
    server->system_memory = read_whole(text, size, "total_system_memory");
    server->has_log = is(text, size, "aof_enabled", "1");
    server->log_fails = is(text, size, "aof_last_write_status", "err");
    server->snapshot_fails = is(text, size, "rdb_last_bgsave_status", "err");
    server->replicas = count_replicas(text, size);
    server->is_cluster = is(text, size, "cluster_enabled", "1");
}

void sk__server_read_cluster(sk__server *server, const char *text, size_t size) {
    read_text(text, size, "cluster_state", server->cluster_state, sizeof(server->cluster_state));
    server->slots = (uint32_t)read_whole(text, size, "cluster_slots_ok");
    server->masters = (uint32_t)read_whole(text, size, "cluster_size");
}

void sk__server_read_clock(sk__server *server, int64_t sent_ms, int64_t server_ms, int64_t came_ms) {
    int64_t low = server_ms - came_ms, high = server_ms + 1 - sent_ms; /* all three are rounded down */
    bool first = server->low_ms == 0 && server->high_ms == 0;

    if (first || low > server->low_ms)
        server->low_ms = low;
    if (first || high < server->high_ms)
        server->high_ms = high;
    if (server->high_ms < server->low_ms) /* our own clock was set meanwhile */
        server->high_ms = server->low_ms;
}

static int rank_of(const char *sync) {
    return strcmp(sync, "always") == 0 ? 1 : strcmp(sync, "everysec") == 0 ? 2 : 3;
}

void sk__preflight_read_sync(sk__preflight *all, const char *text, size_t size) {
    char sync[sizeof(all->sync)] = "";

    if (size != 0)
        memcpy(sync, text, size < sizeof(sync) ? size : sizeof(sync) - 1);
    if (all->sync[0] == '\0' || rank_of(sync) > rank_of(all->sync))
        memcpy(all->sync, sync, sizeof(sync));
}
