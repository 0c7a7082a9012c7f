/* Replies as scripts give them, for the tests of views: whole, cut, and from exact memory, so that a step too far is seen.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_VIEW_FIXTURE_H
#define SK_TESTS_VIEW_FIXTURE_H

#include "client/view.h"
#include "failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { REPLY_SIZE = 4096, SHARDS = 2, MAP_VERSION = 7, START_MS = 1000000, END_MS = 2000000, HOLD_MS = 60000 };

#define NOW_MS INT64_C(1700000000123) /* of the server */

typedef struct {
    uint8_t bytes[REPLY_SIZE];
    size_t size;
} reply;

typedef struct {
    uint64_t version;
    uint8_t state;
    uint32_t shards;
    const char *seed; /* 16 bytes */
    const char *tags;
} map_says;

#define USUAL_MAP                                                                                                              \
    { MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "0123456789abcdef", "0,1.x" }

reply map_reply(const map_says *says);

/* What a shard says of itself; all else is 0. */
typedef struct {
    uint64_t settings_version, version, epoch;
    int64_t loaded, taken, sent, available, reserved, sold, queued;
    uint8_t overdue;
} stock_says;

#define SOLD_OUT_STOCK                                                                                                         \
    { MAP_VERSION, 5, 100, 10, 0, 0, 0, 4, 6, 3, 0 }

reply stock_reply(const stock_says *says);

/* One answer of poll: status, flags, and what belongs to them. */
enum { ANSWER_RECORD = 2, ANSWER_QUEUED = 4, ANSWER_DECIDED = 8 };
typedef struct {
    uint64_t settings_version;
    uint64_t decided, enqueued;
    int status, flags;
    uint8_t record_state;
    uint64_t epoch, n;
} poll_says;
reply poll_reply(const poll_says *says);

void write_header(sk__writer *writer, uint64_t settings_version);
void write_record(sk__writer *writer, uint8_t state);
void reply_end(reply *self, const sk__writer *writer);

/* All of them give the view a reply in memory of exactly its size. */
seckill_status take_item(seckill_view *view, const reply *from, size_t size);
seckill_status take_shard(seckill_view *view, uint32_t shard, uint32_t round, const reply *from, size_t size);
seckill_status take_ticket(seckill_view *view, const seckill_ticket *ticket, const reply *from, size_t size,
                           seckill_view_ticket *answer);

/* A view of sale/phone that has taken the usual list. */
seckill_view *known_view(void);

/* A ticket of alice, which waits as the n-th of its epoch. */
seckill_ticket ticket_of(uint64_t epoch, uint64_t n);

#define assert_status(answered, expected) assert_string_equal(seckill_status_name(answered), seckill_status_name(expected))

#endif
