/* What replies say about who serves what.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "base/words.h"
#include "io/nodes_parts.h"

#include <string.h>

static const char *name_of(const sk__lane *lane, char text[SK__ADDRESS_TEXT_MAX + 1]) {
    sk__address_format(sk__connection_address(lane->connection), NULL, text, SK__ADDRESS_TEXT_MAX + 1);
    return text;
}

/* From now on slots count. False: out of memory; whoever is redirected will be again. */
static bool enter_cluster(sk__lane *from) {
    sk__nodes *nodes = from->node->nodes;
    const sk__log *log = nodes->config.connection.log;
    char text[SK__ADDRESS_TEXT_MAX + 1];

    if (nodes->cluster != NULL)
        return true;
    nodes->cluster = sk__cluster_new(nodes->config.connection.allocator);
    if (nodes->cluster == NULL) {
        sk__log_line(log, SECKILL_LOG_WARNING, "cannot follow the cluster: out of memory");
        return false;
    }
    sk__log_line(log, SECKILL_LOG_INFO, "%s is of a Redis Cluster", name_of(from, text));
    sk__refresh_want(nodes, SECKILL_NODES_MAX);
    return true;
}

/* ---- news */

/* Servers for whom no number is left: that is for a person to see, once. */
static void check_crowd(sk__nodes *nodes) {
    uint32_t slots = sk__cluster_slots(nodes->cluster, SK__NODE_NOBODY);

    if (slots > 0 && !nodes->crowded)
        sk__log_line(nodes->config.connection.log, SECKILL_LOG_ERROR,
                     "the cluster has more servers than SECKILL_NODES_MAX allows: %u slots cannot be reached", (unsigned)slots);
    nodes->crowded = slots > 0;
}

void sk__follow_news(sk__nodes *nodes, sk__news news) {
    nodes->some_gone = true; /* an ASK may have grown old, too */
    if (news == SK__NEWS) {
        check_crowd(nodes);
        nodes->moved = true;
    }
    sk__nodes_wish(nodes);
}

/* ---- errors */

static void follow_redirection(sk__lane *from, sk__redirection_kind kind, const sk__redirection *redirection) {
    sk__nodes *nodes = from->node->nodes;
    sk__news news;

    if (kind == SK__MOVED) {
        news = sk__cluster_moved(nodes->cluster, redirection);
        sk__refresh_want(nodes, SECKILL_NODES_MAX);
    } else
        news = sk__cluster_ask(nodes->cluster, redirection, sk__nodes_now_ms(nodes));
    if (news == SK__NEWS_NO_ROOM)
        sk__log_line(nodes->config.connection.log, SECKILL_LOG_WARNING, "cannot follow a redirection: out of memory");
    if (news == SK__NEWS)
        sk__follow_news(nodes, news);
}

/* A replica takes no writes. Of a cluster it says who does, with MOVED; else another of the addresses may be the master. */
static void leave_replica(sk__lane *from, const char *text, size_t size) {
    sk__nodes *nodes = from->node->nodes;
    char name[SK__ADDRESS_TEXT_MAX + 1];

    if (nodes->cluster != NULL)
        sk__refresh_want(nodes, from->node->number);
    else
        sk__connection_leave(from->connection, "%s is a replica: %.*s", name_of(from, name), size < 200 ? (int)size : 200,
                             text);
}

void sk__follow_error(sk__lane *from, const char *text, size_t size) {
    sk__nodes *nodes = from->node->nodes;
    char name[SK__ADDRESS_TEXT_MAX + 1];
    sk__redirection redirection;
    sk__redirection_kind kind = sk__redirection_read(text, size, sk__connection_address(from->connection), &redirection);

    if (kind != SK__NO_REDIRECTION) {
        nodes->redirections++;
        if (!enter_cluster(from))
            return;
        if (kind != SK__BAD_REDIRECTION) {
            follow_redirection(from, kind, &redirection);
            return;
        }
        sk__log_line(nodes->config.connection.log, SECKILL_LOG_WARNING, "%s sends elsewhere, but it is not clear where: %.*s",
                     name_of(from, name), size < 200 ? (int)size : 200, text);
        sk__refresh_want(nodes, SECKILL_NODES_MAX);
    } else if (sk__begins_with(text, size, "CLUSTERDOWN")) {
        if (enter_cluster(from))
            sk__refresh_want(nodes, from->node->number);
    } else if (sk__begins_with(text, size, "READONLY") || sk__begins_with(text, size, "MASTERDOWN"))
        leave_replica(from, text, size);
}

/* ---- lost connections */

/* The slots of a master that is dead go to another without a word: the map has to be asked for, or where that is refused, the
 * server that the client was given. */
void sk__follow_down(sk__lane *lost) {
    sk__nodes *nodes = lost->node->nodes;
    uint32_t number = lost->node->number;

    if (nodes->cluster == NULL || sk__cluster_slots(nodes->cluster, number) == 0)
        return;
    if (nodes->refresh.refused && number != SK__NODE_SEED)
        sk__follow_news(nodes, sk__cluster_disown(nodes->cluster, number));
    else
        sk__refresh_want(nodes, number);
}
