#define _GNU_SOURCE

#include "http_load.h"

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096, EVENTS = 256 };

typedef struct {
    int fd;
    size_t size;  /* of what has come of the answer */
    double since; /* when its request was due */
    char answer[ANSWER_MAX];
} connection;

struct http_load {
    int epoll, count;
    connection *connections;
    connection **idle; /* a ring: from `head` on, `idle_count` of them */
    int head, idle_count;
    const http_load_plan *plan;
    uint64_t sent, answered, bad;
    float *latencies; /* of all answers, in microseconds */
};

/* ---- connections ---- */

static void raise_file_limit(int connections) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 64;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        bench_fail("%d connections need more file descriptors than this process may have (ulimit -Hn)", connections);
}

static void open_one(http_load *load, connection *one, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = one}};
    int on = 1;

    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, one->fd, &event) != 0)
        bench_fail("cannot connect to port %d: %s", (int)port, strerror(errno));
}

http_load *http_load_open(uint16_t port, int connections) {
    http_load *load = calloc(1, sizeof(*load));

    raise_file_limit(connections);
    if (load != NULL) {
        load->connections = calloc((size_t)connections, sizeof(*load->connections));
        load->idle = calloc((size_t)connections, sizeof(connection *));
        load->epoll = epoll_create1(EPOLL_CLOEXEC);
    }
    if (load == NULL || load->connections == NULL || load->idle == NULL || load->epoll < 0)
        bench_fail("out of memory");
    load->count = load->idle_count = connections;
    for (int i = 0; i < connections; i++) {
        load->idle[i] = &load->connections[i];
        open_one(load, load->idle[i], port);
    }
    return load;
}

void http_load_close(http_load *load) {
    for (int i = 0; i < load->count; i++)
        close(load->connections[i].fd);
    close(load->epoll);
    free(load->connections);
    free(load->idle);
    free(load);
}

static connection *take_idle(http_load *load) {
    connection *one = load->idle[load->head];

    load->head = (load->head + 1) % load->count;
    load->idle_count--;
    return one;
}

static void put_idle(http_load *load, connection *one) {
    load->idle[(load->head + load->idle_count++) % load->count] = one;
}

/* ---- one request and its answer ---- */

static void send_next(http_load *load, double due) {
    const http_load_requests *requests = load->plan->requests;
    uint64_t n = (load->plan->first + load->sent++) % requests->count;
    connection *one = take_idle(load);

    one->since = due;
    one->size = 0;
    if (send(one->fd, requests->text + n * requests->size, requests->size, MSG_NOSIGNAL) != (ssize_t)requests->size)
        bench_fail("a request could not be sent at once: %s", strerror(errno));
}

/* How long an answer is, as its header says; 0: the header is not complete. It must have a Content-Length. */
static size_t whole_size(const connection *one) {
    const char *end = memmem(one->answer, one->size, "\r\n\r\n", 4), *length;

    if (end == NULL)
        return 0;
    length = memmem(one->answer, (size_t)(end - one->answer), "\r\nContent-Length: ", 18);
    if (length == NULL)
        bench_fail("an answer does not say how long it is: %.*s", (int)one->size, one->answer);
    return (size_t)(end + 4 - one->answer) + strtoul(length + 18, NULL, 10);
}

static void look_at(http_load *load, const connection *one) {
    const http_load_plan *plan = load->plan;

    if (plan->status == 0 || strtol(one->answer + sizeof("HTTP/1.1"), NULL, 10) == plan->status)
        return;
    if (load->bad++ == 0)
        bench_say("not the answer that was expected: %s", one->answer);
    if (load->bad > plan->count / 100)
        bench_fail("too many answers are not what was expected");
}

/* Whether the answer is complete. */
static bool take_answer(http_load *load, connection *one) {
    ssize_t got = recv(one->fd, one->answer + one->size, ANSWER_MAX - 1 - one->size, MSG_DONTWAIT);
    size_t whole;

    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0)
        bench_fail("a connection was lost, or an answer is too long");
    one->size += (size_t)got;
    one->answer[one->size] = '\0';
    whole = whole_size(one);
    if (whole == 0 || one->size < whole)
        return false;
    if (one->size > whole)
        bench_fail("more than one answer to a request: %s", one->answer);
    look_at(load, one);
    return true;
}

/* ---- all of them ---- */

/* Requests that are due go out while there are idle connections; one that finds none is due all the same. */
static void send_due(http_load *load, double start) {
    const http_load_plan *plan = load->plan;
    double now = bench_now();

    while (load->idle_count != 0 && load->sent < plan->count) {
        double due = plan->rate > 0 ? start + (double)load->sent / plan->rate : now;

        if (due > now)
            return;
        send_next(load, due);
    }
}

/* It never sleeps: a server whose answer has to wake somebody pays for that, which no network would make it do. */
static void take_answers(http_load *load) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load->epoll, events, EVENTS, 0);

    if (count == 0)
        (void)sched_yield();
    for (int i = 0; i < count; i++) {
        connection *one = events[i].data.ptr;

        if (!take_answer(load, one))
            continue;
        load->latencies[load->answered++] = (float)((bench_now() - one->since) * 1e6);
        put_idle(load, one);
        if (load->plan->rate <= 0 && load->sent < load->plan->count)
            send_next(load, bench_now());
    }
}

static int compare(const void *a, const void *b) {
    const float *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

http_load_outcome http_load_run(http_load *load, const http_load_plan *plan) {
    http_load_outcome outcome;
    double start, cpu = bench_cpu_time(getpid());

    load->plan = plan;
    load->sent = load->answered = load->bad = 0;
    load->latencies = malloc(plan->count * sizeof(*load->latencies));
    if (load->latencies == NULL)
        bench_fail("out of memory");
    start = bench_now();
    while (load->answered < plan->count) {
        send_due(load, start);
        take_answers(load);
    }
    outcome.good = plan->count - load->bad;
    outcome.seconds = bench_now() - start;
    outcome.busy = (bench_cpu_time(getpid()) - cpu) / outcome.seconds;
    qsort(load->latencies, plan->count, sizeof(*load->latencies), compare);
    outcome.p50_us = (double)load->latencies[plan->count / 2];
    outcome.p99_us = (double)load->latencies[plan->count * 99 / 100];
    free(load->latencies);
    return outcome;
}
