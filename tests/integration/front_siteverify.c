/* seckill-front with --captcha-verify: a provider elsewhere, which here is a small server of the test's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the provider */

enum { SLOW_MAX = 16 };

#define REPLY "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n"

typedef struct {
    int listener, port;
    pthread_t thread;
    atomic_bool stop;
    _Atomic(const char *) reply; /* the bytes of an answer; "": closes; NULL: says nothing until it stops */
    atomic_int asked;
    char seen[8192]; /* the last question */
    int slow[SLOW_MAX], slow_count;
} provider;

/* Reads a question to its end. */
static bool read_question(provider *one, int fd) {
    size_t size = 0, wanted = sizeof one->seen - 1;
    while (size < wanted) {
        ssize_t got = recv(fd, one->seen + size, wanted - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        one->seen[size] = '\0';
        const char *end = strstr(one->seen, "\r\n\r\n"), *length = strstr(one->seen, "Content-Length: ");
        if (end != NULL)
            wanted =
                (size_t)(end + 4 - one->seen) + (length != NULL ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0);
    }
    return true;
}

static void serve(provider *one, int fd) {
    const char *reply = atomic_load(&one->reply);
    if (!read_question(one, fd)) {
        close(fd);
        return;
    }
    atomic_fetch_add(&one->asked, 1);
    if (reply == NULL) {
        one->slow[one->slow_count++] = fd;
        return;
    }
    for (size_t left = strlen(reply); left != 0;) {
        ssize_t sent = send(fd, reply, left, MSG_NOSIGNAL);
        left = sent > 0 ? left - (size_t)sent : 0;
        reply += sent > 0 ? sent : 0;
    }
    close(fd);
}

static void *run(void *argument) {
    provider *one = argument;
    struct pollfd watched = {one->listener, POLLIN, 0};
    while (!atomic_load(&one->stop))
        if (poll(&watched, 1, 20) == 1)
            serve(one, accept(one->listener, NULL, NULL));
    return NULL;
}

static void start(provider *one) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof name;
    memset(one, 0, sizeof *one);
    one->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(one->listener, (const struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(one->listener, 64), 0);
    assert_int_equal(getsockname(one->listener, (struct sockaddr *)&name, &size), 0);
    one->port = ntohs(name.sin_port);
    assert_int_equal(pthread_create(&one->thread, NULL, run, one), 0);
}

static void stop(provider *one) {
    atomic_store(&one->stop, true);
    pthread_join(one->thread, NULL);
    for (int i = 0; i < one->slow_count; i++)
        close(one->slow[i]);
    close(one->listener);
}

/* ---- a front that asks it */

static front_answer answer; /* large: not on the stack */
static provider elsewhere;
static char secret_path[64], url[64];

static const char *options_of[2][20] = {
    {"--captcha-verify", url, "--captcha-secret", secret_path, "--user-limit", "none", "--no-blacklist", NULL},
    {"--captcha-verify", url, "--captcha-secret", secret_path, "--user-limit", "none", "--no-blacklist", "--direct", NULL},
};
static const int good[2] = {202, 200};

static front *open_with(const char *const *options) {
    captcha_write(secret_path, "our secret&more=?\n");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/siteverify", elsewhere.port);
    return front_open(1000, 100, options);
}

static front *open_front(int mode) {
    start(&elsewhere);
    return open_with(options_of[mode]);
}

static void close_front(front *one) {
    front_close(one);
    stop(&elsewhere);
    unlink(secret_path);
}

static int ask(const front *one, const char *id, const char *captcha) {
    return captcha_ask(one, "ann", id, captcha, NULL, &answer);
}

/* What it says of the time; seconds from now. */
static const char *success(int64_t seconds) {
    static char text[512];
    struct tm parts;
    time_t when = time(NULL) + (time_t)seconds;
    size_t size = (size_t)snprintf(text, sizeof text, REPLY "{\"success\":true,\"hostname\":\"shop\",\"challenge_ts\":\"");
    size += strftime(text + size, sizeof text - size, "%Y-%m-%dT%H:%M:%S.250Z", gmtime_r(&when, &parts));
    snprintf(text + size, sizeof text - size, "\"}");
    return text;
}

static void says(const char *reply) {
    atomic_store(&elsewhere.reply, reply);
}

static void test_success(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        says(REPLY "{\"success\":true}");
        assert_int_equal(ask(one, "r1", "an answer & more"), good[mode]);
        assert_non_null(strstr(elsewhere.seen, "POST /siteverify HTTP/1.1\r\n"));
        assert_non_null(strstr(elsewhere.seen, "Content-Type: application/x-www-form-urlencoded\r\n"));
        assert_non_null(strstr(elsewhere.seen, "\r\n\r\nsecret=our%20secret%26more%3D%3F&response=an%20answer%20%26%20more&"
                                               "remoteip=127.0.0.1"));
        says(success(-5));
        assert_int_equal(ask(one, "r2", "another"), good[mode]);
        close_front(one);
    }
}

