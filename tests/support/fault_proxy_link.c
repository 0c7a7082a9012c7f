/* The connections of the proxy: what is read waits until it is due, is cut into messages, and is written. */
#define _GNU_SOURCE
#include "fault_proxy_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

int64_t fault_now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- messages ---- */

/* A line has ended: what it says about what follows. */
static void take_line(fault_scan *scan) {
    long long count;

    scan->line[scan->line_size] = '\0';
    count = scan->line_size != 0 ? strtoll(scan->line + 1, NULL, 10) : 0;
    switch (scan->line[0]) {
    case '$':
    case '=':
    case '!':
        if (count >= 0)
            scan->skip = (uint64_t)count + 2;
        break;
    case '*':
    case '~':
    case '>':
        scan->left += count > 0 ? (uint64_t)count : 0;
        break;
    case '%':
        scan->left += count > 0 ? (uint64_t)count * 2 : 0;
        break;
    default:
        break;
    }
    scan->line_size = 0;
    if (scan->skip == 0)
        scan->left--;
}

size_t fault_scan_read(fault_scan *scan, const char *data, size_t size, bool *whole) {
    size_t at = 0;

    if (scan->left == 0)
        scan->left = 1;
    while (at < size && scan->left != 0) {
        if (scan->skip != 0) {
            size_t step = scan->skip < size - at ? (size_t)scan->skip : size - at;

            at += step;
            scan->skip -= step;
            scan->left -= scan->skip == 0;
        } else if (data[at++] == '\n') {
            take_line(scan);
        } else if (scan->line_size < sizeof(scan->line) - 1) {
            scan->line[scan->line_size++] = data[at - 1];
        }
    }
    *whole = scan->left == 0;
    return at;
}

