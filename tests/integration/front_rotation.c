/* seckill-front: keys change while it runs. SIGHUP reads --keys again; nobody's token is refused before its key is taken out,
 * each at once after it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define CART "/v1/activities/sale/cart"

enum { LOOPS = 3, SHOPPERS = 4 };

typedef char key_text[SECKILL_KEY_TEXT_SIZE];
typedef char token_text[SECKILL_TOKEN_SIZE];

static front_answer answer; /* large: not on the stack */
static char log_path[128];

/* ---- fronts whose log can be read */

static const char *const options[] = {"--direct", "--loops", "3", "--log-level", "info", "--user-limit", "none", NULL};

/* What is started meanwhile writes its stderr into the log. */
static void with_log(void (*start)(front **one), front **one) {
    int old = dup(STDERR_FILENO), log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(old >= 0 && log >= 0);
    dup2(log, STDERR_FILENO);
    start(one);
    dup2(old, STDERR_FILENO);
    close(old);
    close(log);
}

static void start_front(front **one) {
    *one = front_open(1000, 100, options);
}

static front *open_front(void) {
    front *one;
    snprintf(log_path, sizeof log_path, "/tmp/seckill-rotation-%ld.log", (long)getpid());
    unlink(log_path);
    with_log(start_front, &one);
    assert_true(front_wait_health(one, 200));
    return one;
}

static void close_front(front *one) {
    front_close(one);
    unlink(log_path);
}

static int times_logged(const char *text) {
    static char log[1 << 20];
    int fd = open(log_path, O_RDONLY), count = 0;
    ssize_t size = fd >= 0 ? read(fd, log, sizeof log - 1) : -1;
    assert_true(size >= 0);
    close(fd);
    log[size] = '\0';
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void wait_logged(const char *text, int times) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (times_logged(text) < times) {
        assert_true(front_now_ms() < end);
        front_sleep_ms(5);
    }
}

/* ---- keys */

static void make_key(seckill_key_kind kind, key_text key) {
    assert_int_equal(seckill_key_generate(kind, key), SECKILL_OK);
}

/* A new file takes the old one's place in one step, as an operator does it. */
static void put_file(const front *one, const char *text) {
    char next[160];
    snprintf(next, sizeof next, "%s.next", one->keys);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(rename(next, one->keys), 0);
}

/* `first` issues. Either may be NULL. */
static void put_keys(const front *one, const char *first, const char *second) {
    char text[4 * SECKILL_KEY_TEXT_SIZE];
    snprintf(text, sizeof text, "# of a test\n%s\n%s\n", first != NULL ? first : "", second != NULL ? second : "");
    put_file(one, text);
}

static void rotate(const front *one, const char *first, const char *second) {
    char line[256];
    snprintf(line, sizeof line, "warning: --keys %s: read again, %d key", one->keys, second != NULL ? 2 : 1);
    int before = times_logged(line);
    put_keys(one, first, second);
    kill(one->pid, SIGHUP);
    wait_logged(line, before + 1);
}

static seckill_keyring *ring_of(const char *key) {
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, key, strlen(key)), SECKILL_OK);
    return ring;
}

/* ---- shoppers */

static int ask_as(const front *one, const char *method, const char *path, const char *session, const char *body) {
    char fields[SECKILL_TOKEN_SIZE + 64];
    snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", session);
    return front_ask(one, method, path, NULL, body, fields, &answer);
}

/* As often as every loop is met, one by one: each has a cache and a ring of its own. */
static void everywhere(const front *one, const char *session, int status, const char *code) {
    for (int i = 0; i < 8 * LOOPS; i++) {
        ask_as(one, "GET", CART, session, NULL);
        if (code == NULL)
            assert_int_equal(answer.status, status);
        else
            assert_true(front_says(&answer, status, code));
    }
}

