/* A transport of the test's for the engine alone: it records what is sent, answers when the test says so, and owns the clock.
 *
 * Nothing happens by itself: fake_transport_turn runs the turns that the engine asked for, fake_transport_advance moves the
 * clock and stops at each alarm on the way, and each command waits until the test plays, fails or loses it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAKE_TRANSPORT_H
#define SK_TESTS_FAKE_TRANSPORT_H

#include "base/wire.h"
#include "engine/engine.h"
#include "engine/supply.h"

/* One command, as it was sent. */
typedef struct {
    uint32_t slot;
    bool asking, lasting;
    int argc;
    char **argv; /* each with a '\0' after it */
    size_t *sizes;
    sk__script_id script; /* SK__SCRIPT_COUNT: a plain command, which the test answers itself */
    bool with_text;       /* EVAL, not EVALSHA */
    bool is_over;         /* answered or lost */
    int64_t at_ms;
    sk__reply_cb cb;
    void *context;
} fake_sent;

typedef struct {
    sk__transport transport;
    sk__engine *engine; /* set by the test once it is open */
    bool up;
    uint32_t nodes;        /* servers, with equal ranges of slots; 0: one */
    uint64_t down_nodes;   /* a bit for each that cannot be reached, while others can */
    char cause[200];       /* why it is down */
    seckill_status refuse; /* what the next send says instead of sending; SECKILL_OK: it sends */
    bool keeps_refusing;   /* and all that follow */
    bool is_awake;         /* a turn is asked for */
    int64_t now_ms, wall_ms, alarm_ms;
    fake_sent *sent;
    size_t count, capacity;
    /* What fake_transport_play answers: the item "sale/phone". */
    uint32_t shards;
    uint64_t map_version, shard_version;
    bool is_defined;
    uint8_t seed[16];
    /* And its queue, as if all shards had one: requests are granted as they are processed. */
    uint64_t queue_epoch, queue_decided, queue_enqueued;
} fake_transport;

typedef struct {
    uint32_t from;
    uint64_t total;
} fake_take;

/* What a script that serves was told about other shards; of a survey only the takes. */
typedef struct {
    uint64_t epoch, version, units, enqueued;
    uint32_t count;
    fake_take takes[SK__TAKES_MAX];
} fake_supply;

typedef struct {
    uint32_t to;
    uint64_t known, least, want, taken;
} fake_move;

/* What a queue_process is about, as it was sent. */
typedef struct {
    uint64_t from_epoch, from_n, to_n, verdicts_n;
    uint32_t max;
    const char *verdicts;
    size_t verdict_count;
} fake_process;

void fake_transport_init(fake_transport *wire);
void fake_transport_free(fake_transport *wire);

/* Runs the turns that are asked for; at most 1000, so that an engine that spins is found. */
void fake_transport_turn(fake_transport *wire);
void fake_transport_advance(fake_transport *wire, int64_t ms);

/* The commands that wait for an answer: how many; the index of the oldest (wire->count: none). */
size_t fake_transport_waiting(const fake_transport *wire);
size_t fake_transport_oldest(const fake_transport *wire);

/* Answers one command; the turns that follow are run. */
void fake_transport_answer(fake_transport *wire, size_t index, const void *bytes, size_t size);
void fake_transport_error(fake_transport *wire, size_t index, const char *text);
void fake_transport_other(fake_transport *wire, size_t index);

/* As a server would that has what was asked for: every reserve, confirm, cancel and refund is ok, nobody has records, requests
 * queue, tickets of another epoch are lost. */
void fake_transport_play(fake_transport *wire, size_t index);
/* Plays whatever waits, and what comes of that. */
void fake_transport_play_all(fake_transport *wire);

/* For a server of another kind: a command as it came, to be freed; and what play would answer, the size. */
void fake_sent_init(fake_sent *sent, int argc, const char *const *argv, const size_t *sizes);
void fake_sent_free(fake_sent *sent);
size_t fake_transport_write_reply(fake_transport *wire, const fake_sent *sent, void *bytes, size_t size);

/* The connection breaks: what waits is lost, oldest first, then the engine is told. It comes back. */
void fake_transport_break(fake_transport *wire, const char *cause);
void fake_transport_mend(fake_transport *wire);

/* The ops of a batch: how many; the reservation id and the user of one of them. */
size_t fake_sent_ops(const fake_sent *sent);
const uint8_t *fake_sent_id(const fake_sent *sent, size_t op);
uint32_t fake_sent_units(const fake_sent *sent, size_t op); /* of a reserve or a confirm */
const char *fake_sent_user(const fake_sent *sent, size_t op);
bool fake_sent_again(const fake_sent *sent, size_t op);     /* of an enqueue: it stood in the queue before */
uint8_t fake_sent_reason(const fake_sent *sent, size_t op); /* of a refuse, as records have it */
fake_process fake_sent_process(const fake_sent *sent);
fake_supply fake_sent_supply(const fake_sent *sent);
fake_move fake_sent_move(const fake_sent *sent);

/* For replies of the test's own: what a shard's reply begins with, an answer, a record in state "reserved". */
void fake_write_header(const fake_transport *wire, sk__writer *writer, uint64_t version);
void fake_write_answer(sk__writer *writer, uint8_t status, uint8_t flags);
void fake_write_record(const fake_transport *wire, sk__writer *writer, const uint8_t *id, uint8_t state);
void fake_write_refused(const fake_transport *wire, sk__writer *writer, const uint8_t *id, uint64_t reason);

/* What a shard has, up to the number of rows (u16) that follows with them: other u16, sent u64, taken u64. */
void fake_write_survey(const fake_transport *wire, sk__writer *writer, int64_t available);

/* Of the queue's: how far it is (behind the header), a place, a request that is handed out. */
void fake_write_progress(sk__writer *writer, uint64_t decided, uint64_t enqueued);
void fake_write_place(const fake_transport *wire, sk__writer *writer, uint64_t epoch, uint64_t n);
void fake_write_entry(const fake_transport *wire, sk__writer *writer, const char *user);
/* Behind the progress: each request of an enqueue has been added, the last as the last. */
void fake_write_alike_places(const fake_transport *wire, sk__writer *writer);
/* The reply of queue_process behind the header, up to the entries' count: granted and refused; why it stopped, with the version
 * and units that are told; the next request. */
void fake_write_processed(const fake_transport *wire, sk__writer *writer, uint32_t granted, uint32_t refused, uint8_t stop,
                          uint64_t next);

/* The list of the item, as map_get answers it. */
void fake_write_map(const fake_transport *wire, sk__writer *writer);

#endif
