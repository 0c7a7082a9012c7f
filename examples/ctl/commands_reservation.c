/* reserve, lookup, confirm, cancel, refund: what a shop's service does, by hand, for one user.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl.h"
#include "model.h"
#include "show.h"
#include "table.h"

#include <string.h>

static seckill_bytes bytes_of(const char *text) {
    seckill_bytes bytes = {text, strlen(text)};
    return bytes;
}

/* A call in the making. The key ring is optional, for showing tokens. */
typedef struct {
    ctl_run *ctl;
    seckill_keyring *ring;
    seckill_reservation reservation; /* of a lookup by request id */
    seckill_reservation_ref ref;
} user_call;

/* The user of a command, checked; 0: malformed, and said so. */
static int take_user(ctl_run *ctl, const char *text, seckill_bytes *user) {
    *user = bytes_of(text);
    if (user->size < 1 || user->size > SECKILL_USER_MAX) {
        ctl_usage_error(ctl, "a user is 1 to %d bytes", SECKILL_USER_MAX);
        return 0;
    }
    json_out_bytes(ctl->out, "user", *user);
    return 1;
}

static int take_request(ctl_run *ctl, const char *text, seckill_bytes *request) {
    *request = bytes_of(text);
    if (request->size < 1 || request->size > SECKILL_REQUEST_ID_MAX) {
        ctl_usage_error(ctl, "--request: an id is 1 to %d bytes", SECKILL_REQUEST_ID_MAX);
        return 0;
    }
    json_out_bytes(ctl->out, "request_id", *request);
    return 1;
}

/* A key file is optional here: with one, tokens are shown. */
static int open_optional_keys(user_call *call) {
    if (call->ctl->keys) {
        call->ring = ctl_open_keys(call->ctl);
    }
    return call->ring || !call->ctl->keys;
}

static void on_result(const seckill_result *result, void *user_data) {
    user_call *call = user_data;
    ctl_run *ctl = call->ctl;
    ctl_answer(ctl, result->status, result->message);
    json_out_bool(ctl->out, "replayed", result->replayed);
    if (result->retry_after_ms != 0) {
        json_out_int(ctl->out, "retry_after_ms", result->retry_after_ms);
    }
    if (result->reservation.state != 0) {
        model_reservation(ctl->out, &result->reservation);
    }
    model_issue(ctl->out, call->ring, result->ref);
    ctl->done = 1;
}

/* ---- reserve ---- */

static void reserve(ctl_run *ctl) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    user_call call = {.ctl = ctl};
    const char *request = ctl_value(ctl, "request");
    char made[OPTIONS_TEXT];
    int64_t quantity = 1;
    if (!take_user(ctl, ctl->operands[1], &options.user) || !ctl_whole(ctl, "quantity", 1, 1000000, &quantity)) {
        return;
    }
    if (!request) {
        if (!options_new_id("ctl-", made)) {
            ctl_usage_error(ctl, "no random numbers from this machine: name the request with --request");
            return;
        }
        fprintf(stderr, "request %s: to ask again, whatever happens, add --request %s\n", made, made);
        request = made;
    }
    if (!take_request(ctl, request, &options.request_id) || !open_optional_keys(&call)) {
        return;
    }
    options.quantity = (uint32_t)quantity;
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_reserve(ctl->item, &options, NULL, on_result, &call));
    }
    seckill_keyring_free(call.ring);
}

/* ---- lookup ---- */

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    user_call *call = user_data;
    ctl_run *ctl = call->ctl;
    json_t *all = json_out_array();
    ctl_answer(ctl, result->status, result->message);
    for (size_t i = 0; i < result->count; i++) {
        json_t *one = json_out_object();
        model_reservation(one, &result->reservations[i]);
        model_issue(one, call->ring, &result->refs[i]);
        json_out_append(all, one);
    }
    json_out_time(ctl->out, "server_time", result->server_time_ms);
    json_out_value(ctl->out, "reservations", all);
    ctl->done = 1;
}

static void lookup(ctl_run *ctl) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;
    user_call call = {.ctl = ctl};
    const char *request = ctl_value(ctl, "request");
    if (!take_user(ctl, ctl->operands[1], &options.user) || (request && !take_request(ctl, request, &options.request_id)) ||
        !open_optional_keys(&call)) {
        return;
    }
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_lookup(ctl->item, &options, NULL, on_lookup, &call));
    }
    seckill_keyring_free(call.ring);
}