static void session_by(front *one, seckill_keyring *ring, const char *user, token_text session) {
    seckill_keyring *own = one->ring;
    one->ring = ring;
    front_session(one, user, 600000, session);
    one->ring = own;
}

static void take(const front *one, const char *session, const char *id, token_text token) {
    char body[96];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\"}", id);
    assert_int_equal(ask_as(one, "POST", REQUESTS, session, body), 200);
    front_text(&answer, "token", token);
}

static int order(const front *one, const char *session, const char *token) {
    char body[SECKILL_TOKEN_SIZE + 32];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return ask_as(one, "POST", "/v1/orders", session, body);
}

static bool is_of(const char *token, const seckill_keyring *ring) {
    seckill_reservation_ref ref;
    return seckill_token_verify(ring, SECKILL_TOKEN_RESERVATION, token, strlen(token), 0, 0, &ref) == SECKILL_OK;
}

/* ---- rotation in its three steps; each key may be of either kind */

static void rotate_in_steps(seckill_key_kind old_kind, seckill_key_kind new_kind) {
    key_text old_key, new_key;
    token_text session, new_session, tokens[5];
    make_key(old_kind, old_key);
    make_key(new_kind, new_key);
    front *one = open_front();
    seckill_keyring *old_ring = ring_of(old_key), *new_ring = ring_of(new_key);
    rotate(one, old_key, NULL);
    session_by(one, old_ring, "rosa", session);
    session_by(one, new_ring, "rosa", new_session);
    everywhere(one, session, 200, NULL);
    everywhere(one, new_session, 401, "token_key");
    take(one, session, "a", tokens[0]);

    rotate(one, old_key, new_key); /* verifies, and does not issue yet */
    everywhere(one, session, 200, NULL);
    everywhere(one, new_session, 200, NULL);
    take(one, new_session, "b", tokens[1]);
    assert_true(is_of(tokens[1], old_ring));

    rotate(one, new_key, old_key); /* issues; what the old one has issued stays good */
    everywhere(one, session, 200, NULL);
    take(one, session, "c", tokens[2]);
    assert_true(is_of(tokens[2], new_ring));
    assert_int_equal(order(one, session, tokens[0]), 201);
    take(one, session, "d", tokens[3]);
    take(one, session, "b", tokens[4]); /* a replay's token is a new one */
    assert_true(is_of(tokens[4], new_ring));

    rotate(one, new_key, NULL); /* and is not good any more, at once, though each loop had remembered it */
    everywhere(one, session, 401, "token_key");
    everywhere(one, new_session, 200, NULL);
    order(one, new_session, tokens[1]);
    assert_true(front_says(&answer, 403, "token_key"));
    assert_int_equal(order(one, new_session, tokens[4]), 201);
    assert_int_equal(order(one, new_session, tokens[2]), 201);
    assert_int_equal(order(one, new_session, tokens[3]), 201);
    seckill_keyring_free(old_ring);
    seckill_keyring_free(new_ring);
    close_front(one);
}

static void test_rotation(void **state) {
    (void)state;
    rotate_in_steps(SECKILL_KEY_LOCAL, SECKILL_KEY_LOCAL);
    rotate_in_steps(SECKILL_KEY_LOCAL, SECKILL_KEY_SECRET);
    rotate_in_steps(SECKILL_KEY_SECRET, SECKILL_KEY_LOCAL);
}

/* A file that did not change may be read again, too. */
static void test_unchanged(void **state) {
    (void)state;
    front *one = open_front();
    token_text session;
    char line[256];
    snprintf(line, sizeof line, "warning: --keys %s: read again, 1 key\n", one->keys);
    front_session(one, "una", 600000, session);
    for (int i = 1; i <= 3; i++) {
        everywhere(one, session, 200, NULL);
        kill(one->pid, SIGHUP);
        wait_logged(line, i);
    }
    everywhere(one, session, 200, NULL);
    close_front(one);
}

/* ---- files that cannot be used: said, and nothing changes */

