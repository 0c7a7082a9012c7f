/* The calls of a search: asking a shard what it has, and sending units from one to another. */
#include "engine/supply_parts.h"

#include "script/record.h"

#include <stdio.h>

/* ---- takes ---- */

void sk__takes_add(sk__takes *takes, uint32_t from, uint64_t total) {
    uint32_t place = 0;

    while (place < takes->count && takes->of[place].from != from)
        place++;
    if (place == SK__TAKES_MAX)
        return;
    if (place == takes->count)
        takes->count++;
    else if (takes->of[place].total >= total)
        return;
    takes->of[place].from = from;
    takes->of[place].total = total;
    takes->changes++;
}

static void write_takes(sk__writer *writer, const sk__takes *takes) {
    for (uint32_t i = 0; i < takes->count; i++) {
        sk__write_u16(writer, (uint16_t)takes->of[i].from);
        sk__write_u64(writer, takes->of[i].total);
    }
}

void sk__encode_supply(sk__command *command, const sk__proof *proof, const sk__takes *takes) {
    sk__writer writer = sk__command_add_packed(command, SK__PROOF_SIZE + (size_t)takes->count * SK__TAKE_SIZE);

    sk__write_u64(&writer, proof->epoch);
    sk__write_u64(&writer, proof->version);
    sk__write_u64(&writer, proof->units);
    sk__write_u64(&writer, proof->enqueued);
    write_takes(&writer, takes);
}

void sk__encode_takes(sk__command *command, const sk__takes *takes) {
    sk__writer writer = sk__command_add_packed(command, (size_t)takes->count * SK__TAKE_SIZE);

    write_takes(&writer, takes);
}

/* ---- both kinds of call ---- */

typedef struct {
    sk__call call;
    sk__supply *supply;
    uint32_t shard;
    sk__tick asked;
    int64_t asked_ms;
    sk__takes adrift; /* survey: as it was sent */
    sk__move move;    /* transfer */
    uint64_t known, taken;
} supply_call;

static supply_call *self_of(const sk__call *call) {
    return SK__CONTAINER(call, supply_call, call);
}

static sk__shard *shard_of(const sk__call *call) {
    return &self_of(call)->supply->item->shards[self_of(call)->shard];
}

static bool is_wanted(const sk__call *call) {
    return sk__supply_is_wanted(self_of(call)->supply);
}

static bool update_shard(sk__call *call) {
    return sk__shard_update(shard_of(call), call);
}

static supply_call *make(sk__supply *supply, uint32_t shard) {
    supply_call *self = sk__engine_alloc(supply->item->engine, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->supply = supply;
    self->shard = shard;
    return self;
}

static void start(supply_call *self, const sk__call_kind *kind) {
    seckill_item *item = self->supply->item;

    sk__item_use(item);
    sk__call_start(&self->call, item->engine, kind, item->shards[self->shard].slot);
    self->call.changes_nothing = true; /* for whoever waits: what was lost on the way is seen by the next round */
    sk__engine_wake(item->engine);
}

static void release(supply_call *self) {
    seckill_item *item = self->supply->item;

    sk__engine_release(item->engine, self);
    sk__item_unuse(item);
}

/* The version of the settings is told by every answer of a shard. */
static void read_header(sk__supply *supply, sk__reader *reply) {
    sk__shard_header header = sk__read_shard_header(reply);

    if (!reply->failed)
        sk__item_saw_version(supply->item, header.settings_version);
}

/* ---- surveys ---- */

static void survey_encode(sk__call *call, sk__command *command) {
    supply_call *self = self_of(call);

    self->adrift = self->supply->standings[self->shard].adrift;
    sk__shard_encode(shard_of(call), command, SK__SCRIPT_survey, call->with_text);
    sk__encode_takes(command, &self->adrift);
}

static seckill_status read_rows(sk__supply *supply, sk__standing *standing, uint32_t count, sk__reader *reply) {
    sk__engine *engine = supply->item->engine;
    sk__row *rows = NULL;

    if (count > SECKILL_SHARDS_MAX)
        return SECKILL_PROTOCOL;
    if (count != 0) {
        rows = sk__engine_alloc(engine, count * sizeof(rows[0]));
        if (rows == NULL)
            return SECKILL_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i].other = sk__read_u16(reply);
        rows[i].sent = sk__read_total(reply);
        rows[i].taken = sk__read_total(reply);
    }
    if (!sk__reader_done(reply)) {
        sk__engine_release(engine, rows);
        return SECKILL_PROTOCOL;
    }
    sk__rows_sort(rows, count);
    sk__engine_release(engine, standing->rows);
    standing->rows = rows;
    standing->row_count = count;
    return SECKILL_OK;
}

