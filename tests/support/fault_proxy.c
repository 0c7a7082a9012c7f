/* A proxy in front of a Redis server: its life, and the calls that tell it what to do. */
#define _GNU_SOURCE
#include "fault_proxy_parts.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* ---- life ---- */

static bool parse_server(fault_proxy *proxy, const char *server) {
    const char *colon = strrchr(server, ':');

    if (strncmp(server, "unix:", 5) == 0) {
        proxy->server.un.sun_family = AF_UNIX;
        (void)snprintf(proxy->server.un.sun_path, sizeof(proxy->server.un.sun_path), "%s", server + 5);
        proxy->server_size = sizeof(proxy->server.un);
        return true;
    }
    if (colon == NULL || strncmp(server, "127.0.0.1:", 10) != 0)
        return false;
    proxy->server.in.sin_family = AF_INET;
    proxy->server.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->server.in.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    proxy->server_size = sizeof(proxy->server.in);
    return true;
}

static bool listen_on(fault_proxy *proxy) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    proxy->waker = eventfd(0, EFD_CLOEXEC);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (proxy->waker < 0 || proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy->listener, 128) != 0 || getsockname(proxy->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    (void)snprintf(proxy->address, sizeof(proxy->address), "127.0.0.1:%d", ntohs(address.sin_port));
    return true;
}

