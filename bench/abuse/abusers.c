#include "abusers.h"

#include "bench.h"
#include "hostile_shapes.h"
#include "kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 1, EACH_TICK = 16, GAP_MS = 25, IDLE_MS = 1000 };

struct sender {
    abusers *all;
    const abuse_kind *kind;
    tally *tally;
    wire wire;
    uint32_t number; /* among those of its kind */
    uint64_t next_ms;
    int owed;         /* answers */
    char allowed[16]; /* the status that the shape on its way is answered with */
};

static void on_answer(wire *one, int status, const char *body, size_t size);
static void on_ended(wire *one);
static const wire_handlers handlers = {on_answer, on_ended};

/* ---- who and where ---- */

void abusers_listed_user(uint32_t n, char user[CRAFT_USER]) {
    (void)snprintf(user, CRAFT_USER, "listed-%08" PRIu32, n);
}

void abusers_fast_user(uint32_t n, char user[CRAFT_USER]) {
    (void)snprintf(user, CRAFT_USER, "fast-%08" PRIu32, n);
}

void abusers_listed_address(uint32_t n, char address[20]) {
    (void)snprintf(address, 20, "127.67.0.%" PRIu32, n + 1);
}

void abusers_fast_address(uint32_t n, char address[20]) {
    (void)snprintf(address, 20, "127.69.0.%" PRIu32, n + 1);
}

static uint32_t source_of(const sender *one) {
    size_t number = (size_t)(one->kind - one->all->list);

    switch (one->kind->origin) {
    case FROM_LISTED:
        return WIRE_ADDRESS(67, 0, one->number % ABUSERS_LISTED_ADDRESSES + 1);
    case FROM_LISTED_NETWORK:
        return WIRE_ADDRESS(68, one->number, 1);
    case FROM_FEW:
        return WIRE_ADDRESS(69, one->kind->session == CRAFT_NONE, one->number % ABUSERS_FAST + 1);
    case FROM_CROWD:
        return WIRE_ADDRESS(70, one->number >> 7, (one->number & 127) + 1);
    default:
        return WIRE_ADDRESS(66, number, one->number + 1);
    }
}

static void choose_user(sender *one, char user[CRAFT_USER]) {
    uint64_t n = one->all->users++;

    if (one->kind->user == USER_LISTED)
        abusers_listed_user((uint32_t)(n % ABUSERS_LISTED_USERS), user);
    else if (one->kind->user == USER_FAST)
        abusers_fast_user(one->number % ABUSERS_FAST, user);
    else
        (void)snprintf(user, CRAFT_USER, "%s-%010" PRIu64, one->kind->user == USER_OF_CROWD ? "crowd" : "abuser", n);
}

/* ---- what they send ---- */

typedef struct {
    char user[CRAFT_USER], session[SECKILL_TOKEN_SIZE], proof[SECKILL_TOKEN_SIZE];
} attempt;

/* What was stolen last and is there. NULL: nobody has such a thing yet. */
static shopper_loot *newest(shoppers *victims, size_t member) {
    for (uint32_t i = 1; i <= SHOPPERS_LOOT && i <= victims->loot_next; i++) {
        shopper_loot *loot = &victims->loot[(victims->loot_next - i) % SHOPPERS_LOOT];

        if (((char *)loot)[member] != '\0')
            return loot;
    }
    return NULL;
}

/* Of a shopper who stands in the queue, so that it is used, and whom nobody has tried it on yet. */
static shopper_loot *used_captcha(shoppers *victims) {
    for (uint32_t i = 0; i < SHOPPERS_LOOT; i++) {
        shopper_loot *loot = &victims->loot[i];

        if (loot->ticket[0] != '\0' && !loot->captcha_stolen) {
            loot->captcha_stolen = true;
            return loot;
        }
    }
    return NULL;
}

static bool take_loot(sender *one, attempt *made) {
    shoppers *victims = one->all->victims;
    abuse_aim aim = one->kind->aim;
    size_t member = aim == TO_TICKETS    ? offsetof(shopper_loot, ticket)
                    : aim == TO_REQUESTS ? offsetof(shopper_loot, captcha)
                                         : offsetof(shopper_loot, token);
    const shopper_loot *loot = one->kind->session == CRAFT_STOLEN ? used_captcha(victims) : newest(victims, member);

    if (loot == NULL)
        return false;
    (void)snprintf(made->proof, sizeof(made->proof), "%s", (const char *)loot + member);
    if (one->kind->session == CRAFT_STOLEN)
        (void)snprintf(made->session, sizeof(made->session), "%s", loot->session);
    return true;
}

