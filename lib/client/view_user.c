/* What has become of a user's requests, for hosts that ask Redis themselves. */
#include "client/view.h"

#include "client/client.h"
#include "script/ticket.h"

#include <string.h>

/* The commands of both: the user's home shard is asked. */
static uint32_t home_of(const seckill_view *view, seckill_bytes user) {
    return seckill_shard_of(user, view->map.seed, view->map.settings.shards);
}

/* ---- tickets ---- */

static seckill_bytes owner_of(const seckill_ticket *ticket) {
    seckill_bytes user = {ticket->user, ticket->user_size};

    return user;
}

static bool names_us(const seckill_view *view, const seckill_ticket *ticket) {
    return view != NULL && sk__ticket_valid(ticket, view->activity, view->item);
}

static sk__place place_of(const seckill_ticket *ticket) {
    sk__place place = {ticket->epoch, ticket->n, ticket->since_ms};

    return place;
}

seckill_status seckill_view_ask_ticket(const seckill_view *view, const seckill_ticket *ticket, uint32_t flags,
                                       seckill_command *command) {
    sk__writing *writing = sk__writing_begin(command, flags);
    seckill_status status = sk__view_check(view, writing != NULL && names_us(view, ticket));
    sk__place place;
    sk__writer writer;

    if (status == SECKILL_OK)
        status = sk__view_write_shard(view, home_of(view, owner_of(ticket)), SK__SCRIPT_poll, flags, writing);
    if (status != SECKILL_OK)
        return status;
    place = place_of(ticket);
    writer = sk__command_add_packed(&writing->written, SK__POLLED_SIZE);
    sk__write_bytes(&writer, ticket->reservation_id, sizeof(ticket->reservation_id));
    sk__write_polled(&writer, ticket->quantity, &place);
    sk__writing_add(writing, owner_of(ticket));
    return sk__writing_show_key(writing);
}

/* What the answer says beside its state. */
static void tell(seckill_view *view, const seckill_ticket *ticket, const sk__answer *answer, const sk__progress *progress,
                 seckill_view_ticket *all) {
    if (answer->has_record)
        all->reservation = answer->record.shown;
    if (all->state == SECKILL_TICKET_GRANTED) {
        all->has_ref = 1;
        sk__record_ref(&answer->record, owner_of(ticket), view->activity, view->item, &all->ref);
    }
    if (all->state == SECKILL_TICKET_QUEUED) {
        all->position = sk__ticket_position(&answer->place, progress);
        all->wait_ms = sk__pace_wait_ms(&view->shards[home_of(view, owner_of(ticket))].pace, all->position);
    }
}

/* A host that takes one ticket's reply for another's must not tell a user of somebody else's reservation. */
static bool is_about(const sk__answer *answer, const seckill_ticket *ticket) {
    return !answer->has_record || memcmp(answer->record.shown.id, ticket->reservation_id, sizeof(ticket->reservation_id)) == 0;
}

static seckill_status read_ticket(seckill_view *view, const seckill_ticket *ticket, sk__reader *reply,
                                  seckill_view_ticket *all) {
    sk__shard_header header = sk__read_shard_header(reply);
    sk__progress progress = sk__read_progress(reply);
    bool is_sound = !reply->failed && sk__answers_are_sound(*reply, 1, true);
    sk__reader bodies = *reply;
    seckill_status reason;
    sk__answer answer;

    (void)sk__read_bytes(&bodies, SK__ANSWER_SIZE);
    answer = sk__read_answer(reply, &bodies);
    if (!is_sound || !sk__fits_poll(&answer, ticket->n == 0) || !is_about(&answer, ticket))
        return SECKILL_PROTOCOL;
    sk__view_saw(view, &header);
    sk__pace_note(&view->shards[home_of(view, owner_of(ticket))].pace, progress.decided, progress.enqueued, header.now_ms);
    all->server_time_ms = header.now_ms;
    if ((int)answer.status == SK__ANSWER_AGAIN)
        return SECKILL_SERVER_BUSY;
    if ((int)answer.status == SK__ANSWER_LOST) {
        all->state = SECKILL_TICKET_LOST;
        return SECKILL_OK;
    }
    all->state = (int32_t)sk__ticket_state(&answer, &reason);
    all->reason = (int32_t)reason;
    tell(view, ticket, &answer, &progress, all);
    return all->state != 0 ? SECKILL_OK : answer.status;
}

seckill_status seckill_view_take_ticket(seckill_view *view, const seckill_ticket *ticket, const char *reply, size_t size,
                                        seckill_view_ticket *answer) {
    sk__reader reader = sk__reader_of(reply, size);
    seckill_status status = sk__view_check(view, reply != NULL && answer != NULL && names_us(view, ticket));
    seckill_view_ticket all;

    if (status == SECKILL_INVALID)
        return status;
    memset(&all, 0, sizeof(all));
    if (status == SECKILL_OK)
        status = read_ticket(view, ticket, &reader, &all);
    return sk__struct_fill(answer, &all, sizeof(all)) == SECKILL_OK ? status : SECKILL_INVALID;
}

/* ---- the cart ---- */

static seckill_bytes bytes_of(const char *user, size_t size) {
    seckill_bytes bytes = {user, size};

    return bytes;
}

seckill_status seckill_view_ask_user(const seckill_view *view, const char *user, size_t size, uint32_t flags,
                                     seckill_command *command) {
    seckill_bytes who = bytes_of(user, size);
    sk__writing *writing = sk__writing_begin(command, flags);
    seckill_status status = sk__view_check(view, writing != NULL && sk__bytes_valid(who, SECKILL_USER_MAX, false));

    if (status == SECKILL_OK)
        status = sk__view_write_shard(view, home_of(view, who), SK__SCRIPT_lookup, flags, writing);
    if (status != SECKILL_OK)
        return status;
    sk__writing_add(writing, who);
    return sk__writing_show_key(writing);
}

seckill_status seckill_view_take_user(seckill_view *view, const char *user, size_t user_size, const char *reply, size_t size,
                                      seckill_reservation *reservations, seckill_reservation_ref *refs, uint32_t *count) {
    seckill_bytes who = bytes_of(user, user_size);
    sk__reader reader = sk__reader_of(reply, size);
    seckill_status status = sk__view_check(view, reply != NULL && reservations != NULL && refs != NULL && count != NULL &&
                                                     sk__bytes_valid(who, SECKILL_USER_MAX, false));
    sk__record records[SECKILL_USER_RECORDS_MAX];
    sk__shard_header header;
    uint8_t found;

    if (count != NULL)
        *count = 0;
    if (status != SECKILL_OK)
        return status;
    header = sk__read_shard_header(&reader);
    found = sk__read_lookup(&reader, records);
    if (!sk__reader_done(&reader))
        return SECKILL_PROTOCOL;
    sk__view_saw(view, &header);
    for (uint8_t i = 0; i < found; i++) {
        reservations[i] = records[i].shown;
        memset(&refs[i], 0, sizeof(refs[i]));
        if (reservations[i].state == SECKILL_RESERVED)
            sk__record_ref(&records[i], who, view->activity, view->item, &refs[i]);
    }
    *count = found;
    return SECKILL_OK;
}
