/* See front_harness.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

static void must(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "front_harness: %s: %s\n", what, strerror(errno));
    abort();
}

int64_t front_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void front_sleep_ms(int ms) {
    poll(NULL, 0, ms);
}

static int64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the program */

/* The words of SECKILL_TEST_WRAPPER, so that the program runs under valgrind where the tests do. */
static int wrapper_words(char *text, char **arguments) {
    int count = 0;
    for (char *word = strtok(text, " "); word != NULL && count < ARGUMENTS_MAX / 2; word = strtok(NULL, " "))
        arguments[count++] = word;
    return count;
}

static void run_program(const char *const *options) {
    const char *wrapper = getenv("SECKILL_TEST_WRAPPER");
    char words[2048];
    char *arguments[ARGUMENTS_MAX + 1] = {0};
    snprintf(words, sizeof words, "%s", wrapper != NULL ? wrapper : "");
    int count = wrapper_words(words, arguments);
    arguments[count++] = strdup(FRONT_PROGRAM);
    for (; options != NULL && *options != NULL && count < ARGUMENTS_MAX; options++)
        arguments[count++] = strdup(*options);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[0], arguments);
    _exit(127);
}

pid_t front_spawn(const char *const *options, int *out) {
    int ends[2];
    must(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        run_program(options);
    }
    close(ends[1]);
    *out = ends[0];
    return pid;
}

int front_wait(pid_t pid) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (front_now_ms() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        front_sleep_ms(10);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Waits for "listening on ADDRESS". */
static void read_address(front *one) {
    static const char words[] = "listening on ";
    char line[256];
    size_t size = 0;
    struct pollfd watched = {one->out, POLLIN, 0};
    while (size < sizeof line - 1 && memchr(line, '\n', size) == NULL) {
        must(poll(&watched, 1, FRONT_PATIENCE_MS) == 1, "the front does not come up");
        ssize_t got = read(one->out, line + size, sizeof line - 1 - size);
        must(got > 0, "the front ended before it listened");
        size += (size_t)got;
    }
    line[strcspn(line, "\n")] = '\0';
    must(strncmp(line, words, strlen(words)) == 0, line);
    snprintf(one->address, sizeof one->address, "%s", line + strlen(words));
}

void front_start(front *one, const char *const *options) {
    const char *all[ARGUMENTS_MAX + 1] = {"--keys",      one->keys,     "--redis",      redis_server_address(one->redis),
                                          "--listen",    "127.0.0.1:0", "--loops",      "1",
                                          "--log-level", "error",       "--user-limit", "none"};
    int count = 12;
    for (; options != NULL && *options != NULL && count < ARGUMENTS_MAX; options++)
        all[count++] = *options;
    one->pid = front_spawn(all, &one->out);
    read_address(one);
}

static void make_keys(front *one) {
    char text[SECKILL_KEY_TEXT_SIZE];
    snprintf(one->folder, sizeof one->folder, "/tmp/seckill-front-XXXXXX");
    must(mkdtemp(one->folder) != NULL, "mkdtemp");
    snprintf(one->keys, sizeof one->keys, "%s/keys", one->folder);
    must(seckill_key_generate(SECKILL_KEY_LOCAL, text) == SECKILL_OK, "key");
    must(seckill_keyring_new(&one->ring) == SECKILL_OK, "ring");
    must(seckill_keyring_add(one->ring, text, strlen(text)) == SECKILL_OK, "ring");
    FILE *file = fopen(one->keys, "w");
    must(file != NULL, one->keys);
    fprintf(file, "# of a test\n%s\n", text);
    must(fclose(file) == 0, one->keys);
}

front *front_open(int64_t units, uint32_t limit, const char *const *options) {
    return front_open_shards(units, limit, 1, options);
}

front *front_open_shards(int64_t units, uint32_t limit, uint32_t shards, const char *const *options) {
    front *one = calloc(1, sizeof *one);
    must(one != NULL, "memory");
    signal(SIGPIPE, SIG_IGN);
    one->redis = redis_server_start(NULL);
    must(one->redis != NULL, "redis");
    make_keys(one);
    sale_open(&one->sale, redis_server_address(one->redis));
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    settings.limit = limit;
    settings.price = 1999;
    settings.hold_ms = 60000;
    must(sale_define(&one->sale, shards, &settings).status == SECKILL_OK, "define");
    must(units == 0 || sale_load(&one->sale, "load-1", units).status == SECKILL_OK, "load");
    front_start(one, options);
    must(front_wait_health(one, 200), "the front does not become ready");
    return one;
}

void front_close(front *one) {
    if (one->pid != 0) {
        kill(one->pid, SIGTERM);
        must(front_wait(one->pid) == 0, "the front did not end well");
    }
    close(one->out);
    sale_close(&one->sale);
    redis_server_free(one->redis);
    seckill_keyring_free(one->ring);
    unlink(one->keys);
    rmdir(one->folder);
    free(one);
}

/* ---- talking */

static int connect_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0, path);
    return fd;
}

