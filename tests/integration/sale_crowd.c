/* A crowd of users who buy while something fails: what they do. */
#include "sale_crowd.h"

#include "test_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 10, RETRY_MS = 50, PATIENCE_S = 60 };

static void reserve(void *user);
static void enqueue(void *user);
static void poll_ticket(void *user);
static void settle(void *user);

/* ---- answers ---- */

static void on_timer(uv_timer_t *timer) {
    crowd_user *self = timer->data;

    self->step(self);
}

static void later(crowd_user *self, uint32_t ms) {
    assert_int_equal(uv_timer_start(&self->timer, on_timer, ms, 0), 0);
}

static void is_over(crowd_user *self) {
    self->crowd->over++;
    self->crowd->last_us = sale_now_us();
}

static void fail_user(const crowd_user *self, const char *what, seckill_status status, const char *message) {
    fail_msg("%s (%s %" PRIu32 ", asked %" PRIu32 " times): %s: %s, %s", self->name, self->queues ? "queues for" : "reserves",
             self->claim.quantity, self->asked, what, seckill_status_name(status), message);
}

/* Whether it is final; else it is asked again. */
static bool is_final(crowd_user *self, seckill_status status, const char *message, uint32_t retry_after_ms) {
    seckill_class class = seckill_status_class(status);

    if (!sale_is_documented(status))
        fail_user(self, "is no answer for a caller", status, message);
    self->status = status;
    if (class == SECKILL_CLASS_FINAL) {
        assert_int_equal(retry_after_ms, 0);
        return true;
    }
    self->crowd->seen[class]++;
    later(self, retry_after_ms != 0 && retry_after_ms < RETRY_MS ? retry_after_ms : RETRY_MS);
    return false;
}

static void is_granted(crowd_user *self, const seckill_reservation *grant, const seckill_reservation_ref *ref) {
    self->granted = true;
    self->grant = *grant;
    self->claim.answered_us = sale_now_us();
    self->claim.status = SECKILL_OK;
    if (grant->quantity != self->claim.quantity || ref == NULL)
        fail_user(self, "was granted something else", SECKILL_OK, "");
    else
        self->ref = *ref;
    if (self->wish == CROWD_KEEPS) {
        is_over(self);
        return;
    }
    self->step = settle;
    settle(self);
}

static void is_refused(crowd_user *self, seckill_status reason, const char *message) {
    if (reason != SECKILL_SOLD_OUT && reason != SECKILL_NOT_ENOUGH)
        fail_user(self, "was refused", reason, message);
    self->claim.answered_us = sale_now_us();
    /* Why a queued request was refused is judged by how things stand when it is polled. */
    self->claim.status = self->queues ? SECKILL_NOT_ENOUGH : reason;
    is_over(self);
}

/* ---- one user ---- */

static void on_reserved(const seckill_result *result, void *user) {
    crowd_user *self = user;

    if (!is_final(self, result->status, result->message, result->retry_after_ms))
        return;
    if (result->status == SECKILL_OK)
        is_granted(self, &result->reservation, result->ref);
    else
        is_refused(self, result->status, result->message);
}

static seckill_reserve_options request_of(crowd_user *self) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = self->name;
    options.user.size = options.request_id.size = strlen(self->name);
    options.quantity = self->claim.quantity;
    options.created_ms = self->created_ms;
    self->asked++;
    return options;
}

static void reserve(void *user) {
    crowd_user *self = user;
    seckill_reserve_options options = request_of(self);

    assert_status(seckill_reserve(self->item, &options, NULL, on_reserved, self), SECKILL_OK);
}

static void on_ticket(const seckill_ticket_result *result, void *user) {
    crowd_user *self = user;

    if (!is_final(self, result->status, result->message, result->retry_after_ms))
        return;
    if (result->status != SECKILL_OK)
        fail_user(self, "in the queue", result->status, result->message);
    switch (result->state) {
    case SECKILL_TICKET_QUEUED:
        self->ticket = *result->ticket;
        self->step = poll_ticket;
        later(self, POLL_MS);
        return;
    case SECKILL_TICKET_GRANTED:
        is_granted(self, &result->reservation, result->ref);
        return;
    case SECKILL_TICKET_REFUSED:
        is_refused(self, result->reason, result->message);
        return;
    default:
        fail_msg("%s: the ticket is in state %d", self->name, (int)result->state);
    }
}

static void enqueue(void *user) {
    crowd_user *self = user;
    seckill_reserve_options options = request_of(self);

    assert_status(seckill_enqueue(self->item, &options, NULL, on_ticket, self), SECKILL_OK);
}

