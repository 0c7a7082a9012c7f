/* Which server of a Redis Cluster serves which slot.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/cluster.h"

#include <string.h>

typedef struct {
    uint16_t slot;
    uint8_t node; /* SK__NODE_SEED: a free place */
    int64_t since_ms;
} ask;

typedef struct {
    sk__address address;
    uint32_t slots;
} server;

struct sk__cluster {
    const seckill_allocator *allocator;
    uint8_t nodes[SK__SLOTS]; /* by slot */
    uint8_t fresh[SK__SLOTS]; /* a map that is being read, until all of it is good */
    server *servers[SECKILL_NODES_MAX];
    uint32_t nobody; /* slots of servers without a number */
    uint32_t last;   /* the number found last: redirections come in bursts */
    ask asks[SK__ASKS_MAX];
    uint32_t next_ask;
    bool by_name; /* redirections name hosts, not IP addresses: then so does the map */
};

_Static_assert(SECKILL_NODES_MAX <= 256, "numbers are kept in a byte");

sk__cluster *sk__cluster_new(const seckill_allocator *allocator) {
    sk__cluster *cluster = sk__calloc(allocator, 1, sizeof(*cluster));

    if (cluster != NULL)
        cluster->allocator = allocator;
    return cluster;
}

void sk__cluster_free(sk__cluster *cluster) {
    if (cluster == NULL)
        return;
    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
        sk__free(cluster->allocator, cluster->servers[i]);
    sk__free(cluster->allocator, cluster);
}

/* ---- numbers */

/* The number of the server at an address, a new one if need be; SK__NODE_NOBODY: none is left. False: out of memory. */
static bool number_of(sk__cluster *cluster, const sk__address *address, uint32_t *number) {
    server **servers = cluster->servers;
    uint32_t free_one = SK__NODE_NOBODY;

    *number = cluster->last;
    if (servers[*number] != NULL && sk__address_equal(&servers[*number]->address, address))
        return true;
    for (uint32_t i = SK__NODE_NOBODY - 1; i > SK__NODE_SEED; i--) {
        if (servers[i] == NULL)
            free_one = i;
        else if (sk__address_equal(&servers[i]->address, address)) {
            *number = cluster->last = i;
            return true;
        }
    }
    *number = free_one;
    if (free_one == SK__NODE_NOBODY)
        return true;
    servers[free_one] = sk__calloc(cluster->allocator, 1, sizeof(**servers));
    if (servers[free_one] == NULL)
        return false;
    servers[free_one]->address = *address;
    cluster->last = free_one;
    return true;
}

static uint32_t *count_of(sk__cluster *cluster, uint32_t node) {
    return node == SK__NODE_NOBODY ? &cluster->nobody : cluster->servers[node] != NULL ? &cluster->servers[node]->slots : NULL;
}

/* Gives a slot to a number. True: it was another's. */
static bool give(sk__cluster *cluster, uint32_t slot, uint32_t node) {
    uint32_t before = cluster->nodes[slot], *count;

    if (before == node)
        return false;
    count = count_of(cluster, before);
    if (count != NULL)
        (*count)--;
    count = count_of(cluster, node);
    if (count != NULL)
        (*count)++;
    cluster->nodes[slot] = (uint8_t)node;
    return true;
}

/* ---- slots on their way */

/* Its place in the table, or SK__ASKS_MAX. */
static uint32_t find_ask(const sk__cluster *cluster, uint32_t slot) {
    uint32_t i = 0;

    while (i < SK__ASKS_MAX && (cluster->asks[i].slot != slot || cluster->asks[i].node == SK__NODE_SEED))
        i++;
    return i;
}

static void drop_ask(sk__cluster *cluster, uint32_t slot) {
    uint32_t found = find_ask(cluster, slot);

    if (found < SK__ASKS_MAX)
        cluster->asks[found].node = SK__NODE_SEED;
}

sk__news sk__cluster_ask(sk__cluster *cluster, const sk__redirection *named, int64_t now_ms) {
    uint32_t place = find_ask(cluster, named->slot), node;

    cluster->by_name = cluster->by_name || (named->names_host && !named->address.is_numeric);
    if (!number_of(cluster, &named->address, &node))
        return SK__NEWS_NO_ROOM;
    if (node == SK__NODE_NOBODY)
        return SK__NEWS_BAD;
    if (place == SK__ASKS_MAX) {
        place = cluster->next_ask;
        cluster->next_ask = (cluster->next_ask + 1) % SK__ASKS_MAX;
    }
    cluster->asks[place] = (ask){(uint16_t)named->slot, (uint8_t)node, now_ms};
    return SK__NEWS_NONE;
}

/* ---- looking */

uint32_t sk__cluster_node(const sk__cluster *cluster, uint32_t slot) {
    return cluster->nodes[slot % SK__SLOTS];
}

