/* What the scripts of a shard say about users: records, and the answers to a batch.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_RECORD_H
#define SK_SCRIPT_RECORD_H

#include "base/wire.h"

#include <seckill/events.h>

enum {
    SK__RECORD_SIZE = 44,   /* one record of a user: see shard.lua */
    SK__ANSWER_SIZE = 2,    /* status and flags */
    SK__ANSWER_AGAIN = 201, /* more is overdue than one script takes back: ask again at once */
    SK__ANSWER_SHORT = 203, /* confirm: the units are not there, and whether others have them is not proven */
    SK__ANSWER_ALIKE = 204, /* reserve, enqueue: instead of all answers, which are the same but for ids or places */
    SK__ANSWER_LOST = 202   /* poll: its place in the queue is lost: enqueue it again */
};

/* What every reply of a shard begins with. */
typedef struct {
    uint64_t settings_version;
    int64_t now_ms; /* the server's clock */
} sk__shard_header;

sk__shard_header sk__read_shard_header(sk__reader *reader);

/* Units as a script gives them, i8: within what an item can have, so that the sum over all shards fits; else `failed`. */
int64_t sk__read_units(sk__reader *reader);

/* A total of transfers: 0 to SECKILL_AMOUNT_MAX; else `failed`. */
uint64_t sk__read_total(sk__reader *reader);

/* An epoch or an n of the queue, as tickets take them: 1 to SECKILL_AMOUNT_MAX; else `failed`. */
uint64_t sk__read_number(sk__reader *reader);

/* One record of a user. */
typedef struct {
    seckill_reservation shown;
    uint32_t grace_ms; /* how long past its hold its token stands */
} sk__record;

/* Reads one record; sets the reader's `failed` where its state is none. A reason that is none is read as blacklisted. */
void sk__read_record(sk__reader *reader, sk__record *record);

/* The state of a record of SK__RECORD_SIZE bytes, which may be none, without the audit's stamp. */
uint8_t sk__record_state(const uint8_t *record);

/* Whether it is one. */
bool sk__state_valid(uint8_t state);

/* Whether a request can be remembered as refused for it. */
bool sk__reason_valid(seckill_status reason);

/* Reads one event with its id, as events_read gives it; its user and order reference stay in the reply. */
void sk__read_event(sk__reader *reader, seckill_event *event);

/* Where a request stands in the queue. */
typedef struct {
    uint64_t epoch, n;
    int64_t since_ms;
} sk__place;

/* How far a shard's queue is: the n of the last request that was decided, and of the last that came. */
typedef struct {
    uint64_t decided, enqueued;
} sk__progress;

sk__progress sk__read_progress(sk__reader *reader);

/* The answer to one request of a batch. */
typedef struct {
    seckill_status status; /* or SK__ANSWER_AGAIN, SK__ANSWER_LOST, SK__ANSWER_SHORT */
    bool replayed;
    bool has_record;
    bool queued;  /* it has a place */
    bool decided; /* poll: it was refused, and the status is why */
    sk__record record;
    sk__place place;
} sk__answer;

/* Reads the next answer, and from another reader what belongs to it, if anything does. */
sk__answer sk__read_answer(sk__reader *answers, sk__reader *bodies);

/* Whether there is one answer for all, read from behind the header. */
bool sk__answers_are_alike(sk__reader reader);

/* Reads that one answer; its record's id is zero. False: it is none, or something stands behind it. */
bool sk__read_alike(sk__reader *reader, sk__answer *answer);

/* The same of enqueue: they have all been added, in their order; gives the place of the first, as of now. */
bool sk__read_alike_places(sk__reader *reader, size_t count, int64_t now_ms, const sk__progress *progress, sk__answer *answer);

/* Checks a whole reply of `count` answers with what belongs to them, read from behind the header (and the progress), before any
 * of it is believed.
 *   of_queue   it comes from a script of the queue: others know no places. A place may be 0 and 0, as of a poll's ticket */
bool sk__answers_are_sound(sk__reader reader, size_t count, bool of_queue);

#endif