void fault_bytes_add(fault_bytes *bytes, const char *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (bytes->data == NULL)
            abort();
    }
    if (size != 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void fault_bytes_drop(fault_bytes *bytes, size_t size) {
    bytes->size -= size;
    if (bytes->size != 0)
        memmove(bytes->data, bytes->data + size, bytes->size);
}

void fault_bytes_free(fault_bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

/* ---- life ---- */

void fault_link_init(fault_link *link, int client, int server, const fault_state *state) {
    memset(link, 0, sizeof(*link));
    link->ways[REQUESTS].from = link->ways[ANSWERS].to = client;
    link->ways[REQUESTS].to = link->ways[ANSWERS].from = server;
    for (int way = 0; way < FAULT_WAYS; way++)
        link->ways[way].cut = state->settings[way].cut;
}

static void empty(fault_way *way) {
    while (way->first != NULL) {
        fault_chunk *next = way->first->next;

        free(way->first);
        way->first = next;
    }
    way->last = NULL;
    fault_bytes_free(&way->message);
    fault_bytes_free(&way->out);
}

void fault_link_close(fault_link *link) {
    if (link->over)
        return;
    link->over = true;
    (void)close(link->ways[REQUESTS].from);
    (void)close(link->ways[REQUESTS].to);
    empty(&link->ways[REQUESTS]);
    empty(&link->ways[ANSWERS]);
}

void fault_link_reset(fault_link *link) {
    const struct linger at_once = {1, 0};

    if (link->over)
        return;
    (void)setsockopt(link->ways[REQUESTS].from, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)setsockopt(link->ways[REQUESTS].to, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    fault_link_close(link);
}

static void shut(fault_link *link, fault_way *way) {
    if (!way->shut)
        (void)shutdown(way->to, SHUT_WR);
    way->shut = true;
    if (link->ways[REQUESTS].shut && link->ways[ANSWERS].shut)
        fault_link_close(link);
}

void fault_link_half_close(fault_link *link, int way) {
    if (link->over)
        return;
    link->ways[way].lost = true;
    empty(&link->ways[way]);
    shut(link, &link->ways[way]);
}

/* ---- reading ---- */

static void keep(fault_way *way, const char *data, size_t size, int64_t due_ms) {
    fault_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (chunk == NULL)
        abort();
    chunk->next = NULL;
    chunk->due_ms = due_ms;
    chunk->size = size;
    memcpy(chunk->data, data, size);
    if (way->last != NULL)
        way->last->next = chunk;
    else
        way->first = chunk;
    way->last = chunk;
}

void fault_link_receive(fault_link *link, int way, const fault_state *state) {
    fault_way *self = &link->ways[way];
    char data[READ_SIZE];
    ssize_t got;

    if (link->over || self->ended)
        return;
    got = recv(self->from, data, sizeof(data), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0) {
        fault_link_reset(link);
        return;
    }
    if (got == 0)
        self->ended = true;
    else if (state->settings[way].swallowed)
        self->lost = true;
    else if (!self->lost)
        keep(self, data, (size_t)got, fault_now_ms() + state->settings[way].delay_ms);
}

/* ---- writing ---- */

static void flush(fault_link *link, fault_way *way) {
    while (!link->over && way->out.size != 0) {
        size_t size = way->out.size;
        ssize_t put;

        if (way->cut >= 0 && (uint64_t)way->cut < size)
            size = (size_t)way->cut;
        put = send(way->to, way->out.data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
            return;
        if (put >= 0 && way->cut >= 0)
            way->cut -= put;
        if (put < 0 || way->cut == 0) {
            fault_link_reset(link);
            return;
        }
        fault_bytes_drop(&way->out, (size_t)put);
    }
}

/* The process behind it may be about to end. */
void fault_link_flush(fault_link *link) {
    fault_way *way = &link->ways[ANSWERS];

    for (int tries = 0; tries < 1000 && !link->over && way->out.size != 0; tries++) {
        struct pollfd room = {way->to, POLLOUT, 0};

        flush(link, way);
        if (way->out.size != 0)
            (void)poll(&room, 1, 1);
    }
}

/* ---- passing on ---- */

static void write_text(const fault_bytes *command, char text[FAULT_TEXT_SIZE]) {
    size_t at = 0;

    for (size_t i = 0; i < command->size && at < FAULT_TEXT_SIZE - 1; i++) {
        if (command->data[i] != '\r')
            text[at++] = command->data[i] != '\n' ? command->data[i] : ' ';
    }
    text[at] = '\0';
}

/* Whether it is the one to stop at. */
static bool is_last_command(const fault_link *link, fault_state *state) {
    fault_stop *stop = &state->stop;

    if (stop->left == 0)
        return false;
    write_text(&link->ways[REQUESTS].message, state->text);
    if (strstr(state->text, stop->text) == NULL)
        return false;
    return --stop->left == 0;
}

/* Whether it goes out. */
static bool take_command(fault_link *link, fault_state *state) {
    fault_stop *stop = &state->stop;
    bool is_last = is_last_command(link, state);

    if (is_last) {
        stop->link = link;
        stop->answer = link->sent + 1;
        stop->reached = stop->moment == FAULT_BEFORE;
    }
    if (is_last && stop->reached)
        return false;
    state->commands++;
    link->sent++;
    return true;
}

/* Whether it is passed on. */
static bool take_answer(fault_link *link, fault_state *state) {
    fault_stop *stop = &state->stop;
    bool is_last = stop->link == link && stop->answer == link->answered + 1;

    link->answered++;
    if (is_last)
        stop->reached = true;
    if (is_last && stop->moment == FAULT_AFTER)
        return false;
    state->answers++;
    return true;
}

/* No command goes out behind the one at which it stops. */
static bool is_gated(const fault_state *state, int way) {
    return way == REQUESTS && state->stop.link != NULL;
}

static void take_message(fault_link *link, int way, fault_state *state) {
    fault_way *self = &link->ways[way];

    if (way == REQUESTS ? take_command(link, state) : take_answer(link, state))
        fault_bytes_add(&self->out, self->message.data, self->message.size);
    self->message.size = 0;
}

/* The first chunk, message by message. */
static void pass_chunk(fault_link *link, int way, fault_state *state) {
    fault_way *self = &link->ways[way];
    fault_chunk *chunk = self->first;
    size_t at = 0;

    if (state->plain) {
        fault_bytes_add(&self->out, chunk->data, chunk->size);
        at = chunk->size;
    }
    while (at < chunk->size && !is_gated(state, way)) {
        bool whole;
        size_t size = fault_scan_read(&self->scan, chunk->data + at, chunk->size - at, &whole);

        fault_bytes_add(&self->message, chunk->data + at, size);
        at += size;
        if (whole)
            take_message(link, way, state);
    }
    if (at < chunk->size) {
        chunk->size -= at;
        memmove(chunk->data, chunk->data + at, chunk->size);
        return;
    }
    self->first = chunk->next;
    if (self->first == NULL)
        self->last = NULL;
    free(chunk);
}

static void pass_way(fault_link *link, int way, fault_state *state) {
    fault_way *self = &link->ways[way];
    bool held = state->settings[way].held;

    while (!held && self->first != NULL && self->first->due_ms <= fault_now_ms() && !is_gated(state, way))
        pass_chunk(link, way, state);
    if (!self->shut)
        flush(link, self);
    if (self->lost && self->ended && !self->shut && !state->settings[way].swallowed)
        fault_link_reset(link);
    if (link->over || self->lost || held || !self->ended || self->first != NULL)
        return;
    /* The peer has gone within a message. */
    fault_bytes_add(&self->out, self->message.data, self->message.size);
    self->message.size = 0;
    flush(link, self);
    if (!link->over && self->out.size == 0)
        shut(link, self);
}

void fault_link_pass(fault_link *link, fault_state *state) {
    for (int way = 0; way < FAULT_WAYS; way++) {
        if (!link->over)
            pass_way(link, way, state);
    }
}

int64_t fault_link_due(const fault_link *link, const fault_state *state) {
    int64_t due = -1;

    for (int way = 0; way < FAULT_WAYS; way++) {
        const fault_chunk *first = link->ways[way].first;

        if (link->over || first == NULL || state->settings[way].held || is_gated(state, way))
            continue;
        if (due < 0 || first->due_ms < due)
            due = first->due_ms;
    }
    return due;
}