static void show_lookup(json_t *out) {
    const json_t *all = json_object_get(out, "reservations");
    if (json_array_size(all) == 0) {
        printf("user %s has no reservations of %s/%s\n", show_text(out, "user"), show_text(out, "activity"),
               show_text(out, "item"));
        return;
    }
    text_table *table = table_new("reservation|state|>units|>price|since|ends");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        table_text(table, show_text(one, "reservation_id"));
        table_text(table, show_text(one, "state"));
        table_number(table, show_int(one, "quantity"));
        table_number(table, show_int(one, "price"));
        table_text(table, show_text(one, "since"));
        table_text(table, show_text(one, "ends"));
    }
    table_end(table, stdout);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        if (json_object_get(one, "token")) {
            printf("\ntoken of %s\n%s\n", show_text(one, "reservation_id"), show_text(one, "token"));
        }
    }
}

/* ---- confirm ---- */

static void on_own_lookup(const seckill_lookup_result *result, void *user_data) {
    user_call *call = user_data;
    ctl_answer(call->ctl, result->status, result->message);
    if (result->status == SECKILL_OK && result->count > 0) {
        call->reservation = result->reservations[0];
        call->ref = result->refs[0];
    }
    call->ctl->done = 1;
}

/* What to say of a reservation that is not held any more. */
static seckill_status over(const seckill_reservation *reservation) {
    switch (reservation->state) {
    case SECKILL_RESERVED:
    case SECKILL_RESERVATION_SOLD:
        return SECKILL_OK;
    case SECKILL_RESERVATION_CANCELLED:
        return SECKILL_CANCELLED;
    case SECKILL_RESERVATION_EXPIRED:
        return SECKILL_EXPIRED;
    case SECKILL_RESERVATION_REFUNDED:
        return SECKILL_REFUNDED;
    case SECKILL_RESERVATION_REFUSED:
        return reservation->reason;
    }
    return SECKILL_NO_RESERVATION;
}

/* Finds the reservation that --user and --request name. 0: there is nothing to confirm, and that was said. */
static int find_reserved(user_call *call) {
    ctl_run *ctl = call->ctl;
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;
    if (!take_user(ctl, ctl_value(ctl, "user"), &options.user) ||
        !take_request(ctl, ctl_value(ctl, "request"), &options.request_id) || !ctl_open_item(ctl) ||
        !ctl_wait(ctl, seckill_lookup(ctl->item, &options, NULL, on_own_lookup, call)) || ctl->exit_code != CTL_OK) {
        return 0;
    }
    if (call->reservation.state != SECKILL_RESERVED) {
        ctl_answer(ctl, over(&call->reservation), NULL);
        json_out_bool(ctl->out, "replayed", 1);
        model_reservation(ctl->out, &call->reservation);
        return 0;
    }
    return 1;
}

/* Takes the reservation from a token. An expired one goes on: Redis decides by its own clock, and says so. */
static int read_token(user_call *call, const char *text) {
    ctl_run *ctl = call->ctl;
    const char *token = ctl_take_token(ctl, text);
    call->ring = token ? ctl_open_keys(ctl) : NULL;
    if (!call->ring) {
        return 0;
    }
    seckill_status status =
        seckill_token_verify(call->ring, SECKILL_TOKEN_RESERVATION, token, strlen(token), options_now_ms(), 0, &call->ref);
    if (status != SECKILL_OK && status != SECKILL_TOKEN_EXPIRED) {
        ctl_answer(ctl, status, NULL);
        return 0;
    }
    seckill_bytes user = {call->ref.user, call->ref.user_size};
    json_out_bytes(ctl->out, "user", user);
    if (!ctl_open_item(ctl)) {
        return 0;
    }
    if (strcmp(ctl->name.activity, call->ref.activity) != 0 || strcmp(ctl->name.item, call->ref.item) != 0) {
        ctl_usage_error(ctl, "the token is for %s/%s", call->ref.activity, call->ref.item);
        return 0;
    }
    return 1;
}

