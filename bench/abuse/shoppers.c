#include "shoppers.h"

#include "bench.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARRIVALS_MS = 2 };

const char *const shopper_steps[STEPS] = {"captcha", "request", "poll", "order"};

static void on_answer(wire *one, int status, const char *body, size_t size);
static void on_ended(wire *one);
static const wire_handlers handlers = {on_answer, on_ended};

static uint64_t now_us(void) {
    return uv_hrtime() / 1000;
}

/* ---- whose numbers ---- */

static void write_user(uint32_t number, char user[CRAFT_USER]) {
    (void)snprintf(user, CRAFT_USER, "honest-%08" PRIu32, number);
}

int64_t shoppers_number(const void *user, size_t size) {
    char text[CRAFT_USER], again[CRAFT_USER];
    unsigned long number;

    if (size != sizeof("honest-00000000") - 1)
        return -1;
    memcpy(text, user, size);
    text[size] = '\0';
    number = strtoul(text + sizeof("honest-") - 1, NULL, 10);
    write_user((uint32_t)number, again);
    return strcmp(text, again) == 0 ? (int64_t)number : -1;
}

const shopper *shoppers_find(const shoppers *self, int64_t number) {
    int64_t at = number - self->first;

    return at >= 0 && at < self->count ? &self->each[at] : NULL;
}

/* ---- its end ---- */

static void on_timer_closed(uv_handle_t *handle) {
    shopper *who = handle->data;
    shoppers *self = who->all;

    free(who->ticket);
    free(who->token);
    who->ticket = who->token = NULL;
    self->outcomes[who->outcome]++;
    self->done = ++self->over == self->count;
}

static void on_ended(wire *one) {
    shopper *who = one->user_data;

    if (who->outcome == SHOPPER_WAITS) {
        who->outcome = SHOPPER_TURNED_AWAY;
        bench_say("NOT EXPECTED: the connection of %s was lost at its %s", who->user, shopper_steps[who->step]);
    }
    uv_close((uv_handle_t *)&who->timer, on_timer_closed);
}

static void leave(shopper *who, shopper_outcome outcome) {
    who->outcome = outcome;
    wire_close(&who->wire);
}

static void on_patience(uv_timer_t *timer) {
    shopper *who = timer->data;

    bench_say("NOT EXPECTED: %s has waited for %d s at its %s", who->user, SHOPPERS_PATIENCE_MS / 1000,
              shopper_steps[who->step]);
    leave(who, SHOPPER_TURNED_AWAY);
}

static void turned_away(shopper *who, int status, const char *body, size_t size) {
    if (who->all->outcomes[SHOPPER_TURNED_AWAY] < 10)
        bench_say("NOT EXPECTED: the %s of %s was answered %d %.*s", shopper_steps[who->step], who->user, status, (int)size,
                  body);
    leave(who, SHOPPER_TURNED_AWAY);
}

/* ---- steps ---- */

static shopper_loot *loot_of(shopper *who) {
    return &who->all->loot[who->loot];
}

static void steal(char *place, size_t room, const char *text) {
    (void)snprintf(place, room, "%s", text);
}

static void go(shopper *who, shopper_step step, const char *method, const char *path, const char *body) {
    char session[SECKILL_TOKEN_SIZE], text[CRAFT_REQUEST];
    size_t size;

    craft_session(who->all->craft, who->user, CRAFT_GOOD, session);
    if (who->loot >= 0 && step == STEP_REQUEST)
        steal(loot_of(who)->session, SECKILL_TOKEN_SIZE, session);
    size = craft_request(text, method, path, session, body);
    who->step = step;
    who->all->requests++;
    (void)uv_timer_start(&who->timer, on_patience, SHOPPERS_PATIENCE_MS, 0);
    wire_send(&who->wire, text, size);
}

static void ask_for_captcha(shopper *who) {
    go(who, STEP_CAPTCHA, "GET", "/v1/captcha?activity=sale", NULL);
}

static void ask_for_unit(shopper *who, const char *answer) {
    char path[128], body[CRAFT_CAPTCHA + 128];

    (void)snprintf(path, sizeof(path), "/v1/activities/sale/items/%s/requests", who->all->item);
    (void)snprintf(body, sizeof(body), "{\"request_id\":\"%s\",\"quantity\":1,\"retry\":false,\"captcha\":\"%s\"}", who->user,
                   answer);
    who->due_us = now_us();
    go(who, STEP_REQUEST, "POST", path, body);
}

static void on_poll_due(uv_timer_t *timer) {
    shopper *who = timer->data;
    char path[SECKILL_TOKEN_SIZE + 32];

    (void)snprintf(path, sizeof(path), "/v1/tickets/%s", who->ticket);
    go(who, STEP_POLL, "GET", path, NULL);
}

static void on_order_due(uv_timer_t *timer) {
    shopper *who = timer->data;
    char body[SECKILL_TOKEN_SIZE + 32];

    (void)snprintf(body, sizeof(body), "{\"token\":\"%s\"}", who->token);
    go(who, STEP_ORDER, "POST", "/v1/orders", body);
}

static void later(shopper *who, uv_timer_cb what, uint64_t ms) {
    who->due_us = now_us() + ms * 1000;
    (void)uv_timer_start(&who->timer, what, ms, 0);
}

