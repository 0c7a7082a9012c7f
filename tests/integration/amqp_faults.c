/* A sale whose requests wait in RabbitMQ, where something dies: the broker, a connection at each step, a worker. Nothing is
 * lost, and nothing happens twice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "amqp_support.h"
#include "fault_proxy.h"
#include "log.h"
#include "message.h"
#include "publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STOPPED "seckill_worker_queue_stopped{activity=\"sale\",item=\"phone\"} 1"
#define GRANTED "seckill_worker_queue_decided_total{activity=\"sale\",item=\"phone\",result=\"granted\"} "

static const char *const patient[] = {"--timeout", "20s", NULL};

static amqp_ticket tickets[AMQP_TICKETS_MAX];

/* Sends a request for one unit and does not wait for its answer; the connection. */
static int send_request(const front *shop, const char *user) {
    char token[SECKILL_TOKEN_SIZE], body[128], text[SECKILL_TOKEN_SIZE + 512];
    int fd = front_connect(shop);
    front_session(shop, user, 3600000, token);
    int size = snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"retry\":false}", user);
    snprintf(text, sizeof text,
             "POST " AMQP_REQUESTS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %d\r\n\r\n%s",
             token, size, body);
    assert_true(front_send(fd, text));
    return fd;
}

static void read_answer(int fd) {
    front_read(fd, &amqp_answer);
    close(fd);
}

static bool is_answered(int fd, int within_ms) {
    struct pollfd watched = {fd, POLLIN, 0};
    return poll(&watched, 1, within_ms) == 1;
}

/* A request as a front would write it, for when there is no Redis that one could ask. */
static void publish_request(const char *user) {
    request_message request = {.quantity = 1, .user_size = strlen(user), .request_id_size = strlen(user)};
    char body[MESSAGE_MAX];
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    snprintf(request.activity, sizeof request.activity, "sale");
    snprintf(request.item, sizeof request.item, "phone");
    memcpy(request.user, user, request.user_size);
    memcpy(request.request_id, user, request.request_id_size);
    request.created_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    size_t size = message_encode(&request, body);
    assert_true(size != 0);
    amqp_publish(body, size);
}

static fault_proxy *start_proxy(char url[RABBITMQ_URL]) {
    fault_proxy *proxy = fault_proxy_start_plain(rabbitmq_address(amqp_broker()));
    assert_non_null(proxy);
    rabbitmq_url_through(amqp_broker(), fault_proxy_address(proxy), url);
    return proxy;
}

