/* seckill-front: flash sales over HTTP; see README.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front.h"
#include "gate.h"
#include "http/listen.h"
#include "queue.h"

#include "common/options.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, LOOPS_MAX = 64 };

typedef struct {
    front_state front;
    front_settings settings;
    char password[OPTIONS_PASSWORD];
    listen_address address;
    uv_loop_t uv; /* of the main thread: signals */
    uv_signal_t signals[3];
    size_t started; /* loops that have a thread */
    int signals_seen;
} program;

static int complain(const char *trouble) {
    fprintf(stderr, "seckill-front: %s\n", trouble);
    return -1;
}

/* ---- before anything runs */

static void warn_exposed(const char *option, const char *path) {
    char trouble[256];
    if (path != NULL && options_exposed(path, trouble))
        front_log(SECKILL_LOG_WARNING, "%s: %s", option, trouble);
}

static int read_secrets(program *all) {
    char trouble[256];
    front_ring *ring = front_ring_read(all->settings.keys, all->front.loop_count, trouble);
    if (ring == NULL)
        return complain(trouble);
    for (size_t i = 0; i < all->front.loop_count; i++)
        all->front.loops[i].ring = ring;
    if (!options_redis_password(all->settings.redis_password_file, all->password, trouble))
        return complain(trouble);
    all->front.password = *all->password != '\0' ? all->password : NULL;
    if (!captcha_secrets_read(&all->front.captcha, &all->settings.captcha, trouble))
        return complain(trouble);
    warn_exposed("--keys", all->settings.keys);
    warn_exposed("--captcha-key", all->settings.captcha.key);
    warn_exposed("--captcha-secret", all->settings.captcha.secret);
    warn_exposed("--redis-password-file", all->settings.redis_password_file);
    warn_exposed("--redis-key", all->settings.tls.key);
    return 0;
}

/* Each connection is a file descriptor, and so is each question to a captcha's provider; a few more are Redis connections,
 * listeners and libuv's own. */
