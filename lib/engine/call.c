#include "engine/call.h"

#include "base/histogram.h"
#include "engine/errors.h"

#include <stdio.h>
#include <string.h>

void sk__call_start(sk__call *call, sk__engine *engine, const sk__call_kind *kind, uint32_t slot) {
    memset(call, 0, sizeof(*call));
    call->engine = engine;
    call->kind = kind;
    call->slot = slot;
    call->trouble = SECKILL_UNREACHABLE;
    sk__list_init(&call->link);
    sk__list_append(&engine->calls, &call->link);
}

seckill_status sk__call_verdict(const sk__call *call) {
    if ((call->outstanding && !call->changes_nothing) || call->may_be_done)
        return SECKILL_UNKNOWN;
    return call->trouble == SECKILL_UNREACHABLE ? sk__engine_trouble(call->engine, call->slot) : call->trouble;
}

static void end(sk__call *call, seckill_status status, const void *bytes, size_t size, const char *cause) {
    sk__reader reader = sk__reader_of(bytes, size);

    sk__timer_stop(call->engine, &call->retry);
    sk__list_remove(&call->link);
    call->kind->end(call, status, &reader, cause);
}

static void back_in_line(sk__call *call) {
    sk__list_remove(&call->link);
    sk__list_append(&call->engine->calls, &call->link);
}

static void on_retry(sk__engine *engine, sk__timer *timer) {
    (void)engine;
    back_in_line(SK__CONTAINER(timer, sk__call, retry));
}

/* Where not even a timer can be set, it is sent again at once; and where the engine closes, and nobody would look at a timer
 * any more, it ends in its line. */
static void send_at(sk__call *call, int64_t due_ms) {
    sk__engine *engine = call->engine;

    sk__list_remove(&call->link);
    if (engine->closing || due_ms <= sk__engine_now(engine) || !sk__timer_start(engine, &call->retry, due_ms, on_retry))
        back_in_line(call);
}

static void send_again(sk__call *call) {
    send_at(call, sk__budget_take(&call->engine->repeats, sk__engine_now(call->engine)));
}

static void send_later(sk__call *call) {
    sk__engine *engine = call->engine;

    call->attempts++;
    send_at(call, sk__retry_at(&engine->repeats, sk__engine_now(engine), call->attempts, (uint32_t)sk__engine_random(engine)));
}

/* An error says that this sending did nothing. Where an earlier one was lost, that one may have done it; only what a script
 * says after it has looked for its own traces (a conflict, a limit) is an answer to both. */
static seckill_status final_status(const sk__call *call, seckill_status status) {
    if (!call->may_be_done || status >= 0 || status == SECKILL_INVALID || status == SECKILL_BUSY)
        return status;
    return SECKILL_UNKNOWN;
}

void sk__call_updated(sk__call *call, seckill_status status, const char *cause) {
    if (status != SECKILL_OK && status != SECKILL_CLOSED)
        end(call, final_status(call, status), NULL, 0, cause);
    else if (call->attempts++ == 0 || call->engine->closing)
        back_in_line(call);
    else
        send_later(call);
}

/* In no line meanwhile: the update brings it back. What holds up the update is trouble of its server's. */
static void update(sk__call *call) {
    sk__list_remove(&call->link);
    call->trouble = SECKILL_UNREACHABLE;
    if (call->kind->update_shard == NULL || !call->kind->update_shard(call))
        send_later(call);
}

/* What did not succeed: what becomes of the call. */
static void take_verdict(sk__call *call, const sk__verdict *verdict, const char *cause) {
    call->trouble = verdict->status;
    call->may_be_done = call->may_be_done || (verdict->may_be_done && !call->changes_nothing);
    call->asking = verdict->then == SK__THEN_ASK;
    switch (verdict->then) {
    case SK__THEN_FINISH:
        end(call, final_status(call, verdict->status), NULL, 0, cause);
        return;
    case SK__THEN_SEND_TEXT:
        call->with_text = true;
        sk__list_remove(&call->link);
        sk__list_prepend(&call->engine->calls, &call->link); /* before others that would be told the same */
        return;
    case SK__THEN_UPDATE:
        update(call);
        return;
    case SK__THEN_GO_ON:
        back_in_line(call);
        return;
    case SK__THEN_REPEAT:
    case SK__THEN_ASK:
        send_again(call);
        return;
    case SK__THEN_WAIT:
        sk__log_line(call->engine->config.log, SECKILL_LOG_DEBUG, "waiting for Redis: %s", cause);
        send_later(call);
        return;
    }
}