static seckill_status read_survey(supply_call *self, sk__reader *reply) {
    sk__standing *standing = &self->supply->standings[self->shard];
    sk__sight sight;
    uint32_t count;
    seckill_status status;

    read_header(self->supply, reply);
    sight.asked = self->asked;
    sight.asked_ms = self->asked_ms;
    sight.answered = ++self->supply->tick;
    sight.epoch = sk__read_u64(reply);
    sight.version = sk__read_u64(reply);
    sight.available = sk__read_units(reply);
    sight.enqueued = sk__read_u64(reply);
    sight.more = sk__read_u8(reply) != 0;
    count = sk__read_u16(reply);
    status = read_rows(self->supply, standing, count, reply);
    if (status != SECKILL_OK)
        return status;
    sk__standing_note(standing, &sight);
    if (self->adrift.changes == standing->adrift.changes)
        standing->adrift.count = 0;
    return SECKILL_OK;
}

static void note_trouble(sk__supply *supply, seckill_status status, const char *cause) {
    supply->trouble = status;
    (void)snprintf(supply->cause, sizeof(supply->cause), "%s", cause[0] != '\0' ? cause : seckill_status_message(status));
}

static void survey_end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    supply_call *self = self_of(call);
    sk__supply *supply = self->supply;

    supply->standings[self->shard].asking = false;
    if (status == SECKILL_OK)
        status = read_survey(self, reply);
    if (status != SECKILL_OK && status != SECKILL_CLOSED)
        note_trouble(supply, status, cause);
    if (!call->engine->closing)
        sk__supply_surveyed(supply, self->asked);
    release(self);
}

static const sk__call_kind survey_kind = {is_wanted, survey_encode, survey_end, NULL, update_shard};

bool sk__supply_survey(sk__supply *supply, uint32_t shard) {
    supply_call *self = make(supply, shard);

    if (self == NULL)
        return false;
    self->asked = ++supply->tick;
    self->asked_ms = sk__engine_now(supply->item->engine);
    supply->standings[shard].asking = true;
    start(self, &survey_kind);
    self->call.is_step = true;
    return true;
}

/* ---- transfers ---- */

static void move_encode(sk__call *call, sk__command *command) {
    const supply_call *self = self_of(call);
    const uint64_t numbers[] = {self->known, self->move.least, self->move.want, self->taken};
    sk__writer writer;

    sk__shard_encode(shard_of(call), command, SK__SCRIPT_transfer_out, call->with_text);
    writer = sk__command_add_packed(command, sizeof(uint16_t) + sizeof(numbers));
    sk__write_u16(&writer, (uint16_t)self->move.to);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sk__write_u64(&writer, numbers[i]);
}

/* What was sent since the shards were asked, by whom it may be, is to be taken there now, if it is of use: else it is left to
 * whoever sent it, or two clients would go on taking each other's units without being served. */
static seckill_status read_move(supply_call *self, sk__reader *reply, uint64_t *useful) {
    sk__supply *supply = self->supply;
    seckill_client_stats *stats = &supply->item->engine->stats;
    uint64_t total, units;

    read_header(supply, reply);
    total = sk__read_total(reply);
    units = sk__read_total(reply);
    if (!sk__reader_done(reply))
        return SECKILL_PROTOCOL;
    stats->transfers += units != 0;
    stats->transferred += units;
    if (self->move.want == 0 || total < self->known + self->move.least)
        return SECKILL_OK;
    if (self->move.gather)
        sk__takes_add(&supply->standings[self->move.to].adrift, self->move.from, total);
    else
        sk__takes_add(&supply->item->shards[self->move.to].takes, self->move.from, total);
    *useful = total > self->taken ? total - self->taken : 0;
    return SECKILL_OK;
}

static void move_end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    supply_call *self = self_of(call);
    sk__supply *supply = self->supply;
    uint32_t to = self->move.to;
    uint64_t units = 0;
    bool is_waited_for = self->asked > supply->forgot;

    if (status == SECKILL_OK)
        status = read_move(self, reply, &units);
    if (status != SECKILL_OK && status != SECKILL_CLOSED && is_waited_for) {
        note_trouble(supply, status, cause);
        supply->move_failed = true;
    }
    if (is_waited_for) {
        supply->moves--;
        supply->standings[to].receiving = false;
    }
    if (!call->engine->closing)
        sk__supply_moved(supply, &self->move, units);
    release(self);
}

static const sk__call_kind move_kind = {is_wanted, move_encode, move_end, NULL, update_shard};

bool sk__supply_move(sk__supply *supply, const sk__move *move) {
    const sk__row *sent = sk__row_find(&supply->standings[move->from], move->to);
    const sk__row *taken = sk__row_find(&supply->standings[move->to], move->from);
    supply_call *self = make(supply, move->from);

    if (self == NULL)
        return false;
    self->move = *move;
    self->known = sent != NULL ? sent->sent : 0;
    self->taken = taken != NULL ? taken->taken : 0;
    self->asked = ++supply->tick;
    supply->moves++;
    supply->standings[move->to].receiving = true;
    start(self, &move_kind);
    self->call.lasting = true; /* what is taken there must not be forgotten here */
    return true;
}
