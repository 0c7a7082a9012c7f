/* SPDX-License-Identifier: MIT */
#include "fake_transport.h"

#include "script/record.h"

#include <seckill/shard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_SIZE = 64 * 1024, FIRST_ARGUMENT = 9, TURNS_MAX = 1000 };

static void die(const char *what) {
    (void)fprintf(stderr, "fake_transport: %s\n", what);
    abort();
}

static void *checked(void *memory) {
    if (memory == NULL)
        die("out of memory");
    return memory;
}

static fake_transport *wire_of(sk__transport *transport) {
    return (fake_transport *)(void *)transport;
}

/* ---- what the engine calls ---- */

static bool is_script(const fake_sent *sent, sk__script_id id) {
    const sk__script *script = sk__script_of(id);

    if (sent->with_text)
        return sent->sizes[1] == *script->size && memcmp(sent->argv[1], script->text, *script->size) == 0;
    return strcmp(sent->argv[1], script->sha1) == 0;
}

void fake_sent_init(fake_sent *sent, int argc, const char *const *argv, const size_t *sizes) {
    int id = 0;

    memset(sent, 0, sizeof(*sent));
    sent->argc = argc;
    sent->argv = checked(calloc((size_t)argc, sizeof(*sent->argv)));
    sent->sizes = checked(calloc((size_t)argc, sizeof(*sent->sizes)));
    for (int i = 0; i < argc; i++) {
        sent->sizes[i] = sizes[i];
        sent->argv[i] = checked(malloc(sizes[i] + 1));
        memcpy(sent->argv[i], argv[i], sizes[i]);
        sent->argv[i][sizes[i]] = '\0';
    }
    sent->script = SK__SCRIPT_COUNT;
    if (strncmp(sent->argv[0], "EVAL", 4) != 0)
        return;
    if (argc <= FIRST_ARGUMENT - 6)
        die("a command without a key");
    sent->with_text = strcmp(sent->argv[0], "EVAL") == 0;
    while (id < SK__SCRIPT_COUNT && !is_script(sent, (sk__script_id)id))
        id++;
    if (id == SK__SCRIPT_COUNT)
        die("a command that is none of the scripts");
    sent->script = (sk__script_id)id;
}

void fake_sent_free(fake_sent *sent) {
    for (int i = 0; i < sent->argc; i++)
        free(sent->argv[i]);
    free((void *)sent->argv);
    free(sent->sizes);
}

static uint32_t wire_node(const sk__transport *transport, uint32_t slot) {
    const fake_transport *wire = (const fake_transport *)(const void *)transport;

    return wire->nodes != 0 ? slot * wire->nodes / 16384 : 0;
}

static const char *wire_trouble(const sk__transport *transport, uint32_t node) {
    const fake_transport *wire = (const fake_transport *)(const void *)transport;

    (void)node;
    return wire->cause;
}

static void wire_address(const sk__transport *transport, uint32_t node, char *text, size_t size) {
    (void)transport;
    (void)snprintf(text, size, "node:%u", (unsigned)node);
}

static seckill_status wire_send(sk__transport *transport, const sk__sending *sending, sk__reply_cb cb, void *context) {
    fake_transport *wire = wire_of(transport);
    seckill_status refuse = wire->refuse;
    fake_sent *sent;

    if (!wire->keeps_refusing)
        wire->refuse = SECKILL_OK;
    if (refuse != SECKILL_OK)
        return refuse;
    if (!wire->up || (wire->down_nodes >> wire_node(transport, sending->slot) & 1) != 0)
        return SECKILL_UNREACHABLE;
    if (wire->count == wire->capacity) {
        wire->capacity = wire->capacity != 0 ? 2 * wire->capacity : 64;
        wire->sent = checked(realloc(wire->sent, wire->capacity * sizeof(*wire->sent)));
    }
    sent = &wire->sent[wire->count++];
    fake_sent_init(sent, sending->argc, sending->argv, sending->sizes);
    sent->slot = sending->slot;
    sent->asking = sending->asking;
    sent->lasting = sending->lasting;
    sent->at_ms = wire->now_ms;
    sent->cb = cb;
    sent->context = context;
    return SECKILL_OK;
}

static void wire_wake(sk__transport *transport) {
    wire_of(transport)->is_awake = true;
}

static void wire_alarm(sk__transport *transport, int64_t due_ms) {
    wire_of(transport)->alarm_ms = due_ms;
}

static int64_t wire_now_ms(sk__transport *transport) {
    return wire_of(transport)->now_ms;
}

