/* sale.h for the queue: calls that wait for their callback.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_QUEUE_H
#define SK_TESTS_SALE_QUEUE_H

#include "sale.h"

/* A result without pointers into what is gone. */
typedef struct {
    seckill_status status;
    char message[256];
    seckill_ticket_state state;
    seckill_status reason;
    int replayed, requeued;
    bool has_ticket, has_ref;
    seckill_ticket ticket;
    uint64_t position;
    uint32_t wait_ms, retry_after_ms;
    seckill_reservation reservation;
    seckill_reservation_ref ref;
    int calls; /* of the callback */
} sale_ticket_answer;

typedef struct {
    seckill_status status;
    char message[256];
    seckill_status stopped;
    uint32_t decided, granted, refused, blacklisted;
    size_t count;
    seckill_queue_entry entries[SECKILL_BATCH_MAX]; /* without user */
    char users[SECKILL_BATCH_MAX][SECKILL_USER_MAX + 1];
    uint64_t waiting;
    int64_t server_time_ms;
} sale_queue_answer;

sale_ticket_answer sale_enqueue(sale *self, const char *user, const char *request_id, uint32_t quantity);
sale_ticket_answer sale_enqueue_at(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms);
sale_ticket_answer sale_poll(sale *self, const seckill_ticket *ticket);
/* The same with the ticket of a request that waits in a queue of the shop's own; it must be given one. */
seckill_ticket sale_outside(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms);
sale_ticket_answer sale_poll_outside(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                     int64_t created_ms);
sale_ticket_answer sale_refuse(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                               seckill_status reason);

/* Starts one; answer->calls becomes 1. For many at once. */
seckill_status sale_start_enqueue(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                                  sale_ticket_answer *answer);
seckill_status sale_start_poll(sale *self, const seckill_ticket *ticket, sale_ticket_answer *answer);
seckill_status sale_start_refuse(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms,
                                 seckill_status reason, sale_ticket_answer *answer);

/* Runs the loop until each of these has been called back. */
void sale_wait_tickets(sale *self, const sale_ticket_answer *answers, size_t count);

/* One call. The answer is large: it is the caller's. Returns its status. */
seckill_status sale_process(sale *self, const seckill_queue_process_options *options, sale_queue_answer *answer);
/* What waits, decided or not: screens nothing. */
seckill_status sale_queue_read(sale *self, uint32_t shard, uint32_t max, sale_queue_answer *answer);
/* Decides what `screened` handed out, with these verdicts (NULL: none is blacklisted), and hands out `max` more. */
seckill_status sale_decide(sale *self, uint32_t shard, const sale_queue_answer *screened, const uint8_t *blacklisted,
                           uint32_t max, sale_queue_answer *answer);
/* Decides all that waits on every shard; how many that were. Stops where the sale does. */
uint32_t sale_decide_all(sale *self);

#endif
