/* Secrets stay where they are: whatever people send, however it goes wrong, and however much is logged, no token, session, key
 * or password is in what seckill-front and seckill-worker write, show in /metrics, or answer as a problem.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "worker_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define CART "/v1/activities/sale/cart"
#define CAPTCHA "eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwiY2hhbGxlbmdlIjoiZm9v"
#define PASSWORD "correct-horse-battery-staple"
#define ANOTHER_PASSWORD "another-secret-of-redis"
#define USELESS_PASSWORD "troubadour-and-4-wrong-ones"

enum { SECRETS = 32, CHUNK = 20 };

typedef char token_text[SECKILL_TOKEN_SIZE];

static struct {
    shop shop;
    front front;
    worker_process worker;
    char key[SECKILL_KEY_TEXT_SIZE], password[400], wrong_password[400], log[400];
    token_text secrets[SECRETS]; /* pieces that no text may have */
    size_t secret_count;
} all;

static front_answer answer; /* large: not on the stack */

/* ---- what is secret */

/* A piece out of its middle, so that a text which has only a part of it is found, too. */
static void is_secret(const char *text) {
    size_t size = strlen(text), at = size > 3 * CHUNK ? size / 3 : size > CHUNK ? size - CHUNK : 0;
    assert_true(all.secret_count < SECRETS);
    snprintf(all.secrets[all.secret_count++], sizeof(token_text), "%.*s", CHUNK, text + at);
}

static void assert_none_in(const char *text, const char *what) {
    for (size_t i = 0; i < all.secret_count; i++)
        if (strstr(text, all.secrets[i]) != NULL)
            fail_msg("%s has secret %zu, %s: %s", what, i, all.secrets[i], text);
}

static void assert_none_in_file(const char *path, const char *has) {
    static char text[1 << 20];
    int fd = open(path, O_RDONLY);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    assert_true(size >= 0);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    for (char *at = text; at < text + size; at++) /* what follows a NUL counts, too */
        *at = *at == '\0' ? ' ' : *at;
    assert_none_in(text, path);
    if (strstr(text, has) == NULL) /* so it was looked at what was meant */
        fail_msg("%s has no \"%s\": %s", path, has, text);
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* ---- asking, good and bad */

/* What was sent may come back to who sent it, but for problems: these are shown and kept. */
static int ask(const char *method, const char *path, const char *session, const char *body, const char *more) {
    char fields[3 * SECKILL_TOKEN_SIZE];
    snprintf(fields, sizeof fields, "%s%s%s%s", session != NULL ? "Authorization: Bearer " : "", session != NULL ? session : "",
             session != NULL ? "\r\n" : "", more != NULL ? more : "");
    front_ask(&all.front, method, path, NULL, body, fields, &answer);
    if (answer.status >= 400) {
        assert_none_in(answer.head, "the head of a problem");
        assert_none_in(answer.body, "a problem");
    }
    return answer.status;
}

static int post_token(const char *path, const char *session, const char *token) {
    char body[SECKILL_TOKEN_SIZE + 64];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return ask("POST", path, session, body, NULL);
}

static int poll_ticket(const char *session, const char *ticket) {
    char path[2 * SECKILL_TOKEN_SIZE];
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    return ask("GET", path, session, NULL, NULL);
}

static void buy(const char *session, token_text ticket, token_text token) {
    token_text state = "";
    assert_int_equal(ask("POST", REQUESTS, session, "{\"request_id\":\"s\"}", NULL), 202);
    front_text(&answer, "ticket", ticket);
    is_secret(ticket);
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (strcmp(state, "granted") != 0) {
        assert_true(front_now_ms() < end);
        front_sleep_ms(10);
        assert_int_equal(poll_ticket(session, ticket), 200);
        front_text(&answer, "state", state);
    }
    front_text(&answer, "token", token);
    is_secret(token);
    assert_int_equal(post_token("/v1/orders", session, token), 201);
}

static void forge(const char *token, token_text forged) {
    snprintf(forged, SECKILL_TOKEN_SIZE, "%s", token);
    forged[20] = forged[20] == 'A' ? 'B' : 'A';
}

/* A token of any kind, where each kind is meant and where none is. */
static void show_everywhere(const char *good, const char *text) {
    char line[2 * SECKILL_TOKEN_SIZE];
    static const char *const bodies[] = {"{\"token\":\"%s\",\"more\":1}",
                                         "{\"%s\":1}",
                                         "{\"token\":%s}",
                                         "{\"token\":\"%s",
                                         "\"%s\"",
                                         "{\"request_id\":\"%s\"}",
                                         "{\"request_id\":\"r\",\"captcha\":\"%s\"}",
                                         "{\"token\":\"%s\",\"token\":\"x\"}"};
    post_token("/v1/orders", good, text);
    post_token("/v1/cancellations", good, text);
    poll_ticket(good, text);
    ask("GET", CART, text, NULL, NULL);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const char *at = strstr(bodies[i], "%s");
        snprintf(line, sizeof line, "%.*s%s%s", (int)(at - bodies[i]), bodies[i], text, at + 2);
        ask("POST", i < 5 ? "/v1/orders" : REQUESTS, good, line, NULL);
    }
    snprintf(line, sizeof line, "/v1/activities/%.40s/items/%.40s", text, text);
    ask("GET", line, NULL, NULL, NULL);
    snprintf(line, sizeof line, "/%s", text);
    ask("GET", line, NULL, NULL, NULL);
    snprintf(line, sizeof line, "Idempotency-Key: %s\r\n", text);
    ask("POST", REQUESTS, good, "{}", line);
    snprintf(line, sizeof line, "Authorization: %s\r\n", text);
    ask("GET", CART, NULL, NULL, line);
    snprintf(line, sizeof line, "Content-Type: %s\r\n", text);
    ask("POST", "/v1/orders", good, NULL, line);
    snprintf(line, sizeof line, "Expect: %s\r\n", text);
    ask("GET", CART, NULL, NULL, line);
    snprintf(line, sizeof line, "Transfer-Encoding: %s\r\n", text);
    ask("POST", "/v1/orders", good, NULL, line);
    snprintf(line, sizeof line, "%s : x\r\n", text);
    ask("GET", CART, NULL, NULL, line);
    ask(text, CART, NULL, NULL, NULL);
}