int front_connect(const front *one) {
    if (strncmp(one->address, "unix:", 5) == 0)
        return connect_unix(one->address + 5);
    struct sockaddr_in name = {.sin_family = AF_INET};
    const char *colon = strrchr(one->address, ':');
    name.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0, "connect");
    return fd;
}

bool front_send_bytes(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size != 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool front_send(int fd, const char *text) {
    return front_send_bytes(fd, text, strlen(text));
}

/* Reads at most `size` bytes; 0: the end, or a reset. */
static size_t receive(int fd, char *data, size_t size) {
    struct pollfd watched = {fd, POLLIN, 0};
    must(poll(&watched, 1, FRONT_PATIENCE_MS) == 1, "no answer came");
    ssize_t got = recv(fd, data, size, 0);
    return got > 0 ? (size_t)got : 0;
}

/* How much of what waits in the socket belongs to a header of which `size` bytes are there already, so that nothing behind it
 * is taken; 0: the end. */
static size_t peek_header(int fd, const front_answer *answer, size_t size) {
    char text[sizeof answer->head];
    struct pollfd watched = {fd, POLLIN, 0};
    memcpy(text, answer->head, size);
    must(poll(&watched, 1, FRONT_PATIENCE_MS) == 1, "no answer came");
    ssize_t got = recv(fd, text + size, sizeof text - 1 - size, MSG_PEEK);
    if (got <= 0)
        return 0;
    text[size + (size_t)got] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    return end != NULL ? (size_t)(end - text) + 4 - size : (size_t)got;
}

static bool read_header(int fd, front_answer *answer) {
    size_t size = 0, more;
    answer->status = 0;
    answer->head[0] = answer->body[0] = '\0';
    answer->body_size = 0;
    answer->ended = false;
    while (size < sizeof answer->head - 1 && strstr(answer->head, "\r\n\r\n") == NULL) {
        more = peek_header(fd, answer, size);
        if (more == 0 || (more = receive(fd, answer->head + size, more)) == 0) {
            answer->ended = true;
            return false;
        }
        size += more;
        answer->head[size] = '\0';
    }
    static const char version[] = "HTTP/1.1 ";
    if (strncmp(answer->head, version, strlen(version)) != 0)
        return false;
    answer->status = (int)strtol(answer->head + strlen(version), NULL, 10);
    return answer->status != 0;
}

void front_read_head(int fd, front_answer *answer) {
    read_header(fd, answer);
}

void front_read(int fd, front_answer *answer) {
    if (!read_header(fd, answer))
        return;
    const char *length = strstr(answer->head, "Content-Length: ");
    size_t size = length != NULL ? (size_t)strtol(length + strlen("Content-Length: "), NULL, 10) : 0;
    must(size < sizeof answer->body, "a body that is too long for the test");
    while (answer->body_size < size) {
        size_t got = receive(fd, answer->body + answer->body_size, size - answer->body_size);
        if (got == 0) {
            answer->ended = true;
            return;
        }
        answer->body_size += got;
        answer->body[answer->body_size] = '\0';
    }
}

void front_reset(int fd) {
    const struct linger none = {1, 0};
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0, "linger");
    close(fd);
}

bool front_at_end(int fd) {
    char byte;
    return receive(fd, &byte, 1) == 0;
}

void front_exchange(const front *one, const char *text, front_answer *answer) {
    int fd = front_connect(one);
    front_send(fd, text);
    front_read(fd, answer);
    close(fd);
}