/* Killed while requests wait, some in a worker's hand; a front and a worker are started while it is down. */
static void broker_killed(void **state) {
    enum { USERS = 10 };
    front *shop = amqp_front(USERS + 2, NULL, NULL), second = *shop;
    amqp_ask_all(shop, "u", USERS, tickets);
    assert_int_equal(sale_pause(&shop->sale).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    amqp_worker_wait_metric(&worker, STOPPED);
    rabbitmq_kill(amqp_broker());
    assert_true(front_wait_health(shop, 503));
    amqp_worker other = amqp_worker_start(shop, NULL, NULL);
    front_start(&second, amqp_options(NULL, NULL));
    assert_int_equal(sale_resume(&shop->sale).status, SECKILL_OK);
    amqp_worker_wait_metric(&other, "seckill_worker_queue_connected 0");
    assert_true(front_wait_health(&second, 503));
    do /* until it has read the blacklist */
        assert_int_equal(amqp_ask(&second, "v0", "v0", true), 503);
    while (strstr(amqp_answer.body, "server_busy") != NULL);
    assert_true(front_says(&amqp_answer, 503, "unreachable"));
    assert_true(strstr(amqp_answer.head, "Retry-After: ") != NULL);
    assert_string_equal(amqp_poll(shop, "u0", tickets[0]), "queued");
    assert_true(rabbitmq_restart(amqp_broker()));
    assert_true(front_wait_health(shop, 200) && front_wait_health(&second, 200));
    assert_int_equal(amqp_wait_decided(shop, "u", USERS, tickets, "sold_out"), USERS);
    amqp_ask_all(shop, "v", 1, tickets);
    amqp_ask_all(&second, "w", 1, &tickets[1]);
    assert_int_equal(amqp_wait_decided(shop, "v", 1, tickets, "sold_out"), 1);
    assert_int_equal(amqp_wait_decided(shop, "w", 1, &tickets[1], "sold_out"), 1);
    amqp_check_account(shop, USERS + 2, USERS + 2);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    assert_int_equal(amqp_worker_end(&other, SIGTERM), 0);
    kill(second.pid, SIGTERM);
    assert_int_equal(front_wait(second.pid), 0);
    close(second.out);
    front_close(shop);
    (void)state;
}

/* No 202 before the broker's confirm, however long that takes. */
static void broker_hangs(void **state) {
    front *shop = amqp_front(2, NULL, patient);
    amqp_ask_all(shop, "u", 1, tickets);
    rabbitmq_pause(amqp_broker());
    int fd = send_request(shop, "v0");
    assert_true(front_wait_metric(shop, "seckill_front_queue_in_progress 1"));
    assert_false(is_answered(fd, 300));
    kill(shop->pid, SIGTERM); /* what is under way is answered first */
    assert_false(is_answered(fd, 100));
    rabbitmq_resume(amqp_broker());
    read_answer(fd);
    assert_int_equal(amqp_answer.status, 202);
    assert_int_equal(front_wait(shop->pid), 0);
    close(shop->out);
    assert_int_equal(amqp_ready(amqp_queue), 2);

    static const char *const hasty[] = {"--timeout", "300ms", NULL};
    front_start(shop, amqp_options(NULL, hasty));
    assert_true(front_wait_health(shop, 200));
    rabbitmq_pause(amqp_broker());
    fd = send_request(shop, "v0");
    read_answer(fd);
    assert_true(front_says(&amqp_answer, 504, "unknown") || front_says(&amqp_answer, 503, "unreachable"));
    rabbitmq_resume(amqp_broker());
    assert_true(front_wait_health(shop, 200));
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 1);
    while (amqp_ask(shop, "v0", "v0", true) != 200)
        front_sleep_ms(5);
    amqp_check_account(shop, 2, 2);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Cut before the broker has it: unknown, and it is not there. Cut when it has it, before it said so: unknown, and it is. */
static void front_cut(void **state) {
    char url[RABBITMQ_URL];
    fault_proxy *proxy = start_proxy(url);
    front *shop = amqp_front(2, url, patient);
    amqp_ask_all(shop, "w", 1, tickets); /* makes the queue */
    fault_proxy_hold(proxy, FAULT_REQUESTS, true);
    int fd = send_request(shop, "u0");
    assert_true(front_wait_metric(shop, "seckill_front_queue_in_progress 1"));
    fault_proxy_reset(proxy);
    read_answer(fd);
    assert_true(front_says(&amqp_answer, 504, "unknown"));
    assert_int_equal(amqp_ready(amqp_queue), 1);
    fault_proxy_heal(proxy);
    assert_true(front_wait_health(shop, 200));

    amqp_ask_all(shop, "x", 1, &tickets[1]);
    fault_proxy_hold(proxy, FAULT_ANSWERS, true);
    fd = send_request(shop, "v0");
    amqp_wait_ready(amqp_queue, 3);
    assert_false(is_answered(fd, 0));
    fault_proxy_reset(proxy);
    read_answer(fd);
    assert_true(front_says(&amqp_answer, 504, "unknown"));
    fault_proxy_heal(proxy);
    assert_true(front_wait_health(shop, 200));
    sale_load(&shop->sale, "more", 2);
    assert_int_equal(amqp_ask(shop, "u0", "u0", true), 202);
    front_text(&amqp_answer, "ticket", tickets[2]);
    assert_int_equal(amqp_ask(shop, "v0", "v0", true), 202); /* now it is there twice */
    front_text(&amqp_answer, "ticket", tickets[3]);
    amqp_wait_ready(amqp_queue, 5);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, &tickets[2], "sold_out"), 1);
    assert_int_equal(amqp_wait_decided(shop, "v", 1, &tickets[3], "sold_out"), 1);
    assert_int_equal(amqp_wait_decided(shop, "w", 1, tickets, "sold_out"), 1);
    assert_int_equal(amqp_wait_decided(shop, "x", 1, &tickets[1], "sold_out"), 1);
    amqp_wait_ready(amqp_queue, 0);
    amqp_check_account(shop, 4, 4);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    fault_proxy_free(proxy);
    (void)state;
}