static int64_t wire_wall_ms(sk__transport *transport) {
    return wire_of(transport)->wall_ms;
}

static int64_t wire_now_us(sk__transport *transport) {
    return wire_of(transport)->now_ms * 1000;
}

/* ---- life ---- */

void fake_transport_init(fake_transport *wire) {
    static const sk__transport transport = {wire_node,  wire_send,   wire_trouble, wire_address, wire_wake,
                                            wire_alarm, wire_now_ms, wire_wall_ms, wire_now_us};

    memset(wire, 0, sizeof(*wire));
    wire->transport = transport;
    wire->up = true;
    wire->now_ms = 1000;
    wire->wall_ms = INT64_C(1700000000000);
    wire->alarm_ms = INT64_MAX;
    wire->shards = 4;
    wire->map_version = 1;
    wire->shard_version = 1;
    wire->is_defined = true;
    wire->queue_epoch = 1;
}

void fake_transport_free(fake_transport *wire) {
    for (size_t i = 0; i < wire->count; i++)
        fake_sent_free(&wire->sent[i]);
    free(wire->sent);
    wire->sent = NULL;
    wire->count = wire->capacity = 0;
}

/* ---- time ---- */

void fake_transport_turn(fake_transport *wire) {
    for (int turns = 0; wire->is_awake; turns++) {
        if (turns == TURNS_MAX)
            die("the engine asks for turn after turn");
        wire->is_awake = false;
        sk__engine_turn(wire->engine);
    }
}

void fake_transport_advance(fake_transport *wire, int64_t ms) {
    int64_t until = wire->now_ms + ms;

    fake_transport_turn(wire);
    while (wire->alarm_ms <= until) {
        int64_t due = wire->alarm_ms > wire->now_ms ? wire->alarm_ms : wire->now_ms;

        wire->wall_ms += due - wire->now_ms;
        wire->now_ms = due;
        wire->is_awake = true;
        fake_transport_turn(wire);
        if (wire->alarm_ms <= due && wire->alarm_ms <= wire->now_ms)
            die("an alarm for what is past");
    }
    wire->wall_ms += until - wire->now_ms;
    wire->now_ms = until;
}

/* ---- answers ---- */

size_t fake_transport_waiting(const fake_transport *wire) {
    size_t waiting = 0;

    for (size_t i = 0; i < wire->count; i++)
        waiting += !wire->sent[i].is_over;
    return waiting;
}

size_t fake_transport_oldest(const fake_transport *wire) {
    size_t at = 0;

    while (at < wire->count && wire->sent[at].is_over)
        at++;
    return at;
}

static void give(fake_transport *wire, size_t index, const sk__reply *reply) {
    fake_sent *sent = &wire->sent[index];

    if (index >= wire->count || sent->is_over)
        die("no such command waits");
    sent->is_over = true;
    sent->cb(sent->context, reply); /* may send, and so move wire->sent */
}

void fake_transport_answer(fake_transport *wire, size_t index, const void *bytes, size_t size) {
    sk__reply reply = {SK__REPLY_BYTES, bytes, size};

    give(wire, index, &reply);
    fake_transport_turn(wire);
}

void fake_transport_error(fake_transport *wire, size_t index, const char *text) {
    sk__reply reply = {SK__REPLY_ERROR, text, strlen(text)};

    give(wire, index, &reply);
    fake_transport_turn(wire);
}

void fake_transport_other(fake_transport *wire, size_t index) {
    sk__reply reply = {SK__REPLY_OTHER, "", 0};

    give(wire, index, &reply);
    fake_transport_turn(wire);
}

void fake_transport_break(fake_transport *wire, const char *cause) {
    sk__reply reply = {SK__REPLY_LOST, cause, strlen(cause)};
    size_t last = wire->count;

    wire->up = false;
    for (size_t i = 0; i < last; i++) {
        if (!wire->sent[i].is_over)
            give(wire, i, &reply);
    }
    (void)snprintf(wire->cause, sizeof(wire->cause), "%s", cause);
    for (uint32_t i = 0; i < (wire->nodes != 0 ? wire->nodes : 1); i++)
        sk__engine_down(wire->engine, i, SECKILL_UNREACHABLE);
    fake_transport_turn(wire);
}

void fake_transport_mend(fake_transport *wire) {
    wire->up = true;
    wire->cause[0] = '\0';
    for (uint32_t i = 0; i < (wire->nodes != 0 ? wire->nodes : 1); i++)
        sk__engine_up(wire->engine, i);
    fake_transport_turn(wire);
}

