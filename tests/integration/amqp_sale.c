/* A sale whose requests wait in RabbitMQ, through seckill-front and seckill-worker: what everybody is told, that the account
 * holds, and the limits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "amqp_support.h"
#include "blacklist_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static amqp_ticket tickets[AMQP_TICKETS_MAX];

static int64_t wall_ms(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Twenty units for sixty users. */
static void a_sale(void **state) {
    enum { UNITS = 20, USERS = 60 };
    front *shop = amqp_front(UNITS, NULL, NULL);
    amqp_ask_all(shop, "u", USERS, tickets); /* nobody decides yet */
    assert_string_equal(amqp_poll(shop, "u59", tickets[59]), "queued");
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", USERS, tickets, "sold_out"), UNITS);
    amqp_check_account(shop, UNITS, UNITS);
    amqp_worker_wait_metric(&worker,
                            "seckill_worker_queue_decided_total{activity=\"sale\",item=\"phone\",result=\"granted\"} 20");
    amqp_worker_wait_metric(&worker,
                            "seckill_worker_queue_decided_total{activity=\"sale\",item=\"phone\",result=\"refused\"} 40");
    assert_true(front_wait_metric(shop, "seckill_front_queue_published_total{result=\"confirmed\"} 60"));
    assert_int_equal(amqp_ready(amqp_queue), 0);
    assert_int_equal(amqp_ready(amqp_dead), 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* A position is how many wait, as far as is known; and it shrinks. */
static void positions(void **state) {
    front *shop = amqp_front(5, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        assert_int_equal(amqp_ask(shop, user, user, false), 202);
        assert_int_equal(front_number(&amqp_answer, "position"), i + 1);
        assert_true(front_number(&amqp_answer, "poll_after_ms") >= 500);
        assert_true(front_has_field(&amqp_answer, "Retry-After: 1") || front_number(&amqp_answer, "poll_after_ms") > 500);
        front_text(&amqp_answer, "ticket", tickets[i]);
    }
    assert_string_equal(amqp_poll(shop, "u0", tickets[0]), "queued");
    assert_int_equal(front_number(&amqp_answer, "position"), 5);
    front_close(shop);
    (void)state;
}

/* A repetition is answered with what was decided, or waits once more; it is granted once. */
static void repetitions(void **state) {
    char first[SECKILL_TOKEN_SIZE], second[SECKILL_TOKEN_SIZE];
    front *shop = amqp_front(1, NULL, NULL);
    amqp_ask_all(shop, "a", 1, tickets);
    assert_int_equal(amqp_ask(shop, "a0", "a0", true), 202);
    assert_int_equal(amqp_ready(amqp_queue), 2);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "a", 1, tickets, "sold_out"), 1);
    front_text(&amqp_answer, "reservation", first);
    amqp_wait_ready(amqp_queue, 0);
    assert_int_equal(amqp_ask(shop, "a0", "a0", true), 200);
    assert_string_equal(front_text(&amqp_answer, "reservation", second), first);
    assert_int_equal(amqp_ask(shop, "b0", "b0", false), 202);
    front_text(&amqp_answer, "ticket", tickets[0]);
    assert_int_equal(amqp_wait_decided(shop, "b", 1, tickets, "sold_out"), 0);
    assert_int_equal(amqp_ask(shop, "b0", "b0", true), 200); /* remembered */
    assert_string_equal(front_text(&amqp_answer, "reason", first), "sold_out");
    amqp_check_account(shop, 1, 1);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* A refusal stays, even when units come back. */
static void a_refusal_is_remembered(void **state) {
    char text[SECKILL_TOKEN_SIZE];
    front *shop = amqp_front(1, NULL, NULL);
    sale_answer held = sale_reserve(&shop->sale, "holder", "h", 1);
    assert_int_equal(held.status, SECKILL_OK);
    amqp_ask_all(shop, "u", 1, tickets);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 0);
    assert_int_equal(sale_cancel(&shop->sale, "holder", held.reservation.id).status, SECKILL_OK);
    assert_string_equal(amqp_poll(shop, "u0", tickets[0]), "refused");
    assert_int_equal(amqp_ask(shop, "u0", "u0", true), 200);
    assert_string_equal(front_text(&amqp_answer, "state", text), "refused");
    front_sleep_ms(250);                                           /* so long "sold out" may be told from memory */
    assert_int_equal(amqp_ask(shop, "u0", "another", false), 202); /* a new request may have it */
    front_text(&amqp_answer, "ticket", tickets[0]);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 1);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Two requests of one user: one unit each at most. */
