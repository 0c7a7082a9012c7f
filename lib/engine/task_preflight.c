/* Looking at everything before a sale: every shard and its server; then what only a plain command says; then the scripts are
 * loaded into each server, one script in a step; then it is judged (preflight_judge.c). */
#include "engine/preflight.h"
#include "engine/task.h"

#include <stdio.h>
#include <string.h>

/* The step whose calls are under way; there are as many of STEP_LOAD as there are scripts. */
enum { STEP_BEGIN, STEP_ASK, STEP_SYNC, STEP_LOAD, STEP_LAST = STEP_LOAD + SK__SCRIPT_COUNT - 1 };

typedef struct {
    sk__task task;
    seckill_preflight_cb cb;
    sk__preflight seen;
    int64_t *sent_ms; /* by our wall clock, for each shard; these four are owned */
    sk__server *servers;
    sk__shard_facts *shards;
    uint32_t *slots; /* one of each server's */
    char lack[160];  /* why something could not be asked */
} preflight_task;

static preflight_task *self_of(sk__task *task) {
    return SK__CONTAINER(task, preflight_task, task);
}

static int64_t wall_ms(const sk__task *task) {
    sk__transport *transport = task->engine->config.transport;

    return transport->wall_ms(transport);
}

/* ---- going through the steps ---- */

static bool make_room(preflight_task *self) {
    sk__task *task = &self->task;
    uint32_t count = task->item->settings.shards;

    if (!sk__task_use_outcomes(task))
        return false;
    self->sent_ms = sk__engine_alloc(task->engine, count * sizeof(*self->sent_ms));
    self->servers = sk__engine_alloc(task->engine, count * sizeof(*self->servers));
    self->shards = sk__engine_alloc(task->engine, count * sizeof(*self->shards));
    self->slots = sk__engine_alloc(task->engine, count * sizeof(*self->slots));
    if (self->sent_ms == NULL || self->servers == NULL || self->shards == NULL || self->slots == NULL) {
        sk__task_end(task, SECKILL_NO_MEMORY, "");
        return false;
    }
    self->seen.info = &task->item->info;
    return true;
}

/* What cannot be asked of the servers beside the scripts is noted, and all else is judged all the same. */
static bool forgive(preflight_task *self) {
    sk__task *task = &self->task;

    if (task->status == SECKILL_OK)
        return false;
    (void)snprintf(self->lack, sizeof(self->lack), "%s", sk__task_message(task));
    task->status = SECKILL_OK;
    task->cause[0] = '\0';
    return true;
}

/* The calls of a step are over; whether another comes. */
static bool go_on(preflight_task *self) {
    if (self->task.step == STEP_ASK)
        return self->task.status == SECKILL_OK;
    if (self->task.step == STEP_SYNC) {
        if (forgive(self))
            self->seen.sync[0] = '\0';
        return true;
    }
    if (forgive(self)) /* what forbids one script forbids all */
        self->seen.scripts_lack = self->lack;
    return self->seen.scripts_lack == NULL && self->task.step < STEP_LAST;
}

static void next(sk__task *task) {
    preflight_task *self = self_of(task);

    if (task->step == STEP_BEGIN) {
        task->step++;
        if (make_room(self))
            sk__task_call_shards(task);
    } else if (go_on(self)) {
        task->step++;
        sk__task_call_slots(task, self->slots, self->seen.server_count);
    } else
        sk__task_finish(task);
}

static void encode_plain(const sk__task *task, sk__command *command) {
    const sk__script *script;

    sk__command_begin_plain(command);
    if (task->step == STEP_SYNC) {
        sk__command_add_text(command, "CONFIG");
        sk__command_add_text(command, "GET");
        sk__command_add_text(command, "appendfsync");
        return;
    }
    script = sk__script_of((sk__script_id)(task->step - STEP_LOAD));
    sk__command_add_text(command, "SCRIPT");
    sk__command_add_text(command, "LOAD");
    sk__command_add(command, script->text, *script->size);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    preflight_task *self = self_of(task);

    if (shard == SK__NO_SHARD) {
        encode_plain(task, command);
        return;
    }
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_preflight, with_text);
    sk__command_add_text(command, task->item->map_key);
    sk__command_add_text(command, task->item->list_key);
    self->sent_ms[shard] = wall_ms(task);
}

/* ---- what a shard says ---- */

/* Of damaged keys it can be anything; what is no amount is none the less wrong if it is made one that can be added up. */
static int64_t read_amount(sk__reader *reply) {
    int64_t amount = (int64_t)sk__read_u64(reply);

    return amount > SECKILL_AMOUNT_MAX ? SECKILL_AMOUNT_MAX : amount < -SECKILL_AMOUNT_MAX ? -SECKILL_AMOUNT_MAX : amount;
}

static seckill_bytes read_text(sk__reader *reply) {
    return sk__read_bytes(reply, sk__read_u16(reply));
}

static void copy_text(sk__reader *reply, char *out, size_t room) {
    seckill_bytes text = read_text(reply);
    size_t size = text.size < room ? text.size : room - 1;

    if (size > 0)
        memcpy(out, text.data, size);
    out[size] = '\0';
}

