/* Where things lie: slots, tags, keys, home shards, reservation ids.
 *
 * SPDX-License-Identifier: MIT
 */
#include "shard/reservation_id.h"

#include "base/crc16.h"
#include "base/names.h"
#include "base/wire.h"

#include <sodium.h>
#include <string.h>

uint32_t seckill_slot(const void *key, size_t size) {
    if (size == 0)
        return 0;
    const char *text = key;
    const char *open = memchr(text, '{', size);
    if (open != NULL) {
        const char *inside = open + 1;
        size_t rest = size - (size_t)(inside - text);
        const char *end = memchr(inside, '}', rest);
        /* Only the first pair counts, and only with something between. */
        if (end != NULL && end != inside)
            return sk__crc16(0, inside, (size_t)(end - inside)) % SECKILL_SLOTS;
    }
    return sk__crc16(0, key, size) % SECKILL_SLOTS;
}

/* Shard k of n has the slots in [k * 16384 / n, (k + 1) * 16384 / n), as fractions. */
static bool slot_fits(uint16_t crc, uint32_t shard, uint32_t shards) {
    return crc % SECKILL_SLOTS * shards / SECKILL_SLOTS == shard;
}

/* Seven digits are enough for any slot: CRC16 is linear, and with the three low bits of the last six digits free (each digit
 * 0 to 7) the slot takes all 16384 values. On average it takes n tries. */
enum { SUFFIXES = 10000000 };

/* Appends `.0`, `.1`, ... to "k" until the slot fits. `crc` is that of all before the suffix's number. */
static bool find_suffix(uint16_t crc, uint32_t shard, uint32_t shards, sk__writer *tag) {
    for (uint32_t suffix = 0; suffix < SUFFIXES; suffix++) {
        sk__writer attempt = *tag;
        sk__write_decimal(&attempt, suffix);
        if (!attempt.failed && slot_fits(sk__crc16(crc, tag->data + tag->at, attempt.at - tag->at), shard, shards)) {
            *tag = attempt;
            return true;
        }
    }
    return false;
}

seckill_status seckill_shard_tag(const char *activity, const char *item, uint32_t shard, uint32_t shards,
                                 char tag[SECKILL_TAG_SIZE]) {
    if (!sk__id_valid(activity) || !sk__id_valid(item) || tag == NULL)
        return SECKILL_INVALID;
    if (shards == 0 || shards > SECKILL_SHARDS_MAX || shard >= shards)
        return SECKILL_INVALID;
    sk__writer writer = sk__writer_of(tag, SECKILL_TAG_SIZE);
    sk__write_decimal(&writer, shard);
    uint16_t crc = sk__crc16(0, activity, strlen(activity));
    crc = sk__crc16(crc, "/", 1);
    crc = sk__crc16(crc, item, strlen(item));
    crc = sk__crc16(crc, "/", 1);
    crc = sk__crc16(crc, tag, writer.at);
    if (!slot_fits(crc, shard, shards)) {
        sk__write_text(&writer, ".");
        if (!find_suffix(sk__crc16(crc, ".", 1), shard, shards, &writer))
            return SECKILL_INVALID; /* cannot happen: see SUFFIXES */
    }
    sk__write_u8(&writer, 0);
    return writer.failed ? SECKILL_INVALID : SECKILL_OK;
}

seckill_status seckill_shard_key(const char *prefix, const char *activity, const char *item, const char *tag, const char *name,
                                 char key[SECKILL_SHARD_KEY_SIZE]) {
    if (!sk__prefix_valid(prefix) || !sk__id_valid(activity) || !sk__id_valid(item))
        return SECKILL_INVALID;
    if (!sk__tag_valid(tag) || !sk__key_name_valid(name) || key == NULL)
        return SECKILL_INVALID;
    sk__writer writer = sk__writer_of(key, SECKILL_SHARD_KEY_SIZE);
    sk__write_text(&writer, prefix);
    sk__write_text(&writer, ":{");
    sk__write_text(&writer, activity);
    sk__write_text(&writer, "/");
    sk__write_text(&writer, item);
    sk__write_text(&writer, "/");
    sk__write_text(&writer, tag);
    sk__write_text(&writer, "}:");
    sk__write_text(&writer, name);
    sk__write_u8(&writer, 0);
    return writer.failed ? SECKILL_INVALID : SECKILL_OK;
}

uint32_t seckill_shard_of(seckill_bytes user, const uint8_t seed[SECKILL_SEED_SIZE], uint32_t shards) {
    _Static_assert(crypto_shorthash_KEYBYTES == SECKILL_SEED_SIZE, "SipHash takes the seed as it is");
    _Static_assert(crypto_shorthash_BYTES == 8, "SipHash gives 64 bits");
    static const uint8_t none;
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, user.data != NULL ? user.data : &none, user.size, seed);
    /* The hash is a little-endian integer: its upper half is at the end. */
    uint32_t upper = (uint32_t)hash[7] << 24 | (uint32_t)hash[6] << 16 | (uint32_t)hash[5] << 8 | hash[4];
    return (uint32_t)((uint64_t)upper * shards >> 32);
}

static void write_sized(sk__writer *writer, const void *data, size_t size) {
    sk__write_u8(writer, (uint8_t)size);
    sk__write_bytes(writer, data, size);
}

void sk__pack_names(const char *activity, const char *item, sk__packed_names *names) {
    sk__writer writer = sk__writer_of(names->bytes, sizeof names->bytes);
    write_sized(&writer, activity, strlen(activity));
    write_sized(&writer, item, strlen(item));
    names->size = writer.at;
}

void sk__reservation_id(const sk__packed_names *names, seckill_bytes user, seckill_bytes request_id,
                        uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    uint8_t buffer[sizeof names->bytes + 2 + SECKILL_USER_MAX + SECKILL_REQUEST_ID_MAX];
    sk__writer writer = sk__writer_of(buffer, sizeof buffer);
    sk__write_bytes(&writer, names->bytes, names->size);
    write_sized(&writer, user.data, user.size);
    write_sized(&writer, request_id.data, request_id.size);
    /* It fails only for sizes that it does not have. */
    (void)crypto_generichash(id, SECKILL_RESERVATION_ID_SIZE, buffer, writer.at, NULL, 0);
}

static bool bytes_valid(seckill_bytes bytes, size_t max) {
    return bytes.data != NULL && bytes.size > 0 && bytes.size <= max;
}

seckill_status seckill_reservation_id(const char *activity, const char *item, seckill_bytes user, seckill_bytes request_id,
                                      uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    if (!sk__id_valid(activity) || !sk__id_valid(item) || id == NULL)
        return SECKILL_INVALID;
    if (!bytes_valid(user, SECKILL_USER_MAX) || !bytes_valid(request_id, SECKILL_REQUEST_ID_MAX))
        return SECKILL_INVALID;
    if (sodium_init() < 0) /* it chooses BLAKE2b's implementation; once done, it only looks */
        return SECKILL_NO_MEMORY;
    sk__packed_names names;
    sk__pack_names(activity, item, &names);
    sk__reservation_id(&names, user, request_id, id);
    return SECKILL_OK;
}
