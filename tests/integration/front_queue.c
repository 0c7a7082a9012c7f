/* seckill-front in queued mode: what a request is answered, and what becomes of its ticket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "sale_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define CART "/v1/activities/sale/cart"

enum { FAR_MS = 3600000 };

typedef char token_text[SECKILL_TOKEN_SIZE];

static front_answer answer; /* large: not on the stack */

static int64_t wall_ms(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Asks for units; the answer's status. */
static int ask_for(const front *one, const char *user, const char *id, int quantity) {
    char body[160];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"quantity\":%d}", id, quantity);
    return front_ask(one, "POST", REQUESTS, user, body, NULL, &answer);
}

/* Enqueues a request for one unit and keeps its ticket. */
static void enqueue(const front *one, const char *user, const char *id, token_text ticket) {
    if (ask_for(one, user, id, 1) != 202)
        fail_msg("not enqueued: %d %s", answer.status, answer.body);
    front_text(&answer, "ticket", ticket);
}

static int poll_with(const front *one, const char *method, const char *user, const char *ticket) {
    char path[SECKILL_TOKEN_SIZE + 32];
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    return front_ask(one, method, path, user, NULL, NULL, &answer);
}

static void poll_ticket(const front *one, const char *user, const char *ticket) {
    poll_with(one, "GET", user, ticket);
}

static bool is_in(const char *state) {
    token_text text;
    bool good = answer.status == 200 && strcmp(front_text(&answer, "state", text), state) == 0;
    if (!good)
        fprintf(stderr, "wanted %s, got %d: %s\n", state, answer.status, answer.body);
    return good;
}

static bool is_refused(const char *reason, const char *refusal_class) {
    char wanted[128];
    snprintf(wanted, sizeof wanted, "{\"state\":\"refused\",\"reason\":\"%s\",\"class\":\"%s\"}", reason, refusal_class);
    if (answer.status == 200 && strcmp(answer.body, wanted) == 0)
        return true;
    fprintf(stderr, "wanted %s, got %d: %s\n", wanted, answer.status, answer.body);
    return false;
}

/* The answer has these members, separated by spaces, and no others. */
static void assert_members(const char *names) {
    char list[256], *name;
    size_t count = 0;
    json_t *body = front_json(&answer);
    snprintf(list, sizeof list, "%s", names);
    for (name = strtok(list, " "); name != NULL; name = strtok(NULL, " "), count++)
        if (json_object_get(body, name) == NULL)
            fail_msg("%s is missing: %s", name, answer.body);
    if (json_object_size(body) != count)
        fail_msg("more than %s: %s", names, answer.body);
    json_decref(body);
}

static int post_token(const front *one, const char *path, const char *user, const char *token) {
    char body[SECKILL_TOKEN_SIZE + 32];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return front_ask(one, "POST", path, user, body, NULL, &answer);
}

/* The item's clock stands from now on so far ahead of the server's. */
static void move_clock(front *one, int64_t ahead_ms) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redis_server_forget(redis_server_command(one->redis, "HSET %s clock %" PRId64, sale_key(&one->sale, 0, "stock", key),
                                             wall_ms() + ahead_ms));
}

/* ---- queued */