/* Cut when requests are delivered: waiting in the worker's hand, or on their way to Redis. */
static void worker_cut_before_it_decides(void **state) {
    char url[RABBITMQ_URL];
    fault_proxy *proxy = start_proxy(url);
    front *shop = amqp_front(6, NULL, NULL);
    amqp_ask_all(shop, "u", 5, tickets);
    assert_int_equal(sale_pause(&shop->sale).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, url, patient);
    amqp_worker_wait_metric(&worker, STOPPED);
    fault_proxy_reset(proxy);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_connections_total 2");
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_redelivered_total", 5);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_length{activity=\"sale\",item=\"phone\"} 5");
    assert_int_equal(sale_resume(&shop->sale).status, SECKILL_OK);
    assert_int_equal(amqp_wait_decided(shop, "u", 5, tickets, "sold_out"), 5);

    redis_server_pause(shop->redis);
    publish_request("late");
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_delivered_total", 11);
    fault_proxy_reset(proxy);
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_delivered_total", 12);
    redis_server_resume(shop->redis);
    amqp_worker_wait_metric(&worker, GRANTED "6");
    amqp_wait_ready(amqp_queue, 0);
    amqp_check_account(shop, 6, 6);
    amqp_worker_wait_metric(&worker, "seckill_worker_queue_connections_total 3"); /* it never said what the broker refuses */
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    assert_int_equal(amqp_ready(amqp_queue), 0); /* nothing was left in hand */
    front_close(shop);
    fault_proxy_free(proxy);
    (void)state;
}