static void test_failure(void **state) {
    (void)state;
    static const struct {
        const char *reply, *code;
        int status;
    } rows[] = {
        {REPLY "{\"success\":false}", "captcha_wrong", 403},
        {REPLY "{\"success\":false,\"error-codes\":[]}", "captcha_wrong", 403},
        {REPLY "{\"success\":false,\"error-codes\":[\"invalid-input-response\"]}", "captcha_wrong", 403},
        {REPLY "{\"success\":false,\"error-codes\":[\"timeout-or-duplicate\"]}", "captcha_expired", 403},
        {REPLY "{\"success\":false,\"error-codes\":[7,\"x\",\"expired-input-response\"]}", "captcha_expired", 403},
        {REPLY "{\"success\":false,\"error-codes\":[\"invalid-input-secret\"]}", "captcha_unavailable", 503},
        {REPLY "{\"success\":false,\"error-codes\":[\"internal-error\"]}", "captcha_unavailable", 503},
        {REPLY "{\"success\":1}", "captcha_unavailable", 503},
        {REPLY "{\"success\":\"true\"}", "captcha_unavailable", 503},
        {REPLY "{\"success\":false,\"success\":true}", "captcha_unavailable", 503},
        {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"success\":true}", "captcha_unavailable", 503},
        {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"success\":false}", "captcha_wrong", 403},
        {REPLY "true", "captcha_unavailable", 503},
        {REPLY "<html>", "captcha_unavailable", 503},
        {REPLY, "captcha_unavailable", 503},
        {"", "captcha_unavailable", 503},
        {"SSH-2.0-OpenSSH\r\n", "captcha_unavailable", 503},
        {"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n{\"success\":true}", "captcha_unavailable", 503},
        {"HTTP/1.1 302 Found\r\nLocation: /siteverify\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "captcha_unavailable",
         503},
        {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nConnection: close\r\n\r\n{\"success\":true}",
         "captcha_unavailable", 503},
    };
    front *one = open_front(1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        says(rows[i].reply);
        ask(one, "r", "an answer");
        assert_true(front_says(&answer, rows[i].status, rows[i].code));
        assert_int_equal(atomic_load(&elsewhere.asked), (int)i + 1); /* and it was not asked again, wherever it pointed to */
    }
    ask(one, "r", NULL);
    assert_true(front_says(&answer, 403, "captcha_missing"));
    assert_int_equal(sale_stock(&one->sale).total.available, 1000);
    close_front(one);
}

/* A reply that does not end is cut off. */
static void test_endless(void **state) {
    (void)state;
    static char reply[64 * 1024];
    front *one = open_front(1);
    snprintf(reply, sizeof reply, REPLY "{\"success\":true,\"x\":\"%*s\"}", 60000, "");
    says(reply);
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 503, "captcha_unavailable"));
    close_front(one);
}

/* What the provider should not do: call the same answer right twice. */
static void test_used_once(void **state) {
    (void)state;
    for (int dated = 0; dated < 2; dated++) {
        front *one = open_front(1);
        says(dated ? success(0) : REPLY "{\"success\":true}");
        assert_int_equal(ask(one, "r1", "an answer"), 200);
        ask(one, "r2", "an answer");
        assert_true(front_says(&answer, 403, "captcha_used"));
        captcha_ask(one, "bob", "r1", "an answer", NULL, &answer);
        assert_true(front_says(&answer, 403, "captcha_used"));
        assert_int_equal(ask(one, "r1", "an answer"), 200);
        assert_int_equal(ask(one, "r1", "a second answer"), 200); /* as a shopper repeats whose first one is gone */
        assert_non_null(strstr(answer.body, "\"replayed\":true"));
        close_front(one);
    }
}

