/* A task: a public call that needs scripts of its own, on the mapping list, on one shard, or on all of them. It goes through
 * steps; each step starts calls, and when the last of them is answered the next step begins.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_TASK_H
#define SK_ENGINE_TASK_H

#include "engine/item.h"
#include "script/record.h"

#include <seckill/events.h>
#include <seckill/maintain.h>
#include <seckill/preflight.h>
#include <seckill/queue.h>
#include <seckill/reconcile.h>
#include <seckill/reservations.h>

typedef struct sk__task sk__task;

#define SK__NO_SHARD UINT32_MAX /* too large for an enum of C11 */

/* What tells one task from another. */
typedef struct {
    /* Starts the calls of the step that has come (task->step), or finishes. Runs in a turn or from a reply. */
    void (*next)(sk__task *task);
    /* Puts together the command of a call of this step. */
    void (*encode)(sk__task *task, uint32_t shard, bool with_text, sk__command *command);
    /* Takes what a call of this step answered; the header of a shard's reply is read already. The status is kept for the shard.
     */
    seckill_status (*answer)(sk__task *task, uint32_t shard, sk__reader *reply);
    /* Calls back. */
    void (*report)(sk__task *task);
    /* Frees what it owns beside itself; may be NULL. */
    void (*release)(sk__task *task);
    bool needs_map;       /* the first step waits for the item's mapping list */
    bool changes_nothing; /* so that what is not answered is not unknown */
    bool lasting;         /* its answers wait for the replicas */
} sk__task_kind;

struct sk__task {
    const sk__task_kind *kind;
    sk__engine *engine;
    seckill_item *item; /* NULL: the list of an activity */
    sk__waiter waiter;  /* for the item's mapping list */
    sk__link calls;     /* under way */
    sk__timer deadline;
    int step;
    bool aside; /* it does not rely on the item's shards, see item.h */
    uint32_t pending;
    bool answered;         /* a call of it was */
    seckill_status status; /* the first failure */
    char cause[224];
    int64_t due_ms;                  /* the deadline */
    sk__shard_header header;         /* of the last shard that answered */
    seckill_shard_outcome *outcomes; /* item's shards of them, once sk__task_use_outcomes was called */
    uint32_t outcome_count;
    void *user_data;
};

/* Starts a task that the caller has allocated with sk__engine_alloc as the first member of a larger structure, and filled in
 * user_data of. Frees it on failure. `item` may be NULL. SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED. */
seckill_status sk__task_start(sk__task *task, sk__engine *engine, seckill_item *item, const sk__task_kind *kind,
                              uint32_t timeout_ms);

/* Starts a call to one shard, to all, or to slots that are none of the shards'. Out of memory is noted as a failure. */
void sk__task_call_shard(sk__task *task, uint32_t shard);
void sk__task_call_shards(sk__task *task);
void sk__task_call_slot(sk__task *task, uint32_t slot);
void sk__task_call_slots(sk__task *task, const uint32_t *slots, uint32_t count);

/* A task that does not wait for the mapping list relies on no shards but by its calls to them; from here on this one does. */
void sk__task_hold_shards(sk__task *task);

/* Makes the array of outcomes, one for each shard, all SECKILL_UNREACHABLE. False: out of memory, and the task is finished. */
bool sk__task_use_outcomes(sk__task *task);

/* Notes a failure: the first one counts. */
void sk__task_fail(sk__task *task, seckill_status status, const char *cause);

/* Reports and frees; the task must not be touched after it. */
void sk__task_finish(sk__task *task);

/* Both: the end of a task that cannot go on. */
void sk__task_end(sk__task *task, seckill_status status, const char *cause);

/* What every public result says. */
const char *sk__task_message(const sk__task *task);

/* The result of a task on an item, without an amount. */
seckill_item_result sk__task_item_result(const sk__task *task);

/* The tasks. All return as sk__task_start does; the caller has checked the arguments. Define checks the settings itself and may
 * return SECKILL_INVALID. */
seckill_status sk__define_start(seckill_item *item, const seckill_item_settings *settings, uint32_t timeout_ms,
                                seckill_item_cb cb, void *user_data);
seckill_status sk__get_start(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data);
seckill_status sk__state_start(seckill_item *item, seckill_item_state state, uint32_t timeout_ms, seckill_item_cb cb,
                               void *user_data);
seckill_status sk__purge_start(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data);
seckill_status sk__list_start(sk__engine *engine, const char *activity, uint32_t timeout_ms, seckill_list_cb cb,
                              void *user_data);
seckill_status sk__load_start(seckill_item *item, const char *operation_id, int64_t units, uint32_t timeout_ms,
                              seckill_item_cb cb, void *user_data);
seckill_status sk__stock_start(seckill_item *item, uint32_t timeout_ms, seckill_stock_cb cb, void *user_data);
seckill_status sk__expire_start(seckill_item *item, uint32_t timeout_ms, seckill_expire_cb cb, void *user_data);
seckill_status sk__transfers_start(seckill_item *item, uint32_t timeout_ms, seckill_transfers_cb cb, void *user_data);
seckill_status sk__reconcile_start(seckill_item *item, const seckill_reconcile_options *options, seckill_reconcile_cb cb,
                                   void *user_data);
seckill_status sk__reservations_start(seckill_item *item, uint32_t shard, const seckill_reservations_cursor *cursor,
                                      uint32_t max, uint32_t timeout_ms, seckill_reservations_cb cb, void *user_data);
seckill_status sk__events_read_start(seckill_item *item, uint32_t shard, uint32_t max, uint32_t timeout_ms,
                                     seckill_events_cb cb, void *user_data);
seckill_status sk__events_ack_start(seckill_item *item, uint32_t shard, const seckill_event_ack *acks, size_t count,
                                    uint32_t timeout_ms, seckill_item_cb cb, void *user_data);
seckill_status sk__preflight_start(seckill_item *item, const seckill_preflight_options *options, seckill_preflight_cb cb,
                                   void *user_data);
seckill_status sk__event_repeat_start(seckill_item *item, seckill_bytes user,
                                      const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], uint32_t timeout_ms,
                                      seckill_item_cb cb, void *user_data);
seckill_status sk__queue_process_start(seckill_item *item, const seckill_queue_process_options *options, seckill_queue_cb cb,
                                       void *user_data);

#endif
