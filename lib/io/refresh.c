/* Asking for the map of the cluster.
 *
 * It is wanted after each MOVED and CLUSTERDOWN, and for as long as a server whose slots are asked for is down. There is never
 * more than one question under way, and from one to the next it takes reconnect_min_ms at least, growing to reconnect_max_ms
 * with each that brought nothing new, with jitter: many clients see the same failure.
 *
 * Whoever is up is asked in turn. One that was thrown out of the cluster, or is cut off from it, is up and knows nothing new:
 * so while a server is down and answers bring nothing, those of the map that nobody has needed so far are connected, one by
 * one.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/nodes_parts.h"

#include "base/backoff.h"

#include <sodium.h>
#include <string.h>

/* So many answers in a row may be in vain: the cluster takes its time to agree on who follows a dead master. */
enum { VAIN_MAX = 2 };

static void on_timer(uv_timer_t *timer);

void sk__refresh_start(sk__nodes *nodes) {
    (void)uv_timer_init(nodes->loop, &nodes->refresh.timer);
    nodes->refresh.timer.data = nodes;
    nodes->refresh.suspect = SECKILL_NODES_MAX;
}

static void schedule(sk__nodes *nodes) {
    sk__refresh *refresh = &nodes->refresh;
    const sk__connection_config *config = &nodes->config.connection;
    int64_t since = sk__nodes_now_ms(nodes) - refresh->last_ms, wait_ms = 0;

    if (!refresh->wanted || refresh->asking || refresh->refused || nodes->closing ||
        uv_is_active((uv_handle_t *)&refresh->timer))
        return;
    /* It was quiet: what failed long ago does not count. */
    if (since > 2 * (int64_t)config->reconnect_max_ms)
        refresh->tries = 0;
    if (refresh->ever)
        wait_ms =
            sk__backoff_ms(config->reconnect_min_ms, config->reconnect_max_ms, refresh->tries, randombytes_random()) - since;
    (void)uv_timer_start(&refresh->timer, on_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

void sk__refresh_want(sk__nodes *nodes, uint32_t suspect) {
    nodes->refresh.wanted = true;
    if (suspect < SECKILL_NODES_MAX)
        nodes->refresh.suspect = suspect;
    schedule(nodes);
}

void sk__refresh_up(sk__nodes *nodes) {
    sk__refresh *refresh = &nodes->refresh;

    if (nodes->closing)
        return;
    refresh->refused = false; /* rights may be others by now, and another server's always were */
    if (refresh->starved && refresh->wanted && !refresh->asking)
        (void)uv_timer_start(&refresh->timer, on_timer, 0, 0);
    else
        schedule(nodes);
}

/* ---- the answer */

/* What it was, and whether to ask on. */
static void conclude(sk__nodes *nodes, sk__news news) {
    sk__refresh *refresh = &nodes->refresh;
    bool lacking;

    if (news == SK__NEWS)
        refresh->tries = 0;
    else if (refresh->tries < UINT32_MAX)
        refresh->tries++;
    if (news == SK__NEWS || news == SK__NEWS_NONE) {
        refresh->suspect = SECKILL_NODES_MAX;
        refresh->told = false;
    } else {
        refresh->suspect = refresh->asked;
        refresh->wanted = true;
    }
    sk__follow_news(nodes, news);
    lacking = sk__nodes_lack_one(nodes);
    if (news == SK__NEWS || !lacking)
        refresh->vain = 0;
    else if (refresh->vain < VAIN_MAX)
        refresh->vain++;
    if (nodes->crowded || lacking)
        refresh->wanted = true;
    schedule(nodes);
}

/* Once, until an answer is of use again: it is asked for again and again. */
static void report(sk__nodes *nodes, const char *what, const sk__reply *reply) {
    char text[SK__ADDRESS_TEXT_MAX + 1];
    const sk__connection *connection = nodes->nodes[nodes->refresh.asked]->lanes[PLAIN].connection;
    bool words = reply->kind == SK__REPLY_ERROR;

    sk__address_format(sk__connection_address(connection), NULL, text, sizeof(text));
    sk__log_line(nodes->config.connection.log, nodes->refresh.told ? SECKILL_LOG_DEBUG : SECKILL_LOG_WARNING, "%s: %s%s%.*s",
                 text, what, words ? ": " : "", words ? (int)(reply->size < 200 ? reply->size : 200) : 0, reply->bytes);
    nodes->refresh.told = true;
}

static void refuse(sk__nodes *nodes, const sk__reply *reply) {
    nodes->refresh.refused = true;
    nodes->refresh.wanted = false;
    if (nodes->refresh.tries < UINT32_MAX)
        nodes->refresh.tries++;
    report(nodes, "CLUSTER NODES is refused: only MOVED tells who serves what", reply);
    for (uint32_t i = SK__NODE_SEED + 1; i < SK__NODE_NOBODY; i++) {
        const sk__peer *node = nodes->nodes[i];

        if (node != NULL && (node->lanes[PLAIN].down || node->lanes[LASTING].down))
            sk__follow_news(nodes, sk__cluster_disown(nodes->cluster, i));
    }
}

static sk__news read_answer(sk__nodes *nodes, const sk__reply *reply) {
    const sk__connection *connection = nodes->nodes[nodes->refresh.asked]->lanes[PLAIN].connection;
    sk__news news;

    if (reply->kind == SK__REPLY_LOST)
        return SK__NEWS_BAD; /* that the connection is lost, it says itself */
    if (reply->kind != SK__REPLY_BYTES) {
        report(nodes, "no map of the cluster", reply);
        return SK__NEWS_BAD;
    }
    news = sk__cluster_read(nodes->cluster, reply->bytes, reply->size, sk__connection_address(connection));
    if (news == SK__NEWS_BAD)
        report(nodes, "the map of the cluster is of no use", reply);
    else if (news == SK__NEWS_NO_ROOM)
        report(nodes, "out of memory for the map of the cluster", reply);
    return news;
}

static void on_answer(void *context, const sk__reply *reply) {
    sk__nodes *nodes = context;

    nodes->refresh.asking = false;
    if (nodes->closing)
        return;
    if (reply->kind == SK__REPLY_ERROR && reply->size >= 6 && memcmp(reply->bytes, "NOPERM", 6) == 0)
        refuse(nodes, reply);
    else
        conclude(nodes, read_answer(nodes, reply));
}

/* ---- the question */

static sk__connection *usable(const sk__nodes *nodes, uint32_t number) {
    sk__connection *connection = nodes->nodes[number] != NULL ? nodes->nodes[number]->lanes[PLAIN].connection : NULL;

    return connection != NULL && sk__connection_is_up(connection) ? connection : NULL;
}

/* All that are up take turns; the suspect comes last. SECKILL_NODES_MAX: none is up. */
static uint32_t choose(const sk__nodes *nodes) {
    const sk__refresh *refresh = &nodes->refresh;

    for (uint32_t i = 0; i < nodes->end; i++) {
        uint32_t number = (refresh->next + i) % nodes->end;

        if (number != refresh->suspect && usable(nodes, number) != NULL)
            return number;
    }
    return refresh->suspect < nodes->end && usable(nodes, refresh->suspect) != NULL ? refresh->suspect : SECKILL_NODES_MAX;
}

/* Connects to a server that nobody has needed so far; when it is up, it takes its turn. */
static void look_for_somebody(sk__nodes *nodes) {
    seckill_status status;

    for (uint32_t i = SK__NODE_SEED + 1; i < SK__NODE_NOBODY; i++) {
        if (sk__cluster_slots(nodes->cluster, i) > 0 && sk__cluster_address(nodes->cluster, i) != NULL &&
            (nodes->nodes[i] == NULL || nodes->nodes[i]->lanes[PLAIN].connection == NULL) &&
            sk__nodes_demand(nodes, i, PLAIN, &status) != NULL)
            return;
    }
}

static bool ask(sk__nodes *nodes) {
    static const char *const argv[] = {"CLUSTER", "NODES"};
    static const size_t sizes[] = {7, 5};
    uint32_t number = choose(nodes);

    nodes->refresh.starved = number == SECKILL_NODES_MAX;
    if (nodes->refresh.starved || nodes->refresh.vain >= VAIN_MAX)
        look_for_somebody(nodes);
    if (nodes->refresh.starved)
        return false;
    nodes->refresh.next = number + 1;
    nodes->refresh.asked = number;
    return sk__connection_send(usable(nodes, number), 2, argv, sizes, on_answer, nodes) == SECKILL_OK;
}

static void on_timer(uv_timer_t *timer) {
    sk__nodes *nodes = timer->data;
    sk__refresh *refresh = &nodes->refresh;

    if (nodes->closing || refresh->asking || !refresh->wanted)
        return;
    refresh->last_ms = sk__nodes_now_ms(nodes);
    refresh->ever = true;
    refresh->wanted = false;
    refresh->asking = ask(nodes);
    if (refresh->asking)
        return;
    refresh->wanted = true;
    if (refresh->tries < UINT32_MAX)
        refresh->tries++;
    schedule(nodes);
}
