/* Reading without a client, against a private server: after each step of a random sale, what a host with a plain connection
 * reads by the calls of view.h is what the client's own calls answer.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "blacklist_support.h"
#include "queue_support.h"
#include "view_host.h"

#include <stdio.h>
#include <string.h>

enum { USERS = 12, TICKETS = 64, LIMIT = 3, ROUND_MS = 100 };

typedef struct {
    rules *r;
    view_host host;
    seckill_view *view;
    int64_t now_ms; /* the host's clock */
    seckill_ticket tickets[TICKETS];
    size_t ticket_count;
    unsigned requests;
} reading;

static void open_reading(reading *self, rules *r) {
    memset(self, 0, sizeof *self);
    self->r = r;
    view_host_open(&self->host);
    view_host_seed(&self->host, redis_server_address(r->server));
    assert_status(seckill_view_new(NULL, "sale", "phone", &self->view), SECKILL_OK);
}

static void close_reading(reading *self) {
    seckill_view_free(self->view);
    view_host_close(&self->host);
}

static seckill_view_stock read_round(reading *self) {
    seckill_view_stock stock = {.struct_size = sizeof stock};
    self->now_ms += ROUND_MS;
    assert_status(view_host_round(&self->host, self->view, self->now_ms), SECKILL_OK);
    assert_status(seckill_view_get_stock(self->view, &stock), SECKILL_OK);
    return stock;
}

/* ---- a random sale ---- */

static void name_user(reading *self, char user[8]) {
    snprintf(user, 8, "u%u", rules_below(self->r, USERS));
}

static void name_request(reading *self, char id[16]) {
    snprintf(id, 16, "r%u", self->requests++);
}

static void reserve_and_more(reading *self) {
    char user[8], id[16];
    name_user(self, user);
    name_request(self, id);
    const sale_answer answer = rules_reserve(self->r, user, id, 1 + rules_below(self->r, 2));
    if (answer.status != SECKILL_OK || rules_below(self->r, 3) == 0)
        return;
    if (rules_below(self->r, 2) == 0)
        assert_status(sale_cancel(&self->r->sale, user, answer.reservation.id).status, SECKILL_OK);
    else
        assert_status(sale_confirm(&self->r->sale, &answer.ref, "order").status, SECKILL_OK);
}

static void enqueue(reading *self) {
    char user[8], id[16];
    name_user(self, user);
    name_request(self, id);
    const sale_ticket_answer answer = queue_enqueue(self->r, user, id, 1);
    if (answer.status == SECKILL_OK && answer.has_ticket && self->ticket_count < TICKETS)
        self->tickets[self->ticket_count++] = answer.ticket;
}

static void stand_outside(reading *self) {
    char user[8], id[16];
    if (self->ticket_count == TICKETS)
        return;
    name_user(self, user);
    name_request(self, id);
    self->tickets[self->ticket_count++] = sale_outside(&self->r->sale, user, id, 1, self->r->now_ms);
    if (rules_below(self->r, 2) == 0)
        (void)sale_refuse(&self->r->sale, user, id, 1, self->r->now_ms, SECKILL_NOT_ENOUGH);
}

static void decide(reading *self) {
    static queue_worker worker;
    queue_worker_init(&worker, &self->r->sale, rules_below(self->r, self->r->sale.shards), 2, NULL);
    queue_worker_step(&worker);
    queue_worker_step(&worker);
}

static void change_settings(reading *self) {
    const bool is_paused = sale_get(&self->r->sale).state == SECKILL_ITEM_PAUSED;
    assert_status((is_paused ? sale_resume(&self->r->sale) : sale_pause(&self->r->sale)).status, SECKILL_OK);
}

static void step(reading *self) {
    const uint32_t chance = rules_below(self->r, 20);
    if (chance < 9)
        reserve_and_more(self);
    else if (chance < 13)
        enqueue(self);
    else if (chance < 15)
        stand_outside(self);
    else if (chance < 17)
        decide(self);
    else if (chance < 19)
        rules_pass(self->r, rules_below(self->r, 400));
    else
        change_settings(self);
}

/* What was changed shows, at the latest, in the next answer of a shard. */
static void compare(reading *self) {
    char user[8];
    (void)read_round(self);
    if (seckill_view_is_stale(self->view))
        assert_status(view_host_item(&self->host, self->view), SECKILL_OK);
    view_assert_item(self->view, &self->r->sale);
    view_assert_stock(self->view, &self->r->sale);
    name_user(self, user);
    view_assert_user(&self->host, self->view, user, &self->r->sale);
    for (size_t i = 0; i < self->ticket_count; i++)
        view_assert_ticket(&self->host, self->view, &self->tickets[i], &self->r->sale);
}

static void read_a_random_sale(rules *r, uint32_t shards) {
    const uint32_t steps = rules_rounds(120, 1200);
    reading self;
    rules_seed(r);
    open_reading(&self, r);
    rules_sell(r, shards, LIMIT, 300, 100, 20);
    rules_freeze(r);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    for (uint32_t i = 0; i < steps; i++) {
        step(&self);
        compare(&self);
    }
    close_reading(&self);
}

