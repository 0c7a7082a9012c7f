/* seckill-shoppers against a shop that lies, refuses, hangs up or cannot be understood: what it does then, and what it says.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192 };

/* What the shop does with the n-th request, counted from 0: it writes a whole answer. An empty one: it hangs up. */
typedef void (*shop_call)(int n, const char *request, char answer[REQUEST_MAX]);

static void reply(char answer[REQUEST_MAX], const char *status, const char *fields, const char *body) {
    snprintf(answer, REQUEST_MAX, "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
             fields, strlen(body), body);
}

static int has(const char *request, const char *text) {
    return strstr(request, text) != NULL;
}

static void grant(char answer[REQUEST_MAX], const char *reservation) {
    char body[512];
    snprintf(body, sizeof body, "{\"state\":\"granted\",\"reservation\":\"%s\",\"token\":\"t-%s\"}", reservation, reservation);
    reply(answer, "200 OK", "", body);
}

/* ticket NULL: a poll that says nothing of it. */
static void queue(char answer[REQUEST_MAX], const char *ticket, int position, int poll_after_ms) {
    char body[512], name[128] = "";
    if (ticket) {
        snprintf(name, sizeof name, "\"ticket\":\"%s\",", ticket);
    }
    snprintf(body, sizeof body, "{\"state\":\"queued\",%s\"position\":%d,\"poll_after_ms\":%d}", name, position, poll_after_ms);
    reply(answer, "202 Accepted", "", body);
}

static void refuse(char answer[REQUEST_MAX], const char *status, const char *fields, const char *code, const char *class) {
    char body[256];
    snprintf(body, sizeof body, "{\"code\":\"%s\",\"class\":\"%s\"}", code, class);
    reply(answer, status, fields, body);
}

/* ---- the shop's process: one connection at a time */

static int read_request(int peer, char request[REQUEST_MAX]) {
    size_t size = 0, wanted = 0;
    while (wanted == 0 || size < wanted) {
        ssize_t got = read(peer, request + size, REQUEST_MAX - 1 - size);
        if (got <= 0) {
            return 0;
        }
        size += (size_t)got;
        request[size] = '\0';
        const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "Content-Length: ");
        if (end) {
            wanted = (size_t)(end - request) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
    return 1;
}

static void serve(int listener, shop_call shop) {
    int n = 0;
    for (;;) {
        char request[REQUEST_MAX], answer[REQUEST_MAX];
        int peer = accept(listener, NULL, NULL);
        while (peer >= 0 && read_request(peer, request)) {
            answer[0] = '\0';
            shop(n++, request, answer);
            if (!answer[0] || write(peer, answer, strlen(answer)) < 0) {
                break;
            }
        }
        close(peer);
    }
}

static json_t *report;

/* Runs one shopper, or more, against a shop. Returns the exit code and fills `report`. */
static int visit(shop_call shop, const char *options) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char command[1024];
    json_error_t error;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        serve(listener, shop);
    }
    close(listener);
    snprintf(command, sizeof command,
             SECKILL_SHOPPERS " --front 127.0.0.1:%d --activity a --item i --connections 1 --user-header X --never-pay 0 "
                              "--ask-twice 0 --cancel 0 --retry-refused 0 --json %s",
             ntohs(address.sin_port), options);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    json_decref(report);
    report = json_loadf(output, 0, &error);
    int status = pclose(output);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_non_null(report);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static long long count(const char *name) {
    return (long long)json_integer_value(json_object_get(report, name));
}

static long long reason(const char *object, const char *code) {
    return (long long)json_integer_value(json_object_get(json_object_get(report, object), code));
}

/* ---- shops */

static void honest(int n, const char *request, char answer[REQUEST_MAX]) {
    char body[64];
    if (has(request, "/requests")) {
        grant(answer, "r1");
    } else if (has(request, "/v1/orders")) {
        snprintf(body, sizeof body, "{\"order\":\"r1\",\"server_time\":%d}", n);
        reply(answer, "201 Created", "", body);
    } else {
        reply(answer, "200 OK", "", "{\"state\":\"cancelled\"}");
    }
}

static void grants_another(int n, const char *request, char answer[REQUEST_MAX]) {
    char reservation[16];
    snprintf(reservation, sizeof reservation, "r%d", n);
    if (has(request, "/requests")) {
        grant(answer, reservation);
    } else {
        honest(n, request, answer);
    }
}

