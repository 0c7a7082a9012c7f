#include "engine/call.h"

#include "base/backoff.h"
#include "engine/errors.h"

#include <stdio.h>
#include <string.h>

enum { BACKOFF_MIN_MS = 10, BACKOFF_MAX_MS = 500 };

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
    return call->trouble == SECKILL_UNREACHABLE ? call->engine->trouble : call->trouble;
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

static void on_backoff_over(sk__engine *engine, sk__timer *timer) {
    (void)engine;
    back_in_line(SK__CONTAINER(timer, sk__call, retry));
}

/* Waits, and where not even a timer can be set, asks again at once. */
static void send_later(sk__call *call) {
    int64_t due;

    if (call->engine->closing) {
        back_in_line(call); /* where it ends; nobody would look at a timer any more */
        return;
    }
    call->attempts++;
    due = sk__engine_now(call->engine) +
          sk__backoff_ms(BACKOFF_MIN_MS, BACKOFF_MAX_MS, call->attempts, (uint32_t)sk__engine_random(call->engine));
    sk__list_remove(&call->link);
    if (!sk__timer_start(call->engine, &call->retry, due, on_backoff_over))
        back_in_line(call);
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

static void on_error(sk__call *call, const char *text, size_t size) {
    char cause[256];
    sk__verdict verdict = sk__judge_error(text, size);

    sk__describe_error(text, size, cause, sizeof(cause));
    call->trouble = verdict.status;
    switch (verdict.then) {
    case SK__THEN_FINISH:
        end(call, final_status(call, verdict.status), NULL, 0, cause);
        return;
    case SK__THEN_SEND_TEXT:
        call->with_text = true;
        back_in_line(call);
        return;
    case SK__THEN_UPDATE:
        /* In no line meanwhile: the update brings it back. */
        sk__list_remove(&call->link);
        if (call->kind->update_shard == NULL || !call->kind->update_shard(call))
            send_later(call);
        return;
    case SK__THEN_REPEAT:
        back_in_line(call);
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

    call->outstanding = false;
    switch (reply->kind) {
    case SK__REPLY_BYTES:
        end(call, SECKILL_OK, reply->bytes, reply->size, "");
        break;
    case SK__REPLY_ERROR:
        on_error(call, reply->bytes, reply->size);
        break;
    case SK__REPLY_OTHER:
        end(call, SECKILL_PROTOCOL, NULL, 0, "a reply of another type than the script's");
        break;
    case SK__REPLY_LOST:
        call->may_be_done = !call->changes_nothing;
        call->trouble = SECKILL_UNREACHABLE;
        engine->stats.repeated++;
        back_in_line(call);
        break;
    }
    sk__engine_wake(engine);
}

/* False: there is no connection; the call stays in line. */
static bool send(sk__call *call) {
    sk__engine *engine = call->engine;
    sk__command *command = &engine->command;
    seckill_status status;

    call->kind->encode(call, command);
    if (command->failed) {
        end(call, SECKILL_NO_MEMORY, NULL, 0, "the command is larger than its limits");
        return true;
    }
    status = engine->config.transport->send(engine->config.transport, call->slot, command->argc, command->argv, command->sizes,
                                            on_reply, call);
    if (status == SECKILL_UNREACHABLE)
        return false;
    if (status != SECKILL_OK) {
        call->trouble = status;
        send_later(call);
        return true;
    }
    call->outstanding = true;
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

/* There is no connection: what is still wanted goes back to the front, in order; on_up wakes the engine. */
static void keep_wanted(sk__engine *engine, sk__link *line) {
    sk__link wanted;

    sk__list_init(&wanted);
    while (!sk__list_is_empty(line)) {
        sk__call *call = SK__CONTAINER(line->next, sk__call, link);

        if (end_unwanted(call))
            continue;
        sk__list_remove(&call->link);
        sk__list_append(&wanted, &call->link);
    }
    while (!sk__list_is_empty(&wanted)) {
        sk__link *last = wanted.previous;

        sk__list_remove(last);
        sk__list_prepend(&engine->calls, last);
    }
}

void sk__calls_send(sk__engine *engine) {
    sk__link line;

    sk__list_move(&engine->calls, &line);
    while (!sk__list_is_empty(&line)) {
        sk__call *call = SK__CONTAINER(line.next, sk__call, link);

        if (end_unwanted(call) || send(call))
            continue;
        keep_wanted(engine, &line);
        return;
    }
}