/* The place of a server among those that were seen: shards of one server meet in it. */
static uint32_t place_of(preflight_task *self, const sk__server *server, uint32_t slot) {
    sk__engine *engine = self->task.engine;
    uint32_t at = 0;

    while (at < self->seen.server_count && strcmp(self->servers[at].run_id, server->run_id) != 0)
        at++;
    if (at == self->seen.server_count) {
        sk__server *added = &self->servers[at];

        *added = *server;
        self->slots[at] = slot;
        engine->config.transport->address(engine->config.transport, sk__engine_node_of(engine, slot), added->address,
                                          sizeof(added->address));
        self->seen.server_count++;
    }
    return at;
}

static void take_server(preflight_task *self, uint32_t shard, const sk__server *server) {
    sk__shard_facts *facts = &self->shards[shard];
    sk__server *place;

    facts->server = place_of(self, server, self->task.item->shards[shard].slot);
    place = &self->servers[facts->server];
    sk__server_read_clock(place, self->sent_ms[shard], self->task.header.now_ms, wall_ms(&self->task));
    place->shards++;
    place->users += facts->users;
}

/* appendfsync, or the digest of the script that was loaded. */
static seckill_status answer_plain(preflight_task *self, sk__reader *reply) {
    seckill_bytes text = sk__read_bytes(reply, sk__reader_left(reply));

    if (self->task.step == STEP_SYNC)
        sk__preflight_read_sync(&self->seen, text.data, text.size);
    return self->task.step == STEP_SYNC || text.size == 40 ? SECKILL_OK : SECKILL_PROTOCOL;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    preflight_task *self = self_of(task);
    sk__server server = {0};
    sk__shard_facts *facts;
    seckill_bytes info, cluster;

    if (shard == SK__NO_SHARD)
        return answer_plain(self, reply);
    facts = &self->shards[shard];
    facts->settings = task->header.settings_version;
    facts->is_ours = sk__read_u8(reply) != 0;
    facts->loaded = read_amount(reply);
    facts->excess = read_amount(reply);
    facts->users = read_amount(reply);
    copy_text(reply, facts->layout, sizeof(facts->layout));
    copy_text(reply, facts->wrong_keys, sizeof(facts->wrong_keys));
    copy_text(reply, server.forbidden, sizeof(server.forbidden));
    info = read_text(reply);
    cluster = read_text(reply);
    if (!sk__reader_done(reply))
        return SECKILL_PROTOCOL;
    sk__server_read_info(&server, info.data, info.size);
    sk__server_read_cluster(&server, cluster.data, cluster.size);
    take_server(self, shard, &server);
    return SECKILL_OK;
}

/* ---- the report ---- */

static void fill_in(preflight_task *self) {
    sk__task *task = &self->task;
    sk__preflight *seen = &self->seen;

    seen->status = task->status;
    seen->cause = sk__task_message(task);
    seen->server_time_ms = task->header.now_ms;
    seen->scripts = SK__SCRIPT_COUNT;
    seen->servers = self->servers;
    seen->shards = self->shards;
    for (uint32_t i = 0; i < task->outcome_count && seen->info != NULL; i++)
        self->shards[i].status = task->outcomes[i].status;
    if (seen->options.replicas == 0)
        seen->options.replicas = task->engine->config.replicas;
}

static uint32_t count_answered(const preflight_task *self) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->task.outcome_count; i++)
        count += self->task.outcomes[i].status == SECKILL_OK;
    return count;
}

static void report(sk__task *task) {
    preflight_task *self = self_of(task);
    sk__findings findings = {.worst = SECKILL_LEVEL_FAILED};
    seckill_preflight_result result = {0};

    fill_in(self);
    findings.capacity = sk__findings_max(&self->seen);
    findings.list = sk__engine_alloc(task->engine, findings.capacity * sizeof(*findings.list));
    findings.texts = sk__engine_alloc(task->engine, findings.capacity * sizeof(*findings.texts));
    if (findings.list != NULL && findings.texts != NULL)
        sk__preflight_judge(&self->seen, &findings);
    else
        sk__task_fail(task, SECKILL_NO_MEMORY, "");
    result.status = task->status;
    result.message = sk__task_message(task);
    result.worst = findings.worst;
    result.server_time_ms = task->header.now_ms;
    result.servers = self->seen.server_count;
    result.shards = count_answered(self);
    result.findings = findings.list;
    result.count = findings.count;
    self->cb(&result, task->user_data);
    sk__engine_release(task->engine, findings.list);
    sk__engine_release(task->engine, findings.texts);
}

static void release(sk__task *task) {
    preflight_task *self = self_of(task);

    sk__engine_release(task->engine, self->sent_ms);
    sk__engine_release(task->engine, self->servers);
    sk__engine_release(task->engine, self->shards);
    sk__engine_release(task->engine, self->slots);
}

static const sk__task_kind preflight_kind = {next, encode, answer, report, release, true, true, false};

seckill_status sk__preflight_start(seckill_item *item, const seckill_preflight_options *options, seckill_preflight_cb cb,
                                   void *user_data) {
    preflight_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    self->seen.options = *options;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &preflight_kind, options->timeout_ms);
}