static void orders_another(int n, const char *request, char answer[REQUEST_MAX]) {
    char body[64];
    snprintf(body, sizeof body, "{\"order\":\"r%d\"}", n);
    honest(n, request, answer);
    if (has(request, "/v1/orders")) {
        reply(answer, "200 OK", "", body);
    }
}

static void forgets_its_grant(int n, const char *request, char answer[REQUEST_MAX]) {
    honest(n, request, answer);
    if (n == 1) {
        refuse(answer, "409 Conflict", "", "sold_out", "final");
    }
}

/* Fails in a new way each time; the questions must stay the same but for "retry". */
static void stumbles(int n, const char *request, char answer[REQUEST_MAX]) {
    int again = has(request, "\"retry\":true"), same = has(request, "\"request_id\":\"7-0\"");
    if (has(request, "/requests") && (!same || again != (n > 0))) {
        refuse(answer, "400 Bad Request", "", "test_failed", "final");
    } else if (n == 1) {
        refuse(answer, "503 Service Unavailable", "Retry-After: 1\r\n", "unreachable", "retryable");
    } else if (n == 2) {
        refuse(answer, "504 Gateway Timeout", "", "unknown", "unknown");
    } else if (n == 3) {
        snprintf(answer, REQUEST_MAX, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"tok");
    } else if (n == 4) {
        reply(answer, "502 Bad Gateway", "Connection: close\r\n", "<html>");
    } else if (n > 4) {
        honest(n, request, answer);
    }
}

static void is_always_busy(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n, (void)request;
    refuse(answer, "429 Too Many Requests", "", "busy", "retryable");
}

static void is_sold_out(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)request;
    refuse(answer, n < 5 ? "409 Conflict" : "410 Gone", "", n < 5 ? "sold_out" : "ended", "final");
}

static void sells_late(int n, const char *request, char answer[REQUEST_MAX]) {
    is_sold_out(0, request, answer);
    if (n > 0) {
        honest(n, request, answer);
    }
}

static void does_not_know_us(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n, (void)request;
    refuse(answer, "401 Unauthorized", "", "no_session", "final");
}

static void speaks_in_tongues(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n, (void)request;
    reply(answer, "200 OK", "", "<html>granted</html>");
}

static void expires_early(int n, const char *request, char answer[REQUEST_MAX]) {
    honest(n, request, answer);
    if (has(request, "/v1/orders")) {
        refuse(answer, "409 Conflict", "", "expired", "final");
    }
}

/* The order is repeated, and refused with a code. */
static void refuses_the_order_again(int n, const char *request, char answer[REQUEST_MAX], const char *code) {
    honest(n, request, answer);
    if (has(request, "/v1/orders") && n == 3) {
        refuse(answer, "409 Conflict", "", code, "final");
    }
}

static void ends_its_token(int n, const char *request, char answer[REQUEST_MAX]) {
    refuses_the_order_again(n, request, answer, "token_expired");
}

static void forgets_its_order(int n, const char *request, char answer[REQUEST_MAX]) {
    refuses_the_order_again(n, request, answer, "expired");
}

/* ---- shops with a queue */

static int is_request(const char *request) {
    return has(request, "POST /v1/activities/a/items/i/requests ");
}

static int is_poll(const char *request, const char *ticket) {
    char line[128];
    snprintf(line, sizeof line, "GET /v1/tickets/%s HTTP/1.1\r\n", ticket);
    return strncmp(request, line, strlen(line)) == 0;
}

static void decide(char answer[REQUEST_MAX], const char *body) {
    reply(answer, "200 OK", "", body);
}

/* Grants every ticket at its second poll, and from then on to whoever asks. Polls must be well formed. */
static void lines_up(int n, const char *request, char answer[REQUEST_MAX]) {
    static int polls;
    if (is_request(request) && polls < 2) {
        queue(answer, n == 0 ? "v4.t-0_" : "v4.t-again", n == 0 ? 2 : 3, 100);
    } else if (is_poll(request, "v4.t-0_") && !has(request, "Content-") && has(request, "\r\nX: shopper-1-0\r\n")) {
        polls++;
        if (polls == 1) {
            queue(answer, NULL, 1, 200);
        } else {
            grant(answer, "r1");
        }
    } else if (has(request, "GET ")) {
        refuse(answer, "404 Not Found", "", "no_such_path", "final");
    } else {
        honest(n, request, answer);
    }
}