static void test_queued(void **state) {
    (void)state;
    front *one = front_open(2, 2, NULL);
    token_text text, first, second;
    seckill_ticket ticket;
    assert_int_equal(ask_for(one, "ann", "a", 2), 202);
    assert_members("state ticket position poll_after_ms replayed ticket_expires_at");
    assert_string_equal(front_text(&answer, "state", text), "queued");
    assert_int_equal(front_number(&answer, "position"), 1);
    assert_in_range(front_number(&answer, "poll_after_ms"), 500, 625); /* it is next, and the queue may just have been empty */
    assert_non_null(strstr(answer.body, "\"replayed\":false"));
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    assert_true(front_has_field(&answer, "Cache-Control: no-store"));
    front_text(&answer, "ticket", first);
    assert_int_equal(seckill_ticket_verify(one->ring, first, strlen(first), wall_ms(), 0, &ticket), SECKILL_OK);
    assert_memory_equal(ticket.user, "ann", 3);
    assert_string_equal(ticket.item, "phone");
    assert_int_equal(ticket.quantity, 2);
    assert_int_equal(front_number(&answer, "ticket_expires_at"), ticket.valid_until_ms);

    enqueue(one, "bob", "b", second);
    assert_int_equal(front_number(&answer, "position"), 2);
    assert_in_range(front_number(&answer, "poll_after_ms"), 2250, 3000); /* nobody knows */
    poll_ticket(one, "bob", second);
    assert_true(is_in("queued"));
    assert_members("state position poll_after_ms");
    assert_int_equal(front_number(&answer, "position"), 2);
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    assert_true(front_has_field(&answer, "Cache-Control: no-store"));
    assert_int_equal(sale_stock(&one->sale).total.queued, 2);
    assert_int_equal(sale_stock(&one->sale).total.reserved, 0);

    char request[SECKILL_TOKEN_SIZE * 2 + 128];
    front_session(one, "bob", FAR_MS, text);
    snprintf(request, sizeof request, "HEAD /v1/tickets/%s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n\r\n", second,
             text);
    int fd = front_connect(one);
    front_send(fd, request);
    front_read_head(fd, &answer);
    assert_int_equal(answer.status, 200);
    close(fd);
    front_close(one);
}

/* Once the queue moves, who waits is told to come when it is time. */
static void test_poll_after(void **state) {
    (void)state;
    enum { CROWD = 100 };
    static const char *const options[] = {"--poll-max", "60s", NULL};
    front *one = front_open(5, 1, options);
    token_text ticket;
    sale_queue_answer *screened = calloc(2, sizeof *screened);
    for (int i = 0; i < CROWD; i++) {
        char user[16];
        snprintf(user, sizeof user, "early%d", i);
        assert_int_equal(sale_enqueue(&one->sale, user, "e", 1).status, SECKILL_OK);
    }
    enqueue(one, "ann", "a", ticket);
    assert_in_range(front_number(&answer, "poll_after_ms"), 45000, 60000);
    front_sleep_ms(250);
    assert_int_equal(sale_queue_read(&one->sale, 0, CROWD / 2, &screened[0]), SECKILL_OK);
    assert_int_equal(sale_decide(&one->sale, 0, &screened[0], NULL, 0, &screened[1]), SECKILL_OK);
    free(screened);
    poll_ticket(one, "ann", ticket);
    assert_true(is_in("queued"));
    assert_int_equal(front_number(&answer, "position"), CROWD / 2 + 1);
    assert_in_range(front_number(&answer, "poll_after_ms"), 500, 30000);
    front_close(one);
}

/* ---- decided */

static void test_the_whole_way(void **state) {
    (void)state;
    front *one = front_open(10, 2, NULL);
    token_text ticket, other, token, text, id;
    enqueue(one, "grace", "g", ticket);
    enqueue(one, "carl", "c", other);
    assert_int_equal(sale_decide_all(&one->sale), 2);

    poll_ticket(one, "grace", ticket);
    assert_true(is_in("granted"));
    assert_members("state reservation quantity price total replayed expires_at token token_expires_at");
    assert_int_equal(front_number(&answer, "total"), 1999);
    front_text(&answer, "token", token);
    front_text(&answer, "reservation", id);
    assert_int_equal(front_ask(one, "GET", CART, "grace", NULL, NULL, &answer), 200);
    assert_non_null(strstr(answer.body, id));
    assert_int_equal(post_token(one, "/v1/orders", "grace", token), 201);
    assert_string_equal(front_text(&answer, "order", text), id);
    assert_int_equal(post_token(one, "/v1/orders", "grace", token), 200);
    poll_ticket(one, "grace", ticket);
    assert_true(is_in("sold"));
    assert_members("state reservation quantity price total replayed");
    assert_string_equal(front_text(&answer, "reservation", text), id);

    poll_ticket(one, "carl", other);
    assert_true(is_in("granted"));
    front_text(&answer, "token", token);
    assert_int_equal(post_token(one, "/v1/cancellations", "carl", token), 200);
    poll_ticket(one, "carl", other);
    assert_true(is_in("cancelled"));
    assert_members("state reservation quantity price total replayed");

    sale_lookup_answer *found = calloc(1, sizeof *found);
    *found = sale_lookup(&one->sale, "grace", "g");
    assert_int_equal(sale_refund(&one->sale, "grace", found->reservations[0].id).status, SECKILL_OK);
    free(found);
    poll_ticket(one, "grace", ticket);
    assert_true(is_in("refunded"));
    sale_stock_answer *stock = calloc(1, sizeof *stock);
    *stock = sale_stock(&one->sale);
    assert_true(sale_account_holds(stock));
    assert_int_equal(stock->total.available, 10);
    free(stock);
    front_close(one);
}