static void test_unusable_files(void **state) {
    (void)state;
    front *one = open_front();
    key_text secret, public, other;
    token_text session, token;
    char text[1024];
    make_key(SECKILL_KEY_SECRET, secret);
    make_key(SECKILL_KEY_LOCAL, other);
    assert_int_equal(seckill_key_public(secret, strlen(secret), public), SECKILL_OK);
    front_session(one, "udo", 600000, session);
    snprintf(text, sizeof text, "%s\nk4.local.AAAA\n", other);
    const struct {
        const char *text, *says;
    } rows[] = {
        {"garbage\n", "line 1: "},           {text, "line 2: "},           {"", "holds no key"},
        {"# a comment\n\n", "holds no key"}, {public, "can issue tokens"}, {NULL, "cannot open"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].text != NULL)
            put_file(one, rows[i].text);
        else
            unlink(one->keys);
        kill(one->pid, SIGHUP);
        wait_logged("error: --keys: ", (int)i + 1);
        assert_int_equal(times_logged(rows[i].says), i == 3 ? 2 : 1);
        assert_int_equal(times_logged("; the keys stay as they were\n"), i + 1);
        everywhere(one, session, 200, NULL);
        snprintf(text + 512, 64, "u%zu", i);
        take(one, session, text + 512, token);
        assert_true(is_of(token, one->ring));
    }
    assert_int_equal(mkfifo(one->keys, 0600), 0); /* nobody writes to it: whoever opened it would wait for ever */
    kill(one->pid, SIGHUP);
    wait_logged("is no file that can be read again", 1);
    unlink(one->keys);
    assert_int_equal(times_logged("read again, "), 0);
    assert_int_equal(times_logged(other), 0);
    assert_int_equal(times_logged(public), 0);
    rotate(one, other, NULL); /* and when it can be used again */
    everywhere(one, session, 401, "token_key");
    close_front(one);
}

/* Keys that others can read are good all the same, and it is said. */
static void test_exposed_file(void **state) {
    (void)state;
    front *one = open_front();
    static const mode_t modes[] = {0640, 0604, 0660};
    char line[64];
    key_text key;
    make_key(SECKILL_KEY_LOCAL, key);
    rotate(one, key, NULL);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(one->keys, modes[i]), 0);
        snprintf(line, sizeof line, "is open to others than its owner (mode %04o)", (unsigned)modes[i]);
        kill(one->pid, SIGHUP);
        wait_logged("read again, ", (int)i + 2);
        assert_int_equal(times_logged(line), 1);
    }
    assert_int_equal(chmod(one->keys, 0600), 0);
    kill(one->pid, SIGHUP);
    wait_logged("read again, ", 5);
    assert_int_equal(times_logged("(mode 0600)"), 0);
    close_front(one);
}

/* ---- many signals while many ask */

typedef struct {
    const front *front;
    atomic_bool *over;
    token_text sessions[2], stranger[2]; /* by either key */
    int number, good, bad;
} shopper;

