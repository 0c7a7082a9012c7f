/* A private Redis Cluster for tests.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "redis_cluster.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 30000, STARTS = 5, ID_SIZE = 40, LINES_MAX = 32, KEYS_MAX = 100 };

typedef struct {
    redis_server *server; /* NULL: removed */
    bool paused;
    int bus_port;
    char id[ID_SIZE + 1];
} cluster_member;

struct redis_cluster {
    redis_cluster_options options;
    cluster_member members[REDIS_CLUSTER_MAX];
    int count;
    char seeds[REDIS_CLUSTER_MAX * 24];
};

static long long now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- commands */

static redis_server *server_of(const redis_cluster *cluster, int node) {
    return cluster->members[node].server;
}

bool redis_cluster_runs(const redis_cluster *cluster, int node) {
    const cluster_member *member = &cluster->members[node];

    return member->server != NULL && !member->paused && redis_server_pid(member->server) != 0;
}

/* Whether a command is answered by "OK". */
static bool is_ok(redisReply *reply) {
    bool ok = reply != NULL && reply->type == REDIS_REPLY_STATUS;

    redis_server_forget(reply);
    return ok;
}

/* The answer of a node as a text, to be freed; "" where there is none. */
static char *text_of(const redis_cluster *cluster, int node, const char *command) {
    redisReply *reply = redis_server_command(server_of(cluster, node), command);
    char *text = strdup(reply != NULL && reply->str != NULL ? reply->str : "");

    redis_server_forget(reply);
    if (text == NULL)
        abort();
    return text;
}

static bool says(const redis_cluster *cluster, int node, const char *command, const char *wanted) {
    char *text = text_of(cluster, node, command);
    bool found = strstr(text, wanted) != NULL;

    free(text);
    return found;
}

static int index_of(const redis_cluster *cluster, const char *id) {
    for (int i = 0; i < cluster->count; i++) {
        if (cluster->members[i].server != NULL && strncmp(cluster->members[i].id, id, ID_SIZE) == 0)
            return i;
    }
    return -1;
}

/* ---- what the nodes say */

/* Enters the slots of one line of CLUSTER NODES. */
static void read_line(const char *line, int owner, int owners[REDIS_CLUSTER_SLOTS]) {
    size_t size = strcspn(line, "\n");
    char *copy = strndup(line, size), *rest = NULL;
    int field = 0;

    if (copy == NULL)
        abort();
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest), field++) {
        const char *dash = strchr(word, '-');
        int first = (int)strtol(word, NULL, 10), last = dash != NULL ? (int)strtol(dash + 1, NULL, 10) : first;

        for (int slot = first; field >= 8 && word[0] != '[' && slot <= last; slot++)
            owners[slot] = owner;
    }
    free(copy);
}

/* Whom one node takes for the masters of all slots; -1: nobody. */
static void read_owners(const redis_cluster *cluster, int node, int owners[REDIS_CLUSTER_SLOTS]) {
    char *text = text_of(cluster, node, "CLUSTER NODES");

    for (int slot = 0; slot < REDIS_CLUSTER_SLOTS; slot++)
        owners[slot] = -1;
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        read_line(line, index_of(cluster, line), owners);
    free(text);
}

static int master_by(const redis_cluster *cluster, int node, int slot) {
    int owners[REDIS_CLUSTER_SLOTS];

    read_owners(cluster, node, owners);
    return owners[slot];
}

int redis_cluster_master_of(const redis_cluster *cluster, int slot) {
    int found = -2;

    for (int i = 0; i < cluster->count; i++) {
        int said = redis_cluster_runs(cluster, i) ? master_by(cluster, i, slot) : found;

        if (found != -2 && said != found)
            return -1;
        found = said;
    }
    return found >= 0 && redis_cluster_runs(cluster, found) ? found : -1;
}

static bool is_well(const redis_cluster *cluster, int node) {
    char *role;
    bool well;

    if (!says(cluster, node, "CLUSTER INFO", "cluster_state:ok"))
        return false;
    role = text_of(cluster, node, "INFO replication");
    well = strstr(role, "role:master") != NULL || strstr(role, "master_link_status:up") != NULL;
    free(role);
    return well;
}

bool redis_cluster_is_well(const redis_cluster *cluster) {
    for (int i = 0; i < cluster->count; i++) {
        if (redis_cluster_runs(cluster, i) && !is_well(cluster, i))
            return false;
    }
    return true;
}

/* ---- waiting */

typedef bool (*condition)(redis_cluster *cluster, int a, int b);