static void test_refused(void **state) {
    (void)state;
    static const uint8_t verdicts[] = {1};
    front *one = front_open(2, 2, NULL);
    token_text black, first, second, more, none, late;
    sale_queue_answer *screened = calloc(2, sizeof *screened);
    enqueue(one, "mallory", "m", black);
    assert_int_equal(sale_queue_read(&one->sale, 0, 10, &screened[0]), SECKILL_OK);
    assert_int_equal(sale_decide(&one->sale, 0, &screened[0], verdicts, 0, &screened[1]), SECKILL_OK);
    assert_int_equal(screened[1].blacklisted, 1);
    free(screened);
    poll_ticket(one, "mallory", black);
    assert_true(is_refused("blacklisted", "final"));
    assert_int_equal(ask_for(one, "mallory", "m", 1), 200); /* decided before: the same answer */
    assert_true(is_refused("blacklisted", "final"));

    enqueue(one, "greta", "1", first);
    assert_int_equal(ask_for(one, "greta", "2", 2), 202);
    front_text(&answer, "ticket", second);
    assert_int_equal(ask_for(one, "nina", "n", 2), 202);
    front_text(&answer, "ticket", more);
    assert_int_equal(sale_decide_all(&one->sale), 3);
    poll_ticket(one, "greta", first);
    assert_true(is_in("granted"));
    poll_ticket(one, "greta", second);
    assert_true(is_refused("limit_reached", "final"));
    poll_ticket(one, "nina", more);
    assert_true(is_refused("not_enough", "final"));

    enqueue(one, "olaf", "o", first);
    enqueue(one, "pia", "p", none);
    assert_int_equal(sale_decide_all(&one->sale), 2);
    poll_ticket(one, "olaf", first);
    assert_true(is_in("granted"));
    poll_ticket(one, "pia", none);
    assert_true(is_refused("sold_out", "final"));

    assert_int_equal(sale_load(&one->sale, "load-2", 5).status, SECKILL_OK);
    enqueue(one, "lara", "l", late);
    assert_int_equal(sale_end(&one->sale).status, SECKILL_OK);
    assert_int_equal(sale_decide_all(&one->sale), 1);
    poll_ticket(one, "lara", late);
    assert_true(is_refused("ended", "final"));
    front_close(one);
}

/* What a replay is answered is what a poll is answered, to the letter; but for the token, whose encryption has a new nonce. */
static void assert_replayed_as_polled(const front *one, const char *user, const char *id, const char *ticket) {
    json_t *polled, *replayed;
    poll_ticket(one, user, ticket);
    assert_int_equal(answer.status, 200);
    polled = front_json(&answer);
    assert_int_equal(ask_for(one, user, id, 1), 200);
    replayed = front_json(&answer);
    assert_int_equal(json_object_del(polled, "token"), json_object_del(replayed, "token"));
    if (!json_equal(polled, replayed))
        fail_msg("polled %s, replayed %s", json_dumps(polled, 0), json_dumps(replayed, 0));
    json_decref(polled);
    json_decref(replayed);
}