/* One request on a connection that stays open. */
static int ask_on(int fd, const char *session, const char *method, const char *path, const char *body, front_answer *seen) {
    char text[8192];
    snprintf(text, sizeof text,
             "%s %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, session, strlen(body), body);
    if (!front_send(fd, text))
        return 0;
    front_read(fd, seen);
    return seen->status;
}

/* Asks for the same unit again and again, sees it in the cart; and a stranger tries to order it: whose token it is he is told
 * only where it is good. */
static bool shop_once(int fd, const shopper *self, int round, front_answer *seen) {
    char body[SECKILL_TOKEN_SIZE + 64];
    token_text token;
    const char *session = self->sessions[round % 2];
    if (ask_on(fd, session, "POST", REQUESTS, "{\"request_id\":\"r\"}", seen) != 200)
        return false;
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", front_text(seen, "token", token));
    return ask_on(fd, session, "GET", CART, "", seen) == 200 && strstr(seen->body, "\"token\"") != NULL &&
           ask_on(fd, self->stranger[round % 2], "POST", "/v1/orders", body, seen) == 403 &&
           strstr(seen->body, "not_yours") != NULL;
}

static void *shop(void *argument) {
    shopper *self = argument;
    front_answer *seen = malloc(sizeof *seen);
    for (int round = 0; !atomic_load(self->over);) {
        int fd = front_connect(self->front);
        for (int i = 0; i < 5 && !atomic_load(self->over); i++, round++) {
            if (shop_once(fd, self, round, seen)) {
                self->good++;
            } else {
                self->bad++;
                fprintf(stderr, "shopper %d: %d %s\n", self->number, seen->status, seen->body);
            }
        }
        close(fd);
    }
    free(seen);
    return NULL;
}

/* Every file that is read in the storm has both keys: so each token is good all the time, whichever key issues. */
static void test_storm(void **state) {
    (void)state;
    key_text keys[2];
    seckill_keyring *rings[2];
    static shopper shoppers[SHOPPERS];
    pthread_t threads[SHOPPERS];
    atomic_bool over = false;
    front *one = open_front();
    for (int i = 0; i < 2; i++) {
        make_key(SECKILL_KEY_LOCAL, keys[i]);
        rings[i] = ring_of(keys[i]);
    }
    rotate(one, keys[0], keys[1]);
    for (int i = 0; i < SHOPPERS; i++) {
        char user[16];
        snprintf(user, sizeof user, "shopper%d", i);
        shoppers[i] = (shopper){.front = one, .over = &over, .number = i};
        for (int j = 0; j < 2; j++) {
            session_by(one, rings[j], user, shoppers[i].sessions[j]);
            session_by(one, rings[j], "stranger", shoppers[i].stranger[j]);
        }
        assert_int_equal(pthread_create(&threads[i], NULL, shop, &shoppers[i]), 0);
    }
    for (int i = 0; i < 400; i++) {
        put_keys(one, keys[i % 2], keys[1 - i % 2]);
        kill(one->pid, SIGHUP);
        front_sleep_ms(i % 3);
    }
    rotate(one, keys[0], keys[1]); /* the last one counts */
    atomic_store(&over, true);
    for (int i = 0; i < SHOPPERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(shoppers[i].bad, 0);
        assert_true(shoppers[i].good > 0);
    }
    for (int i = 0; i < 2; i++)
        seckill_keyring_free(rings[i]);
    close_front(one);
}

/* Signals that come while the front stops, and while it waits for Redis. */
static void test_signals_at_the_end(void **state) {
    (void)state;
    front *one = open_front();
    token_text session;
    front_session(one, "eve", 600000, session);
    everywhere(one, session, 200, NULL);
    redis_server_pause(one->redis);
    char text[4096];
    snprintf(text, sizeof text,
             "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: 18\r\n\r\n{\"request_id\":\"e\"}",
             session);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    assert_true(front_wait_metric(one, "seckill_client_operations_in_progress 1"));
    key_text key;
    make_key(SECKILL_KEY_LOCAL, key);
    rotate(one, key, NULL);
    kill(one->pid, SIGTERM);
    for (int i = 0; i < 20; i++)
        kill(one->pid, SIGHUP);
    redis_server_resume(one->redis);
    front_read(fd, &answer); /* it had begun with the old key, and ends with the new one */
    assert_int_equal(answer.status, 200);
    token_text token;
    seckill_keyring *ring = ring_of(key);
    assert_true(is_of(front_text(&answer, "token", token), ring));
    seckill_keyring_free(ring);
    close(fd);
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    close_front(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),     cmocka_unit_test(test_unchanged), cmocka_unit_test(test_unusable_files),
        cmocka_unit_test(test_exposed_file), cmocka_unit_test(test_storm),     cmocka_unit_test(test_signals_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