static bool await(redis_cluster *cluster, const char *what, condition holds, int a, int b) {
    long long limit = now_ms() + WAIT_MS;

    while (!holds(cluster, a, b)) {
        if (now_ms() > limit) {
            fprintf(stderr, "redis_cluster: in vain: %s\n", what);
            for (int i = 0; i < cluster->count; i++) {
                char *text = redis_cluster_runs(cluster, i) ? text_of(cluster, i, "CLUSTER NODES") : NULL;
                fprintf(stderr, "node %d:\n%s", i, text != NULL ? text : "does not run\n");
                free(text);
            }
            return false;
        }
        poll(NULL, 0, 5);
    }
    return true;
}

static bool well(redis_cluster *cluster, int a, int b) {
    (void)a;
    (void)b;
    return redis_cluster_is_well(cluster);
}

bool redis_cluster_await_well(redis_cluster *cluster) {
    return await(cluster, "all is well", well, 0, 0);
}

static bool failed_over(redis_cluster *cluster, int slot, int before) {
    int now = redis_cluster_master_of(cluster, slot);

    return now >= 0 && now != before;
}

int redis_cluster_await_failover(redis_cluster *cluster, int slot, int before) {
    return await(cluster, "a failover", failed_over, slot, before) ? redis_cluster_master_of(cluster, slot) : -1;
}

/* Each node that runs knows each, and none is still shaking hands. */
static bool all_met(redis_cluster *cluster, int a, int b) {
    (void)a;
    (void)b;
    for (int i = 0; i < cluster->count; i++) {
        if (!redis_cluster_runs(cluster, i))
            continue;
        char *text = text_of(cluster, i, "CLUSTER NODES");
        bool met = strstr(text, "handshake") == NULL;
        for (int j = 0; j < cluster->count && met; j++)
            met = server_of(cluster, j) == NULL || strstr(text, cluster->members[j].id) != NULL;
        free(text);
        if (!met)
            return false;
    }
    return true;
}

/* ---- building it */

static redis_server *start_server(const redis_cluster *cluster, int bus_port) {
    char bus[40], timeout[60];
    const char *lines[LINES_MAX] = {"cluster-enabled yes",
                                    "repl-diskless-sync-delay 0",
                                    "cluster-allow-replica-migration no",
                                    "cluster-replica-validity-factor 0",
                                    bus,
                                    timeout};
    redis_server_options options = {cluster->options.tls ? REDIS_SERVER_TLS : REDIS_SERVER_TCP, false, lines};
    int ms = cluster->options.node_timeout_ms != 0 ? cluster->options.node_timeout_ms : 1000, count = 6;

    (void)snprintf(bus, sizeof(bus), "cluster-port %d", bus_port);
    (void)snprintf(timeout, sizeof(timeout), "cluster-node-timeout %d", ms);
    if (cluster->options.tls) {
        lines[count++] = "tls-cluster yes";
        lines[count++] = "tls-replication yes";
    }
    for (const char *const *line = cluster->options.lines; line != NULL && *line != NULL && count < LINES_MAX - 1; line++)
        lines[count++] = *line;
    lines[count] = NULL;
    return redis_server_start(&options);
}

/* Ports that were free a moment ago may be taken now: then with others. */
static bool add_member(redis_cluster *cluster) {
    cluster_member *member = &cluster->members[cluster->count];
    char *id;

    if (cluster->count == REDIS_CLUSTER_MAX)
        return false;
    for (int i = 0; i < STARTS && member->server == NULL; i++) {
        member->bus_port = redis_server_free_port();
        member->server = start_server(cluster, member->bus_port);
    }
    if (member->server == NULL)
        return false;
    member->paused = false;
    id = text_of(cluster, cluster->count, "CLUSTER MYID");
    (void)snprintf(member->id, sizeof(member->id), "%s", id);
    free(id);
    return strlen(member->id) == ID_SIZE && ++cluster->count > 0;
}

/* Everybody is told of everybody: gossip would take longer. */
static bool meet(redis_cluster *cluster, int first_new) {
    for (int i = first_new; i < cluster->count; i++) {
        for (int j = 0; j < i; j++) {
            if (redis_cluster_runs(cluster, j) &&
                !is_ok(redis_server_command(server_of(cluster, i), "CLUSTER MEET 127.0.0.1 %d %d",
                                            redis_server_port(server_of(cluster, j)), cluster->members[j].bus_port)))
                return false;
        }
    }
    return await(cluster, "all know each other", all_met, 0, 0);
}

static bool give_slots(redis_cluster *cluster, int masters) {
    for (int i = 0; i < masters; i++) {
        int first = REDIS_CLUSTER_SLOTS * i / masters, last = REDIS_CLUSTER_SLOTS * (i + 1) / masters - 1;

        if (!is_ok(redis_server_command(server_of(cluster, i), "CLUSTER SET-CONFIG-EPOCH %d", i + 1)) ||
            !is_ok(redis_server_command(server_of(cluster, i), "CLUSTER ADDSLOTSRANGE %d %d", first, last)))
            return false;
        (void)snprintf(cluster->seeds + strlen(cluster->seeds), sizeof(cluster->seeds) - strlen(cluster->seeds), "%s%s",
                       i > 0 ? "," : "", redis_cluster_address(cluster, i));
    }
    return true;
}