uint32_t sk__cluster_asked(const sk__cluster *cluster, uint32_t slot) {
    uint32_t found = find_ask(cluster, slot % SK__SLOTS);

    return found < SK__ASKS_MAX ? cluster->asks[found].node : sk__cluster_node(cluster, slot);
}

const sk__address *sk__cluster_address(const sk__cluster *cluster, uint32_t node) {
    return node < SECKILL_NODES_MAX && cluster->servers[node] != NULL ? &cluster->servers[node]->address : NULL;
}

uint32_t sk__cluster_slots(const sk__cluster *cluster, uint32_t node) {
    uint32_t others = cluster->nobody;

    if (node == SK__NODE_NOBODY)
        return cluster->nobody;
    if (node != SK__NODE_SEED)
        return cluster->servers[node] != NULL ? cluster->servers[node]->slots : 0;
    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
        others += cluster->servers[i] != NULL ? cluster->servers[i]->slots : 0;
    return SK__SLOTS - others;
}

uint32_t sk__cluster_servers(const sk__cluster *cluster) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
        count += cluster->servers[i] != NULL && cluster->servers[i]->slots > 0;
    return count;
}

/* ---- learning */

sk__news sk__cluster_moved(sk__cluster *cluster, const sk__redirection *moved) {
    uint32_t node;

    cluster->by_name = cluster->by_name || (moved->names_host && !moved->address.is_numeric);
    if (!number_of(cluster, &moved->address, &node))
        return SK__NEWS_NO_ROOM;
    drop_ask(cluster, moved->slot);
    return give(cluster, moved->slot, node) ? SK__NEWS : SK__NEWS_NONE;
}

/* Enters the slots of one line into the fresh map. */
static sk__news read_slots(sk__cluster *cluster, sk__node_line *line, bool *any) {
    uint32_t first, last, node = SK__NODE_SEED;
    sk__reading reading;

    while ((reading = sk__slot_range_next(line, &first, &last)) == SK__MORE) {
        /* Only now: a server without slots needs no number. */
        if (node == SK__NODE_SEED && !number_of(cluster, &line->address, &node))
            return SK__NEWS_NO_ROOM;
        memset(cluster->fresh + first, (int)node, last - first + 1);
        *any = true;
    }
    return reading == SK__END ? SK__NEWS_NONE : SK__NEWS_BAD;
}

static sk__news read_map(sk__cluster *cluster, const char *text, size_t size, const sk__address *from) {
    sk__news news = SK__NEWS_NONE;
    sk__node_line line;
    sk__reading reading;
    bool any = false;

    memset(cluster->fresh, SK__NODE_SEED, sizeof(cluster->fresh));
    while ((reading = sk__node_line_next(&text, &size, from, cluster->by_name, &line)) == SK__MORE && news == SK__NEWS_NONE) {
        if (line.serves)
            news = read_slots(cluster, &line, &any);
    }
    if (news != SK__NEWS_NONE)
        return news;
    /* A server that was just started, or thrown out of its cluster, knows of no slots at all. */
    return reading == SK__END && any ? SK__NEWS_NONE : SK__NEWS_BAD;
}

sk__news sk__cluster_read(sk__cluster *cluster, const char *text, size_t size, const sk__address *from) {
    sk__news news = read_map(cluster, text, size, from);

    if (news != SK__NEWS_NONE)
        return news;
    for (uint32_t slot = 0; slot < SK__SLOTS; slot++) {
        bool was_known = cluster->nodes[slot] != SK__NODE_SEED;

        if (give(cluster, slot, cluster->fresh[slot])) {
            if (was_known) /* the first map says nothing about a slot that has moved on since its ASK */
                drop_ask(cluster, slot);
            news = SK__NEWS;
        }
    }
    return news;
}

sk__news sk__cluster_disown(sk__cluster *cluster, uint32_t node) {
    sk__news news = SK__NEWS_NONE;

    for (uint32_t slot = 0; slot < SK__SLOTS; slot++) {
        if (cluster->nodes[slot] == node && give(cluster, slot, SK__NODE_SEED))
            news = SK__NEWS;
    }
    return news;
}

/* ---- forgetting */

bool sk__cluster_is_gone(const sk__cluster *cluster, uint32_t node, int64_t now_ms) {
    if (cluster->servers[node] == NULL || cluster->servers[node]->slots > 0)
        return false;
    for (uint32_t i = 0; i < SK__ASKS_MAX; i++) {
        if (cluster->asks[i].node == node && now_ms - cluster->asks[i].since_ms < SK__ASK_KEPT_MS)
            return false;
    }
    return true;
}

void sk__cluster_forget(sk__cluster *cluster, uint32_t node) {
    for (uint32_t i = 0; i < SK__ASKS_MAX; i++) {
        if (cluster->asks[i].node == node)
            cluster->asks[i].node = SK__NODE_SEED;
    }
    sk__free(cluster->allocator, cluster->servers[node]);
    cluster->servers[node] = NULL;
}