static bool make_attempt(sender *one, attempt *made) {
    const craft *keys = one->all->craft;
    const abuse_kind *kind = one->kind;

    choose_user(one, made->user);
    if (kind->session != CRAFT_STOLEN)
        craft_session(keys, made->user, kind->session, made->session);
    if (kind->proof == CRAFT_STOLEN)
        return take_loot(one, made);
    if (kind->aim == TO_REQUESTS || kind->aim == TO_RETRIES)
        craft_captcha(keys, made->user, kind->proof, made->proof);
    else if (kind->aim == TO_TICKETS)
        craft_ticket(keys, made->user, kind->proof, made->proof);
    else if (kind->aim == TO_ORDERS || kind->aim == TO_CANCELLATIONS)
        craft_reservation(keys, made->user, kind->proof, made->proof);
    return true;
}

static const char *bad_json(uint64_t n) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"request_id\":\"\"}",
        "{\"request_id\":7}",
        "{\"request_id\":\"a\",\"request_id\":\"b\"}",
        "{\"request_id\":\"a\",\"quantity\":0}",
        "{\"request_id\":\"a\",\"quantity\":-1}",
        "{\"request_id\":\"a\",\"quantity\":1e3}",
        "{\"request_id\":\"a\",\"quantity\":99999999999999999999999999}",
        "{\"request_id\":\"a\",\"price\":1}",
        "{\"request_id\":\"a\",\"captcha\":{}}",
        "{\"request_id\":\"\xff\xfe\"}",
        "{\"request_id\":\"a\",\"retry\":\"false\"}",
        "{\"request_id\":\"a\"} {\"request_id\":\"b\"}",
        "{\"request_id\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"};

    return texts[n % (sizeof(texts) / sizeof(texts[0]))];
}

/* Of all the shapes those that are refused. */
static size_t put_shape(sender *one, char text[CRAFT_REQUEST]) {
    const hostile_shape *shape;

    do
        shape = &hostile_shapes[one->all->shapes++ % hostile_shape_count];
    while (!shape->refused || shape->size > CRAFT_REQUEST);
    (void)snprintf(one->allowed, sizeof(one->allowed), "%d", shape->status);
    one->tally->allowed = one->allowed;
    memcpy(text, shape->text, shape->size);
    return shape->size;
}

static size_t put_attempt(const sender *one, const attempt *made, char text[CRAFT_REQUEST]) {
    char path[SECKILL_TOKEN_SIZE + 64], body[SECKILL_TOKEN_SIZE + 128];
    abuse_aim aim = one->kind->aim;

    (void)snprintf(path, sizeof(path), "/v1/activities/sale/items/%s/requests", one->all->item);
    (void)snprintf(body, sizeof(body), "{\"token\":\"%s\"}", made->proof);
    if (aim == TO_TICKETS)
        (void)snprintf(path, sizeof(path), "/v1/tickets/%s", made->proof);
    else if (aim == TO_ORDERS || aim == TO_CANCELLATIONS)
        (void)snprintf(path, sizeof(path), "/v1/%s", aim == TO_ORDERS ? "orders" : "cancellations");
    else if (aim == TO_BAD_JSON)
        (void)snprintf(body, sizeof(body), "%s", bad_json(one->tally->attempts));
    else
        (void)snprintf(body, sizeof(body), "{\"request_id\":\"%s\",\"retry\":%s%s%s%s}", made->user,
                       aim == TO_RETRIES ? "true" : "false", *made->proof != '\0' ? ",\"captcha\":\"" : "", made->proof,
                       *made->proof != '\0' ? "\"" : "");
    return craft_request(text, aim == TO_TICKETS ? "GET" : "POST", path, made->session, aim == TO_TICKETS ? NULL : body);
}

/* 0: there is nothing to steal yet. */
static size_t put_request(sender *one, char text[CRAFT_REQUEST]) {
    attempt made;

    if (one->kind->aim == TO_SHAPES)
        return put_shape(one, text);
    return make_attempt(one, &made) ? put_attempt(one, &made, text) : 0;
}

/* ---- sending ---- */