/* ---- answers ---- */

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void keep(char **place, const char *text) {
    free(*place);
    *place = strdup(text);
    if (*place == NULL)
        bench_fail("out of memory");
}

static void take_ticket(shopper *who, const json_t *object) {
    keep(&who->ticket, text_of(object, "ticket"));
    if (who->loot >= 0)
        steal(loot_of(who)->ticket, SECKILL_TOKEN_SIZE, who->ticket);
}

static void take_token(shopper *who, const json_t *object) {
    keep(&who->token, text_of(object, "token"));
    if (who->loot >= 0)
        steal(loot_of(who)->token, SECKILL_TOKEN_SIZE, who->token);
    later(who, on_order_due, SHOPPERS_THINK_MS);
}

/* What an answer to a request or a poll says. False: what no honest shopper should hear. */
static bool take_state(shopper *who, const json_t *object) {
    const char *state = text_of(object, "state");

    if (strcmp(state, "queued") == 0) {
        if (*text_of(object, "ticket") != '\0')
            take_ticket(who, object);
        later(who, on_poll_due, (uint64_t)json_integer_value(json_object_get(object, "poll_after_ms")));
    } else if (strcmp(state, "granted") == 0) {
        take_token(who, object);
    } else if (strcmp(state, "refused") == 0 && strcmp(text_of(object, "reason"), "sold_out") == 0) {
        leave(who, SHOPPER_SOLD_OUT);
    } else {
        return false;
    }
    return true;
}

static bool take_order(shopper *who, int status, const json_t *object) {
    const char *id = text_of(object, "order");

    if (status != 201 || strlen(id) != SHOPPERS_ID - 1)
        return false;
    memcpy(who->order, id, SHOPPERS_ID);
    leave(who, SHOPPER_ORDERED);
    return true;
}

static bool take_captcha(shopper *who, const char *body, size_t size) {
    char answer[CRAFT_CAPTCHA];

    if (!craft_solve(body, size, answer))
        return false;
    if (who->loot >= 0)
        steal(loot_of(who)->captcha, CRAFT_CAPTCHA, answer);
    ask_for_unit(who, answer);
    return true;
}

static bool take_answer(shopper *who, int status, const char *body, size_t size) {
    json_t *object = json_loadb(body, size, 0, NULL);
    bool good;

    if (who->step == STEP_CAPTCHA)
        good = status == 200 && take_captcha(who, body, size);
    else if (who->step == STEP_ORDER)
        good = take_order(who, status, object);
    else if ((good = who->step == STEP_REQUEST && status == 409 && strcmp(text_of(object, "code"), "sold_out") == 0))
        leave(who, SHOPPER_SOLD_OUT);
    else
        good = status == (who->step == STEP_REQUEST ? 202 : 200) && take_state(who, object);
    json_decref(object);
    return good;
}

static void on_answer(wire *one, int status, const char *body, size_t size) {
    shopper *who = one->user_data;
    uint64_t now = now_us();

    histogram_add(&who->all->steps[who->step], now > who->due_us ? now - who->due_us : 0);
    (void)uv_timer_stop(&who->timer);
    if (!take_answer(who, status, body, size))
        turned_away(who, status, body, size);
}

/* ---- arrivals ---- */

/* Every other one has a thief behind; the place is free again when its turn has come round. */
static int32_t new_loot(shoppers *self, uint32_t number) {
    uint32_t place = self->loot_next % SHOPPERS_LOOT;

    if (number % 2 != 0)
        return -1;
    self->loot_next++;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->each[i].loot == (int32_t)place)
            self->each[i].loot = -1;
    memset(&self->loot[place], 0, sizeof(self->loot[place]));
    return (int32_t)place;
}

static void arrive(shoppers *self, uint32_t at) {
    shopper *who = &self->each[at];

    who->all = self;
    who->number = self->first + at;
    who->due_us = self->begun_us + (uint64_t)((double)at * 1e6 / self->rate);
    who->timer.data = who;
    write_user(who->number, who->user);
    who->loot = new_loot(self, who->number);
    (void)uv_timer_init(self->loop, &who->timer);
    wire_open(&who->wire, self->loop, WIRE_ADDRESS(1, who->number >> 8, who->number & 255), self->port, &handlers, who);
    ask_for_captcha(who);
}

static void on_arrivals(uv_timer_t *timer) {
    shoppers *self = timer->data;
    double seconds = (double)(now_us() - self->begun_us) / 1e6;

    while (self->came < self->count && (double)self->came <= seconds * self->rate)
        arrive(self, self->came++);
    if (self->came == self->count)
        uv_close((uv_handle_t *)timer, NULL);
}

void shoppers_start(shoppers *self) {
    self->each = calloc(self->count, sizeof(*self->each));
    if (self->each == NULL)
        bench_fail("out of memory");
    for (uint32_t i = 0; i < self->count; i++)
        self->each[i].loot = -1;
    self->begun_us = now_us();
    self->arrivals.data = self;
    (void)uv_timer_init(self->loop, &self->arrivals);
    (void)uv_timer_start(&self->arrivals, on_arrivals, 0, ARRIVALS_MS);
}

void shoppers_free(shoppers *self) {
    free(self->each);
}