static void a_random_sale_is_read_as_a_client_reads_it(void **state) {
    read_a_random_sale(*state, 1);
}

static void so_is_one_of_several_shards(void **state) {
    read_a_random_sale(*state, 3);
}

/* ---- the proof ---- */

static void sold_out_is_proven_as_long_as_it_is_true(void **state) {
    rules *r = *state;
    sale_answer answers[3];
    char user[8];
    reading self;
    rules_sell_patiently(r, 3, 1, 3);
    open_reading(&self, r);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_round(&self).is_proven && read_round(&self).left == 0, 0);
        snprintf(user, sizeof user, "u%u", i);
        answers[i] = sale_reserve(&r->sale, user, "r", 1);
        assert_status(answers[i].status, SECKILL_OK);
    }
    assert_status(sale_reserve(&r->sale, "late", "r", 1).status, SECKILL_SOLD_OUT);
    (void)read_round(&self); /* sees what was sent meanwhile */
    (void)read_round(&self);
    seckill_view_stock stock = read_round(&self);
    assert_int_equal(stock.is_proven, 1);
    assert_int_equal(stock.left, 0);
    assert_int_equal(stock.proven_ms, self.now_ms);
    assert_status(sale_cancel(&r->sale, "u1", answers[1].reservation.id).status, SECKILL_OK);
    assert_int_equal(read_round(&self).is_proven, 0);
    stock = read_round(&self);
    assert_int_equal(stock.is_proven, 1);
    assert_int_equal(stock.left, 1);
    close_reading(&self);
}

/* ---- what else there is ---- */

static void items_and_subjects_are_read_as_a_client_reads_them(void **state) {
    static const seckill_subject asked[] = {
        {"user", {"alice", 5}}, {"user", {"bob", 3}}, {"address", {"192.0.2.7", 9}}, {"address", {"2001:db8::1", 11}}};
    rules *r = *state;
    seckill_blacklist_finding findings[4];
    reading self;
    rules_sell_patiently(r, 1, 1, 3);
    open_reading(&self, r);
    assert_status(view_host_listed(&self.host, asked, 4, findings), SECKILL_OK);
    const int64_t until = blacklist_now(&r->sale) + 3600000;
    assert_status(blacklist_list(&r->sale, "user", "bob", "scalper", 0, 0).status, SECKILL_OK);
    assert_status(blacklist_list(&r->sale, "address", "192.0.2.0/24", "", until, 0).status, SECKILL_OK);
    assert_status(view_host_listed(&self.host, asked, 4, findings), SECKILL_BLACKLISTED);
    for (size_t i = 0; i < 4; i++) {
        char value[16];
        snprintf(value, sizeof value, "%.*s", (int)asked[i].value.size, (const char *)asked[i].value.data);
        const blacklist_found found = blacklist_ask(&r->sale, asked[i].kind, value);
        assert_int_equal(findings[i].is_listed, found.is_listed);
        assert_int_equal(findings[i].until_ms, found.until_ms);
        assert_int_equal(findings[i].since_ms, found.since_ms);
        assert_int_equal(findings[i].reason.size, strlen(found.reason));
    }
    close_reading(&self);
}

static seckill_status write_items(const void *activity, uint32_t flags, seckill_command *command) {
    return seckill_view_ask_items(NULL, activity, flags, command);
}

static void the_items_of_an_activity_are_listed(void **state) {
    rules *r = *state;
    seckill_bytes items[SECKILL_ITEMS_MAX];
    uint32_t count;
    reading self;
    open_reading(&self, r);
    for (int defined = 0; defined < 2; defined++) {
        redisReply *reply = view_host_ask(&self.host, write_items, "sale");
        assert_non_null(reply);
        assert_status(seckill_view_take_items(reply->str, reply->len, items, SECKILL_ITEMS_MAX, &count), SECKILL_OK);
        assert_int_equal(count, defined);
        if (defined)
            assert_memory_equal(items[0].data, "phone", 5);
        redis_server_forget(reply);
        rules_sell_patiently(r, 1, 1, 3);
    }
    close_reading(&self);
}

/* ---- what a host meets ---- */

static void a_server_that_forgot_the_scripts_gets_their_text(void **state) {
    rules *r = *state;
    reading self;
    rules_sell_patiently(r, 1, 1, 3);
    redis_server_forget(redis_server_command(r->server, "SCRIPT FLUSH SYNC"));
    open_reading(&self, r);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    assert_int_equal(self.host.texts, 1);
    (void)read_round(&self);
    assert_int_equal(self.host.texts, 2);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    (void)read_round(&self);
    assert_int_equal(self.host.texts, 2);
    close_reading(&self);
}