static void test_replays(void **state) {
    (void)state;
    front *one = front_open(2, 1, NULL);
    token_text ticket, again, token;
    enqueue(one, "rita", "r", ticket);
    enqueue(one, "rita", "r", again); /* it waits still: another place, for the same reservation */
    assert_int_equal(front_number(&answer, "position"), 2);
    sale_decide_all(&one->sale);
    assert_int_equal(sale_stock(&one->sale).total.reserved, 1);
    poll_ticket(one, "rita", again);
    assert_true(is_in("granted"));
    assert_replayed_as_polled(one, "rita", "r", ticket);
    front_text(&answer, "token", token);
    assert_int_equal(post_token(one, "/v1/orders", "rita", token), 201);
    assert_replayed_as_polled(one, "rita", "r", ticket);
    ask_for(one, "rita", "r", 2);
    assert_true(front_says(&answer, 422, "conflict"));

    enqueue(one, "carl", "c", ticket);
    sale_decide_all(&one->sale);
    assert_replayed_as_polled(one, "carl", "c", ticket);
    front_text(&answer, "token", token);
    assert_int_equal(post_token(one, "/v1/cancellations", "carl", token), 200);
    assert_replayed_as_polled(one, "carl", "c", ticket);
    front_close(one);
}

/* ---- time */

static void test_time_passes(void **state) {
    (void)state;
    front *one = front_open(5, 1, NULL);
    token_text ticket, late;
    enqueue(one, "ella", "e", ticket);
    sale_decide_all(&one->sale);
    enqueue(one, "leo", "l", late);
    poll_ticket(one, "ella", ticket);
    assert_true(is_in("granted"));
    move_clock(one, 65000); /* the hold is 60 s */
    poll_ticket(one, "ella", ticket);
    assert_true(is_in("expired"));
    assert_members("state reservation quantity price total replayed");
    move_clock(one, 130000); /* ids are remembered, and wait, for 120 s */
    poll_ticket(one, "leo", late);
    assert_true(front_says(&answer, 409, "too_old"));
    front_close(one);
}

/* ---- Redis comes back as it was before */

static void test_redis_forgets(void **state) {
    (void)state;
    front *one = front_open(5, 1, NULL);
    token_text first, second, again;
    redis_server_forget(redis_server_command(one->redis, "SAVE"));
    enqueue(one, "ann", "a", first);
    enqueue(one, "bob", "b", second);
    assert_true(redis_server_restart(one->redis));
    poll_ticket(one, "bob", second);
    assert_true(is_in("queued"));
    assert_members("state position poll_after_ms ticket ticket_expires_at");
    assert_int_equal(front_number(&answer, "position"), 1);
    front_text(&answer, "ticket", again);
    poll_ticket(one, "ann", first);
    assert_true(is_in("queued"));
    assert_int_equal(front_number(&answer, "position"), 2);
    poll_ticket(one, "bob", again);
    assert_true(is_in("queued"));
    assert_members("state position poll_after_ms");
    assert_int_equal(front_number(&answer, "position"), 1);
    assert_int_equal(sale_decide_all(&one->sale), 2);
    poll_ticket(one, "ann", first); /* the old one does as well: the record comes first */
    assert_true(is_in("granted"));
    poll_ticket(one, "bob", again);
    assert_true(is_in("granted"));
    front_close(one);
}

/* ---- tickets that are not what they should be */