/* All that run know it as a replica, and its master sends to it. */
static bool replicates(redis_cluster *cluster, int node, int master) {
    char wanted[ID_SIZE + 20], *text;
    bool in_step;

    (void)snprintf(wanted, sizeof(wanted), "slave %s", cluster->members[master].id);
    for (int i = 0; i < cluster->count; i++) {
        if (redis_cluster_runs(cluster, i) && !says(cluster, i, "CLUSTER NODES", wanted))
            return false;
    }
    text = text_of(cluster, node, "INFO replication");
    in_step = strstr(text, "master_link_status:up") != NULL;
    free(text);
    (void)snprintf(wanted, sizeof(wanted), "port=%d,state=online", redis_server_port(server_of(cluster, node)));
    return in_step && says(cluster, master, "INFO replication", wanted);
}

static bool begin_replicating(redis_cluster *cluster, int node, int master) {
    return is_ok(redis_server_command(server_of(cluster, node), "CLUSTER REPLICATE %s", cluster->members[master].id));
}

bool redis_cluster_replicate(redis_cluster *cluster, int node, int master) {
    return begin_replicating(cluster, node, master) && await(cluster, "a replica is in step", replicates, node, master);
}

static bool build(redis_cluster *cluster) {
    int masters = cluster->options.masters, all = masters * (1 + cluster->options.replicas);

    while (cluster->count < all) {
        if (!add_member(cluster))
            return false;
    }
    if (!give_slots(cluster, masters) || !meet(cluster, 1))
        return false;
    for (int i = masters; i < all; i++) {
        if (!begin_replicating(cluster, i, i % masters))
            return false;
    }
    for (int i = masters; i < all; i++) {
        if (!await(cluster, "a replica is in step", replicates, i, i % masters))
            return false;
    }
    return redis_cluster_await_well(cluster);
}

redis_cluster *redis_cluster_start(const redis_cluster_options *options) {
    static const redis_cluster_options none;
    redis_cluster *cluster = calloc(1, sizeof(*cluster));

    if (cluster == NULL)
        return NULL;
    cluster->options = options != NULL ? *options : none;
    if (cluster->options.masters == 0)
        cluster->options.masters = 3;
    if (!build(cluster)) {
        fprintf(stderr, "redis_cluster: it could not be built\n");
        redis_cluster_free(cluster);
        return NULL;
    }
    return cluster;
}

void redis_cluster_free(redis_cluster *cluster) {
    if (cluster == NULL)
        return;
    for (int i = 0; i < REDIS_CLUSTER_MAX; i++)
        redis_server_free(cluster->members[i].server);
    free(cluster);
}

/* ---- its parts */

int redis_cluster_count(const redis_cluster *cluster) {
    return cluster->count;
}

redis_server *redis_cluster_node(const redis_cluster *cluster, int node) {
    return server_of(cluster, node);
}

const char *redis_cluster_address(const redis_cluster *cluster, int node) {
    return redis_server_tcp_address(server_of(cluster, node));
}

const char *redis_cluster_seeds(const redis_cluster *cluster) {
    return cluster->seeds;
}

void redis_cluster_kill(redis_cluster *cluster, int node) {
    redis_server_kill(server_of(cluster, node));
    cluster->members[node].paused = false;
}

void redis_cluster_pause(redis_cluster *cluster, int node) {
    redis_server_pause(server_of(cluster, node));
    cluster->members[node].paused = true;
}

void redis_cluster_resume(redis_cluster *cluster, int node) {
    redis_server_resume(server_of(cluster, node));
    cluster->members[node].paused = false;
}

bool redis_cluster_restart(redis_cluster *cluster, int node) {
    cluster->members[node].paused = false;
    return redis_server_restart(server_of(cluster, node));
}

int redis_cluster_add(redis_cluster *cluster) {
    return add_member(cluster) && meet(cluster, cluster->count - 1) && redis_cluster_await_well(cluster) ? cluster->count - 1
                                                                                                         : -1;
}

/* Nobody names it. For a minute nobody may hear of it from others either; that is Redis' own doing. */
static bool is_forgotten(redis_cluster *cluster, int node, int b) {
    (void)b;
    for (int i = 0; i < cluster->count; i++) {
        if (i != node && redis_cluster_runs(cluster, i) && says(cluster, i, "CLUSTER NODES", cluster->members[node].id))
            return false;
    }
    return true;
}