static void open_wire(sender *one) {
    one->all->open++;
    wire_open(&one->wire, one->all->loop, source_of(one), one->all->port, &handlers, one);
}

/* How many it has sent. */
static int send_some(sender *one, uint64_t now_ms) {
    static char text[ABUSE_BATCH_MAX * CRAFT_REQUEST];
    int many = one->kind->batch != 0 ? one->kind->batch : 1, made = 0;
    size_t size = 0, more = 1;

    for (; made < many && more != 0; made += more != 0) {
        more = put_request(one, text + size);
        size += more;
    }
    if (made == 0)
        return 0;
    one->next_ms = one->kind->batch != 0 ? now_ms : now_ms + GAP_MS;
    one->owed = made;
    one->all->sent += (uint64_t)made;
    one->tally->attempts += (uint64_t)made;
    if (!one->wire.in_use)
        open_wire(one);
    wire_send(&one->wire, text, size);
    return made;
}

/* Senders of a kind take turns too. */
static int let_one_send(abusers *self, size_t number, uint64_t now_ms) {
    for (uint32_t i = 0; i < self->each; i++) {
        sender *one = &self->senders[number * self->each + self->turns[number]++ % self->each];

        if (one->wire.in_use && one->owed == 0 && one->next_ms + IDLE_MS < now_ms)
            wire_close(&one->wire); /* else the front might do it, for idling, just when it sends again */
        if (one->owed == 0 && one->next_ms <= now_ms && !one->wire.closing)
            return send_some(one, now_ms);
    }
    return 0;
}

/* Kinds take turns, and who has nothing to send just now is passed by. What is due goes out evenly, not all of it just behind
 * an honest request. */
static void on_tick(uv_timer_t *timer) {
    abusers *self = timer->data;
    uint64_t now_ms = uv_now(self->loop);
    uint64_t most = self->sent + EACH_TICK, due = self->factor * self->victims->requests;
    size_t idle = 0;

    most = due < most ? due : most;
    while (self->sent < most && idle < self->kinds) {
        int made = let_one_send(self, self->next, now_ms);

        self->next = (self->next + 1) % self->kinds;
        idle = made != 0 ? 0 : idle + 1;
    }
}

/* ---- answers ---- */

static void maybe_done(abusers *self) {
    self->done = self->stopping && self->open == 0;
}

static void on_answer(wire *one, int status, const char *body, size_t size) {
    sender *from = one->user_data;

    if (from->kind->aim == TO_SHAPES)
        from->tally->allowed = from->allowed;
    tally_answer(from->tally, status, body, size);
    from->all->answered++;
    if (--from->owed <= 0 && (from->all->stopping || from->kind->aim == TO_SHAPES))
        wire_close(one);
}

static void on_ended(wire *one) {
    sender *from = one->user_data;

    for (; from->owed > 0; from->owed--)
        tally_answer(from->tally, TALLY_CLOSED, "", 0);
    from->owed = 0;
    from->all->open--;
    maybe_done(from->all);
}

/* ---- all of them ---- */

void abusers_start(abusers *self) {
    self->senders = calloc(self->kinds * self->each, sizeof(*self->senders));
    if (self->senders == NULL)
        bench_fail("out of memory");

    for (uint32_t i = 0; i < self->kinds * self->each; i++) {
        sender *one = &self->senders[i];

        one->all = self;
        one->kind = &self->list[i / self->each];
        one->tally = &self->tallies[i / self->each];
        one->number = i % self->each;
        one->tally->name = one->kind->name;
        one->tally->allowed = one->kind->allowed;
    }
    self->tick.data = self;
    (void)uv_timer_init(self->loop, &self->tick);
    (void)uv_timer_start(&self->tick, on_tick, 0, TICK_MS);
}

bool abusers_have_enough(const abusers *self) {
    for (size_t i = 0; i < self->kinds; i++)
        if (self->tallies[i].answered == 0)
            return false;
    return self->sent >= self->factor * self->victims->requests;
}

void abusers_stop(abusers *self) {
    self->stopping = true;
    uv_close((uv_handle_t *)&self->tick, NULL);
    for (size_t i = 0; i < self->kinds * self->each; i++)
        if (self->senders[i].owed == 0)
            wire_close(&self->senders[i].wire);
    maybe_done(self);
}

void abusers_free(abusers *self) {
    free(self->senders);
}
