#include "script/reading.h"

#include <stdio.h>
#include <string.h>

/* ---- what goes out ---- */

void sk__command_begin_shard(sk__command *command, sk__script_id script, bool with_text, char *const keys[SK__SHARD_KEYS],
                             const sk__known_item *known) {
    sk__writer identity;

    sk__command_begin(command, script, with_text, SK__SHARD_KEYS);
    for (int i = 0; i < SK__SHARD_KEYS; i++)
        sk__command_add_text(command, keys[i]);
    identity = sk__command_add_packed(command, sizeof(uint64_t) + SECKILL_SEED_SIZE + 1);
    sk__write_u64(&identity, known->version);
    sk__write_bytes(&identity, known->seed, SECKILL_SEED_SIZE);
    sk__write_u8(&identity, known->lasting);
}

void sk__command_begin_key(sk__command *command, sk__script_id script, bool with_text, const char *key) {
    sk__command_begin(command, script, with_text, 1);
    sk__command_add_text(command, key);
}

/* ---- the numbers of a shard ---- */

void sk__read_stock(sk__reader *reply, seckill_stock *stock) {
    int64_t *const fields[] = {&stock->loaded,   &stock->transferred_in, &stock->transferred_out, &stock->available,
                               &stock->reserved, &stock->sold,           &stock->cancelled,       &stock->expired,
                               &stock->refunded, &stock->users,          &stock->events,          &stock->queued,
                               &stock->transfers};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = sk__read_units(reply);
    stock->version = sk__read_u64(reply);
    stock->epoch = sk__read_u64(reply);
    stock->overdue = sk__read_u8(reply) != 0;
}

void sk__stock_add(seckill_stock *total, const seckill_stock *shard) {
    total->loaded += shard->loaded;
    total->transferred_in += shard->transferred_in;
    total->transferred_out += shard->transferred_out;
    total->available += shard->available;
    total->reserved += shard->reserved;
    total->sold += shard->sold;
    total->cancelled += shard->cancelled;
    total->expired += shard->expired;
    total->refunded += shard->refunded;
    total->users += shard->users;
    total->events += shard->events;
    total->queued += shard->queued;
    total->transfers += shard->transfers;
    total->overdue = total->overdue || shard->overdue;
}

/* ---- items ---- */

bool sk__read_item(sk__reader *reply, seckill_bytes *item) {
    size_t left = sk__reader_left(reply);
    const char *line, *end;

    if (left == 0)
        return false;
    line = (const char *)sk__read_space(reply, left);
    end = memchr(line, '\n', left);
    if (end == NULL) {
        reply->failed = true;
        return false;
    }
    item->data = line;
    item->size = (size_t)(end - line);
    reply->at -= left - item->size - 1;
    return true;
}

/* ---- the blacklist ---- */

enum { KEYS = 2 + 2 * SK__BLACKLIST_PARTS, KEY_SIZE = SECKILL_PREFIX_MAX + 40 };

void sk__blacklist_add_key(const char *prefix, const char *name, int part, sk__command *command) {
    char key[KEY_SIZE];
    int size = part < 0 ? snprintf(key, sizeof(key), "%s:{blacklist}:%s", prefix, name)
                        : snprintf(key, sizeof(key), "%s:{blacklist}:%s:%d", prefix, name, part);
    sk__writer writer = sk__command_add_packed(command, (size_t)size);

    sk__write_bytes(&writer, key, (size_t)size);
}

uint32_t sk__blacklist_slot(void) {
    static const char tag[] = "{blacklist}";

    return seckill_slot(tag, sizeof(tag) - 1);
}

void sk__blacklist_encode_keys(const char *prefix, sk__script_id script, bool with_text, sk__command *command) {
    sk__command_begin(command, script, with_text, KEYS);
    sk__blacklist_add_key(prefix, "head", -1, command);
    sk__blacklist_add_key(prefix, "log", -1, command);
    for (int part = 0; part < SK__BLACKLIST_PARTS; part++)
        sk__blacklist_add_key(prefix, "entries", part, command);
    for (int part = 0; part < SK__BLACKLIST_PARTS; part++)
        sk__blacklist_add_key(prefix, "ends", part, command);
}

void sk__write_subject(sk__writer *writer, const sk__subject *subject) {
    sk__write_u8(writer, subject->size);
    sk__write_bytes(writer, subject->bytes, subject->size);
}

void sk__read_finding(sk__reader *reply, seckill_blacklist_finding *finding) {
    uint64_t ends = sk__read_u48(reply);

    memset(finding, 0, sizeof(*finding));
    finding->is_listed = ends != 0;
    finding->until_ms = ends == SK__FOREVER ? 0 : (int64_t)ends;
    finding->since_ms = (int64_t)sk__read_u48(reply);
    finding->reason = sk__read_bytes(reply, sk__read_u8(reply));
}
