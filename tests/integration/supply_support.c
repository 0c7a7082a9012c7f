#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "supply_support.h"

#include "base/wire.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const key_names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};

sale_answer supply_reserve(rules *r, uint32_t shard, uint32_t n, uint32_t quantity) {
    char user[SECKILL_USER_MAX + 1];

    rules_user_of(r, shard, n, user);
    return r->now_ms != 0 ? rules_reserve(r, user, "r", quantity) : sale_reserve(&r->sale, user, "r", quantity);
}

/* ---- moves by hand ---- */

static size_t write_identity(rules *r, uint8_t *bytes, size_t size) {
    sale_item_answer info = sale_get(&r->sale);
    sk__writer writer = sk__writer_of(bytes, size);

    sk__write_u64(&writer, info.version);
    sk__write_bytes(&writer, info.seed, sizeof(info.seed));
    sk__write_u8(&writer, 0);
    assert_false(writer.failed);
    return writer.at;
}

static size_t write_move(const supply_move *move, uint8_t *bytes, size_t size) {
    sk__writer writer = sk__writer_of(bytes, size);

    sk__write_u16(&writer, (uint16_t)move->to);
    sk__write_u64(&writer, move->known);
    sk__write_u64(&writer, move->least);
    sk__write_u64(&writer, move->want);
    sk__write_u64(&writer, move->taken);
    assert_false(writer.failed);
    return writer.at;
}

supply_moved supply_send(rules *r, const supply_move *move) {
    uint8_t identity[64], numbers[64];
    char keys[6][SECKILL_SHARD_KEY_SIZE];
    const char *argv[11] = {"EVAL", sk__script_of(SK__SCRIPT_transfer_out)->text, "6"};
    size_t sizes[11];
    supply_moved moved;
    redisReply *reply;

    for (int i = 0; i < 6; i++)
        argv[3 + i] = sale_key(&r->sale, move->from, key_names[i], keys[i]);
    for (int i = 0; i < 9; i++)
        sizes[i] = strlen(argv[i]);
    argv[9] = (const char *)identity;
    sizes[9] = write_identity(r, identity, sizeof(identity));
    argv[10] = (const char *)numbers;
    sizes[10] = write_move(move, numbers, sizeof(numbers));
    reply = redis_server_command_argv(r->server, 11, argv, sizes);
    assert_non_null(reply);
    memset(&moved, 0, sizeof(moved));
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)snprintf(moved.error, sizeof(moved.error), "%s", reply->str);
    } else {
        sk__reader reader = sk__reader_of(reply->str, reply->len);

        (void)sk__read_bytes(&reader, 14);
        moved.total = sk__read_u64(&reader);
        moved.units = sk__read_u64(&reader);
        assert_true(sk__reader_done(&reader));
    }
    redis_server_forget(reply);
    return moved;
}

/* ---- what is stored ---- */

supply_totals supply_read_totals(rules *r, uint32_t shard, uint32_t other) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply =
        redis_server_command(r->server, "HGET %s %u", sale_key(&r->sale, shard, "transfers", key), (unsigned)other);
    supply_totals totals = {0, 0};

    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_STRING) {
        sk__reader reader = sk__reader_of(reply->str, reply->len);

        totals.sent = sk__read_u64(&reader);
        totals.taken = sk__read_u64(&reader);
        assert_true(sk__reader_done(&reader));
    }
    redis_server_forget(reply);
    return totals;
}

void supply_write_field(rules *r, uint32_t shard, const char *field, const void *value, size_t size) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply =
        redis_server_command(r->server, "HSET %s %s %b", sale_key(&r->sale, shard, "transfers", key), field, value, size);

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    redis_server_forget(reply);
}

/* ---- finishing ---- */

static void on_transfers(const seckill_transfers_result *result, void *user_data) {
    sale_call *wait = user_data;
    supply_finished *answer = wait->answer;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->transit = result->transit;
    answer->owed = result->owed;
    wait->done = true;
}

supply_finished supply_finish(sale *self) {
    supply_finished answer;
    sale_call wait = {&answer, false};

    memset(&answer, 0, sizeof(answer));
    answer.status = seckill_transfers_finish(self->item, 0, on_transfers, &wait);
    if (answer.status == SECKILL_OK)
        sale_run_until(self, &wait.done);
    return answer;
}

/* ---- the past ---- */

static const char *const past_names[] = {"stock", "transfers"};

supply_past supply_remember(rules *r, uint32_t shard) {
    supply_past past = {shard, {NULL, NULL}};
    char key[SECKILL_SHARD_KEY_SIZE];

    for (int i = 0; i < 2; i++) {
        past.dumps[i] = redis_server_command(r->server, "DUMP %s", sale_key(&r->sale, shard, past_names[i], key));
        assert_non_null(past.dumps[i]);
        assert_int_equal(past.dumps[i]->type, REDIS_REPLY_STRING);
    }
    return past;
}

void supply_bring_back(rules *r, supply_past *past) {
    char key[SECKILL_SHARD_KEY_SIZE];

    for (int i = 0; i < 2; i++) {
        redisReply *reply =
            redis_server_command(r->server, "RESTORE %s 0 %b REPLACE", sale_key(&r->sale, past->shard, past_names[i], key),
                                 past->dumps[i]->str, past->dumps[i]->len);

        assert_non_null(reply);
        assert_int_equal(reply->type, REDIS_REPLY_STATUS);
        redis_server_forget(reply);
        redis_server_forget(past->dumps[i]);
    }
}
