/* SPDX-License-Identifier: MIT */
#include "fuzz_results.h"

#include "fuzz_engine.h"

static void read_text(const char *text) {
    fuzz_check(text != NULL);
    fuzz_read(text, strlen(text));
}

static void read_bytes(seckill_bytes bytes) {
    fuzz_read(bytes.data, bytes.size);
}

static void told(void *user_data, const char *message) {
    fuzz_ask *ask = user_data;

    fuzz_check(ask->started);
    ask->told++;
    read_text(message);
}

/* What a record says is not judged here: seckill_token_issue does. */
static void read_ref(const seckill_reservation_ref *ref) {
    fuzz_check(ref->user_size >= 1 && ref->user_size <= SECKILL_USER_MAX);
    fuzz_check(strcmp(ref->activity, "sale") == 0 && strcmp(ref->item, "phone") == 0);
}

/* A refused one says why, with a status that has a name; no other does. */
static void read_reservation(const seckill_reservation *reservation) {
    fuzz_check((reservation->state == SECKILL_RESERVATION_REFUSED) == (reservation->reason != SECKILL_OK));
    fuzz_check(strcmp(seckill_status_name(reservation->reason), "no_such_status") != 0);
}

void fuzz_on_result(const seckill_result *result, void *user_data) {
    told(user_data, result->message);
    read_reservation(&result->reservation);
    if (result->ref != NULL)
        read_ref(result->ref);
}

void fuzz_on_lookup(const seckill_lookup_result *result, void *user_data) {
    told(user_data, result->message);
    fuzz_check(result->count <= SECKILL_USER_RECORDS_MAX);
    fuzz_read(result->reservations, result->count * sizeof(*result->reservations));
    for (size_t i = 0; i < result->count; i++) {
        read_reservation(&result->reservations[i]);
        if (result->reservations[i].state == SECKILL_RESERVED)
            read_ref(&result->refs[i]);
    }
}

static void read_ticket(const seckill_ticket *ticket) {
    fuzz_check(ticket->user_size >= 1 && ticket->user_size <= SECKILL_USER_MAX && ticket->quantity >= 1);
    fuzz_check(ticket->epoch <= SECKILL_AMOUNT_MAX && ticket->n <= SECKILL_AMOUNT_MAX &&
               (ticket->epoch == 0) == (ticket->n == 0));
}

void fuzz_on_ticket(const seckill_ticket_result *result, void *user_data) {
    told(user_data, result->message);
    read_reservation(&result->reservation);
    if (result->ref != NULL)
        read_ref(result->ref);
    if (result->ticket != NULL)
        read_ticket(result->ticket);
}

void fuzz_on_queue(const seckill_queue_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++)
        read_bytes(result->entries[i].user);
}

void fuzz_on_item(const seckill_item_result *result, void *user_data) {
    told(user_data, result->message);
    fuzz_read(result->outcomes, result->outcome_count * sizeof(*result->outcomes));
    if (result->info == NULL)
        return;
    for (uint32_t i = 0; i < result->info->settings->shards; i++)
        read_text(result->info->tags[i]);
}

void fuzz_on_list(const seckill_list_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++)
        read_text(result->items[i]);
}

void fuzz_on_stock(const seckill_stock_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++)
        read_text(result->shards[i].node);
}

void fuzz_on_expire(const seckill_expire_result *result, void *user_data) {
    told(user_data, result->message);
    fuzz_read(result->outcomes, result->outcome_count * sizeof(*result->outcomes));
}

void fuzz_on_transfers(const seckill_transfers_result *result, void *user_data) {
    told(user_data, result->message);
}

void fuzz_on_fault(const seckill_fault *fault, void *user_data) {
    (void)user_data;
    read_text(fault->what);
    read_bytes(fault->user);
    if (fault->key != NULL)
        read_text(fault->key);
}

static void read_event(const seckill_event *event) {
    read_bytes(event->user);
    read_bytes(event->order_ref);
}

void fuzz_on_seen_reservation(uint32_t shard, const seckill_user_reservation *seen, void *user_data) {
    (void)shard;
    (void)user_data;
    read_bytes(seen->user);
}

void fuzz_on_seen_event(uint32_t shard, const seckill_event *event, void *user_data) {
    (void)shard;
    (void)user_data;
    read_event(event);
}

void fuzz_on_reconcile(const seckill_reconcile_result *result, void *user_data) {
    told(user_data, result->message);
    fuzz_read(result->shards, result->count * sizeof(*result->shards));
}

void fuzz_on_reservations(const seckill_reservations_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++)
        read_bytes(result->reservations[i].user);
}

void fuzz_on_events(const seckill_events_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++)
        read_event(&result->events[i]);
}

void fuzz_on_preflight(const seckill_preflight_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++) {
        read_text(result->findings[i].name);
        read_text(result->findings[i].server);
        read_text(result->findings[i].found);
        read_text(result->findings[i].remedy);
    }
}

void fuzz_on_blacklist(const seckill_blacklist_result *result, void *user_data) {
    told(user_data, result->message);
}

void fuzz_on_blacklist_check(const seckill_blacklist_check_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count && result->findings != NULL; i++)
        read_bytes(result->findings[i].reason);
}

void fuzz_on_blacklist_read(const seckill_blacklist_read_result *result, void *user_data) {
    told(user_data, result->message);
    for (size_t i = 0; i < result->count; i++) {
        read_text(result->entries[i].subject.kind);
        read_bytes(result->entries[i].subject.value);
        read_bytes(result->entries[i].reason);
    }
}

void fuzz_on_once(const seckill_once_result *result, void *user_data) {
    told(user_data, result->message);
}