/* ---- programs */

/* Its stderr goes into a file. */
static void start_front(const char *path, const char *const *options) {
    int old = dup(STDERR_FILENO), log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(old >= 0 && log >= 0);
    dup2(log, STDERR_FILENO);
    front_start(&all.front, options);
    dup2(old, STDERR_FILENO);
    close(old);
    close(log);
    assert_true(front_wait_health(&all.front, 200));
}

static void wait_front_log(const char *path, const char *text) {
    char line[256];
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    for (bool found = false; !found; front_sleep_ms(10)) {
        FILE *log = fopen(path, "r");
        assert_non_null(log);
        while (!found && fgets(line, sizeof line, log) != NULL)
            found = strstr(line, text) != NULL;
        fclose(log);
        assert_true(front_now_ms() < end);
    }
}

static void open_shop(void) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.settings.limit = 1;
    plan.settings.hold_ms = 60000;
    shop_open(&all.shop, &plan);
    redis_server_forget(redis_server_command(all.shop.server, "ACL SETUSER app on >%s ~* &* +@all", PASSWORD));
    snprintf(all.password, sizeof all.password, "%s/password", all.shop.folder);
    snprintf(all.wrong_password, sizeof all.wrong_password, "%s/wrong", all.shop.folder);
    write_file(all.password, PASSWORD "\n");
    write_file(all.wrong_password, USELESS_PASSWORD "\n");
    assert_int_equal(chmod(all.password, 0640), 0);
    assert_int_equal(chmod(all.wrong_password, 0604), 0);
    all.front.redis = all.shop.server;
    snprintf(all.front.keys, sizeof all.front.keys, "/tmp/seckill-secrets-%ld", (long)getpid());
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, all.key), SECKILL_OK);
    write_file(all.front.keys, all.key);
    assert_int_equal(seckill_keyring_new(&all.front.ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(all.front.ring, all.key, strlen(all.key)), SECKILL_OK);
    is_secret(all.key);
    is_secret(PASSWORD);
    is_secret(USELESS_PASSWORD);
    is_secret(ANOTHER_PASSWORD);
    is_secret(CAPTCHA);
}