/* ---- a batch ---- */

static size_t request_size(sk__script_id script) {
    switch (script) {
    case SK__SCRIPT_confirm:
        return 34;
    case SK__SCRIPT_poll:
        return 42;
    case SK__SCRIPT_refuse:
        return 27;
    default:
        return 16;
    }
}

/* Behind what tells the item, the supply of those that serve, and what reserves have in common. */
static size_t own_argument(const fake_sent *sent) {
    bool serves =
        sent->script == SK__SCRIPT_reserve || sent->script == SK__SCRIPT_confirm || sent->script == SK__SCRIPT_queue_process;

    return FIRST_ARGUMENT + (serves ? 2U : 1U) + (sent->script == SK__SCRIPT_reserve ? 1U : 0U);
}

/* What enqueue.lua takes behind what tells the item and what the requests have in common. */
enum { AGAIN_ARGUMENT = FIRST_ARGUMENT + 2, QUEUED_USERS, QUEUED_ENTRIES, IN_AN_ENTRY = 64 };

/* A request as an entry of the queue holds it. */
static const uint8_t *queued_request(const fake_sent *sent, size_t op) {
    size_t argument = QUEUED_ENTRIES + op / IN_AN_ENTRY;
    sk__reader reader = sk__reader_of(sent->argv[argument], sent->sizes[argument]);

    for (size_t i = 0; i < op % IN_AN_ENTRY; i++) {
        (void)sk__read_bytes(&reader, 26);
        (void)sk__read_bytes(&reader, sk__read_u8(&reader));
    }
    return reader.data + reader.at;
}

bool fake_sent_again(const fake_sent *sent, size_t op) {
    return sent->argv[AGAIN_ARGUMENT][op] != 0;
}

size_t fake_sent_ops(const fake_sent *sent) {
    if (sent->script == SK__SCRIPT_enqueue)
        return sent->sizes[AGAIN_ARGUMENT];
    if (sent->script == SK__SCRIPT_lookup)
        return (size_t)sent->argc - FIRST_ARGUMENT - 1;
    return sent->sizes[own_argument(sent)] / request_size(sent->script);
}

const uint8_t *fake_sent_id(const fake_sent *sent, size_t op) {
    if (sent->script == SK__SCRIPT_enqueue)
        return queued_request(sent, op);
    return (const uint8_t *)sent->argv[own_argument(sent)] + op * request_size(sent->script);
}

uint32_t fake_sent_units(const fake_sent *sent, size_t op) {
    const uint8_t *behind_id = fake_sent_id(sent, op) + 16;
    sk__reader reader = sk__reader_of(behind_id, 4);

    if (sent->script == SK__SCRIPT_reserve)
        reader = sk__reader_of(sent->argv[own_argument(sent) + 1] + op * 10, 4);
    return sk__read_u32(&reader);
}

static const char *packed_user(const fake_sent *sent, size_t argument, size_t place) {
    static char user[SECKILL_USER_MAX + 1];
    sk__reader reader = sk__reader_of(sent->argv[argument], sent->sizes[argument]);
    seckill_bytes bytes = {NULL, 0};

    for (size_t i = 0; i <= place; i++)
        bytes = sk__read_bytes(&reader, sk__read_u8(&reader));
    memcpy(user, bytes.data, bytes.size);
    user[bytes.size] = '\0';
    return user;
}

const char *fake_sent_user(const fake_sent *sent, size_t op) {
    if (sent->script == SK__SCRIPT_reserve)
        return packed_user(sent, own_argument(sent) + 2 + op / 64, op % 64);
    if (sent->script == SK__SCRIPT_enqueue)
        return packed_user(sent, QUEUED_USERS, op);
    return sent->argv[own_argument(sent) + (sent->script == SK__SCRIPT_lookup ? 0U : 1U) + op];
}

static uint32_t read_takes(sk__reader *reader, fake_take takes[SK__TAKES_MAX]) {
    uint32_t count = 0;

    for (; sk__reader_left(reader) >= SK__TAKE_SIZE; count++) {
        takes[count].from = sk__read_u16(reader);
        takes[count].total = sk__read_u64(reader);
    }
    if (!sk__reader_done(reader))
        die("takes that are cut short");
    return count;
}