static void test_wrong_tickets(void **state) {
    (void)state;
    front *one = front_open(5, 2, NULL);
    token_text ticket, wrong, token;
    seckill_ticket says;
    enqueue(one, "ann", "a", ticket);
    static const char *const strangers[] = {"mallory", "bob", "anm", "bnn", "an", "anna"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        poll_ticket(one, strangers[i], ticket);
        assert_true(front_says(&answer, 403, "not_yours"));
    }
    poll_ticket(one, NULL, ticket);
    assert_true(front_says(&answer, 401, "no_session"));

    snprintf(wrong, sizeof wrong, "%s", ticket);
    wrong[60] = wrong[60] == 'A' ? 'B' : 'A';
    poll_ticket(one, "ann", wrong);
    assert_true(front_says(&answer, 403, "token_forged"));
    wrong[20] = '\0';
    poll_ticket(one, "ann", wrong);
    assert_true(front_says(&answer, 400, "token_truncated"));
    static const char *const garbage[] = {"nonsense", "", "%20", "v3.local.AAAA", "%ff"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        poll_ticket(one, "ann", garbage[i]);
        assert_true(front_says(&answer, 400, "token_garbage"));
    }

    assert_int_equal(seckill_ticket_verify(one->ring, ticket, strlen(ticket), wall_ms(), 0, &says), SECKILL_OK);
    says.since_ms -= FAR_MS;
    says.valid_until_ms -= FAR_MS;
    assert_int_equal(seckill_ticket_issue(one->ring, &says, wrong, sizeof wrong, NULL), SECKILL_OK);
    poll_ticket(one, "ann", wrong);
    assert_true(front_says(&answer, 409, "token_expired"));
    says.since_ms += FAR_MS;
    says.valid_until_ms = wall_ms() - 1000; /* the clocks may differ by two seconds */
    says.since_ms -= FAR_MS / 2;
    assert_int_equal(seckill_ticket_issue(one->ring, &says, wrong, sizeof wrong, NULL), SECKILL_OK);
    poll_ticket(one, "ann", wrong);
    assert_true(front_says(&answer, 409, "too_old")); /* the server's word, not the front's */

    front_session(one, "ann", FAR_MS, token);
    poll_ticket(one, "ann", token);
    assert_true(front_says(&answer, 403, "token_purpose"));
    sale_decide_all(&one->sale);
    poll_ticket(one, "ann", ticket);
    front_text(&answer, "token", token);
    poll_ticket(one, "ann", token);
    assert_true(front_says(&answer, 403, "token_purpose"));
    post_token(one, "/v1/orders", "ann", ticket);
    assert_true(front_says(&answer, 403, "token_purpose"));
    post_token(one, "/v1/cancellations", "ann", ticket);
    assert_true(front_says(&answer, 403, "token_purpose"));
    snprintf(wrong, sizeof wrong, "Authorization: Bearer %.1400s\r\n", ticket);
    front_ask(one, "GET", CART, NULL, NULL, wrong, &answer);
    assert_true(front_says(&answer, 401, "token_purpose"));
    front_close(one);
}