static void on_reply(void *context, const sk__reply *reply) {
    sk__call *call = context;
    sk__engine *engine = call->engine;
    char cause[256];
    sk__verdict verdict;

    call->outstanding = false;
    engine->now_us = sk__engine_now_us(engine);
    if (reply->kind != SK__REPLY_LOST)
        sk__histogram_count(&engine->stats.scripts, sk__time_ends, engine->now_us - call->sent_us);
    if (call->is_step)
        engine->nodes[call->node].steps--;
    if (reply->kind == SK__REPLY_BYTES) {
        end(call, SECKILL_OK, reply->bytes, reply->size, "");
    } else {
        verdict = sk__judge_reply(reply, cause, sizeof(cause));
        engine->stats.repeated += reply->kind == SK__REPLY_LOST;
        take_verdict(call, &verdict, cause);
    }
    sk__engine_wake(engine);
}

/* It has a connection of its own, where replicas are waited for. */
static bool is_apart(const sk__call *call) {
    return call->lasting && call->engine->config.lasting;
}

/* Too many of its kind are under way there, or nothing can be sent there now. */
static bool has_to_wait(const sk__call *call, const sk__node *node) {
    return (node->is_down && !is_apart(call)) || (call->is_step && node->steps >= call->engine->config.max_batches);
}

/* No memory for it. Who waits for what it brings is told so too, unless the server is down anyway: see is_apart. */
static void put_off(sk__call *call, sk__node *node, seckill_status status) {
    call->trouble = status;
    if (!node->is_down)
        node->trouble = status;
    send_later(call);
}

/* False: it stays in line. */
static bool send(sk__call *call) {
    sk__engine *engine = call->engine;
    sk__command *command = &engine->command;
    uint32_t number = sk__engine_node_of(engine, call->slot);
    sk__node *node = &engine->nodes[number];
    sk__sending sending;
    seckill_status status;

    if (!call->asking && has_to_wait(call, node))
        return false;
    call->kind->encode(call, command);
    if (command->failed) {
        end(call, SECKILL_NO_MEMORY, NULL, 0, "the command is larger than its limits");
        return true;
    }
    sending = (sk__sending){call->slot, call->asking, call->lasting, command->argc, command->argv, command->sizes};
    status = engine->config.transport->send(engine->config.transport, &sending, on_reply, call);
    if (status == SECKILL_UNREACHABLE && call->asking) {
        /* Its place among the batches is that of the slot's own server, which may yet serve it, or name another. */
        call->asking = false;
        send_later(call);
        return true;
    }
    if (status == SECKILL_UNREACHABLE) {
        node->is_down = node->is_down || !is_apart(call);
        return false;
    }
    call->asking = false;
    if (status != SECKILL_OK) {
        put_off(call, node, status);
        return true;
    }
    if (node->trouble == SECKILL_NO_MEMORY)
        node->trouble = SECKILL_SERVER_BUSY;
    call->outstanding = true;
    call->sent_us = sk__engine_now_us(engine);
    call->node = number;
    node->steps += call->is_step;
    sk__list_remove(&call->link);
    if (call->kind->sent != NULL)
        call->kind->sent(call);
    return true;
}

/* Ends what nobody wants; true: it did. Its place may be what others wait for. */
static bool end_unwanted(sk__call *call) {
    sk__engine *engine = call->engine;

    if (!engine->closing && call->kind->is_wanted(call))
        return false;
    end(call, call->may_be_done ? SECKILL_UNKNOWN : SECKILL_CLOSED, NULL, 0, seckill_status_message(SECKILL_CLOSED));
    if (!engine->closing) /* a closing engine has no transport to ask */
        sk__engine_wake(engine);
    return true;
}

/* What has to wait goes back to the front, in order. */
static void keep(sk__engine *engine, sk__link *waiting) {
    while (!sk__list_is_empty(waiting)) {
        sk__link *last = waiting->previous;

        sk__list_remove(last);
        sk__list_prepend(&engine->calls, last);
    }
}

void sk__calls_send(sk__engine *engine) {
    sk__link line, waiting;

    sk__list_move(&engine->calls, &line);
    sk__list_init(&waiting);
    while (!sk__list_is_empty(&line)) {
        sk__call *call = SK__CONTAINER(line.next, sk__call, link);

        if (end_unwanted(call) || send(call))
            continue;
        sk__list_remove(&call->link);
        sk__list_append(&waiting, &call->link);
    }
    keep(engine, &waiting);
}