fake_supply fake_sent_supply(const fake_sent *sent) {
    sk__reader reader = sk__reader_of(sent->argv[FIRST_ARGUMENT + 1], sent->sizes[FIRST_ARGUMENT + 1]);
    fake_supply supply;

    memset(&supply, 0, sizeof(supply));
    if (sent->script != SK__SCRIPT_survey) {
        supply.epoch = sk__read_u64(&reader);
        supply.version = sk__read_u64(&reader);
        supply.units = sk__read_u64(&reader);
        supply.enqueued = sk__read_u64(&reader);
    }
    supply.count = read_takes(&reader, supply.takes);
    return supply;
}

fake_move fake_sent_move(const fake_sent *sent) {
    sk__reader reader = sk__reader_of(sent->argv[FIRST_ARGUMENT + 1], sent->sizes[FIRST_ARGUMENT + 1]);
    fake_move move;

    move.to = sk__read_u16(&reader);
    move.known = sk__read_u64(&reader);
    move.least = sk__read_u64(&reader);
    move.want = sk__read_u64(&reader);
    move.taken = sk__read_u64(&reader);
    if (sent->script != SK__SCRIPT_transfer_out || !sk__reader_done(&reader))
        die("this is no transfer_out");
    return move;
}

fake_process fake_sent_process(const fake_sent *sent) {
    size_t own = own_argument(sent);
    sk__reader reader = sk__reader_of(sent->argv[own], sent->sizes[own]);
    fake_process process;

    process.from_epoch = sk__read_u64(&reader);
    process.from_n = sk__read_u64(&reader);
    process.to_n = sk__read_u64(&reader);
    process.verdicts_n = sk__read_u64(&reader);
    process.max = sk__read_u32(&reader);
    process.verdicts = sent->argv[own + 1];
    process.verdict_count = sent->sizes[own + 1];
    if (sent->script != SK__SCRIPT_queue_process || !sk__reader_done(&reader))
        die("this is no queue_process");
    return process;
}

/* ---- replies ---- */

void fake_write_header(const fake_transport *wire, sk__writer *writer, uint64_t version) {
    sk__write_u64(writer, version);
    sk__write_u48(writer, (uint64_t)wire->wall_ms);
}

void fake_write_answer(sk__writer *writer, uint8_t status, uint8_t flags) {
    sk__write_u8(writer, status);
    sk__write_u8(writer, flags);
}

static void write_record(const fake_transport *wire, sk__writer *writer, const uint8_t *id, uint8_t state, uint64_t price) {
    sk__write_bytes(writer, id, 16);
    sk__write_u8(writer, state);
    sk__write_u32(writer, 1);
    sk__write_u56(writer, price);
    sk__write_u48(writer, (uint64_t)wire->wall_ms);
    sk__write_u48(writer, (uint64_t)wire->wall_ms + 60000);
    sk__write_u32(writer, 0);
}

void fake_write_record(const fake_transport *wire, sk__writer *writer, const uint8_t *id, uint8_t state) {
    write_record(wire, writer, id, state, 100);
}

void fake_write_refused(const fake_transport *wire, sk__writer *writer, const uint8_t *id, uint64_t reason) {
    write_record(wire, writer, id, SECKILL_RESERVATION_REFUSED, reason);
}

void fake_write_map(const fake_transport *wire, sk__writer *writer) {
    /* price, limit, start, end, hold, grace, window, remember, skew, max_events, max_queue */
    static const uint64_t settings[] = {100, 1, 0, 0, 60000, 0, 60000, 120000, 0, 1000000, 1000000};
    char tag[SECKILL_TAG_SIZE];

    sk__write_u64(writer, wire->map_version);
    sk__write_u8(writer, 0);
    sk__write_u32(writer, wire->shards);
    sk__write_bytes(writer, wire->seed, sizeof(wire->seed));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        sk__write_u64(writer, settings[i]);
    for (uint32_t i = 0; i < wire->shards; i++) {
        if (seckill_shard_tag("sale", "phone", i, wire->shards, tag) != SECKILL_OK)
            die("no tag");
        if (i != 0)
            sk__write_text(writer, ",");
        sk__write_text(writer, tag);
    }
}

static void write_batch(const fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    static const uint8_t states[] = {
        [SK__SCRIPT_reserve] = 1, [SK__SCRIPT_confirm] = 2, [SK__SCRIPT_cancel] = 3, [SK__SCRIPT_refund] = 5};
    size_t ops = fake_sent_ops(sent);

    for (size_t i = 0; i < ops; i++)
        fake_write_answer(writer, 0, 2);
    for (size_t i = 0; i < ops; i++)
        fake_write_record(wire, writer, fake_sent_id(sent, i), states[sent->script]);
}