static void test_paths(void **state) {
    (void)state;
    front *one = front_open(5, 1, NULL);
    token_text ticket;
    char path[SECKILL_TOKEN_SIZE + 64], longer[4000];
    enqueue(one, "ann", "a", ticket);
    front_ask(one, "GET", "/v1/tickets", "ann", NULL, NULL, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    snprintf(path, sizeof path, "/v1/tickets/%s/", ticket);
    front_ask(one, "GET", path, "ann", NULL, NULL, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    poll_with(one, "DELETE", "ann", ticket);
    assert_true(front_says(&answer, 405, "method_not_allowed"));
    assert_true(front_has_field(&answer, "Allow: GET, HEAD"));
    poll_with(one, "GET", "ann", "%zz");
    assert_true(front_says(&answer, 400, "bad_request"));
    memset(longer, 'a', sizeof longer);
    memcpy(longer, "/v1/tickets/", 12);
    longer[sizeof longer - 1] = '\0';
    front_ask(one, "GET", longer, "ann", NULL, NULL, &answer);
    assert_true(front_says(&answer, 414, "uri_too_long"));

    /* A ticket of an item that is not there: only a key of the ring can have made it. */
    seckill_ticket says;
    assert_int_equal(seckill_ticket_verify(one->ring, ticket, strlen(ticket), wall_ms(), 0, &says), SECKILL_OK);
    snprintf(says.item, sizeof says.item, "none");
    assert_int_equal(seckill_ticket_issue(one->ring, &says, ticket, sizeof(token_text), NULL), SECKILL_OK);
    poll_ticket(one, "ann", ticket);
    assert_true(front_says(&answer, 404, "not_defined"));
    front_close(one);
}

/* ---- requests that are not enqueued */

static void define(front *one, int64_t start_ms, uint32_t max_queue) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    settings.limit = 1;
    settings.price = 1999;
    settings.hold_ms = 60000;
    settings.start_ms = start_ms;
    settings.max_queue = max_queue;
    assert_int_equal(sale_define(&one->sale, 1, &settings).status, SECKILL_OK);
}

static void test_not_enqueued(void **state) {
    (void)state;
    front *one = front_open(5, 1, NULL);
    token_text ticket;
    front_ask(one, "POST", REQUESTS, "ann", "{}", NULL, &answer);
    assert_true(front_says(&answer, 400, "invalid"));
    front_ask(one, "POST", "/v1/activities/sale/items/none/requests", "ann", "{\"request_id\":\"a\"}", NULL, &answer);
    assert_true(front_says(&answer, 404, "not_defined"));
    front_ask(one, "POST", REQUESTS, "ann", "{\"request_id\":\"a\",\"created_at\":1600000000000}", NULL, &answer);
    assert_true(front_says(&answer, 409, "too_old"));
    define(one, wall_ms() + FAR_MS, 0);
    ask_for(one, "ann", "a", 1);
    assert_true(front_says(&answer, 409, "not_started"));
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    define(one, 0, 2);
    enqueue(one, "ann", "a", ticket);
    assert_int_equal(sale_pause(&one->sale).status, SECKILL_OK);
    ask_for(one, "bob", "b", 1);
    assert_true(front_says(&answer, 409, "paused"));
    assert_int_equal(sale_decide_all(&one->sale), 0);
    poll_ticket(one, "ann", ticket); /* what waits goes on waiting */
    assert_true(is_in("queued"));
    assert_int_equal(sale_resume(&one->sale).status, SECKILL_OK);
    enqueue(one, "bob", "b", ticket);
    ask_for(one, "cid", "c", 1); /* the item's own bound */
    assert_true(front_says(&answer, 429, "busy"));
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    assert_int_equal(sale_decide_all(&one->sale), 2);
    ask_for(one, "ann", "another", 1);
    assert_true(front_says(&answer, 403, "limit_reached"));
    assert_int_equal(sale_end(&one->sale).status, SECKILL_OK);
    ask_for(one, "cid", "c", 1);
    assert_true(front_says(&answer, 410, "ended"));
    assert_int_equal(ask_for(one, "ann", "a", 1), 200); /* a grant that stands is given at any time */
    assert_true(is_in("granted"));
    front_close(one);
}

/* ---- other fronts */

static void restart_front(front *one, const char *const *options) {
    kill(one->pid, SIGTERM);
    assert_int_equal(front_wait(one->pid), 0);
    close(one->out);
    front_start(one, options);
    assert_true(front_wait_health(one, 200));
}

/* A ticket is polled anywhere: by a front that has not seen the item yet, by one in direct mode. */
static void test_other_fronts(void **state) {
    (void)state;
    static const char *const direct[] = {"--direct", NULL};
    static const char *const range[] = {"--poll-min", "7s", "--poll-max", "7s", NULL};
    front *one = front_open(5, 1, NULL);
    token_text ticket, other;
    enqueue(one, "ann", "a", ticket);
    enqueue(one, "bob", "b", other);
    restart_front(one, direct);
    poll_ticket(one, "bob", other);
    assert_true(is_in("queued"));
    assert_int_equal(front_number(&answer, "position"), 2);
    assert_int_equal(ask_for(one, "dora", "d", 1), 200); /* takes at once what is available */
    assert_true(is_in("granted"));
    restart_front(one, range);
    poll_ticket(one, "ann", ticket);
    assert_true(is_in("queued"));
    assert_int_equal(front_number(&answer, "poll_after_ms"), 7000);
    assert_true(front_has_field(&answer, "Retry-After: 7"));
    sale_decide_all(&one->sale);
    restart_front(one, direct);
    poll_ticket(one, "ann", ticket);
    assert_true(is_in("granted"));
    front_close(one);
}

/* ---- Redis is away */

static void test_redis_away(void **state) {
    (void)state;
    static const char *const options[] = {"--timeout", "300ms", NULL};
    front *one = front_open(5, 1, options);
    token_text ticket;
    enqueue(one, "ann", "a", ticket);
    redis_server_pause(one->redis);
    poll_ticket(one, "ann", ticket);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"class\":\"retryable\""));
    ask_for(one, "bob", "b", 1); /* not unknown: it is not sent before the item is read */
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"class\":\"retryable\""));
    redis_server_resume(one->redis);
    assert_true(front_wait_health(one, 200));
    enqueue(one, "bob", "b", ticket);
    assert_int_equal(front_number(&answer, "position"), 2);
    front_close(one);
}