static void raise_file_limit(const front_settings *settings) {
    rlim_t questions = settings->captcha.verify != NULL ? (rlim_t)settings->captcha.most * settings->loops : 0;
    rlim_t wanted = (rlim_t)settings->http.connections + questions + 512;
    struct rlimit limit;
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

/* ---- SIGHUP: what is in files is read again; what cannot be used is said, and what there was stays */

/* What is no file any more when it is read again (a pipe) would keep the program waiting. */
static bool can_be_read_again(const char *path, char trouble[256]) {
    struct stat about;
    if (stat(path, &about) != 0 || S_ISREG(about.st_mode))
        return true; /* why it is not there, who opens it says */
    snprintf(trouble, 256, "%s is no file that can be read again", path);
    return false;
}

static void reload_keys(program *all) {
    const char *path = all->settings.keys;
    char trouble[256];
    front_ring *ring = can_be_read_again(path, trouble) ? front_ring_read(path, all->started, trouble) : NULL;
    if (ring == NULL) {
        front_log(SECKILL_LOG_ERROR, "--keys: %s; the keys stay as they were", trouble);
        return;
    }
    warn_exposed("--keys", path);
    for (size_t i = 0; i < all->started; i++)
        front_loop_use_ring(&all->front.loops[i], ring);
}

static void reload_captcha(program *all) {
    const captcha_settings *settings = &all->settings.captcha;
    const char *path = settings->key != NULL ? settings->key : settings->secret;
    char trouble[256];
    if (path == NULL)
        return;
    if (!can_be_read_again(path, trouble) || !captcha_secrets_read(&all->front.captcha, settings, trouble)) {
        front_log(SECKILL_LOG_ERROR, "the captcha: %s; its keys stay as they were", trouble);
        return;
    }
    warn_exposed("the captcha", path);
    front_log(SECKILL_LOG_WARNING, "the captcha: %s is read again", path);
}

typedef void (*reload)(program *all);

static void on_reload(uv_signal_t *handle, int number) {
    static const reload reloads[] = {reload_keys, reload_captcha};
    (void)number;
    for (size_t i = 0; i < sizeof reloads / sizeof *reloads; i++)
        reloads[i](handle->data);
}

static void on_finished(uv_async_t *finished) {
    program *all = finished->data;
    for (size_t i = 0; i < all->started; i++)
        if (!atomic_load(&all->front.loops[i].over))
            return;
    uv_stop(&all->uv);
}

static int watch(program *all) {
    static const struct {
        int number;
        uv_signal_cb seen;
    } signals[] = {{SIGTERM, on_signal}, {SIGINT, on_signal}, {SIGHUP, on_reload}};
    int error = uv_loop_init(&all->uv);
    if (error == 0)
        error = uv_async_init(&all->uv, &all->front.finished, on_finished);
    for (size_t i = 0; i < sizeof signals / sizeof *signals && error == 0; i++) {
        error = uv_signal_init(&all->uv, &all->signals[i]);
        all->signals[i].data = all;
        if (error == 0)
            error = uv_signal_start(&all->signals[i], signals[i].seen, signals[i].number);
    }
    all->front.finished.data = all;
    if (error == 0)
        error = uv_sem_init(&all->front.started, 0);
    if (error == 0)
        error = http_peers_init(&all->front.peers);
    return error == 0 ? 0 : complain(uv_strerror(error));
}

/* After the last thread is joined: until then it may still send `finished`. */
static void unwatch(program *all) {
    uv_close((uv_handle_t *)&all->front.finished, NULL);
    for (size_t i = 0; i < sizeof all->signals / sizeof *all->signals; i++)
        uv_close((uv_handle_t *)&all->signals[i], NULL);
    uv_run(&all->uv, UV_RUN_DEFAULT);
    uv_loop_close(&all->uv);
    uv_sem_destroy(&all->front.started);
    http_peers_free(&all->front.peers);
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
    if (all->front.queue->stop != NULL)
        all->front.queue->stop(&all->front);
    for (size_t i = 0; i < all->started; i++)
        front_loop_join(&all->front.loops[i]);
    unwatch(all);
    return failed;
}

static int serve(program *all) {
    int sockets[LOOPS_MAX];
    char trouble[256];
    all->front.loops = calloc(all->settings.loops, sizeof *all->front.loops);
    if (all->front.loops == NULL)
        return complain("out of memory") != 0;
    all->front.loop_count = all->settings.loops;
    /* Signals are watched first: what is in a file after one is read. */
    if (watch(all) != 0 || read_secrets(all) != 0)
        return EXIT_FAILURE;
    raise_file_limit(&all->settings);
    if (listen_bind(all->settings.listen, sockets, all->settings.loops, &all->address, trouble) != 0)
        return complain(trouble) != 0;
    all->front.gate = gate_new(&all->settings);
    int failed;
    if (all->front.gate == NULL)
        failed = complain("out of memory for the limits");
    else if (all->front.queue->start != NULL && !all->front.queue->start(&all->front, trouble))
        failed = complain(trouble);
    else
        failed = run(all, sockets);
    if (all->front.queue->drop != NULL)
        all->front.queue->drop(&all->front);
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
    all.front.queue = queue_choose(&all.settings);
    all.front.since = (int64_t)time(NULL);
    if (captcha_secrets_open(&all.front.captcha) != 0)
        return complain("the captcha: there is no random number, or no memory") != 0;
    int result = serve(&all);
    captcha_secrets_close(&all.front.captcha);
    gate_free(all.front.gate);
    options_wipe(all.password, sizeof all.password);
    for (size_t i = 0; i < all.front.loop_count; i++) {
        front_ring_release(all.front.loops[i].ring);
        front_ring_release(atomic_load(&all.front.loops[i].next_ring));
    }
    free(all.front.loops);
    return result;
}
