#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static seckill_bytes bytes_of(const char *text) {
    seckill_bytes bytes = {text, text != NULL ? strlen(text) : 0};

    return bytes;
}

/* ---- users ---- */

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    sale_ticket_answer *answer = user_data;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->state = result->state;
    answer->reason = result->reason;
    answer->replayed = result->replayed;
    answer->requeued = result->requeued;
    answer->has_ticket = result->ticket != NULL;
    if (result->ticket != NULL)
        answer->ticket = *result->ticket;
    answer->position = result->position;
    answer->wait_ms = result->wait_ms;
    answer->retry_after_ms = result->retry_after_ms;
    answer->reservation = result->reservation;
    answer->has_ref = result->ref != NULL;
    if (result->ref != NULL)
        answer->ref = *result->ref;
    answer->calls++;
}

void sale_wait_tickets(sale *self, const sale_ticket_answer *answers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (answers[i].calls == 0) {
            if (uv_run(&self->loop, UV_RUN_ONCE) == 0)
                abort();
        }
    }
}

static void wait_for(sale *self, sale_ticket_answer *answer, seckill_status started) {
    if (started != SECKILL_OK)
        answer->status = started;
    else
        sale_wait_tickets(self, answer, 1);
}

seckill_status sale_start_enqueue(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                                  sale_ticket_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user = bytes_of(user);
    options.request_id = bytes_of(request_id);
    options.quantity = quantity;
    options.created_ms = created_ms;
    memset(answer, 0, sizeof(*answer));
    return seckill_enqueue(self->item, &options, NULL, on_ticket, answer);
}

seckill_status sale_start_poll(sale *self, const seckill_ticket *ticket, sale_ticket_answer *answer) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;

    options.ticket = ticket;
    memset(answer, 0, sizeof(*answer));
    return seckill_poll(self->item, &options, NULL, on_ticket, answer);
}

seckill_status sale_start_refuse(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                                 seckill_status reason, sale_ticket_answer *answer) {
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;

    options.user = bytes_of(user);
    options.request_id = bytes_of(request_id);
    options.quantity = quantity;
    options.created_ms = created_ms;
    options.reason = reason;
    memset(answer, 0, sizeof(*answer));
    return seckill_refuse(self->item, &options, NULL, on_ticket, answer);
}

sale_ticket_answer sale_enqueue_at(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                   int64_t created_ms) {
    sale_ticket_answer answer;

    wait_for(self, &answer, sale_start_enqueue(self, user, request_id, quantity, created_ms, &answer));
    return answer;
}

sale_ticket_answer sale_enqueue(sale *self, const char *user, const char *request_id, uint32_t quantity) {
    return sale_enqueue_at(self, user, request_id, quantity, 0);
}

sale_ticket_answer sale_poll(sale *self, const seckill_ticket *ticket) {
    sale_ticket_answer answer;

    wait_for(self, &answer, sale_start_poll(self, ticket, &answer));
    return answer;
}

/* ---- for shops with a queue of their own ---- */

seckill_ticket sale_outside(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    seckill_ticket ticket;

    options.user = bytes_of(user);
    options.request_id = bytes_of(request_id);
    options.quantity = quantity;
    options.created_ms = created_ms;
    if (seckill_ticket_outside(self->item, &options, &ticket) != SECKILL_OK)
        abort();
    return ticket;
}

sale_ticket_answer sale_poll_outside(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                     int64_t created_ms) {
    seckill_ticket ticket = sale_outside(self, user, request_id, quantity, created_ms);

    return sale_poll(self, &ticket);
}

sale_ticket_answer sale_refuse(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                               seckill_status reason) {
    sale_ticket_answer answer;

    wait_for(self, &answer, sale_start_refuse(self, user, request_id, quantity, created_ms, reason, &answer));
    return answer;
}

/* ---- workers ---- */

static void on_queue(const seckill_queue_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_queue_answer *answer = wait->answer;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->stopped = result->stopped;
    answer->decided = result->decided;
    answer->granted = result->granted;
    answer->refused = result->refused;
    answer->blacklisted = result->blacklisted;
    answer->count = result->count;
    for (size_t i = 0; i < result->count; i++) {
        answer->entries[i] = result->entries[i];
        (void)snprintf(answer->users[i], sizeof(answer->users[i]), "%.*s", (int)result->entries[i].user.size,
                       (const char *)result->entries[i].user.data);
    }
    answer->waiting = result->waiting;
    answer->server_time_ms = result->server_time_ms;
    wait->done = true;
}

seckill_status sale_process(sale *self, const seckill_queue_process_options *options, sale_queue_answer *answer) {
    sale_call wait = {answer, false};

    memset(answer, 0, sizeof(*answer));
    answer->status = seckill_queue_process(self->item, options, on_queue, &wait);
    if (answer->status == SECKILL_OK)
        sale_run_until(self, &wait.done);
    return answer->status;
}

seckill_status sale_queue_read(sale *self, uint32_t shard, uint32_t max, sale_queue_answer *answer) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = shard;
    options.max = max;
    return sale_process(self, &options, answer);
}

seckill_status sale_decide(sale *self, uint32_t shard, const sale_queue_answer *screened, const uint8_t *blacklisted,
                           uint32_t max, sale_queue_answer *answer) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = shard;
    options.max = max;
    if (screened->count != 0) {
        options.from = screened->entries[0].id;
        options.to = screened->entries[screened->count - 1].id;
        options.blacklisted = blacklisted;
        options.blacklisted_count = blacklisted != NULL ? screened->count : 0;
    }
    return sale_process(self, &options, answer);
}

uint32_t sale_decide_all(sale *self) {
    sale_queue_answer *answers = calloc(2, sizeof(*answers));
    uint32_t decided = 0;

    if (answers == NULL)
        abort();
    for (uint32_t shard = 0; shard < self->shards; shard++) {
        sale_queue_answer *screened = &answers[0], *next = &answers[1];

        if (sale_queue_read(self, shard, SECKILL_BATCH_MAX, screened) != SECKILL_OK)
            abort();
        while (screened->count != 0) {
            sale_queue_answer *swap = screened;

            if (sale_decide(self, shard, screened, NULL, SECKILL_BATCH_MAX, next) != SECKILL_OK)
                abort();
            decided += next->decided;
            if (next->stopped != SECKILL_OK)
                break;
            screened = next;
            next = swap;
        }
    }
    free(answers);
    return decided;
}