/* Peers that go away while their request or their poll is with Redis. */
static void test_peers_gone(void **state) {
    (void)state;
    enum { GONE = 30 };
    static const char *const options[] = {"--timeout", "1h", NULL}; /* so that none is answered instead */
    front *one = front_open(5, 1, options);
    token_text ticket, session;
    char text[4 * SECKILL_TOKEN_SIZE], user[16];
    int fds[GONE];
    enqueue(one, "ann", "a", ticket);
    redis_server_pause(one->redis);
    for (int i = 0; i < GONE; i++) {
        snprintf(user, sizeof user, i % 2 == 0 ? "ann" : "gone%d", i);
        front_session(one, user, FAR_MS, session);
        if (i % 2 == 0)
            snprintf(text, sizeof text, "GET /v1/tickets/%s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n\r\n", ticket,
                     session);
        else
            snprintf(text, sizeof text,
                     "POST " REQUESTS
                     " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: 18\r\n\r\n{\"request_id\":\"g\"}",
                     session);
        fds[i] = front_connect(one);
        front_send(fds[i], text);
    }
    char line[80];
    snprintf(line, sizeof line, "seckill_front_requests_in_progress %d", GONE);
    assert_true(front_wait_metric(one, line));
    for (int i = 0; i < GONE; i++)
        front_reset(fds[i]);
    assert_true(front_wait_metric(one, "seckill_front_requests_in_progress 0"));
    redis_server_resume(one->redis);
    assert_int_equal(ask_for(one, "gone1", "g", 1), 202);
    poll_ticket(one, "ann", ticket);
    assert_true(is_in("queued"));
    front_close(one);
}

static void test_metrics(void **state) {
    (void)state;
    front *one = front_open(1, 1, NULL);
    token_text ticket, other;
    enqueue(one, "ann", "a", ticket);
    enqueue(one, "bob", "b", other);
    poll_ticket(one, "ann", ticket);
    sale_decide_all(&one->sale);
    poll_ticket(one, "ann", ticket);
    poll_ticket(one, "bob", other);
    assert_int_equal(front_metric(one, "seckill_front_polls_total{state=\"queued\"}"), 1);
    assert_int_equal(front_metric(one, "seckill_front_polls_total{state=\"granted\"}"), 1);
    assert_int_equal(front_metric(one, "seckill_front_polls_total{state=\"refused\"}"), 1);
    assert_int_equal(front_metric(one, "seckill_front_polls_total{state=\"sold\"}"), 0);
    assert_int_equal(front_metric(one, "seckill_front_poll_after_seconds_count"), 3);
    assert_int_equal(front_metric(one, "seckill_front_requests_turned_away_total"), 0);
    assert_int_equal(front_metric(one, "seckill_front_requests_total{route=\"/v1/tickets/T\",code=\"ok\"}"), 3);
    assert_true(front_wait_metric(one, "seckill_client_enqueued_total 2"));
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queued),        cmocka_unit_test(test_poll_after),    cmocka_unit_test(test_the_whole_way),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_replays),       cmocka_unit_test(test_time_passes),
        cmocka_unit_test(test_redis_forgets), cmocka_unit_test(test_wrong_tickets), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_not_enqueued),  cmocka_unit_test(test_other_fronts),  cmocka_unit_test(test_redis_away),
        cmocka_unit_test(test_peers_gone),    cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