/* Each shopper has the ticket of its own number; all are granted at once. */
static void grants_at_the_first_poll(int n, const char *request, char answer[REQUEST_MAX]) {
    static int waiting;
    if (is_request(request)) {
        queue(answer, "t", ++waiting, 1000);
    } else {
        waiting = 0;
        honest(n, request, answer);
        if (has(request, "GET ")) {
            grant(answer, "r1");
        }
    }
}

/* The first ticket's place is lost, and the second one stands further behind. */
static void loses_the_place(int n, const char *request, char answer[REQUEST_MAX]) {
    if (is_request(request)) {
        queue(answer, "first", 5, 0);
    } else if (is_poll(request, "first")) {
        queue(answer, n == 1 ? NULL : "second", n == 1 ? 5 : 500, 10);
    } else if (is_poll(request, "second") && n == 3) {
        queue(answer, NULL, 499, 10);
    } else if (is_poll(request, "second")) {
        grant(answer, "r1");
    } else {
        honest(n, request, answer);
    }
}

static void stumbles_in_the_queue(int n, const char *request, char answer[REQUEST_MAX]) {
    if (n == 0) {
        refuse(answer, "429 Too Many Requests", "Retry-After: 1\r\n", "busy", "retryable");
    } else if (n == 1) {
        if (has(request, "\"retry\":true") && has(request, "\"request_id\":\"1-0\"")) {
            queue(answer, "t", 9, 0);
        }
    } else if (n == 2) {
        refuse(answer, "504 Gateway Timeout", "", "unknown", "unknown");
    } else if (n == 4) {
        queue(answer, NULL, 9, 0);
    } else if (is_poll(request, "t") && n > 4) {
        grant(answer, "r1");
    } else if (n > 4) {
        honest(n, request, answer);
    }
}

/* Refuses ticket after ticket, each with its reason. */
static void refuses_tickets(int n, const char *request, char answer[REQUEST_MAX]) {
    static const char *const reasons[] = {"sold_out", "limit_reached", "ended", "too_old", "blacklisted"};
    static int refused;
    char body[128];
    if (is_request(request)) {
        queue(answer, "t", 1, 0);
    } else {
        snprintf(body, sizeof body, "{\"state\":\"refused\",\"reason\":\"%s\"}", reasons[refused++ % 5]);
        decide(answer, body);
    }
    (void)n;
}

static void refuses_then_grants(int n, const char *request, char answer[REQUEST_MAX]) {
    if (is_request(request)) {
        queue(answer, n == 0 ? "first" : "second", 1, 0);
    } else if (is_poll(request, "first")) {
        decide(answer, "{\"state\":\"refused\",\"reason\":\"sold_out\"}");
    } else if (is_poll(request, "second")) {
        grant(answer, "r1");
    } else {
        honest(n, request, answer);
    }
}

/* Takes no second question: the ticket says what comes of the first. */
static void is_asked_too_much(int n, const char *request, char answer[REQUEST_MAX]) {
    if (n == 0) {
        queue(answer, "t", 1, 0);
    } else if (n == 1) {
        refuse(answer, "429 Too Many Requests", "Retry-After: 9\r\n", "busy", "retryable");
    } else if (n == 2 && is_poll(request, "t")) {
        grant(answer, "r1");
    } else {
        honest(n, request, answer);
        if (has(request, "GET ")) {
            grant(answer, "r1");
        }
    }
}

static void says_no_to_the_second_question(int n, const char *request, char answer[REQUEST_MAX]) {
    is_asked_too_much(n, request, answer);
    if (n == 1) {
        refuse(answer, "410 Gone", "", "ended", "final");
    }
}

static void grants_too_early(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n;
    if (is_request(request)) {
        queue(answer, "t", 1, 0);
    } else {
        decide(answer, "{\"state\":\"expired\",\"reservation\":\"r1\",\"quantity\":1}");
    }
}

/* ---- and those that lie */

