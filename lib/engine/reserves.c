#include "engine/reserves.h"

#include <string.h>

enum { IN_A_MEMBER = 64, IN_AN_ENTRY = 64, REQUEST_SIZE = 10, WAITING_SIZE = 26, PLACES = 4 * SECKILL_BATCH_MAX };

static bool same_user(const seckill_op *a, const seckill_op *b) {
    return a->user_size == b->user_size && memcmp(a->bytes, b->bytes, a->user_size) == 0;
}

/* FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>. Who makes users collide makes his own batch a little slower. */
static uint32_t hash_of_user(const seckill_op *op) {
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < op->user_size; i++)
        hash = (hash ^ op->bytes[i]) * 16777619U;
    return hash ^ hash >> 15;
}

/* Whether no user stands in the batch twice. */
static bool users_differ(seckill_op *const *ops, uint32_t count) {
    uint16_t places[PLACES] = {0}; /* a number of an op, from 1 */

    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = hash_of_user(ops[i]) % PLACES;

        for (; places[place] != 0; place = (place + 1) % PLACES) {
            if (same_user(ops[places[place] - 1], ops[i]))
                return false;
        }
        places[place] = (uint16_t)(i + 1);
    }
    return true;
}

/* When the first and the last of them were created. */
typedef struct {
    int64_t first, last;
} span;

static span span_of(seckill_op *const *ops, uint32_t count) {
    span times = {ops[0]->time_ms, ops[0]->time_ms};

    for (uint32_t i = 1; i < count; i++) {
        times.first = ops[i]->time_ms < times.first ? ops[i]->time_ms : times.first;
        times.last = ops[i]->time_ms > times.last ? ops[i]->time_ms : times.last;
    }
    return times;
}

static void write_span(sk__writer *writer, span times) {
    sk__write_u48(writer, (uint64_t)times.first);
    sk__write_u48(writer, (uint64_t)times.last);
}

static void encode_common(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 16);
    bool alike = true;

    for (uint32_t i = 1; i < count; i++)
        alike = alike && ops[i]->quantity == ops[0]->quantity;
    sk__write_u32(&writer, alike && (count == 1 || users_differ(ops, count)) ? ops[0]->quantity : 0);
    write_span(&writer, span_of(ops, count));
    command->failed = command->failed || writer.failed;
}

static void encode_requests(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer ids = sk__command_add_packed(command, count * sizeof(ops[0]->id));
    sk__writer requests = sk__command_add_packed(command, count * (size_t)REQUEST_SIZE);

    for (uint32_t i = 0; i < count; i++) {
        sk__write_bytes(&ids, ops[i]->id, sizeof(ops[i]->id));
        sk__write_u32(&requests, ops[i]->quantity);
        sk__write_u48(&requests, (uint64_t)ops[i]->time_ms);
    }
    command->failed = command->failed || ids.failed || requests.failed;
}

static size_t size_of_users(seckill_op *const *ops, uint32_t count) {
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++)
        size += 1U + ops[i]->user_size;
    return size;
}

static void write_user(sk__writer *writer, const seckill_op *op) {
    sk__write_u8(writer, op->user_size);
    sk__write_bytes(writer, op->bytes, op->user_size);
}

/* Members of :expirations as the script stores them, but for the time. */
static void encode_users(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, size_of_users(ops, count));

    for (uint32_t i = 0; i < count; i++)
        write_user(&writer, ops[i]);
    command->failed = command->failed || writer.failed;
}

void sk__reserves_encode(seckill_op *const *ops, uint32_t count, sk__command *command) {
    encode_common(ops, count, command);
    encode_requests(ops, count, command);
    for (uint32_t first = 0; first < count; first += IN_A_MEMBER)
        encode_users(ops + first, count - first < IN_A_MEMBER ? count - first : IN_A_MEMBER, command);
}

/* ---- for the queue ---- */

static void encode_common_of_queue(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 19);
    uint32_t most = 0;
    bool lost = false;

    for (uint32_t i = 0; i < count; i++) {
        lost = lost || ops[i]->again;
        most = ops[i]->quantity > most ? ops[i]->quantity : most;
    }
    sk__write_u16(&writer, (uint16_t)count);
    sk__write_u8(&writer, lost);
    sk__write_u32(&writer, most);
    write_span(&writer, span_of(ops, count));
    command->failed = command->failed || writer.failed;
}

static void encode_again(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, count);

    for (uint32_t i = 0; i < count; i++)
        sk__write_u8(&writer, ops[i]->again);
    command->failed = command->failed || writer.failed;
}

/* Entries of :queue as the script stores them. */
static void encode_entry(seckill_op *const *ops, uint32_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, count * WAITING_SIZE + size_of_users(ops, count));

    for (uint32_t i = 0; i < count; i++) {
        sk__write_bytes(&writer, ops[i]->id, sizeof(ops[i]->id));
        sk__write_u32(&writer, ops[i]->quantity);
        sk__write_u48(&writer, (uint64_t)ops[i]->time_ms);
        write_user(&writer, ops[i]);
    }
    command->failed = command->failed || writer.failed;
}

void sk__enqueues_encode(seckill_op *const *ops, uint32_t count, sk__command *command) {
    encode_common_of_queue(ops, count, command);
    encode_again(ops, count, command);
    encode_users(ops, count, command);
    for (uint32_t first = 0; first < count; first += IN_AN_ENTRY)
        encode_entry(ops + first, count - first < IN_AN_ENTRY ? count - first : IN_AN_ENTRY, command);
}