static void confirm(ctl_run *ctl) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    user_call call = {.ctl = ctl};
    const char *token = ctl_value(ctl, "token"), *order = ctl_value(ctl, "order-ref");
    int named = ctl_value(ctl, "user") && ctl_value(ctl, "request");
    options.order_ref = bytes_of(order ? order : "");
    if (!token == !named) {
        ctl_usage_error(ctl, "say which: --token TOKEN, or --user USER and --request ID");
        return;
    }
    if (options.order_ref.size > SECKILL_ORDER_REF_MAX) {
        ctl_usage_error(ctl, "--order-ref: at most %d bytes", SECKILL_ORDER_REF_MAX);
        return;
    }
    options.ref = &call.ref;
    if (token ? read_token(&call, token) : find_reserved(&call)) {
        ctl_wait(ctl, seckill_confirm(ctl->item, &options, NULL, on_result, &call));
    }
    seckill_keyring_free(call.ring);
}

/* ---- cancel and refund ---- */

typedef seckill_status (*release_call)(seckill_item *item, const seckill_release_options *options, seckill_op **op,
                                       seckill_result_cb cb, void *user_data);

/* The reservation's id, or that of the request's reservation: the one follows from the other. */
static int take_reservation(ctl_run *ctl, seckill_release_options *options) {
    const char *request = ctl_value(ctl, "request"), *id = ctl_value(ctl, "reservation");
    seckill_bytes request_id;
    if (!request == !id) {
        ctl_usage_error(ctl, "say which: --request ID or --reservation ID");
        return 0;
    }
    if (id && !options_reservation_id(id, options->reservation_id)) {
        ctl_usage_error(ctl, "--reservation %s: 32 hexadecimal digits are wanted", id);
        return 0;
    }
    if (id) {
        return 1;
    }
    if (!take_request(ctl, request, &request_id)) {
        return 0;
    }
    seckill_status status =
        seckill_reservation_id(ctl->name.activity, ctl->name.item, options->user, request_id, options->reservation_id);
    if (status != SECKILL_OK) {
        ctl_answer(ctl, status, NULL);
    }
    return status == SECKILL_OK;
}

static void release(ctl_run *ctl, release_call make) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    user_call call = {.ctl = ctl};
    if (take_user(ctl, ctl->operands[1], &options.user) && ctl_open_item(ctl) && take_reservation(ctl, &options)) {
        ctl_wait(ctl, make(ctl->item, &options, NULL, on_result, &call));
    }
}

static void cancel(ctl_run *ctl) {
    release(ctl, seckill_cancel);
}

static void refund(ctl_run *ctl) {
    release(ctl, seckill_refund);
}

static const ctl_option reserve_options[] = {
    {"request", "ID", "the request's id; asked again with it, the answer is the same. Default: a new one, printed first"},
    {"quantity", "N", "units; default 1"},
    {NULL, NULL, NULL},
};

static const ctl_option lookup_options[] = {
    {"request", "ID", "only what this request reserved"},
    {NULL, NULL, NULL},
};

static const ctl_option confirm_options[] = {
    {"token", "TOKEN|-|@FILE", "the reservation's token (others can see it in the list of processes), or where its line is"},
    {"user", "USER", "or: the user ..."},
    {"request", "ID", "... and the request that reserved"},
    {"order-ref", "TEXT", "the shop's own words, carried into the order event"},
    {NULL, NULL, NULL},
};

static const ctl_option release_options[] = {
    {"request", "ID", "the request that reserved"},
    {"reservation", "ID", "or: the reservation"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_reservation_commands[] = {
    {"reserve", "A/I USER", 2, "take units for a user", "With a key file the reservation's token is shown.", reserve_options,
     reserve, NULL},
    {"lookup", "A/I USER", 2, "a user's reservations", "With a key file the tokens of what is reserved are shown.",
     lookup_options, lookup, show_lookup},
    {"confirm", "A/I", 1, "settle a reservation: it becomes an order", NULL, confirm_options, confirm, NULL},
    {"cancel", "A/I USER", 2, "give back what is reserved and not confirmed", NULL, release_options, cancel, NULL},
    {"refund", "A/I USER", 2, "give back what is confirmed", NULL, release_options, refund, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
