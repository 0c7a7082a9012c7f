/* The thread of the proxy: accepts, reads, passes on, and does what the test wants. */
#define _GNU_SOURCE /* accept4 */
#include "fault_proxy_parts.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int connect_on(const fault_proxy *proxy) {
    int fd = socket(proxy->server.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, &proxy->server.any, proxy->server_size) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

static void accept_one(fault_proxy *proxy) {
    const struct linger at_once = {1, 0};
    const int yes = 1;
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int server =
        client >= 0 && !proxy->refuses && !proxy->state.stopped && proxy->count < FAULT_LINKS_MAX ? connect_on(proxy) : -1;

    if (client < 0)
        return;
    if (server < 0) {
        (void)setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        (void)close(client);
        return;
    }
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    proxy->links[proxy->count] = calloc(1, sizeof(fault_link));
    if (proxy->links[proxy->count] == NULL)
        abort();
    fault_link_init(proxy->links[proxy->count++], client, server, &proxy->state);
}

static void reset_all(fault_proxy *proxy) {
    for (size_t i = 0; i < proxy->count; i++)
        fault_link_reset(proxy->links[i]);
}

static void carry_out(fault_proxy *proxy) {
    if ((proxy->to_do & TO_RESET) != 0)
        reset_all(proxy);
    for (size_t i = 0; i < proxy->count; i++) {
        if ((proxy->to_do & TO_CLOSE_REQUESTS) != 0)
            fault_link_half_close(proxy->links[i], REQUESTS);
        if ((proxy->to_do & TO_CLOSE_ANSWERS) != 0)
            fault_link_half_close(proxy->links[i], ANSWERS);
    }
    proxy->to_do = 0;
}

static void remove_over(fault_proxy *proxy) {
    size_t kept = 0;

    for (size_t i = 0; i < proxy->count; i++) {
        fault_link *link = proxy->links[i];

        if (!link->over) {
            proxy->links[kept++] = link;
            continue;
        }
        /* It will never get the answer at which it was to stop. */
        if (proxy->state.stop.link == link)
            memset(&proxy->state.stop, 0, sizeof(proxy->state.stop));
        free(link);
    }
    proxy->count = kept;
}

static bool all_is_answered(const fault_proxy *proxy) {
    for (size_t i = 0; i < proxy->count; i++) {
        if (!proxy->links[i]->over && proxy->links[i]->sent != proxy->links[i]->answered)
            return false;
    }
    return true;
}

/* Once the commands before it are answered: else it would not be known whether they were executed. */
static void stop_if_reached(fault_proxy *proxy) {
    const fault_stop stop = proxy->state.stop;

    if (!stop.reached || !all_is_answered(proxy))
        return;
    for (size_t i = 0; i < proxy->count; i++)
        fault_link_flush(proxy->links[i]);
    memset(&proxy->state.stop, 0, sizeof(proxy->state.stop));
    proxy->state.stopped = true;
    if (stop.cb != NULL)
        stop.cb(stop.context);
    reset_all(proxy);
}

static void pass_all(fault_proxy *proxy) {
    for (size_t i = 0; i < proxy->count; i++)
        fault_link_pass(proxy->links[i], &proxy->state);
    stop_if_reached(proxy);
    remove_over(proxy);
}

static struct pollfd interest(int fd, bool reads, bool writes) {
    struct pollfd on = {reads || writes ? fd : -1, (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0};

    return on;
}

/* What to wait for; how long is returned, in ms. */
static int prepare(const fault_proxy *proxy, struct pollfd *polls) {
    int64_t due = -1;

    polls[0] = interest(proxy->waker, true, false);
    polls[1] = interest(proxy->listener, true, false);
    for (size_t i = 0; i < proxy->count; i++) {
        const fault_link *link = proxy->links[i];
        const fault_way *requests = &link->ways[REQUESTS], *answers = &link->ways[ANSWERS];
        int64_t next = fault_link_due(link, &proxy->state);

        polls[2 + i * 2] = interest(requests->from, !requests->ended, answers->out.size != 0);
        polls[3 + i * 2] = interest(answers->from, !answers->ended, requests->out.size != 0);
        if (next >= 0 && (due < 0 || next < due))
            due = next;
    }
    if (due < 0)
        return -1;
    due -= fault_now_ms();
    return due > 0 ? (int)due : 0;
}

static void receive_all(fault_proxy *proxy, const struct pollfd *polls) {
    size_t count = proxy->count;
    uint64_t woken;

    if (polls[0].revents != 0 && read(proxy->waker, &woken, sizeof(woken)) < 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        for (int way = 0; way < FAULT_WAYS; way++) {
            if ((polls[2 + i * 2 + (size_t)way].revents & ~POLLOUT) != 0)
                fault_link_receive(proxy->links[i], way, &proxy->state);
        }
    }
    if (polls[1].revents != 0)
        accept_one(proxy);
}

void *fault_proxy_run(void *context) {
    fault_proxy *proxy = context;
    struct pollfd polls[2 + FAULT_LINKS_MAX * 2];

    (void)pthread_mutex_lock(&proxy->lock);
    while (!proxy->ends) {
        size_t count = 2 + proxy->count * 2;
        int wait = prepare(proxy, polls);

        (void)pthread_mutex_unlock(&proxy->lock);
        if (poll(polls, (nfds_t)count, wait) < 0 && errno != EINTR)
            abort();
        (void)pthread_mutex_lock(&proxy->lock);
        receive_all(proxy, polls);
        carry_out(proxy);
        pass_all(proxy);
        proxy->done = proxy->asked;
        (void)pthread_cond_broadcast(&proxy->settled);
    }
    reset_all(proxy);
    remove_over(proxy);
    (void)pthread_mutex_unlock(&proxy->lock);
    return NULL;
}