/* Cut when they are decided, one granted, one refused, and the broker has not heard of it. */
static void worker_cut_before_it_acknowledges(void **state) {
    char url[RABBITMQ_URL];
    fault_proxy *proxy = start_proxy(url);
    front *shop = amqp_front(1, NULL, NULL);
    amqp_worker worker = amqp_worker_start(shop, url, patient);
    amqp_ask_all(shop, "u", 1, tickets);
    assert_int_equal(amqp_wait_decided(shop, "u", 1, tickets, "sold_out"), 1); /* all is connected */
    sale_load(&shop->sale, "more", 1);
    redis_server_pause(shop->redis);
    publish_request("a");
    publish_request("b");
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_delivered_total", 3);
    fault_proxy_hold(proxy, FAULT_REQUESTS, true);
    redis_server_resume(shop->redis);
    amqp_worker_wait_metric(&worker, GRANTED "2");
    amqp_worker_wait_metric(&worker,
                            "seckill_worker_queue_decided_total{activity=\"sale\",item=\"phone\",result=\"refused\"} 1");
    sale_load(&shop->sale, "again", 1); /* the refused one must not get it */
    fault_proxy_reset(proxy);
    fault_proxy_heal(proxy);
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_redelivered_total", 2);
    amqp_wait_ready(amqp_queue, 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    assert_int_equal(amqp_ready(amqp_queue), 0);
    amqp_check_account(shop, 3, 2);
    front_close(shop);
    fault_proxy_free(proxy);
    (void)state;
}

/* Requests in hand: of a worker that is killed, of one that is told to stop, of one whose broker hangs. */
static void worker_ends(void **state) {
    enum { USERS = 20 };
    static const char *const hasty[] = {"--stop-timeout", "100ms", NULL};
    front *shop = amqp_front(USERS, NULL, NULL);
    amqp_ask_all(shop, "u", USERS, tickets);
    assert_int_equal(sale_pause(&shop->sale).status, SECKILL_OK);
    amqp_worker worker = amqp_worker_start(shop, NULL, NULL);
    amqp_worker_wait_metric(&worker, STOPPED);
    amqp_wait_ready(amqp_queue, 0);
    assert_int_equal(amqp_worker_end(&worker, SIGKILL), 128 + SIGKILL);
    amqp_wait_ready(amqp_queue, USERS);
    worker = amqp_worker_start(shop, NULL, NULL);
    amqp_worker_wait_metric(&worker, STOPPED);
    amqp_wait_ready(amqp_queue, 0);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    amqp_wait_ready(amqp_queue, USERS);
    worker = amqp_worker_start(shop, NULL, hasty);
    amqp_worker_wait_metric(&worker, STOPPED);
    rabbitmq_pause(amqp_broker());
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 4);
    rabbitmq_resume(amqp_broker());
    amqp_wait_ready(amqp_queue, USERS);
    worker = amqp_worker_start(shop, NULL, NULL);
    assert_int_equal(sale_resume(&shop->sale).status, SECKILL_OK);
    assert_int_equal(amqp_wait_decided(shop, "u", USERS, tickets, "sold_out"), USERS);
    amqp_check_account(shop, USERS, USERS);
    amqp_worker_wait_at_least(&worker, "seckill_worker_queue_redelivered_total", 20);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* Told to stop before it has ever reached the broker: it must not begin to take requests then. */
static void told_to_stop_while_it_connects(void **state) {
    static const char *const slow[] = {"--timeout", "20s", "--stop-timeout", "60s", NULL};
    front *shop = amqp_front(3, NULL, patient);
    amqp_ask_all(shop, "u", 3, tickets);
    rabbitmq_pause(amqp_broker());
    amqp_worker worker = amqp_worker_start(shop, NULL, slow);
    amqp_worker_wait_log(&worker, "at work");
    kill(worker.pid, SIGTERM);
    amqp_worker_wait_log(&worker, "stopping");
    rabbitmq_resume(amqp_broker());
    assert_int_equal(amqp_worker_end(&worker, 0), 0);
    assert_int_equal(amqp_ready(amqp_queue), 3);
    assert_int_equal(amqp_ready(amqp_dead), 0);
    front_close(shop);
    (void)state;
}

/* A queue that does not answer who wants to consume it, such as one without a leader, costs the connection each time: the
 * others go on in between. (RabbitMQ 3.10 makes one where it is killed while a queue is new; where it does not, nothing is
 * tried.) */
static void one_queue_hangs(void **state) {
    static const char *const both[] = {"--item", "sale/pen", "--timeout", "500ms", NULL};
    static const char pen[] = "seckill.requests/sale/pen";
    link_queues queues = {NULL, 1000000, 20};
    front *shop = amqp_front(2, NULL, NULL);
    amqp_ask_all(shop, "u", 2, tickets);
    link_state *link = amqp_link_of_test();
    assert_int_equal(link_declare(link, &queues, pen), LINK_OK);
    assert_true(rabbitmq_restart(amqp_broker()));
    amqp_link_end(link);
    assert_true(front_wait_health(shop, 200));
    amqp_worker worker = amqp_worker_start(shop, NULL, both);
    assert_int_equal(amqp_wait_decided(shop, "u", 2, tickets, "sold_out"), 2);
    assert_int_equal(amqp_worker_end(&worker, SIGTERM), 0);
    front_close(shop);
    (void)state;
}

/* For the publisher. */
void front_log(seckill_log_level level, const char *format, ...) {
    (void)level;
    (void)format;
}

static void count_answer(const publish_result *result, void *user_data) {
    unsigned *answers = user_data;
    (void)result;
    ++*answers;
}

static seckill_status submit(publisher *one, publisher_box *box, unsigned *answers) {
    request_message request = {.activity = "sale", .item = "flood", .quantity = 1, .created_ms = 1};
    publish_job *job;
    request.user_size = sizeof request.user;
    request.request_id_size = sizeof request.request_id;
    memset(request.user, 0xff, sizeof request.user); /* as large as they come */
    memset(request.request_id, 0xff, sizeof request.request_id);
    return publisher_submit(one, box, &request, &job, count_answer, answers);
}

static void await(uv_loop_t *loop, const unsigned *answers, unsigned count) {
    for (int64_t until = front_now_ms() + 10000; *answers < count && front_now_ms() < until; front_sleep_ms(1))
        uv_run(loop, UV_RUN_NOWAIT);
    assert_int_equal(*answers, count);
}

/* More than the sockets hold while the broker takes nothing: all are answered in time, and none is waited for until the
 * connection is given up, after 20 seconds. */
static void broker_takes_no_bytes(void **state) {
    enum { MANY = 16000 };
    publisher_settings settings = {.queues = {NULL, 1000000, 20}, .timeout_ms = 500, .most = MANY, .items = 1};
    publisher_box box = {.first = NULL};
    uv_loop_t loop;
    unsigned answers = 0;
    char trouble[256];
    assert_true(link_address_read(rabbitmq_url(amqp_broker()), &settings.address, trouble));
    publisher *one = publisher_new(&settings);
    assert_true(one != NULL && publisher_start(one) == 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(publisher_box_open(&box, &loop), 0);
    uv_ref((uv_handle_t *)&box.async); /* there is nothing else in this loop */
    while (!publisher_connected(one))
        front_sleep_ms(1);
    assert_int_equal(submit(one, &box, &answers), SECKILL_OK); /* makes the queue */
    await(&loop, &answers, 1);
    rabbitmq_pause(amqp_broker());
    unsigned taken = 1;
    seckill_status status = SECKILL_OK;
    /* A slow machine may hand in for longer than the publisher waits for the broker. */
    for (int i = 0; i < MANY && (status = submit(one, &box, &answers)) == SECKILL_OK; i++)
        taken++;
    assert_true(status == SECKILL_OK || status == SECKILL_UNREACHABLE);
    await(&loop, &answers, taken);
    rabbitmq_resume(amqp_broker());
    publisher_stop(one);
    publisher_box_close(&box, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    publisher_free(one);
    amqp_delete_queue("seckill.requests/sale/flood");
    (void)state;
}

/* One that always comes back is a dead letter some time. */
static void too_many_deliveries(void **state) {
    static const char *const twice[] = {"--queue-deliveries", "2", NULL};
    amqp_delete_queue(amqp_queue);
    front *shop = amqp_front(1, NULL, twice);
    amqp_ask_all(shop, "u", 1, tickets);
    assert_int_equal(sale_pause(&shop->sale).status, SECKILL_OK);
    for (int i = 0; i < 3; i++) {
        amqp_wait_ready(amqp_queue, 1);
        amqp_worker worker = amqp_worker_start(shop, NULL, twice);
        amqp_worker_wait_metric(&worker, STOPPED);
        assert_int_equal(amqp_worker_end(&worker, SIGKILL), 128 + SIGKILL);
    }
    amqp_wait_ready(amqp_dead, 1);
    assert_int_equal(amqp_ready(amqp_queue), 0);
    amqp_delete_queue(amqp_queue);
    front_close(shop);
    (void)state;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broker_hangs),
        cmocka_unit_test(broker_takes_no_bytes),
        cmocka_unit_test(front_cut),
        cmocka_unit_test(worker_cut_before_it_decides),
        cmocka_unit_test(worker_cut_before_it_acknowledges),
        cmocka_unit_test(worker_ends),
        cmocka_unit_test(told_to_stop_while_it_connects),
        cmocka_unit_test(broker_killed), /* when the queue is some seconds old: see amqp_front */
        cmocka_unit_test(too_many_deliveries),
        cmocka_unit_test(one_queue_hangs), /* it leaves the broker with such a queue */
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, amqp_setup, amqp_teardown);
}