/* Purged, the shards do not know the view's item any more; the list says that there is none, or another. */
static void an_item_that_is_purged_and_defined_anew_is_noticed(void **state) {
    rules *r = *state;
    seckill_view_stock stock = {.struct_size = sizeof stock};
    reading self;
    rules_sell_patiently(r, 2, 1, 4);
    open_reading(&self, r);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    assert_int_equal(read_round(&self).available, 4);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_status(view_host_round(&self.host, self.view, 1), SECKILL_SERVER_BUSY);
    assert_int_equal(self.host.error.then, SECKILL_THEN_ASK_ITEM);
    assert_status(seckill_view_get_stock(self.view, &stock), SECKILL_OK);
    assert_int_equal(stock.missing, 2);
    rules_sell_patiently(r, 2, 1, 6);
    assert_status(view_host_round(&self.host, self.view, 2), SECKILL_SERVER_BUSY);
    assert_int_equal(self.host.error.then, SECKILL_THEN_ASK_ITEM);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    assert_int_equal(read_round(&self).available, 6);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_status(view_host_item(&self.host, self.view), SECKILL_NOT_DEFINED);
    close_reading(&self);
}

enum { COMMANDS = 6 };

/* Each of the commands in turn. */
static seckill_status write_any(const reading *self, const seckill_ticket *ticket, int which, seckill_command *command) {
    const seckill_subject subject = {"user", {"alice", 5}};
    const uint32_t flags = SECKILL_WITH_TEXT;
    switch (which) {
    case 0:
        return seckill_view_ask_items(NULL, "sale", flags, command);
    case 1:
        return seckill_view_ask_listed(NULL, &subject, 1, flags, command);
    case 2:
        return seckill_view_ask_item(self->view, flags, command);
    case 3:
        return seckill_view_ask_shard(self->view, 0, flags, command);
    case 4:
        return seckill_view_ask_ticket(self->view, ticket, flags, command);
    default:
        return seckill_view_ask_user(self->view, "alice", 5, flags, command);
    }
}

/* What a replica knows may be old: none of the scripts answers there. */
static void a_replica_does_not_answer(void **state) {
    rules *r = *state;
    seckill_command *command = NULL;
    reading self;
    rules_sell_patiently(r, 1, 1, 3);
    open_reading(&self, r);
    const sale_ticket_answer placed = sale_enqueue(&r->sale, "alice", "r", 1);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    assert_status(seckill_view_begin(self.view, 1), SECKILL_OK);
    assert_status(seckill_command_new(&command), SECKILL_OK);
    redis_server_forget(redis_server_command(r->server, "REPLICAOF 127.0.0.1 1"));
    for (int i = 0; i < COMMANDS; i++) {
        assert_status(write_any(&self, &placed.ticket, i, command), SECKILL_OK);
        redisReply *reply =
            redis_server_command_argv(r->server, (int)command->argc, (const char **)(uintptr_t)command->argv, command->sizes);
        assert_int_equal(reply->type, REDIS_REPLY_ERROR);
        self.host.error.struct_size = sizeof self.host.error;
        assert_status(seckill_view_read_error(reply->str, reply->len, &self.host.error), SECKILL_OK);
        assert_int_equal(self.host.error.then, SECKILL_THEN_TRY_LATER);
        assert_status(self.host.error.status, SECKILL_SERVER_BUSY);
        redis_server_forget(reply);
    }
    redis_server_forget(redis_server_command(r->server, "REPLICAOF NO ONE"));
    seckill_command_free(command);
    close_reading(&self);
}

/* Behind a restart that lost the queue, a client that polls would enqueue again: the view says so, and changes nothing. */
static void a_place_that_was_lost_is_for_a_client(void **state) {
    rules *r = *state;
    seckill_view_ticket told;
    reading self;
    rules_sell_patiently(r, 1, 1, 3);
    open_reading(&self, r);
    assert_status(view_host_item(&self.host, self.view), SECKILL_OK);
    const sale_ticket_answer answer = sale_enqueue(&r->sale, "alice", "r", 1);
    seckill_ticket ticket = answer.ticket;
    ticket.epoch--; /* of an earlier life of the server, in which it stood further behind */
    ticket.n += 5;
    assert_status(view_host_ticket(&self.host, self.view, &ticket, &told), SECKILL_OK);
    assert_int_equal(told.state, SECKILL_TICKET_LOST);
    assert_status(view_host_ticket(&self.host, self.view, &ticket, &told), SECKILL_OK);
    assert_int_equal(told.state, SECKILL_TICKET_LOST);
    assert_int_equal(sale_poll(&r->sale, &ticket).requeued, 1);
    close_reading(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_random_sale_is_read_as_a_client_reads_it),
        RULES_TEST(so_is_one_of_several_shards),
        RULES_TEST(sold_out_is_proven_as_long_as_it_is_true),
        RULES_TEST(items_and_subjects_are_read_as_a_client_reads_them),
        RULES_TEST(the_items_of_an_activity_are_listed),
        RULES_TEST(a_server_that_forgot_the_scripts_gets_their_text),
        RULES_TEST(an_item_that_is_purged_and_defined_anew_is_noticed),
        RULES_TEST(a_replica_does_not_answer),
        RULES_TEST(a_place_that_was_lost_is_for_a_client),
    };
    return RULES_RUN(tests);
}