/* Signals are the test's. */
static bool start_thread(fault_proxy *proxy) {
    sigset_t all, before;
    bool started;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&proxy->thread, NULL, fault_proxy_run, proxy) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void init_locks(fault_proxy *proxy) {
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&proxy->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&proxy->settled, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

fault_proxy *fault_proxy_start(const char *server) {
    fault_proxy *proxy = calloc(1, sizeof(*proxy));

    if (proxy == NULL)
        return NULL;
    proxy->listener = proxy->waker = -1;
    proxy->state.settings[REQUESTS].cut = proxy->state.settings[ANSWERS].cut = -1;
    init_locks(proxy);
    if (parse_server(proxy, server) && listen_on(proxy) && start_thread(proxy))
        return proxy;
    perror("fault_proxy");
    (void)close(proxy->listener);
    (void)close(proxy->waker);
    free(proxy);
    return NULL;
}

static void wake(const fault_proxy *proxy) {
    const uint64_t one = 1;

    if (write(proxy->waker, &one, sizeof(one)) < 0)
        abort();
}

fault_proxy *fault_proxy_start_plain(const char *server) {
    fault_proxy *proxy = fault_proxy_start(server);

    if (proxy != NULL) {
        (void)pthread_mutex_lock(&proxy->lock);
        proxy->state.plain = true;
        (void)pthread_mutex_unlock(&proxy->lock);
    }
    return proxy;
}

void fault_proxy_free(fault_proxy *proxy) {
    if (proxy == NULL)
        return;
    (void)pthread_mutex_lock(&proxy->lock);
    proxy->ends = true;
    (void)pthread_mutex_unlock(&proxy->lock);
    wake(proxy);
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
    (void)close(proxy->waker);
    (void)pthread_cond_destroy(&proxy->settled);
    (void)pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

const char *fault_proxy_address(const fault_proxy *proxy) {
    return proxy->address;
}

/* ---- what the test wants ---- */

/* Between these two the test changes what it wants; then it has happened. */
static void begin(fault_proxy *proxy) {
    (void)pthread_mutex_lock(&proxy->lock);
}

static void end(fault_proxy *proxy) {
    uint64_t mine = ++proxy->asked;

    wake(proxy);
    while (proxy->done < mine)
        (void)pthread_cond_wait(&proxy->settled, &proxy->lock);
    (void)pthread_mutex_unlock(&proxy->lock);
}

static bool concerns(fault_direction direction, int way) {
    return ((int)direction & (1 << way)) != 0;
}

void fault_proxy_delay(fault_proxy *proxy, fault_direction direction, uint32_t ms) {
    begin(proxy);
    for (int way = 0; way < FAULT_WAYS; way++) {
        if (concerns(direction, way))
            proxy->state.settings[way].delay_ms = ms;
    }
    end(proxy);
}

void fault_proxy_hold(fault_proxy *proxy, fault_direction direction, bool held) {
    begin(proxy);
    for (int way = 0; way < FAULT_WAYS; way++) {
        if (concerns(direction, way))
            proxy->state.settings[way].held = held;
    }
    end(proxy);
}

void fault_proxy_swallow(fault_proxy *proxy, fault_direction direction) {
    begin(proxy);
    for (int way = 0; way < FAULT_WAYS; way++) {
        if (concerns(direction, way))
            proxy->state.settings[way].swallowed = true;
    }
    end(proxy);
}

static void set_cut(fault_proxy *proxy, int way, int64_t bytes) {
    proxy->state.settings[way].cut = bytes;
    for (size_t i = 0; i < proxy->count; i++)
        proxy->links[i]->ways[way].cut = bytes;
}

void fault_proxy_cut(fault_proxy *proxy, fault_direction direction, uint32_t bytes) {
    begin(proxy);
    for (int way = 0; way < FAULT_WAYS; way++) {
        if (concerns(direction, way))
            set_cut(proxy, way, bytes);
    }
    end(proxy);
}

void fault_proxy_refuse(fault_proxy *proxy) {
    begin(proxy);
    proxy->refuses = true;
    end(proxy);
}

void fault_proxy_heal(fault_proxy *proxy) {
    begin(proxy);
    for (int way = 0; way < FAULT_WAYS; way++) {
        memset(&proxy->state.settings[way], 0, sizeof(proxy->state.settings[way]));
        set_cut(proxy, way, -1);
    }
    proxy->refuses = false;
    proxy->state.stopped = false;
    end(proxy);
}

void fault_proxy_reset(fault_proxy *proxy) {
    begin(proxy);
    proxy->to_do |= TO_RESET;
    end(proxy);
}

void fault_proxy_half_close(fault_proxy *proxy, fault_direction direction) {
    begin(proxy);
    if (concerns(direction, REQUESTS))
        proxy->to_do |= TO_CLOSE_REQUESTS;
    if (concerns(direction, ANSWERS))
        proxy->to_do |= TO_CLOSE_ANSWERS;
    end(proxy);
}

/* ---- commands ---- */

void fault_proxy_stop_at(fault_proxy *proxy, const char *text, uint64_t command, fault_moment moment, fault_proxy_cb cb,
                         void *context) {
    fault_stop *stop = &proxy->state.stop;

    begin(proxy);
    memset(stop, 0, sizeof(*stop));
    (void)snprintf(stop->text, sizeof(stop->text), "%s", text != NULL ? text : "");
    stop->left = command;
    stop->moment = moment;
    stop->cb = cb;
    stop->context = context;
    end(proxy);
}

bool fault_proxy_has_stopped(fault_proxy *proxy) {
    bool stopped;

    begin(proxy);
    stopped = proxy->state.stopped;
    (void)pthread_mutex_unlock(&proxy->lock);
    return stopped;
}

bool fault_proxy_wait_stop(fault_proxy *proxy, uint32_t ms) {
    struct timespec until;
    bool stopped;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    begin(proxy);
    while (!proxy->state.stopped && pthread_cond_timedwait(&proxy->settled, &proxy->lock, &until) == 0)
        continue;
    stopped = proxy->state.stopped;
    (void)pthread_mutex_unlock(&proxy->lock);
    return stopped;
}

static uint64_t read_count(fault_proxy *proxy, const uint64_t *count) {
    uint64_t value;

    begin(proxy);
    value = *count;
    (void)pthread_mutex_unlock(&proxy->lock);
    return value;
}

uint64_t fault_proxy_commands(fault_proxy *proxy) {
    return read_count(proxy, &proxy->state.commands);
}

uint64_t fault_proxy_answers(fault_proxy *proxy) {
    return read_count(proxy, &proxy->state.answers);
}

size_t fault_proxy_connections(fault_proxy *proxy) {
    size_t count;

    begin(proxy);
    count = proxy->count;
    (void)pthread_mutex_unlock(&proxy->lock);
    return count;
}

void fault_proxy_stopped_command(fault_proxy *proxy, char *text, size_t size) {
    begin(proxy);
    (void)snprintf(text, size, "%s", proxy->state.text);
    (void)pthread_mutex_unlock(&proxy->lock);
}