static void test_too_old(void **state) {
    (void)state;
    front *one = open_front(1);
    says(success(-3600));
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 403, "captcha_expired"));
    says(success(3600));
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 403, "captcha_expired"));
    close_front(one);
}

static void test_slow(void **state) {
    (void)state;
    const char *options[] = {
        "--captcha-verify", url, "--captcha-secret", secret_path, "--captcha-timeout", "300ms", "--no-blacklist",
        "--direct",         NULL};
    start(&elsewhere);
    front *one = open_with(options);
    says(NULL);
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 503, "captcha_unavailable"));
    says(REPLY "{\"success\":true}");
    assert_int_equal(ask(one, "r", "an answer"), 200);
    close_front(one);
}

static int send_request(const front *one, int number) {
    char text[SECKILL_TOKEN_SIZE + 1024], body[128], session[SECKILL_TOKEN_SIZE];
    front_session(one, "ann", 600000, session);
    snprintf(body, sizeof body, "{\"request_id\":\"r%d\",\"captcha\":\"answer %d\"}", number, number);
    snprintf(text, sizeof text,
             "POST " CAPTCHA_REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             session, strlen(body), body);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    return fd;
}

static void wait_asked(int count) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (atomic_load(&elsewhere.asked) < count && front_now_ms() < end)
        front_sleep_ms(5);
    assert_int_equal(atomic_load(&elsewhere.asked), count);
}

/* So many are asked at one time; peers that go away, and the program's end, leave nothing behind. */
static void test_bounded(void **state) {
    (void)state;
    const char *options[] = {"--captcha-verify",          url, "--captcha-secret", secret_path,
                             "--captcha-max-in-progress", "2", "--no-blacklist",   NULL};
    int fds[2];
    start(&elsewhere);
    front *one = open_with(options);
    says(NULL);
    for (int i = 0; i < 2; i++)
        fds[i] = send_request(one, i);
    wait_asked(2);
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 429, "busy"));
    front_reset(fds[0]);
    kill(one->pid, SIGTERM);
    kill(one->pid, SIGINT); /* another signal, since two that are the same may be seen as one */
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    close(fds[1]);
    close_front(one);
}

static void test_nobody_listens(void **state) {
    (void)state;
    start(&elsewhere);
    stop(&elsewhere);
    front *one = open_with(options_of[1]);
    ask(one, "r", "an answer");
    assert_true(front_says(&answer, 503, "captcha_unavailable"));
    front_ask(one, "GET", "/v1/captcha?activity=sale", "ann", NULL, NULL, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    front_close(one);
    unlink(secret_path);
}

static void test_another_secret(void **state) {
    (void)state;
    front *one = open_front(1);
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    int number = 0;
    char id[16];
    says(REPLY "{\"success\":true}");
    captcha_rewrite(secret_path, "fresh\n");
    kill(one->pid, SIGHUP);
    do {
        snprintf(id, sizeof id, "r%d", number++);
        assert_int_equal(ask(one, id, id), 200);
    } while (strstr(elsewhere.seen, "secret=fresh&") == NULL && front_now_ms() < end);
    assert_non_null(strstr(elsewhere.seen, "secret=fresh&"));
    close_front(one);
}

/* Each question is a file descriptor, beside those of connections. */
static void test_descriptors(void **state) {
    (void)state;
    static const char *const options[] = {"--captcha-verify",
                                          url,
                                          "--captcha-secret",
                                          secret_path,
                                          "--captcha-max-in-progress",
                                          "700",
                                          "--loops",
                                          "3",
                                          "--max-connections",
                                          "20",
                                          NULL};
    struct rlimit before, low, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    if (before.rlim_max < 3 * 700 + 20)
        skip();
    low = (struct rlimit){256, before.rlim_max};
    start(&elsewhere);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    front *one = open_with(options);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(prlimit(one->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    assert_true(limit.rlim_cur >= 3 * 700 + 20);
    close_front(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),     cmocka_unit_test(test_failure),        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_used_once),   cmocka_unit_test(test_too_old),        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_bounded),     cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_another_secret),
        cmocka_unit_test(test_descriptors),
    };
    /* A proxy of the machine's is not for a server of this test's. */
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    unsetenv("all_proxy");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