void fake_write_survey(const fake_transport *wire, sk__writer *writer, int64_t available) {
    sk__write_u64(writer, wire->queue_epoch);
    sk__write_u64(writer, wire->shard_version);
    sk__write_u64(writer, (uint64_t)available);
    sk__write_u64(writer, wire->queue_enqueued);
    sk__write_u8(writer, 0);
}

void fake_write_progress(sk__writer *writer, uint64_t decided, uint64_t enqueued) {
    sk__write_u64(writer, decided);
    sk__write_u64(writer, enqueued);
}

void fake_write_place(const fake_transport *wire, sk__writer *writer, uint64_t epoch, uint64_t n) {
    sk__write_u64(writer, epoch);
    sk__write_u64(writer, n);
    sk__write_u48(writer, (uint64_t)wire->wall_ms);
}

void fake_write_entry(const fake_transport *wire, sk__writer *writer, const char *user) {
    sk__write_bytes(writer, "0123456789abcdef", 16);
    sk__write_u32(writer, 1);
    sk__write_u48(writer, (uint64_t)wire->wall_ms);
    sk__write_u8(writer, (uint8_t)strlen(user));
    sk__write_bytes(writer, user, strlen(user));
}

void fake_write_processed(const fake_transport *wire, sk__writer *writer, uint32_t granted, uint32_t refused, uint8_t stop,
                          uint64_t next) {
    sk__write_u32(writer, granted + refused);
    sk__write_u32(writer, granted);
    sk__write_u32(writer, refused);
    sk__write_u32(writer, 0);
    sk__write_u8(writer, stop);
    sk__write_u32(writer, stop == SECKILL_SOLD_OUT || stop == SECKILL_NOT_ENOUGH);
    fake_write_progress(writer, wire->queue_decided, wire->queue_enqueued);
    sk__write_u64(writer, next != 0 ? wire->queue_epoch : 0);
    sk__write_u64(writer, next);
}

void fake_write_alike_places(const fake_transport *wire, sk__writer *writer) {
    sk__write_u8(writer, SK__ANSWER_ALIKE);
    sk__write_u64(writer, wire->queue_epoch);
}

static void write_enqueued(fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    size_t ops = fake_sent_ops(sent);
    uint64_t n = wire->queue_enqueued;
    bool again = false;

    wire->queue_enqueued += ops;
    fake_write_progress(writer, wire->queue_decided, wire->queue_enqueued);
    for (size_t i = 0; i < ops; i++)
        again = again || fake_sent_again(sent, i);
    if (!again) {
        fake_write_alike_places(wire, writer);
        return;
    }
    for (size_t i = 0; i < ops; i++)
        fake_write_answer(writer, 0, 4);
    for (size_t i = 0; i < ops; i++)
        fake_write_place(wire, writer, wire->queue_epoch, ++n);
}

typedef enum { IS_LOST, WAITS, IS_GRANTED } fate;

static fate fate_of(const fake_transport *wire, const fake_sent *sent, size_t op, uint64_t *n) {
    sk__reader reader = sk__reader_of(fake_sent_id(sent, op) + 20, 16); /* behind id and quantity */
    uint64_t epoch = sk__read_u64(&reader);

    *n = sk__read_u64(&reader);
    if (epoch == 0)
        return WAITS; /* in a queue of the shop's own */
    return epoch != wire->queue_epoch ? IS_LOST : *n > wire->queue_decided ? WAITS : IS_GRANTED;
}

static void write_polled(const fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    size_t ops = fake_sent_ops(sent);
    uint64_t n;

    fake_write_progress(writer, wire->queue_decided, wire->queue_enqueued);
    for (size_t i = 0; i < ops; i++) {
        fate what = fate_of(wire, sent, i, &n);

        fake_write_answer(writer, what == IS_LOST ? 202 : 0, what == IS_LOST ? 0 : what == WAITS ? 4 : 3);
    }
    for (size_t i = 0; i < ops; i++) {
        fate what = fate_of(wire, sent, i, &n);

        if (what == WAITS)
            fake_write_place(wire, writer, n != 0 ? wire->queue_epoch : 0, n);
        else if (what == IS_GRANTED)
            fake_write_record(wire, writer, fake_sent_id(sent, i), 1);
    }
}

uint8_t fake_sent_reason(const fake_sent *sent, size_t op) {
    return fake_sent_id(sent, op)[26];
}

