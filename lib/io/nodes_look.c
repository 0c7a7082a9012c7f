/* What there is to know about the connections: which are needed, which are down and why, and numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/nodes_parts.h"

/* A server is needed while slots are its own, and somebody has asked for them. */
bool sk__nodes_need(const sk__nodes *nodes, uint32_t number) {
    const sk__peer *node = nodes->nodes[number];

    if (node == NULL || (node->lanes[PLAIN].connection == NULL && node->lanes[LASTING].connection == NULL))
        return false;
    return nodes->cluster == NULL || sk__cluster_slots(nodes->cluster, number) > 0;
}

bool sk__nodes_lack_one(const sk__nodes *nodes) {
    for (uint32_t i = 0; i < nodes->end; i++) {
        const sk__peer *node = nodes->nodes[i];

        if (node != NULL && (node->lanes[PLAIN].down || node->lanes[LASTING].down) && sk__nodes_need(nodes, i))
            return true;
    }
    return false;
}

const char *sk__nodes_trouble(const sk__nodes *nodes, uint32_t number) {
    const sk__peer *node = number < SECKILL_NODES_MAX ? nodes->nodes[number] : NULL;
    const char *trouble = "not connected yet";

    if (number == SK__NODE_NOBODY)
        return "the cluster has more servers than SECKILL_NODES_MAX allows";
    for (int i = 0; i < KINDS && node != NULL; i++) {
        if (node->lanes[i].connection != NULL) {
            trouble = sk__connection_trouble(node->lanes[i].connection);
            if (trouble[0] != '\0')
                break;
        }
    }
    return trouble;
}

void sk__nodes_address(const sk__nodes *nodes, uint32_t number, char *text, size_t size) {
    const sk__peer *node = number < SECKILL_NODES_MAX ? nodes->nodes[number] : NULL;
    const sk__address *address = nodes->cluster != NULL ? sk__cluster_address(nodes->cluster, number) : NULL;

    if (address == NULL && node != NULL && node->lanes[PLAIN].connection != NULL)
        address = sk__connection_address(node->lanes[PLAIN].connection);
    if (address != NULL)
        sk__address_format(address, NULL, text, size);
    else if (size > 0)
        text[0] = '\0';
}

const char *sk__nodes_first_trouble(const sk__nodes *nodes) {
    for (uint32_t i = 0; i < nodes->end; i++) {
        if (sk__nodes_need(nodes, i) && sk__nodes_trouble(nodes, i)[0] != '\0')
            return sk__nodes_trouble(nodes, i);
    }
    return "";
}

bool sk__nodes_are_up(const sk__nodes *nodes) {
    bool any = false;

    for (uint32_t i = 0; i < nodes->end; i++)
        any = any || (nodes->nodes[i] != NULL && sk__nodes_trouble(nodes, i)[0] == '\0');
    return any && sk__nodes_first_trouble(nodes)[0] == '\0';
}

uint64_t sk__nodes_connections(const sk__nodes *nodes) {
    uint64_t count = nodes->connections_before;

    for (uint32_t i = 0; i < nodes->end; i++) {
        for (int kind = 0; kind < KINDS && nodes->nodes[i] != NULL; kind++) {
            if (nodes->nodes[i]->lanes[kind].connection != NULL)
                count += sk__connection_count(nodes->nodes[i]->lanes[kind].connection);
        }
    }
    return count;
}

uint64_t sk__nodes_redirections(const sk__nodes *nodes) {
    return nodes->redirections;
}

uint64_t sk__nodes_known(const sk__nodes *nodes) {
    uint64_t servers = nodes->cluster != NULL ? sk__cluster_servers(nodes->cluster) : 0;

    return servers > 0 ? servers : 1;
}