static const char *metrics_address(void) {
    static char address[sizeof all.front.address];
    snprintf(address, sizeof address, "unix:%.200s/metrics", all.shop.folder);
    return address;
}

/* A worker of this login, which logs all there is. */
static worker_process start_worker(const char *password) {
    const char *const more[] = {
        "--stop-timeout", "200ms",    "--verbose",       "--verbose", "--redis-user", "app", "--redis-password-file",
        password,         "--listen", metrics_address(), NULL};
    return worker_start(&all.shop, more);
}

static void close_worker(worker_process *worker, const char *has) {
    worker_end(worker, SIGTERM);
    assert_none_in_file(worker->out, "{");
    assert_none_in_file(worker->err, has);
}

static void wait_worker_health(void) {
    front worker = {0};
    snprintf(worker.address, sizeof worker.address, "%s", metrics_address());
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (access(worker.address + strlen("unix:"), F_OK) != 0) {
        assert_true(front_now_ms() < end);
        front_sleep_ms(10);
    }
    assert_true(front_wait_health(&worker, 200));
}

static void check_worker_metrics(void) {
    front worker = {0};
    snprintf(worker.address, sizeof worker.address, "%s", metrics_address());
    front_ask(&worker, "GET", "/metrics", NULL, NULL, NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_none_in(answer.body, "the worker's metrics");
}

static void check_command_line(pid_t pid, const char *has) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    assert_none_in_file(path, has);
}

static void sell_and_be_fooled(void) {
    token_text session, stranger, ticket, token, forged, foreign;
    char other_key[SECKILL_KEY_TEXT_SIZE];
    seckill_reservation_ref ref;
    seckill_keyring *other;
    front_session(&all.front, "nora", 600000, session);
    front_session(&all.front, "mallory", 600000, stranger);
    is_secret(session);
    is_secret(stranger);
    buy(session, ticket, token);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, other_key), SECKILL_OK);
    assert_int_equal(seckill_keyring_new(&other), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(other, other_key, strlen(other_key)), SECKILL_OK);
    assert_int_equal(seckill_token_verify(all.front.ring, SECKILL_TOKEN_RESERVATION, token, strlen(token), 0, 0, &ref),
                     SECKILL_OK);
    assert_int_equal(seckill_token_issue(other, SECKILL_TOKEN_RESERVATION, &ref, foreign, sizeof foreign, NULL), SECKILL_OK);
    seckill_keyring_free(other);
    is_secret(foreign);
    forge(token, forged);
    const char *const texts[] = {session, stranger, ticket, token, forged, foreign, CAPTCHA, all.key};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        show_everywhere(session, texts[i]);
        show_everywhere(stranger, texts[i]);
    }
}

/* ---- the tests */

static void test_no_secret_is_written(void **state) {
    (void)state;
    const char *const options[] = {
        "--log-level", "debug",        "--redis-user", "app", "--redis-password-file", all.password, "--loops",
        "2",           "--user-limit", "none",         NULL};
    char broken[256];
    open_shop();
    snprintf(all.log, sizeof all.log, "%s/front.err", all.shop.folder);
    start_front(all.log, options);
    all.worker = start_worker(all.password);
    sell_and_be_fooled();
    assert_true(front_wait_metric(&all.front, "seckill_client_connected 2"));
    ask("GET", "/metrics", NULL, NULL, NULL);
    assert_none_in(answer.body, "the front's metrics");
    check_worker_metrics();
    check_command_line(all.front.pid, "--redis-password-file");
    check_command_line(all.worker.pid, "--redis-password-file");

    snprintf(broken, sizeof broken, "%s\n%.30s\n", all.key, all.key); /* an unfinished line */
    write_file(all.front.keys, broken);
    kill(all.front.pid, SIGHUP);
    wait_front_log(all.log, "error: --keys: ");

    /* The password is changed under them: each is turned away, and says so. */
    redis_server_forget(redis_server_command(all.shop.server, "ACL SETUSER app resetpass >%s", ANOTHER_PASSWORD));
    redis_server_forget(redis_server_command(all.shop.server, "CLIENT KILL USER app"));
    wait_front_log(all.log, "WRONGPASS");
    worker_wait_log(&all.worker, "WRONGPASS");
    ask("POST", REQUESTS, NULL, "{}", NULL);
    kill(all.front.pid, SIGTERM);
    assert_int_equal(front_wait(all.front.pid), 0);
    close_worker(&all.worker, "password is open to others than its owner (mode 0640)");
    assert_none_in_file(all.log, "WRONGPASS");
    assert_none_in_file(all.log, "password is open to others than its owner (mode 0640)");

    worker_process worker = start_worker(all.wrong_password); /* never let in */
    worker_wait_log(&worker, "WRONGPASS");
    close_worker(&worker, "wrong is open to others than its owner (mode 0604)");
    close(all.front.out);
}