bool redis_cluster_remove(redis_cluster *cluster, int node) {
    redis_cluster_kill(cluster, node);
    for (int i = 0; i < cluster->count; i++) {
        if (i != node && redis_cluster_runs(cluster, i))
            redis_server_forget(redis_server_command(server_of(cluster, i), "CLUSTER FORGET %s", cluster->members[node].id));
    }
    if (!await(cluster, "a node is forgotten", is_forgotten, node, 0))
        return false;
    redis_server_free(server_of(cluster, node));
    cluster->members[node].server = NULL;
    return true;
}

/* ---- moving slots */

bool redis_cluster_move_begin(redis_cluster *cluster, int slot, int from, int to) {
    const cluster_member *members = cluster->members;

    return is_ok(redis_server_command(members[to].server, "CLUSTER SETSLOT %d IMPORTING %s", slot, members[from].id)) &&
           is_ok(redis_server_command(members[from].server, "CLUSTER SETSLOT %d MIGRATING %s", slot, members[to].id));
}

int redis_cluster_move_keys(redis_cluster *cluster, int slot, int from, int to, int max) {
    redisReply *keys =
        redis_server_command(server_of(cluster, from), "CLUSTER GETKEYSINSLOT %d %d", slot, max < KEYS_MAX ? max : KEYS_MAX);
    const char *argv[KEYS_MAX + 7] = {"MIGRATE", "127.0.0.1", NULL, "", "0", "10000", "KEYS"};
    size_t sizes[KEYS_MAX + 7] = {7, 9, 0, 0, 1, 5, 4};
    char port[12];
    int count = keys != NULL && keys->type == REDIS_REPLY_ARRAY ? (int)keys->elements : -1;

    sizes[2] = (size_t)snprintf(port, sizeof(port), "%d", redis_server_port(server_of(cluster, to)));
    argv[2] = port;
    for (int i = 0; i < count; i++) {
        argv[7 + i] = keys->element[i]->str;
        sizes[7 + i] = (size_t)keys->element[i]->len;
    }
    if (count > 0 && !is_ok(redis_server_command_argv(server_of(cluster, from), 7 + count, argv, sizes)))
        count = -1;
    redis_server_forget(keys);
    return count;
}

static bool is_moved(redis_cluster *cluster, int slot, int to) {
    return redis_cluster_master_of(cluster, slot) == to;
}

/* The new owner first: should the old one be told first, and the new one die, nobody would have it. Replicas hear of it. */
static bool tell_all(redis_cluster *cluster, int slot, int to, const bool masters[REDIS_CLUSTER_MAX]) {
    const char *id = cluster->members[to].id;

    if (!is_ok(redis_server_command(server_of(cluster, to), "CLUSTER SETSLOT %d NODE %s", slot, id)))
        return false;
    for (int i = 0; i < cluster->count; i++) {
        if (i != to && masters[i] &&
            !is_ok(redis_server_command(server_of(cluster, i), "CLUSTER SETSLOT %d NODE %s", slot, id)))
            return false;
    }
    return true;
}

static void find_masters(const redis_cluster *cluster, bool masters[REDIS_CLUSTER_MAX]) {
    for (int i = 0; i < cluster->count; i++)
        masters[i] = redis_cluster_runs(cluster, i) && says(cluster, i, "INFO replication", "role:master");
}

bool redis_cluster_move_end(redis_cluster *cluster, int slot, int to) {
    bool masters[REDIS_CLUSTER_MAX];

    find_masters(cluster, masters);
    return tell_all(cluster, slot, to, masters) && await(cluster, "a slot is moved", is_moved, slot, to);
}

/* Its keys, step by step; a slot without keys needs no steps. */
static bool move_one(redis_cluster *cluster, int slot, int from, int to, const bool masters[REDIS_CLUSTER_MAX]) {
    int count = (int)redis_server_integer(server_of(cluster, from), "CLUSTER COUNTKEYSINSLOT %d", slot);

    if (count > 0 && !redis_cluster_move_begin(cluster, slot, from, to))
        return false;
    while (count > 0)
        count = redis_cluster_move_keys(cluster, slot, from, to, KEYS_MAX);
    return count == 0 && tell_all(cluster, slot, to, masters);
}

bool redis_cluster_move(redis_cluster *cluster, int first, int last, int to) {
    int owners[REDIS_CLUSTER_SLOTS];
    bool masters[REDIS_CLUSTER_MAX];

    find_masters(cluster, masters);
    read_owners(cluster, to, owners);
    for (int slot = first; slot <= last; slot++) {
        if (owners[slot] != to && (owners[slot] < 0 || !move_one(cluster, slot, owners[slot], to, masters)))
            return false;
    }
    return await(cluster, "the last of the slots is moved", is_moved, last, to);
}