static void write_refused(const fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    size_t ops = fake_sent_ops(sent);

    fake_write_progress(writer, wire->queue_decided, wire->queue_enqueued);
    for (size_t i = 0; i < ops; i++)
        fake_write_answer(writer, 0, 2);
    for (size_t i = 0; i < ops; i++)
        fake_write_refused(wire, writer, fake_sent_id(sent, i), fake_sent_reason(sent, i));
}

static void write_processed(fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    fake_process asked = fake_sent_process(sent);
    uint64_t decided = 0, waiting;
    uint32_t count;

    if (asked.from_n == wire->queue_decided + 1 && asked.to_n <= wire->queue_enqueued)
        decided = asked.to_n - wire->queue_decided;
    wire->queue_decided += decided;
    waiting = wire->queue_enqueued - wire->queue_decided;
    count = waiting < asked.max ? (uint32_t)waiting : asked.max;
    fake_write_processed(wire, writer, (uint32_t)decided, 0, 0, waiting != 0 ? wire->queue_decided + 1 : 0);
    sk__write_u32(writer, count);
    for (uint32_t i = 1; i <= count; i++)
        fake_write_entry(wire, writer, "somebody");
}

static void write_zeros(sk__writer *writer, size_t count) {
    for (size_t i = 0; i < count; i++)
        sk__write_u8(writer, 0);
}

/* What comes behind the header in the reply of a shard's script. */
static void write_shard_reply(fake_transport *wire, const fake_sent *sent, sk__writer *writer) {
    switch (sent->script) {
    case SK__SCRIPT_reserve:
    case SK__SCRIPT_confirm:
    case SK__SCRIPT_cancel:
    case SK__SCRIPT_refund:
        write_batch(wire, sent, writer);
        return;
    case SK__SCRIPT_lookup:
        write_zeros(writer, fake_sent_ops(sent));
        return;
    case SK__SCRIPT_expire:
        write_zeros(writer, 19);
        sk__write_u64(writer, wire->queue_epoch);
        return;
    case SK__SCRIPT_stock:
        write_zeros(writer, 121);
        return;
    case SK__SCRIPT_load:
        sk__write_u64(writer, (uint64_t)strtoll(sent->argv[FIRST_ARGUMENT + 2], NULL, 10));
        return;
    case SK__SCRIPT_survey:
        fake_write_survey(wire, writer, 0);
        sk__write_u16(writer, 0);
        return;
    case SK__SCRIPT_transfer_out:
        write_zeros(writer, 16);
        return;
    case SK__SCRIPT_enqueue:
        write_enqueued(wire, sent, writer);
        return;
    case SK__SCRIPT_poll:
        write_polled(wire, sent, writer);
        return;
    case SK__SCRIPT_refuse:
        write_refused(wire, sent, writer);
        return;
    case SK__SCRIPT_queue_process:
        write_processed(wire, sent, writer);
        return;
    case SK__SCRIPT_events_read:
        write_zeros(writer, 12);
        return;
    case SK__SCRIPT_events_ack:
        write_zeros(writer, 4);
        return;
    default: /* define */
        return;
    }
}

size_t fake_transport_write_reply(fake_transport *wire, const fake_sent *sent, void *bytes, size_t size) {
    sk__writer writer = sk__writer_of(bytes, size);

    if (sent->script == SK__SCRIPT_map_define)
        wire->is_defined = true;
    switch (sent->script) {
    case SK__SCRIPT_map_define:
    case SK__SCRIPT_map_get:
    case SK__SCRIPT_map_state:
    case SK__SCRIPT_plan_done:
        if (wire->is_defined)
            fake_write_map(wire, &writer);
        break;
    case SK__SCRIPT_plan:
        sk__write_bytes(&writer, sent->argv[6], sent->sizes[6]);
        break;
    case SK__SCRIPT_items_add:
        break;
    case SK__SCRIPT_items_list:
        sk__write_text(&writer, "phone\n");
        break;
    default:
        fake_write_header(wire, &writer, wire->shard_version);
        write_shard_reply(wire, sent, &writer);
        break;
    }
    if (writer.failed)
        die("a reply that is too long");
    return writer.at;
}

void fake_transport_play(fake_transport *wire, size_t index) {
    static uint8_t bytes[REPLY_SIZE];
    size_t size = fake_transport_write_reply(wire, &wire->sent[index], bytes, sizeof(bytes));

    fake_transport_answer(wire, index, bytes, size);
}

void fake_transport_play_all(fake_transport *wire) {
    size_t oldest;

    fake_transport_turn(wire);
    while ((oldest = fake_transport_oldest(wire)) < wire->count)
        fake_transport_play(wire, oldest);
}