/* Where there is no file, the environment has it; where there is one, the file counts. */
static void test_password_of_the_environment(void **state) {
    (void)state;
    static const char *const options[] = {"--redis-user", "app", NULL};
    const char *const more[] = {"--stop-timeout", "200ms", "--redis-user", "app", "--listen", metrics_address(), NULL};
    write_file(all.front.keys, all.key);
    setenv("SECKILL_REDIS_PASSWORD", ANOTHER_PASSWORD, 1);
    front_start(&all.front, options);
    worker_process worker = worker_start(&all.shop, more);
    setenv("SECKILL_REDIS_PASSWORD", USELESS_PASSWORD, 1);
    assert_true(front_wait_health(&all.front, 200));
    wait_worker_health();
    worker_end(&worker, SIGTERM);
    kill(all.front.pid, SIGTERM);
    assert_int_equal(front_wait(all.front.pid), 0);
    close(all.front.out);

    write_file(all.password, ANOTHER_PASSWORD);
    worker = start_worker(all.password);
    wait_worker_health();
    worker_end(&worker, SIGTERM);
    unsetenv("SECKILL_REDIS_PASSWORD");
}

#define CAPTCHA_KEY "a-key-of-the-captcha-of-36-characters"

/* The key of the captcha, read and read again, and answers that nobody was asked for. */
static void test_captcha(void **state) {
    (void)state;
    char path[400], log[400];
    token_text session;
    snprintf(path, sizeof path, "%s/captcha", all.shop.folder);
    write_file(path, CAPTCHA_KEY "\n");
    assert_int_equal(chmod(path, 0640), 0);
    is_secret(CAPTCHA_KEY);
    const char *const options[] = {"--captcha",    "altcha", "--captcha-key",         path,         "--log-level", "debug",
                                   "--redis-user", "app",    "--redis-password-file", all.password, NULL};
    write_file(all.password, ANOTHER_PASSWORD);
    snprintf(log, sizeof log, "%s/captcha.err", all.shop.folder);
    start_front(log, options);
    front_session(&all.front, "carl", 600000, session);
    assert_int_equal(ask("GET", "/v1/captcha?activity=sale", session, NULL, NULL), 200);
    assert_none_in(answer.body, "a challenge");
    show_everywhere(session, CAPTCHA_KEY);
    show_everywhere(session, CAPTCHA);
    write_file(path, CAPTCHA_KEY "\n"
                                 "second-" CAPTCHA "\n");
    kill(all.front.pid, SIGHUP);
    wait_front_log(log, "is read again");
    write_file(path, "");
    kill(all.front.pid, SIGHUP);
    wait_front_log(log, "error: the captcha: ");
    kill(all.front.pid, SIGTERM);
    assert_int_equal(front_wait(all.front.pid), 0);
    close(all.front.out);
    assert_none_in_file(log, "captcha is open to others than its owner (mode 0640)");
}

static int close_all(void **state) {
    (void)state;
    unlink(all.front.keys);
    seckill_keyring_free(all.front.ring);
    shop_close(&all.shop);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_secret_is_written),
        cmocka_unit_test(test_password_of_the_environment),
        cmocka_unit_test(test_captcha),
    };
    return cmocka_run_group_tests(tests, NULL, close_all);
}
