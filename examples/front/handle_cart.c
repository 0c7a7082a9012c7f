/* seckill-front: GET /v1/activities/A/cart: the user's live reservations over all items of an activity, each with its token.
 *
 * Each item has the user's records on another shard, so each is asked; a few at a time, so that one cart does not crowd out
 * the requests of others. What one item cannot say would be missing without a trace: then the whole answer is that fault.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "problem.h"
#include "reservation.h"

#include <stdlib.h>
#include <string.h>

enum { AT_A_TIME = 16 };

typedef struct user_cart user_cart;

/* One item that is being asked. */
typedef struct {
    user_cart *cart;
    seckill_op *op; /* NULL: free */
    size_t index;   /* of the item */
} item_lookup;

struct user_cart {
    cache_waiter waiter;
    front_loop *loop;
    http_exchange *exchange;
    session_user user;
    char activity[SECKILL_ID_MAX + 1];
    catalog_names *names;
    json_t **found; /* an array for each item, or NULL */
    size_t next, under_way;
    int64_t server_time_ms;
    item_lookup lookups[AT_A_TIME];
};

static void cart_free(user_cart *cart) {
    cache_forget(&cart->waiter);
    for (size_t i = 0; i < AT_A_TIME; i++)
        if (cart->lookups[i].op != NULL)
            seckill_op_detach(cart->lookups[i].op);
    for (size_t i = 0; cart->found != NULL && i < cart->names->count; i++)
        json_decref(cart->found[i]);
    free(cart->found);
    catalog_names_release(cart->names);
    free(cart);
}

static http_exchange *cart_end(user_cart *cart) {
    http_exchange *exchange = cart->exchange;
    exchange->user_data = NULL;
    exchange->abandoned = NULL;
    cart_free(cart);
    return exchange;
}

static void on_abandoned(http_exchange *exchange) {
    cart_free(exchange->user_data);
}

/* ---- the answer */

static json_t *cart_object(const user_cart *cart) {
    json_t *all = json_array();
    for (size_t i = 0; i < cart->names->count; i++)
        if (cart->found[i] != NULL)
            json_array_extend(all, cart->found[i]);
    return json_pack("{s:s,s:o,s:I}", "activity", cart->activity, "reservations", all, "server_time",
                     (json_int_t)cart->server_time_ms);
}

static void cart_done(user_cart *cart) {
    front_loop *loop = cart->loop;
    json_t *object = cart_object(cart);
    answer_json(loop, cart_end(cart), 200, object);
}

static void cart_failed(user_cart *cart, seckill_status status, const char *message) {
    front_loop *loop = cart->loop;
    answer_result(loop, cart_end(cart), status, message, 0);
}

/* ---- asking the items */

static seckill_status add_one(user_cart *cart, const item_lookup *lookup, const seckill_reservation *reservation,
                              const seckill_reservation_ref *ref) {
    json_t *object = reservation_object(SECKILL_TICKET_GRANTED, reservation);
    json_t **found = &cart->found[lookup->index];
    if (*found == NULL)
        *found = json_array();
    int failed = json_object_set_new(object, "item", json_string(cart->names->names[lookup->index])) != 0 ||
                 json_object_set_new(object, "expires_at", json_integer(reservation->ends_ms)) != 0;
    seckill_status status = failed ? SECKILL_NO_MEMORY : reservation_add_token(cart->loop->ring->keys, ref, object);
    if (status != SECKILL_OK)
        json_decref(object);
    else if (json_array_append_new(*found, object) != 0)
        status = SECKILL_NO_MEMORY;
    return status;
}

static seckill_status add_found(user_cart *cart, const item_lookup *lookup, const seckill_lookup_result *result) {
    seckill_status status = SECKILL_OK;
    for (size_t i = 0; i < result->count && status == SECKILL_OK; i++)
        if (result->reservations[i].state == SECKILL_RESERVED)
            status = add_one(cart, lookup, &result->reservations[i], &result->refs[i]);
    return status;
}

static seckill_status ask_more(user_cart *cart);

static void on_found(const seckill_lookup_result *result, void *user_data) {
    item_lookup *lookup = user_data;
    user_cart *cart = lookup->cart;
    lookup->op = NULL;
    cart->under_way--;
    /* An item that is in the list but not defined was purged in between: nobody has anything of it. */
    seckill_status status = result->status == SECKILL_NOT_DEFINED ? SECKILL_OK : result->status;
    const char *message = result->message;
    if (result->status == SECKILL_OK) {
        cart->server_time_ms = result->server_time_ms;
        status = add_found(cart, lookup, result);
    }
    if (status == SECKILL_OK && (status = ask_more(cart)) != SECKILL_OK)
        message = seckill_status_message(status);
    if (status != SECKILL_OK)
        cart_failed(cart, status, message);
    else if (cart->under_way == 0)
        cart_done(cart);
}

static seckill_status ask(user_cart *cart, item_lookup *lookup) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;
    seckill_status status;
    lookup->cart = cart;
    lookup->index = cart->next++;
    options.user = (seckill_bytes){cart->user.bytes, cart->user.size};
    seckill_item *item = catalog_handle(cart->loop->catalog, cart->activity, cart->names->names[lookup->index], &status);
    if (item != NULL)
        status = seckill_lookup(item, &options, &lookup->op, on_found, lookup);
    if (status == SECKILL_OK)
        cart->under_way++;
    return status;
}

static seckill_status ask_more(user_cart *cart) {
    seckill_status status = SECKILL_OK;
    for (size_t i = 0; i < AT_A_TIME && cart->next < cart->names->count && status == SECKILL_OK; i++)
        if (cart->lookups[i].op == NULL)
            status = ask(cart, &cart->lookups[i]);
    return status;
}

static void on_items(cache_waiter *waiter, cached *entry) {
    user_cart *cart = (user_cart *)(void *)waiter;
    seckill_status status = entry->status;
    if (status == SECKILL_OK) {
        cart->names = ((const catalog_activity *)(const void *)entry)->names;
        catalog_names_hold(cart->names);
        cart->found = calloc(cart->names->count, sizeof(json_t *));
        status = cart->found != NULL ? ask_more(cart) : SECKILL_NO_MEMORY;
    }
    if (status != SECKILL_OK)
        cart_failed(cart, status, seckill_status_message(status));
}

void handle_cart(const front_call *call) {
    user_cart *cart = calloc(1, sizeof *cart);
    if (cart == NULL) {
        answer_status(call->loop, call->exchange, SECKILL_NO_MEMORY, NULL, 0);
        return;
    }
    cart->waiter.done = on_items;
    cart->loop = call->loop;
    cart->exchange = call->exchange;
    cart->user = call->user;
    memcpy(cart->activity, call->activity, sizeof cart->activity);
    call->exchange->user_data = cart;
    call->exchange->abandoned = on_abandoned;
    seckill_status status = catalog_read_activity(call->loop->catalog, call->activity, &cart->waiter);
    if (status != SECKILL_OK)
        cart_failed(cart, status, seckill_status_message(status));
}
