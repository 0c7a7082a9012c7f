#include "view_fixture.h"

#include <stdlib.h>
#include <string.h>

static sk__writer begin(reply *self) {
    memset(self, 0, sizeof(*self));
    return sk__writer_of(self->bytes, sizeof(self->bytes));
}

void reply_end(reply *self, const sk__writer *writer) {
    assert_false(writer->failed);
    self->size = writer->at;
}

reply map_reply(const map_says *says) {
    const uint64_t settings[] = {4990, 1, START_MS, END_MS, HOLD_MS, 0, 60000, 120000, 0, 1000000, 1000000};
    reply self;
    sk__writer writer = begin(&self);

    sk__write_u64(&writer, says->version);
    sk__write_u8(&writer, says->state);
    sk__write_u32(&writer, says->shards);
    sk__write_bytes(&writer, says->seed, SECKILL_SEED_SIZE);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        sk__write_u64(&writer, settings[i]);
    sk__write_text(&writer, says->tags);
    reply_end(&self, &writer);
    return self;
}

void write_header(sk__writer *writer, uint64_t settings_version) {
    sk__write_u64(writer, settings_version);
    sk__write_u48(writer, (uint64_t)NOW_MS);
}

reply stock_reply(const stock_says *says) {
    const int64_t numbers[] = {says->loaded,
                               says->taken,
                               says->sent,
                               says->available,
                               says->reserved,
                               says->sold,
                               1,
                               2,
                               3,
                               4,
                               5,
                               says->queued,
                               6,
                               (int64_t)says->version,
                               (int64_t)says->epoch};
    reply self;
    sk__writer writer = begin(&self);

    write_header(&writer, says->settings_version);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sk__write_u64(&writer, (uint64_t)numbers[i]);
    sk__write_u8(&writer, says->overdue);
    reply_end(&self, &writer);
    return self;
}

void write_record(sk__writer *writer, uint8_t state) {
    sk__write_bytes(writer, "0123456789abcdef", SECKILL_RESERVATION_ID_SIZE);
    sk__write_u8(writer, state);
    sk__write_u32(writer, 2);
    sk__write_u56(writer, 4990);
    sk__write_u48(writer, (uint64_t)NOW_MS);
    sk__write_u48(writer, (uint64_t)NOW_MS + HOLD_MS);
    sk__write_u32(writer, 5000);
}

reply poll_reply(const poll_says *says) {
    reply self;
    sk__writer writer = begin(&self);

    write_header(&writer, says->settings_version);
    sk__write_u64(&writer, says->decided);
    sk__write_u64(&writer, says->enqueued);
    sk__write_u8(&writer, (uint8_t)says->status);
    sk__write_u8(&writer, (uint8_t)says->flags);
    if ((says->flags & ANSWER_RECORD) != 0)
        write_record(&writer, says->record_state);
    if ((says->flags & ANSWER_QUEUED) != 0) {
        sk__write_u64(&writer, says->epoch);
        sk__write_u64(&writer, says->n);
        sk__write_u48(&writer, (uint64_t)NOW_MS);
    }
    reply_end(&self, &writer);
    return self;
}

static char *exact(const reply *from, size_t size) {
    char *copy = malloc(size + (size == 0));

    assert_non_null(copy);
    memcpy(copy, from->bytes, size);
    return copy;
}

seckill_status take_item(seckill_view *view, const reply *from, size_t size) {
    char *copy = exact(from, size);
    seckill_status status = seckill_view_take_item(view, copy, size);

    free(copy);
    return status;
}

seckill_status take_shard(seckill_view *view, uint32_t shard, uint32_t round, const reply *from, size_t size) {
    char *copy = exact(from, size);
    seckill_status status = seckill_view_take_shard(view, shard, round, copy, size);

    free(copy);
    return status;
}

seckill_status take_ticket(seckill_view *view, const seckill_ticket *ticket, const reply *from, size_t size,
                           seckill_view_ticket *answer) {
    char *copy = exact(from, size);
    seckill_status status;

    memset(answer, 0, sizeof(*answer));
    answer->struct_size = sizeof(*answer);
    status = seckill_view_take_ticket(view, ticket, copy, size, answer);
    free(copy);
    return status;
}

seckill_view *known_view(void) {
    const map_says says = USUAL_MAP;
    const reply map = map_reply(&says);
    seckill_view *view = NULL;

    assert_status(seckill_view_new(NULL, "sale", "phone", &view), SECKILL_OK);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    return view;
}

seckill_ticket ticket_of(uint64_t epoch, uint64_t n) {
    seckill_ticket ticket = {.user = "alice", .user_size = 5, .activity = "sale", .item = "phone", .quantity = 2};

    memcpy(ticket.reservation_id, "0123456789abcdef", sizeof(ticket.reservation_id));
    ticket.epoch = epoch;
    ticket.n = n;
    ticket.since_ms = NOW_MS;
    ticket.valid_until_ms = NOW_MS + HOLD_MS;
    return ticket;
}