static void poll_ticket(void *user) {
    crowd_user *self = user;
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;

    options.ticket = &self->ticket;
    assert_status(seckill_poll(self->item, &options, NULL, on_ticket, self), SECKILL_OK);
}

static void on_settled(const seckill_result *result, void *user) {
    crowd_user *self = user;

    if (!is_final(self, result->status, result->message, result->retry_after_ms))
        return;
    if (result->status == SECKILL_OK)
        self->settled = true;
    else if (self->crowd->plan.may_lose)
        self->crowd->lost++;
    else
        fail_user(self, "cannot settle what it got", result->status, result->message);
    if (self->wish == CROWD_CANCELS)
        self->claim.freed_us = sale_now_us();
    is_over(self);
}

static void settle(void *user) {
    crowd_user *self = user;
    seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_release_options cancel = SECKILL_RELEASE_OPTIONS_INIT;

    if (self->wish == CROWD_CONFIRMS) {
        confirm.ref = &self->ref;
        confirm.order_ref.data = self->name;
        confirm.order_ref.size = strlen(self->name);
        assert_status(seckill_confirm(self->item, &confirm, NULL, on_settled, self), SECKILL_OK);
        return;
    }
    if (self->claim.freeing_us == 0)
        self->claim.freeing_us = sale_now_us();
    cancel.user.data = self->name;
    cancel.user.size = strlen(self->name);
    memcpy(cancel.reservation_id, self->grant.id, sizeof(cancel.reservation_id));
    assert_status(seckill_cancel(self->item, &cancel, NULL, on_settled, self), SECKILL_OK);
}

/* ---- all of them ---- */

static void comes(crowd *self, uint32_t number) {
    crowd_user *user = &self->users[number];
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    user->crowd = self;
    user->item = self->items[number % self->plan.clients];
    (void)snprintf(user->name, sizeof(user->name), "u%" PRIu32, number);
    user->queues = test_run_below(&self->random, 2) == 0;
    user->wish = (crowd_wish)test_run_below(&self->random, 3);
    user->created_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
    user->claim.quantity = 1 + test_run_below(&self->random, self->plan.most);
    user->claim.queued = user->queues;
    user->claim.asked_us = sale_now_us();
    user->timer.data = user;
    assert_int_equal(uv_timer_init(&self->shop.sale.loop, &user->timer), 0);
    user->step = user->queues ? enqueue : reserve;
    user->step(user);
}

static void on_arrivals(uv_timer_t *timer) {
    crowd *self = timer->data;
    int64_t due = (sale_now_us() - self->began_us) * self->plan.each_second / 1000000;

    while (self->come < self->plan.users && (self->plan.each_second == 0 || self->come < due))
        comes(self, self->come++);
    if (self->come == self->plan.users)
        (void)uv_timer_stop(&self->arrivals);
}

uint32_t crowd_done(const crowd *self) {
    return (uint32_t)((uint64_t)self->over * 100 / self->plan.users);
}

static void fail_where_it_stands_still(const crowd *self) {
    if (sale_now_us() - self->last_us < INT64_C(1000000) * PATIENCE_S * slowness())
        return;
    for (uint32_t i = 0; i < self->come; i++) {
        const crowd_user *user = &self->users[i];

        if (user->claim.answered_us == 0 || (user->granted && user->wish != CROWD_KEEPS && !user->settled))
            fail_user(user, "gets no final answer; the last one was", user->status, "");
    }
    fail_msg("nobody gets a final answer any more");
}

/* A timer ends each turn soon while they come. */
static void run_turn(crowd *self) {
    int64_t began_us = sale_now_us(), took_us;
    bool they_come = self->come < self->plan.users;

    (void)uv_run(&self->shop.sale.loop, UV_RUN_ONCE);
    took_us = sale_now_us() - began_us;
    if (they_come && took_us > self->longest_turn_us)
        self->longest_turn_us = took_us;
}

void crowd_run(crowd *self, void (*then)(crowd *self, void *context), void *context) {
    self->began_us = self->last_us = sale_now_us();
    assert_int_equal(uv_timer_start(&self->arrivals, on_arrivals, 0, 1), 0);
    while (self->over < self->plan.users) {
        run_turn(self);
        if (then != NULL)
            then(self, context);
        fail_where_it_stands_still(self);
    }
    print_message("%" PRIu32 " users in %lld ms; answers to be asked again: %" PRIu32 " retryable, %" PRIu32 " unknown\n",
                  self->plan.users, (long long)(sale_now_us() - self->began_us) / 1000, self->seen[SECKILL_CLASS_RETRYABLE],
                  self->seen[SECKILL_CLASS_UNKNOWN]);
}