static void moves_back(int n, const char *request, char answer[REQUEST_MAX]) {
    if (is_request(request)) {
        queue(answer, "t", 7, 0);
    } else if (n < 3) {
        queue(answer, NULL, 6 + n, 0);
    } else {
        honest(n, request, answer);
        if (has(request, "GET ")) {
            grant(answer, "r1");
        }
    }
}

static void never_decides(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n;
    queue(answer, is_request(request) ? "t" : NULL, 1, 50);
}

/* What it says of the same thing for the third time. */
static const char *third;

static void changes_its_mind(int n, const char *request, char answer[REQUEST_MAX]) {
    if (n == 0) {
        queue(answer, "t", 1, 0);
    } else if (n == 1) {
        queue(answer, "t2", 2, 0);
    } else if (n == 2) {
        grant(answer, "r1");
    } else {
        honest(n, request, answer);
        decide(answer, third);
    }
}

static void says(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n;
    queue(answer, "t", 1, 0);
    if (!is_request(request)) {
        decide(answer, third);
    }
}

static void queues_without_a_ticket(int n, const char *request, char answer[REQUEST_MAX]) {
    (void)n, (void)request;
    queue(answer, NULL, 1, 0);
}

/* ---- tests */

static void believes_an_honest_shop(void **state) {
    (void)state;
    assert_int_equal(visit(honest, "--shoppers 20"), 0);
    assert_int_equal(count("ordered"), 20);
    assert_int_equal(visit(honest, "--shoppers 20 --ask-twice 100%"), 0);
    assert_int_equal(count("replays_checked"), 40);
    assert_int_equal(visit(honest, "--shoppers 20 --cancel 1 --ask-twice 1"), 0);
    assert_int_equal(count("cancelled"), 20);
    assert_int_equal(visit(honest, "--shoppers 20 --never-pay 100%"), 0);
    assert_int_equal(count("never_paid"), 20);
    assert_true(json_is_true(json_object_get(report, "consistent")));
}

