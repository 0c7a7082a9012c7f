#include "slow.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 100, AGAIN_MS = 200, LATE_MS = 15000, ASKED_AT_ONCE = 200 };

typedef struct {
    const char *name, *allowed;
    const char *begins; /* sent at first */
    const char *drips;  /* then, each tick */
    uint32_t peers, addresses;
} slow_kind;

static const slow_kind kinds[SLOW_KINDS] = {
    {"slow headers", "request_timeout", "GET /v1/activities/sale HTTP/1.1\r\nHost: shop.example\r\nX-Slow: ", "x", 32, 16},
    {"slow bodies", "request_timeout",
     "POST /v1/orders HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n", "x",
     32, 16},
    {"peers that do not read", "closed", "GET /metrics HTTP/1.1\r\nHost: shop.example\r\n\r\n", "", 16, 16},
    {"idle connections, beyond the bound", "closed too_many_connections", "", "", 96, 4},
};

struct slow_peer {
    slow_peers *all;
    const slow_kind *kind;
    tally *tally;
    uint32_t source;
    wire wire;
    uv_timer_t timer;
    uint64_t since_ms;
    bool open, answered;
};

static void on_answer(wire *one, int status, const char *body, size_t size);
static void on_ended(wire *one);
static const wire_handlers handlers = {on_answer, on_ended};

/* Who does not read leaves so much unread that no buffer on the way holds it. */
static void begin(slow_peer *one) {
    int times = one->kind == &kinds[SLOW_READER] ? ASKED_AT_ONCE : 1;

    one->open = true;
    one->answered = false;
    one->since_ms = uv_now(one->all->loop);
    one->tally->attempts++;
    wire_open(&one->wire, one->all->loop, one->source, one->all->port, &handlers, one);
    if (one->kind == &kinds[SLOW_READER])
        wire_listen(&one->wire, false);
    for (int i = 0; i < times; i++)
        wire_send(&one->wire, one->kind->begins, strlen(one->kind->begins));
}

/* It ends as it should, or is still there when it should have been closed long ago. */
static void go_on(slow_peer *one) {
    uint64_t age_ms = uv_now(one->all->loop) - one->since_ms;

    if (one->kind == &kinds[SLOW_READER] && age_ms < SLOW_WRITE_MS * 2)
        wire_send(&one->wire, one->kind->begins, strlen(one->kind->begins));
    else if (one->kind == &kinds[SLOW_READER])
        wire_listen(&one->wire, true);
    else
        wire_send(&one->wire, one->kind->drips, strlen(one->kind->drips));
    if (age_ms > LATE_MS && !one->answered) {
        one->answered = true;
        tally_answer(one->tally, TALLY_KEPT_OPEN, "", 0);
        wire_close(&one->wire);
    }
}

static void on_tick(uv_timer_t *timer) {
    slow_peer *one = timer->data;

    if (one->open)
        go_on(one);
    else if (uv_now(one->all->loop) - one->since_ms >= AGAIN_MS)
        begin(one);
}

/* ---- ends ---- */

/* Who does not read has asked for what it is answered; that it was closed is what counts. */
static void on_answer(wire *one, int status, const char *body, size_t size) {
    slow_peer *peer = one->user_data;

    if (peer->kind == &kinds[SLOW_READER] && status == 200)
        return;
    peer->answered = true;
    tally_answer(peer->tally, status, body, size);
    wire_close(one);
}

static void on_timer_closed(uv_handle_t *handle) {
    slow_peer *peer = handle->data;

    peer->all->done = --peer->all->alive == 0;
}

static void end(slow_peer *one) {
    if (!uv_is_closing((uv_handle_t *)&one->timer))
        uv_close((uv_handle_t *)&one->timer, on_timer_closed);
}

static void on_ended(wire *one) {
    slow_peer *peer = one->user_data;

    peer->open = false;
    peer->since_ms = uv_now(peer->all->loop);
    if (peer->all->stopping)
        end(peer);
    else if (!peer->answered)
        tally_answer(peer->tally, TALLY_CLOSED, "", 0);
}

/* ---- all of them ---- */

static void make_kind(slow_peers *self, slow_peer *peers, int number) {
    for (uint32_t i = 0; i < kinds[number].peers; i++) {
        slow_peer *one = &peers[i];

        one->all = self;
        one->kind = &kinds[number];
        one->tally = &self->tallies[number];
        one->source = WIRE_ADDRESS(70, number, i % kinds[number].addresses + 1);
        one->timer.data = one;
        (void)uv_timer_init(self->loop, &one->timer);
        (void)uv_timer_start(&one->timer, on_tick, i % TICK_MS, TICK_MS);
        self->alive++;
    }
    self->tallies[number].name = kinds[number].name;
    self->tallies[number].allowed = kinds[number].allowed;
}

void slow_start(slow_peers *self) {
    uint32_t count = 0, at = 0;

    for (int i = 0; i < SLOW_KINDS; i++)
        count += kinds[i].peers;
    self->peers = calloc(count, sizeof(*self->peers));
    if (self->peers == NULL)
        bench_fail("out of memory");
    for (int i = 0; i < SLOW_KINDS; at += kinds[i++].peers)
        make_kind(self, self->peers + at, i);
}

bool slow_have_enough(const slow_peers *self) {
    for (int i = 0; i < SLOW_KINDS; i++)
        if (self->tallies[i].answered == 0)
            return false;
    return tally_of(&self->tallies[SLOW_IDLE], "closed") != 0 &&
           tally_of(&self->tallies[SLOW_IDLE], "too_many_connections") != 0;
}

void slow_stop(slow_peers *self) {
    uint32_t count = self->alive;

    self->stopping = true;
    for (uint32_t i = 0; i < count; i++) {
        if (self->peers[i].open)
            wire_close(&self->peers[i].wire);
        else
            end(&self->peers[i]);
    }
}

void slow_free(slow_peers *self) {
    free(self->peers);
}
