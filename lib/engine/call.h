/* A call: one script on its way to one slot, sent again over lost connections and passing faults until it is answered, or
 * nobody wants the answer any more. Every script of ours may be repeated: what it did stays done and is answered again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_CALL_H
#define SK_ENGINE_CALL_H

#include "engine/core.h"

typedef struct sk__call sk__call;

/* What tells one kind of call from another. */
typedef struct {
    /* Whether anyone still wants the answer. Where not, the call is ended instead of being sent again. */
    bool (*is_wanted)(const sk__call *call);
    /* Begins the command and adds keys and arguments; run for each time that it is sent. */
    void (*encode)(sk__call *call, sk__command *command);
    /* The end, once: the call is no longer the engine's, and may be freed. SECKILL_OK: `reply` is what the script answered.
     * Other: `cause` says why; `reply` is empty. SECKILL_CLOSED: not wanted any more. */
    void (*end)(sk__call *call, seckill_status status, sk__reader *reply, const char *cause);
    /* It was handed to the transport; may be NULL. */
    void (*sent)(sk__call *call);
    /* The shard has older settings than this client: brings it up to date and then says sk__call_updated. False: out of memory.
     * May be NULL. */
    bool (*update_shard)(sk__call *call);
} sk__call_kind;

struct sk__call {
    sk__engine *engine;
    const sk__call_kind *kind;
    sk__link link; /* in engine->calls while it waits to be sent */
    sk__timer retry;
    uint32_t slot, node;    /* where it goes, and went last */
    int64_t sent_us;        /* when it went last, to measure how long it takes */
    uint32_t attempts;      /* that failed in a row */
    seckill_status trouble; /* what to say if nobody can wait longer */
    bool outstanding;       /* sent, and neither answered nor lost */
    bool may_be_done;       /* sent once, and the answer was lost */
    bool with_text;
    bool asking; /* the next sending goes where ASK said */
    /* Set behind sk__call_start: */
    bool changes_nothing; /* so a lost answer leaves nothing unknown */
    bool is_step;         /* of a task over many shards: at most max_batches of them are sent to each node at a time */
    bool lasting;         /* answered only once the replicas have it, where replicas are waited for */
};

/* Prepares a call and puts it in line; it is sent at the end of this turn, or of the next that someone wakes the engine for. */
void sk__call_start(sk__call *call, sk__engine *engine, const sk__call_kind *kind, uint32_t slot);

/* Sends what is in line and not waiting for its backoff. In a turn. */
void sk__calls_send(sk__engine *engine);

/* How the update went that the call waits for. */
void sk__call_updated(sk__call *call, seckill_status status, const char *cause);

/* What to answer to someone who stops waiting: SECKILL_UNKNOWN if it may be done, else why it was not sent. */
seckill_status sk__call_verdict(const sk__call *call);

#endif