static void notices_two_reservations_for_one_request(void **state) {
    (void)state;
    assert_int_equal(visit(grants_another, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(count("replays_differ"), 1);
}

static void notices_two_orders_for_one_token(void **state) {
    (void)state;
    assert_int_equal(visit(orders_another, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(count("replays_differ"), 1);
}

static void notices_a_forgotten_grant(void **state) {
    (void)state;
    assert_int_equal(visit(forgets_its_grant, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(reason("errors_by_code", "sold_out"), 1);
}

static void asks_again_under_the_same_id(void **state) {
    (void)state;
    assert_int_equal(visit(stumbles, "--shoppers 1 --seed 7 --timeout 500ms"), 0);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(count("repeated"), 5);
    assert_int_equal(count("turned_away"), 1);
    assert_int_equal(count("disconnects"), 2);
    assert_true(json_real_value(json_object_get(report, "seconds")) >= 1); /* what Retry-After asked for */
}

static void gives_up_at_last(void **state) {
    (void)state;
    assert_int_equal(visit(is_always_busy, "--shoppers 2 --give-up 500ms"), 1);
    assert_int_equal(count("no_final_answer"), 2);
}

static void repeats_an_order_late(void **state) {
    (void)state;
    assert_int_equal(visit(ends_its_token, "--shoppers 1 --ask-twice 1"), 0);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(visit(forgets_its_order, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(reason("errors_by_code", "expired"), 1);
}

static void takes_no_for_an_answer(void **state) {
    (void)state;
    assert_int_equal(visit(is_sold_out, "--shoppers 8"), 0);
    assert_int_equal(count("refused"), 8);
    assert_int_equal(reason("refused_by_reason", "sold_out"), 5);
    assert_int_equal(reason("refused_by_reason", "ended"), 3);
    assert_int_equal(visit(sells_late, "--shoppers 1 --retry-refused 1"), 0);
    assert_int_equal(count("granted_late"), 1);
    assert_int_equal(visit(expires_early, "--shoppers 1"), 0);
    assert_int_equal(count("paid_late"), 1);
}

static void notices_what_should_not_be(void **state) {
    (void)state;
    assert_int_equal(visit(does_not_know_us, "--shoppers 3"), 1);
    assert_int_equal(reason("errors_by_code", "no_session"), 3);
    assert_int_equal(visit(speaks_in_tongues, "--shoppers 1"), 1);
    assert_int_equal(reason("errors_by_code", "garbage"), 1);
}

static void waits_in_the_queue(void **state) {
    (void)state;
    assert_int_equal(visit(lines_up, "--shoppers 1"), 0);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(count("queued"), 1);
    assert_int_equal(count("polls"), 2);
    assert_int_equal(count("decided"), 1);
    assert_int_equal(count("highest_position"), 2);
    assert_true(json_real_value(json_object_get(report, "seconds")) >= 0.3); /* as long as it was asked to */
    assert_true(json_integer_value(json_object_get(json_object_get(report, "in_queue_us"), "max")) >= 300000);
    assert_true(json_integer_value(json_object_get(json_object_get(report, "first_answer_us"), "max")) < 300000);
}

static void asks_twice_in_the_queue(void **state) {
    (void)state;
    assert_int_equal(visit(lines_up, "--shoppers 1 --ask-twice 1"), 0);
    assert_int_equal(reason("sent", "request"), 3); /* before and after the grant */
    assert_int_equal(count("polls"), 3);
    assert_int_equal(count("replays_checked"), 3);  /* the ticket, the request, the order */
    assert_int_equal(count("highest_position"), 2); /* it stays where it was first */
    assert_int_equal(visit(is_asked_too_much, "--shoppers 1 --ask-twice 1"), 0);
    assert_int_equal(count("ordered"), 1);
    assert_true(json_real_value(json_object_get(report, "seconds")) < 9);
    assert_int_equal(visit(says_no_to_the_second_question, "--shoppers 1 --ask-twice 1"), 0);
    assert_int_equal(count("ordered"), 1);
}

/* A thousand shoppers wait for a second each, on one connection. */
static void waits_without_a_connection(void **state) {
    (void)state;
    assert_int_equal(visit(grants_at_the_first_poll, "--shoppers 1000"), 0);
    assert_int_equal(count("ordered"), 1000);
    assert_int_equal(count("polls"), 1000);
    assert_true(count("most_waiting") > 300);
    assert_int_equal(reason("refused_by_reason", "sold_out"), 0);
}

static void goes_on_with_a_new_ticket(void **state) {
    (void)state;
    assert_int_equal(visit(loses_the_place, "--shoppers 1"), 0);
    assert_int_equal(count("requeued"), 1);
    assert_int_equal(count("positions_rose"), 0);
    assert_int_equal(count("ordered"), 1);
}

static void keeps_its_place_through_trouble(void **state) {
    (void)state;
    assert_int_equal(visit(stumbles_in_the_queue, "--shoppers 1 --timeout 500ms"), 0);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(count("repeated"), 3);
    assert_int_equal(count("polls"), 4);
    assert_int_equal(count("turned_away"), 1);
    assert_int_equal(count("disconnects"), 1);
    assert_int_equal(reason("sent", "request"), 2);
}

static void takes_a_ticket_s_no(void **state) {
    (void)state;
    assert_int_equal(visit(refuses_tickets, "--shoppers 10"), 0);
    assert_int_equal(count("refused"), 10);
    assert_int_equal(reason("refused_by_reason", "sold_out"), 2);
    assert_int_equal(reason("refused_by_reason", "blacklisted"), 2);
    assert_int_equal(visit(refuses_then_grants, "--shoppers 1 --retry-refused 1"), 0);
    assert_int_equal(count("granted_late"), 1);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(visit(grants_too_early, "--shoppers 1"), 0);
    assert_int_equal(count("missed"), 1);
    assert_int_equal(count("granted"), 0);
}

static void notices_a_place_that_moves_back(void **state) {
    (void)state;
    assert_int_equal(visit(moves_back, "--shoppers 1"), 1);
    assert_int_equal(count("positions_rose"), 1);
    assert_int_equal(count("ordered"), 1);
    assert_int_equal(visit(moves_back, "--shoppers 1 --any-position"), 0);
    assert_int_equal(count("positions_rose"), 0);
    assert_int_equal(count("ordered"), 1);
}

static void is_patient_but_not_for_ever(void **state) {
    (void)state;
    assert_int_equal(visit(never_decides, "--shoppers 2 --patience 500ms"), 1);
    assert_int_equal(count("no_decision"), 2);
    assert_int_equal(count("finished"), 2);
}

static void notices_a_change_of_mind(void **state) {
    (void)state;
    third = "{\"state\":\"granted\",\"reservation\":\"r2\",\"token\":\"t-r2\"}";
    assert_int_equal(visit(changes_its_mind, "--shoppers 1 --ask-twice 1"), 1);
    assert_true(count("replays_differ") > 0);
    third = "{\"state\":\"refused\",\"reason\":\"sold_out\"}";
    assert_int_equal(visit(changes_its_mind, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(reason("errors_by_code", "sold_out"), 1);
    third = "{\"state\":\"queued\",\"position\":1,\"poll_after_ms\":0}";
    assert_int_equal(visit(changes_its_mind, "--shoppers 1 --ask-twice 1"), 1);
    assert_int_equal(reason("errors_by_code", "queued_after_grant"), 1);
}

static void notices_what_no_ticket_should_say(void **state) {
    static const struct {
        const char *body, *code;
    } wrong[] = {{"{\"state\":\"sold\",\"reservation\":\"r1\"}", "sold"},
                 {"{\"state\":\"cancelled\",\"reservation\":\"r1\"}", "cancelled"},
                 {"{\"state\":\"granted\",\"reservation\":\"r1\"}", "garbage"},
                 {"{\"state\":\"refused\"}", "garbage"},
                 {"{\"state\":\"refused\",\"reason\":\"conflict\"}", "conflict"},
                 {"{\"state\":\"queued\",\"position\":0,\"poll_after_ms\":1}", "garbage"},
                 {"{\"state\":\"queued\",\"position\":1}", "garbage"},
                 {"[]", "garbage"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        third = wrong[i].body;
        assert_int_equal(visit(says, "--shoppers 1"), 1);
        assert_int_equal(reason("errors_by_code", wrong[i].code), 1);
    }
    assert_int_equal(visit(queues_without_a_ticket, "--shoppers 1"), 1);
    assert_int_equal(reason("errors_by_code", "garbage"), 1);
}

static int run(const char *options) {
    char command[512];
    snprintf(command, sizeof command, SECKILL_SHOPPERS " %s >/dev/null 2>&1", options);
    return WEXITSTATUS(system(command));
}

static void says_what_is_wrong(void **state) {
    (void)state;
    assert_int_equal(run("--help"), 0);
    assert_int_equal(run("--version"), 0);
    assert_int_equal(run(""), 2);
    assert_int_equal(run("--front 127.0.0.1:1 --activity a --item i"), 2);
    assert_int_equal(run("--front nowhere --activity a --item i --user-header X"), 2);
    assert_int_equal(run("--front 127.0.0.1:1 --activity a --item i --user-header X --never-pay 101%"), 2);
    assert_int_equal(run("--front 127.0.0.1:1 --activity a --item i --user-header X --patience 2h"), 2);
    assert_int_equal(run("--front 127.0.0.1:1 --activity a --item i --user-header X --connections 1001"), 2);
    assert_int_equal(run("--front 127.0.0.1:1 --activity a --item i --session-keys /nowhere"), 2);
    assert_int_equal(run("--front unix:/nowhere --activity a --item i --user-header X --shoppers 1 --give-up 100ms"), 3);
}

static int forget_report(void **state) {
    (void)state;
    json_decref(report);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(believes_an_honest_shop),
        cmocka_unit_test(notices_two_reservations_for_one_request),
        cmocka_unit_test(notices_two_orders_for_one_token),
        cmocka_unit_test(notices_a_forgotten_grant),
        cmocka_unit_test(asks_again_under_the_same_id),
        cmocka_unit_test(gives_up_at_last),
        cmocka_unit_test(takes_no_for_an_answer),
        cmocka_unit_test(repeats_an_order_late),
        cmocka_unit_test(notices_what_should_not_be),
        cmocka_unit_test(waits_in_the_queue),
        cmocka_unit_test(asks_twice_in_the_queue),
        cmocka_unit_test(waits_without_a_connection),
        cmocka_unit_test(goes_on_with_a_new_ticket),
        cmocka_unit_test(keeps_its_place_through_trouble),
        cmocka_unit_test(takes_a_ticket_s_no),
        cmocka_unit_test(notices_a_place_that_moves_back),
        cmocka_unit_test(is_patient_but_not_for_ever),
        cmocka_unit_test(notices_a_change_of_mind),
        cmocka_unit_test(notices_what_no_ticket_should_say),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, forget_report);
}
