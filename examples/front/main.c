/* seckill-front: flash sales over HTTP; see README.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front.h"
#include "http/listen.h"

#include "common/options.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, LOOPS_MAX = 64 };

typedef struct {
    front_state front;
    front_settings settings;
    seckill_keyring *ring;
    char password[OPTIONS_FILE_MAX + 1];
    listen_address address;
    uv_loop_t uv; /* of the main thread: signals */
    uv_signal_t signals[2];
    size_t started; /* loops that have a thread */
    int signals_seen;
} program;

static int complain(const char *trouble) {
    fprintf(stderr, "seckill-front: %s\n", trouble);
    return -1;
}

/* ---- before anything runs */

/* A front that cannot issue would take units and have no proof to give. */
static int check_issues(const seckill_keyring *ring) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = {.user = {'x'}, .user_size = 1, .issued_ms = 1, .valid_until_ms = 2};
    return seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL) == SECKILL_OK;
}

static int read_secrets(program *all) {
    char trouble[256];
    all->ring = options_keyring(all->settings.keys, trouble);
    if (all->ring == NULL)
        return complain(trouble);
    if (!check_issues(all->ring))
        return complain("no key of --keys can issue tokens: a k4.local or k4.secret key is wanted");
    all->front.ring = all->ring;
    if (all->settings.redis_password_file == NULL)
        return 0;
    if (options_read_file(all->settings.redis_password_file, all->password, trouble) < 0)
        return complain(trouble);
    all->password[strcspn(all->password, "\r\n")] = '\0';
    all->front.password = all->password;
    return 0;
}

/* Each connection is a file descriptor; a few more are Redis connections, listeners and libuv's own. */
static void raise_file_limit(uint32_t connections) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 512;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        front_log(SECKILL_LOG_WARNING, "only %llu file descriptors are allowed: fewer than --max-connections needs",
                  (unsigned long long)limit.rlim_cur);
}

/* ---- running */

static void stop_all(program *all, front_stop how) {
    for (size_t i = 0; i < all->started; i++)
        front_loop_stop(&all->front.loops[i], how);
}

/* The first signal stops in order, a second one at once. */
static void on_signal(uv_signal_t *handle, int number) {
    program *all = handle->data;
    all->signals_seen++;
    front_log(SECKILL_LOG_INFO, "%s: stopping%s", number == SIGINT ? "SIGINT" : "SIGTERM", all->signals_seen > 1 ? " now" : "");
    stop_all(all, all->signals_seen > 1 ? FRONT_STOP_NOW : FRONT_STOP);
}

static void on_finished(uv_async_t *finished) {
    program *all = finished->data;
    for (size_t i = 0; i < all->started; i++)
        if (!atomic_load(&all->front.loops[i].over))
            return;
    uv_stop(&all->uv);
}

static int watch(program *all) {
    static const int numbers[2] = {SIGTERM, SIGINT};
    int error = uv_loop_init(&all->uv);
    if (error == 0)
        error = uv_async_init(&all->uv, &all->front.finished, on_finished);
    for (int i = 0; i < 2 && error == 0; i++) {
        error = uv_signal_init(&all->uv, &all->signals[i]);
        all->signals[i].data = all;
        if (error == 0)
            error = uv_signal_start(&all->signals[i], on_signal, numbers[i]);
    }
    all->front.finished.data = all;
    if (error == 0)
        error = uv_sem_init(&all->front.started, 0);
    return error == 0 ? 0 : complain(uv_strerror(error));
}

/* After the last thread is joined: until then it may still send `finished`. */
static void unwatch(program *all) {
    uv_close((uv_handle_t *)&all->front.finished, NULL);
    uv_close((uv_handle_t *)&all->signals[0], NULL);
    uv_close((uv_handle_t *)&all->signals[1], NULL);
    uv_run(&all->uv, UV_RUN_DEFAULT);
    uv_loop_close(&all->uv);
    uv_sem_destroy(&all->front.started);
}

/* Starts all loops and waits until each listens, or does not. */
static int start_loops(program *all, const int *sockets) {
    size_t wanted = all->front.loop_count;
    int failed = 0;
    for (size_t i = 0; i < wanted; i++) {
        front_loop *loop = &all->front.loops[i];
        loop->front = &all->front;
        loop->socket = sockets[i];
        loop->unix_socket = all->address.is_unix;
    }
    while (all->started < wanted && front_loop_start(&all->front.loops[all->started]) == 0)
        all->started++;
    for (size_t i = 0; i < all->started; i++)
        uv_sem_wait(&all->front.started);
    for (size_t i = 0; i < all->started; i++)
        failed |= all->front.loops[i].failed;
    options_wipe(all->password, sizeof all->password);
    return failed || all->started < wanted ? -1 : 0;
}

static void say_ready(const program *all) {
    char line[LISTEN_TEXT + 32];
    int size = snprintf(line, sizeof line, "listening on %s\n", all->address.text);
    if (size > 0 && write((int)all->settings.ready_fd, line, (size_t)size) < 0)
        front_log(SECKILL_LOG_WARNING, "cannot write to --ready-fd %u", all->settings.ready_fd);
    front_log(SECKILL_LOG_INFO, "listening on %s with %u loops", all->address.text, all->settings.loops);
}

static int run(program *all, const int *sockets) {
    int failed = start_loops(all, sockets);
    if (failed == 0)
        say_ready(all);
    else
        stop_all(all, FRONT_STOP_NOW);
    if (all->started != 0)
        uv_run(&all->uv, UV_RUN_DEFAULT);
    for (size_t i = 0; i < all->started; i++)
        front_loop_join(&all->front.loops[i]);
    unwatch(all);
    return failed;
}

static int serve(program *all) {
    int sockets[LOOPS_MAX];
    char trouble[256];
    if (read_secrets(all) != 0 || watch(all) != 0)
        return EXIT_FAILURE;
    all->front.loops = calloc(all->settings.loops, sizeof *all->front.loops);
    if (all->front.loops == NULL)
        return complain("out of memory") != 0;
    all->front.loop_count = all->settings.loops;
    raise_file_limit(all->settings.http.connections);
    if (listen_bind(all->settings.listen, sockets, all->settings.loops, &all->address, trouble) != 0)
        return complain(trouble) != 0;
    int failed = run(all, sockets);
    listen_remove(&all->address);
    return failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static program all;
    signal(SIGPIPE, SIG_IGN);
    int wanted = front_settings_read(&all.settings, argc, argv);
    if (wanted <= 0)
        return wanted == 0 ? EXIT_SUCCESS : EXIT_USAGE;
    front_log_level(all.settings.log_level);
    json_object_seed(0); /* once, before there are threads */
    all.front.settings = &all.settings;
    all.front.since = (int64_t)time(NULL);
    int result = serve(&all);
    options_wipe(all.password, sizeof all.password);
    seckill_keyring_free(all.ring);
    free(all.front.loops);
    return result;
}
