/* seckill-front: POST /v1/activities/A/items/I/requests in queued mode: admitted or turned away, put into the queue, answered
 * with a ticket.
 *
 * Whether a request is admitted is decided by the item's last reading, which all requests share: one that comes while there is
 * none waits for it, and so it does only after a pause, since readings are renewed before they are too old.
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

#include "entry.h"
#include "problem.h"
#include "tickets.h"
#include "waits.h"

#include <string.h>

/* What Retry-After may say. */
enum { RETRY_MIN_MS = 1000, RETRY_MAX_MS = 30000 };

static void count_answer(const entrant *one, bool queued) {
    const pending *base = &one->base;
    admission *counts = one->admitted ? catalog_find_admission(base->loop->catalog, base->activity, base->item) : NULL;
    if (counts != NULL) /* else the catalog has forgotten the item meanwhile */
        admission_answered(counts, queued);
}

/* What was sent may be enqueued all the same. */
static void on_gone(pending *base) {
    count_answer((entrant *)(void *)base, true);
}

const queue_kind *queue_choose(const front_settings *settings) {
#ifdef FRONT_HAS_AMQP
    if (strcmp(settings->queue, "redis") != 0)
        return &queue_amqp;
#endif
    (void)settings;
    return &queue_redis;
}

/* ---- the end */

void queue_answer(entrant *one, const seckill_ticket_result *result) {
    front_loop *loop = one->base.loop;
    count_answer(one, result->status == SECKILL_UNKNOWN || result->state == SECKILL_TICKET_QUEUED);
    ticket_answer(loop, pending_end(&one->base), result, true);
}

void queue_fail(entrant *one, seckill_status status, const char *detail, uint32_t retry_after_ms) {
    front_loop *loop = one->base.loop;
    count_answer(one, seckill_status_class(status) == SECKILL_CLASS_UNKNOWN);
    answer_status(loop, pending_end(&one->base), status, detail, retry_after_ms);
}

static void enter(pending *base, bool passed) {
    entrant *one = (entrant *)(void *)base;
    if (passed)
        base->loop->front->queue->put(one);
    else
        count_answer(one, false);
}

/* ---- admission */

static void turn_away(entrant *one, uint32_t wait_ms) {
    front_loop *loop = one->base.loop;
    uint32_t about = wait_ms != 0 ? wait_ms : loop->front->settings->poll_max_ms;
    uint32_t retry_after_ms = waits_spread(about, RETRY_MIN_MS, RETRY_MAX_MS, waits_random(&loop->random));
    metrics_turned_away(&loop->metrics);
    answer_status(loop, pending_end(&one->base), SECKILL_BUSY, "the queue is as long as it may be for the units that are left",
                  retry_after_ms);
}

/* No shard said how many wait. Where Redis does not answer, the request would only wait a second time. What else is wrong with
 * the counts need not be wrong with the queue: there is no admission then, and the item's own bound remains. */
static void without_counts(entrant *one, seckill_status status) {
    front_loop *loop = one->base.loop;
    if (status == SECKILL_NOT_DEFINED || seckill_status_class(status) == SECKILL_CLASS_RETRYABLE)
        answer_status(loop, pending_end(&one->base), status, NULL, 0);
    else
        captcha_pass(&one->base, enter);
}

static void on_read(cache_waiter *waiter, cached *entry) {
    entrant *one = (entrant *)(void *)waiter;
    catalog_item *item = (catalog_item *)(void *)entry;
    const queue_kind *queue = one->base.loop->front->queue;
    uint32_t wait_ms = 0;
    if (entry_refuse(&one->base, item, &one->wish))
        return;
    if (!item->counted) {
        without_counts(one, entry->status);
        return;
    }
    if (queue->measure != NULL)
        queue->measure(one->base.loop, item);
    one->admitted = admission_admit(&item->admission, &one->base.loop->front->settings->admission, &wait_ms);
    if (one->admitted)
        captcha_pass(&one->base, enter);
    else
        turn_away(one, wait_ms);
}

void queue_request(const front_call *call, const wish *wanted, const char *answer) {
    entrant *one = pending_new(sizeof *one, call->loop, call->exchange, call->activity, call->item);
    if (one == NULL)
        return;
    one->base.waiter.done = on_read;
    one->base.gone = on_gone;
    one->user = call->user;
    one->wish = *wanted;
    if (!captcha_begin(&one->base, &call->user, wish_id(wanted), answer))
        return;
    seckill_status status = catalog_read_item_ahead(call->loop->catalog, call->activity, call->item, &one->base.waiter);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(&one->base), status, NULL, 0);
}