static void the_limit_holds(void **state) {
    front *shop = amqp_front(10, NULL, NULL);
    assert_int_equal(amqp_ask(shop, "u0", "first", false), 202);
    front_text(&amqp_answer, "ticket", tickets[0]);
    assert_int_equal(amqp_ask(shop, "u0", "second", false), 202);
    front_text(&amqp_answer, "ticket", tickets[1]);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    int granted = amqp_wait_decided(shop, "u", 1, &tickets[0], "limit_reached");
    assert_int_equal(granted + amqp_wait_decided(shop, "u", 1, &tickets[1], "limit_reached"), 1);
    amqp_check_account(shop, 10, 1);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

static void listed_users_are_refused(void **state) {
    static const char *const listed[] = {"--no-blacklist", NULL}; /* the front does not look, so that the worker must */
    front *shop = amqp_front(10, NULL, listed);
    amqp_ask_all(shop, "u", 2, tickets);
    assert_int_equal(blacklist_list(&shop->sale, "user", "u1", NULL, 0, 0).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "blacklisted"), 1);
    char text[SECKILL_TOKEN_SIZE];
    while (strcmp(amqp_poll(shop, "u1", tickets[1]), "queued") == 0)
        front_sleep_ms(5);
    assert_string_equal(front_text(&amqp_answer, "reason", text), "blacklisted");
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Paused, they wait in a worker's hand; going on they are decided in order; ended, they are refused. */
static void paused_and_ended(void **state) {
    front *shop = amqp_front(3, NULL, NULL);
    amqp_ask_all(shop, "u", 6, tickets);
    assert_int_equal(sale_pause(&shop->sale).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_stopped{activity=\"sale\",item=\"phone\"} 1");
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_length{activity=\"sale\",item=\"phone\"} 6");
    assert_string_equal(amqp_poll(shop, "u0", tickets[0]), "queued");
    assert_int_equal(sale_resume(&shop->sale).status, SECKILL_OK);
    assert_int_equal(amqp_wait_decided(shop, "u", 6, tickets, "sold_out"), 3);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_stopped{activity=\"sale\",item=\"phone\"} 0");
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    sale_load(&shop->sale, "more", 5);
    for (int i = 0; i < 40 && amqp_ask(shop, "v0", "v0", false) != 202; i++)
        front_sleep_ms(20); /* until the front sees it */
    front_text(&amqp_answer, "ticket", tickets[0]);
    assert_int_equal(sale_end(&shop->sale).status, SECKILL_OK);
    worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "v", 1, tickets, "ended"), 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

static void not_started(void **state) {
    front *shop = amqp_front(3, NULL, NULL);
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    amqp_ask_all(shop, "u", 3, tickets);
    settings.limit = 1;
    settings.hold_ms = 60000;
    settings.start_ms = wall_ms() + 1200;
    assert_int_equal(sale_define(&shop->sale, 3, &settings).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_stopped{activity=\"sale\",item=\"phone\"} 1");
    assert_int_equal(amqp_wait_decided(shop, "u", 3, tickets, "sold_out"), 3);
    assert_true(wall_ms() >= settings.start_ms);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* The front's own bound; and behind it the broker's, which says no by its confirm. */
static void full_queues(void **state) {
    static const char *const admission[] = {"--queue-min", "5", "--queue-multiple", "0", NULL};
    front *shop = amqp_front(100, NULL, admission);
    amqp_ask_all(shop, "u", 5, tickets);
    assert_int_equal(amqp_ask(shop, "u5", "u5", false), 429);
    assert_true(front_says(&amqp_answer, 429, "busy") && strstr(amqp_answer.head, "Retry-After: ") != NULL);
    front_close(shop);

    static const char *const length[] = {"--queue-length", "3", NULL};
    char user[16];
    int status = 202, asked = 0;
    amqp_delete_queue(amqp_queue);
    shop = amqp_front(100, NULL, length);
    for (; asked < 100 && status == 202; asked++) {
        snprintf(user, sizeof user, "u%d", asked);
        status = amqp_ask(shop, user, user, false);
    }
    assert_true(front_says(&amqp_answer, 429, "busy") && strstr(amqp_answer.head, "Retry-After: ") != NULL);
    assert_true(asked > 3);
    assert_int_equal(amqp_ready(amqp_queue), asked - 1); /* what was not confirmed is not in it */
    amqp_worker worker = amqp_worker_start(shop, NULL, length);
    amqp_wait_ready(amqp_queue, 0);
    for (int i = 0; i < 400 && amqp_ask(shop, user, user, true) == 429; i++)
        front_sleep_ms(5);
    assert_true(amqp_answer.status == 202 || amqp_answer.status == 200);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    amqp_delete_queue(amqp_queue);
    front_close(shop);
    (void)state;
}

/* What is no request goes to the dead letters, whatever it is, and holds up nobody. */
static void poison(void **state) {
    static char large[100000];
    static const char *const bad[] = {
        "",
        "not json",
        "[]",
        "{\"version\":1}",
        "{\"version\":2,\"activity\":\"sale\",\"item\":\"phone\",\"user\":\"u\",\"request_id\":\"r\",\"quantity\":1,\"created_"
        "ms\":1}",
        "{\"version\":1,\"activity\":\"sale\",\"item\":\"pen\",\"user\":\"u\",\"request_id\":\"r\",\"quantity\":1,\"created_"
        "ms\":1}",
        "{\"version\":1,\"activity\":\"sale\",\"item\":\"phone\",\"user\":\"\",\"request_id\":\"r\",\"quantity\":1,\"created_"
        "ms\":1}",
        "{\"version\":1,\"activity\":\"sale\",\"item\":\"phone\",\"user\":\"u\",\"request_id\":\"r\",\"quantity\":0,\"created_"
        "ms\":1}",
        "{\"version\":1,\"activity\":\"sale\",\"item\":\"phone\",\"user\":\"u\",\"request_id\":\"r\",\"quantity\":1,\"created_"
        "ms\":140737488355328}",
    };
    enum { BAD = sizeof bad / sizeof *bad };
    front *shop = amqp_front(3, NULL, NULL);
    amqp_ask_all(shop, "u", 1, tickets);
    for (size_t i = 0; i < BAD; i++)
        amqp_publish(bad[i], strlen(bad[i]));
    memset(large, '{', sizeof large);
    amqp_publish(large, sizeof large);
    amqp_ask_all(shop, "v", 1, &tickets[1]);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 1);
    assert_int_equal(amqp_wait_decided(shop, "v", 1, &tickets[1], "sold_out"), 1);
    amqp_wait_ready(amqp_dead, BAD + 1);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_poison_total 10");
    amqp_worker_wait_log(&worker, "a message that is no request of it goes to the dead letters");
    assert_int_equal(amqp_ready(amqp_queue), 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* An item that is gone while a worker that was told its name works on it: its requests are dead letters. */
static void purged(void **state) {
    static const char *const named[] = {"--item", "sale/phone", NULL};
    front *shop = amqp_front(1, NULL, NULL);
    amqp_ask_all(shop, "u", 1, tickets);
    assert_int_equal(sale_end(&shop->sale).status, SECKILL_OK);
    assert_int_equal(sale_purge(&shop->sale).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, named);
    amqp_wait_ready(amqp_dead, 1);
    amqp_worker_wait_log(&worker, "a request goes to the dead letters");
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Somebody deletes the queue, or made it another way. */
static void other_queues(void **state) {
    static const char *const length[] = {"--queue-length", "3", NULL};
    front *shop = amqp_front(3, NULL, NULL);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    amqp_ask_all(shop, "u", 1, tickets);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 1);
    amqp_delete_queue(amqp_queue);
    amqp_worker_wait_log(&worker, "the queue is gone; it is made again");
    for (int i = 0; i < 400 && amqp_ask(shop, "v0", "v0", true) != 202; i++)
        assert_int_equal(amqp_answer.status, 503);
    front_text(&amqp_answer, "ticket", tickets[0]);
    assert_int_equal(amqp_wait_decided(shop, "v", 1, tickets, "sold_out"), 1);
    amqp_worker other = amqp_worker_start(shop, NULL, length);
    amqp_worker_wait_log(&other, "give --queue-length and --queue-deliveries as it was made with, or delete it");
    assert_int_equal(amqp_worker_end(&other, SIGTERM), 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Command lines that cannot be meant. */
static void wrong_urls(void **state) {
    static const char *const urls[] = {"amqp://u:secret@localhost",
                                       "http://u@localhost",
                                       "amqp://localhost",
                                       "amqp://u@localhost?ca=x",
                                       "amqps://u@localhost",
                                       "amqp://u@localhost",
                                       "amqp://u@localhost?password-file=/none"};
    int out;
    front *shop = amqp_front(1, NULL, NULL);
    unsetenv("SECKILL_AMQP_PASSWORD");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *const options[] = {"--keys",  shop->keys, "--redis", redis_server_address(shop->redis),
                                       "--queue", urls[i],    NULL};
        pid_t pid = front_spawn(options, &out);
        int code = front_wait(pid);
        assert_true(code == 1 || code == 2);
        close(out);
        amqp_worker worker = amqp_worker_start(shop, urls[i], NULL);
        assert_int_equal(amqp_worker_end(&worker, 0), 2);
    }
    front_close(shop);
    (void)state;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sale),           cmocka_unit_test(positions),
        cmocka_unit_test(repetitions),      cmocka_unit_test(a_refusal_is_remembered),
        cmocka_unit_test(the_limit_holds),  cmocka_unit_test(listed_users_are_refused),
        cmocka_unit_test(paused_and_ended), cmocka_unit_test(not_started),
        cmocka_unit_test(full_queues),      cmocka_unit_test(poison),
        cmocka_unit_test(purged),           cmocka_unit_test(other_queues),
        cmocka_unit_test(wrong_urls),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, amqp_setup, amqp_teardown);
}