void front_session(const front *one, const char *user, int64_t valid_for_ms, char token[SECKILL_TOKEN_SIZE]) {
    seckill_reservation_ref ref = {.user_size = strlen(user)};
    memcpy(ref.user, user, ref.user_size);
    ref.valid_until_ms = wall_ms() + valid_for_ms;
    ref.issued_ms = ref.valid_until_ms - 3600000;
    must(seckill_token_issue(one->ring, SECKILL_TOKEN_SESSION, &ref, token, SECKILL_TOKEN_SIZE, NULL) == SECKILL_OK, "session");
}

int front_ask(const front *one, const char *method, const char *path, const char *user, const char *body, const char *fields,
              front_answer *answer) {
    char text[16384], token[SECKILL_TOKEN_SIZE], session[SECKILL_TOKEN_SIZE + 32] = "", length[96] = "";
    if (user != NULL) {
        front_session(one, user, 600000, token);
        snprintf(session, sizeof session, "Authorization: Bearer %s\r\n", token);
    }
    if (body != NULL)
        snprintf(length, sizeof length, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: test\r\n%s%s%s\r\n%s", method, path, session, length,
             fields != NULL ? fields : "", body != NULL ? body : "");
    front_exchange(one, text, answer);
    return answer->status;
}

/* ---- how the front is */

static front_answer seen; /* large: not on the stack */

bool front_wait_health(const front *one, int status) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (front_ask(one, "GET", "/healthz", NULL, NULL, NULL, &seen) != status && front_now_ms() < end)
        front_sleep_ms(20);
    return seen.status == status;
}

/* Where a line of /metrics begins that begins with this; NULL: there is none. */
static const char *find_metric(const front *one, const char *begin) {
    char wanted[512];
    snprintf(wanted, sizeof wanted, "\n%s", begin);
    front_ask(one, "GET", "/metrics", NULL, NULL, NULL, &seen);
    const char *at = strstr(seen.body, wanted);
    return at != NULL ? at + 1 : NULL;
}

bool front_wait_metric(const front *one, const char *line) {
    char wanted[256];
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    snprintf(wanted, sizeof wanted, "%s\n", line);
    while (find_metric(one, wanted) == NULL) {
        if (front_now_ms() > end)
            return false;
        front_sleep_ms(20);
    }
    return true;
}

int64_t front_metric(const front *one, const char *name) {
    char wanted[256];
    snprintf(wanted, sizeof wanted, "%s ", name);
    const char *line = find_metric(one, wanted);
    return line != NULL ? strtoll(line + strlen(wanted), NULL, 10) : -1;
}

/* ---- what an answer says */

json_t *front_json(const front_answer *answer) {
    return json_loadb(answer->body, answer->body_size, JSON_REJECT_DUPLICATES, NULL);
}

const char *front_text(const front_answer *answer, const char *name, char text[SECKILL_TOKEN_SIZE]) {
    json_t *body = front_json(answer);
    const char *value = json_string_value(json_object_get(body, name));
    snprintf(text, SECKILL_TOKEN_SIZE, "%s", value != NULL ? value : "(nothing)");
    json_decref(body);
    return text;
}

int64_t front_number(const front_answer *answer, const char *name) {
    json_t *body = front_json(answer);
    const json_t *value = json_object_get(body, name);
    int64_t number = json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
    json_decref(body);
    return number;
}

bool front_has_field(const front_answer *answer, const char *line) {
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
    return strstr(answer->head, wanted) != NULL;
}

bool front_has_member(const front_answer *answer, const char *name) {
    json_t *body = front_json(answer);
    bool has = json_object_get(body, name) != NULL;
    json_decref(body);
    return has;
}

bool front_says(const front_answer *answer, int status, const char *code) {
    char text[SECKILL_TOKEN_SIZE];
    bool good = answer->status == status && strcmp(front_text(answer, "code", text), code) == 0 &&
                front_has_field(answer, "Content-Type: application/problem+json") && front_number(answer, "status") == status;
    if (!good)
        fprintf(stderr, "wanted %d %s, got %d: %s\n", status, code, answer->status, answer->body);
    return good;
}
