/* What servers of a Redis Cluster say about slots: MOVED, ASK, and the answer to CLUSTER NODES. The input is pieces of u8 kind,
 * u16 size and text, each fed to one table.
 *
 * SPDX-License-Identifier: MIT
 */
#include "failing_memory.h"
#include "fuzz.h"
#include "io/cluster.h"

static const sk__address from = {false, true, 7009, "10.0.0.9"};

/* Every slot has a server that has an address, and the counts are right. */
static void check_table(const sk__cluster *cluster) {
    static uint32_t slots[SECKILL_NODES_MAX];
    uint32_t servers = 0;

    memset(slots, 0, sizeof(slots));
    for (uint32_t slot = 0; slot < SK__SLOTS; slot++) {
        uint32_t node = sk__cluster_node(cluster, slot);

        fuzz_check(node < SECKILL_NODES_MAX);
        slots[node]++;
    }
    for (uint32_t node = 1; node < SK__NODE_NOBODY; node++) {
        fuzz_check(slots[node] == sk__cluster_slots(cluster, node));
        fuzz_check(slots[node] == 0 || sk__cluster_address(cluster, node) != NULL);
        servers += slots[node] != 0;
    }
    fuzz_check(sk__cluster_servers(cluster) == servers);
}

static void check_address(const sk__address *address) {
    char text[SK__ADDRESS_TEXT_MAX + 8];
    sk__address again;

    fuzz_check(memchr(address->name, '\0', sizeof(address->name)) != NULL && address->name[0] != '\0');
    sk__address_format(address, NULL, text, sizeof(text));
    fuzz_check(sk__address_parse(text, &again) == SECKILL_OK && sk__address_equal(address, &again));
}

static void redirect(sk__cluster *cluster, const char *text, size_t size, int64_t now_ms) {
    sk__redirection redirection;
    sk__redirection_kind kind = sk__redirection_read(text, size, &from, &redirection);

    if (kind != SK__MOVED && kind != SK__ASK)
        return;
    fuzz_check(redirection.slot < SK__SLOTS);
    check_address(&redirection.address);
    if (kind == SK__MOVED)
        (void)sk__cluster_moved(cluster, &redirection);
    else
        (void)sk__cluster_ask(cluster, &redirection, now_ms);
    fuzz_check(sk__cluster_asked(cluster, redirection.slot) < SECKILL_NODES_MAX);
}

static void read_lines(const char *text, size_t size, bool by_name) {
    sk__node_line line;
    uint32_t first, last;

    while (sk__node_line_next(&text, &size, &from, by_name, &line) == SK__MORE) {
        if (line.serves)
            check_address(&line.address);
        while (sk__slot_range_next(&line, &first, &last) == SK__MORE)
            fuzz_check(first <= last && last < SK__SLOTS);
    }
}

static void forget(sk__cluster *cluster, uint8_t node, int64_t now_ms) {
    if (sk__cluster_address(cluster, node) == NULL)
        return;
    (void)sk__cluster_disown(cluster, node);
    if (sk__cluster_is_gone(cluster, node, now_ms))
        sk__cluster_forget(cluster, node);
}

static void feed(sk__cluster *cluster, uint8_t kind, fuzz_input piece, int64_t now_ms) {
    char *text = fuzz_copy(piece);

    if (kind % 3 == 0)
        redirect(cluster, text, piece.size, now_ms);
    if (kind % 3 == 1) {
        read_lines(text, piece.size, (kind & 128) != 0);
        (void)sk__cluster_read(cluster, text, piece.size, &from);
    }
    if (kind % 3 == 2)
        forget(cluster, (uint8_t)(1 + kind / 3), now_ms);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    failing_memory memory = {0};
    seckill_allocator allocator = failing_memory_allocator(&memory);
    sk__cluster *cluster = sk__cluster_new(&allocator);

    fuzz_check(cluster != NULL);
    memory.fail_at = memory.made + fuzz_u8(&input); /* 0: one that was */
    for (int64_t now_ms = 1000; input.size != 0; now_ms += 20000) {
        uint8_t kind = fuzz_u8(&input);

        feed(cluster, kind, fuzz_take(&input, fuzz_u16(&input)), now_ms);
        check_table(cluster);
    }
    sk__cluster_free(cluster);
    fuzz_check(memory.outstanding == 0);
    return 0;
}
