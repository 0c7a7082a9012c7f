/* See amqp_link.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "amqp_link.h"

#include "options.h"
#include "url.h"

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { WORK = 1, CONTROL = 2, FRAME_MAX = 131072, DEAD_MAX = 100000, PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 5000 };

/* ---- where it is */

static bool complain(char trouble[256], const char *why) {
    snprintf(trouble, 256, "%s", why);
    return false;
}

static bool read_password(const url *parsed, link_address *address, char trouble[256]) {
    const char *file = url_query(parsed, "password-file"), *word = options_environment("SECKILL_AMQP_PASSWORD");
    snprintf(address->password_file, sizeof address->password_file, "%s", file != NULL ? file : "");
    if (file != NULL)
        return options_first_line(file, address->password, sizeof address->password, trouble) != 0;
    if (word == NULL || strlen(word) >= sizeof address->password)
        return complain(trouble, "the password is missing: ?password-file=FILE, or SECKILL_AMQP_PASSWORD");
    snprintf(address->password, sizeof address->password, "%s", word);
    return true;
}

bool link_address_read(const char *text, link_address *address, char trouble[256]) {
    static const char *const known[] = {"password-file", "ca", NULL};
    url parsed;
    if (!url_parse(text, "?password-file=FILE, or SECKILL_AMQP_PASSWORD", &parsed, trouble))
        return false;
    memset(address, 0, sizeof *address);
    address->tls = strcmp(parsed.scheme, "amqps") == 0;
    if (!address->tls && strcmp(parsed.scheme, "amqp") != 0)
        return complain(trouble, "amqp:// or amqps:// is expected");
    if (parsed.host[0] == '\0' || parsed.user[0] == '\0')
        return complain(trouble, "amqp://USER@HOST[:PORT][/VHOST] is expected");
    if (url_unknown_query(&parsed, known) != NULL)
        return complain(trouble, "behind the ? there may be password-file=FILE and ca=FILE");
    const char *ca = url_query(&parsed, "ca");
    if (ca != NULL && !address->tls)
        return complain(trouble, "ca= is for amqps://");
    if (ca == NULL && address->tls)
        return complain(trouble, "amqps:// needs ca=FILE, the certificates to trust");
    address->port = parsed.port != 0 ? (int)parsed.port : address->tls ? 5671 : 5672;
    snprintf(address->host, sizeof address->host, "%s", parsed.host);
    snprintf(address->user, sizeof address->user, "%s", parsed.user);
    snprintf(address->vhost, sizeof address->vhost, "%s", parsed.path[0] != '\0' ? parsed.path : "/");
    snprintf(address->ca, sizeof address->ca, "%s", ca != NULL ? ca : "");
    snprintf(address->label, sizeof address->label, "%.200s:%d%s%.200s", address->host, address->port,
             address->vhost[0] == '/' ? "" : "/", address->vhost);
    return read_password(&parsed, address, trouble);
}

/* ---- what was wrong */

/* The broker's own words go to logs and answers. */
static void say(link_state *link, const char *what, const char *why, size_t size) {
    int at = snprintf(link->trouble, sizeof link->trouble, "%s: %.*s", what, (int)(size < 200 ? size : 200), why);
    for (int i = 0; i < at && i < (int)sizeof link->trouble; i++)
        if ((unsigned char)link->trouble[i] < ' ')
            link->trouble[i] = ' ';
}

static link_status fail(link_state *link, link_status status, const char *what, const char *why) {
    say(link, what, why, strlen(why));
    return status;
}

static link_status refused(link_state *link, const char *what, uint16_t code, amqp_bytes_t text, link_status otherwise) {
    say(link, what, text.bytes != NULL ? text.bytes : "", text.len);
    if (code == AMQP_NOT_FOUND)
        return LINK_MISSING;
    if (code == AMQP_PRECONDITION_FAILED)
        return LINK_OTHER;
    return code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_ALLOWED ? LINK_DENIED : otherwise;
}

/* A channel that the broker closed is opened again. */
static link_status reopen(link_state *link, link_status status) {
    amqp_channel_close_ok_t ok = {0};
    if (amqp_send_method(link->connection, CONTROL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok) != AMQP_STATUS_OK ||
        amqp_channel_open(link->connection, CONTROL) == NULL)
        return LINK_LOST;
    return status;
}

static link_status judge(link_state *link, const char *what, amqp_rpc_reply_t reply) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return LINK_OK;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return fail(link, LINK_LOST, what, amqp_error_string2(reply.library_error));
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *closed = reply.reply.decoded;
        return refused(link, what, closed->reply_code, closed->reply_text, LINK_FAILED);
    }
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *closed = reply.reply.decoded;
        link_status status = refused(link, what, closed->reply_code, closed->reply_text, LINK_LOST);
        return status == LINK_DENIED ? status : LINK_LOST;
    }
    return fail(link, LINK_LOST, what, "no answer");
}

/* Of a call on the second channel. */
static link_status judge_control(link_state *link, const char *what) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->connection);
    link_status status = judge(link, what, reply);
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        return reopen(link, status);
    return status;
}

link_status link_check(link_state *link, int status) {
    return status == AMQP_STATUS_OK ? LINK_OK : fail(link, LINK_LOST, "the connection is lost", amqp_error_string2(status));
}

/* ---- its life */

void link_init(link_state *link) {
    memset(link, 0, sizeof *link);
    pthread_mutex_init(&link->lock, NULL);
    link->fd = -1;
}

static void set_fd(link_state *link, int fd) {
    pthread_mutex_lock(&link->lock);
    link->fd = fd;
    pthread_mutex_unlock(&link->lock);
}

void link_close(link_state *link) {
    if (link->connection == NULL)
        return;
    bool stands = link_fd(link) >= 0;
    if (stands)
        (void)amqp_connection_close(link->connection, AMQP_REPLY_SUCCESS);
    set_fd(link, -1);
    (void)amqp_destroy_connection(link->connection);
    link->connection = NULL;
}

void link_free(link_state *link) {
    link_close(link);
    pthread_mutex_destroy(&link->lock);
}

void link_abort(link_state *link) {
    pthread_mutex_lock(&link->lock);
    if (link->fd >= 0)
        (void)shutdown(link->fd, SHUT_RDWR);
    pthread_mutex_unlock(&link->lock);
}

int link_fd(link_state *link) {
    pthread_mutex_lock(&link->lock);
    int fd = link->fd;
    pthread_mutex_unlock(&link->lock);
    return fd;
}

uint64_t link_again_ms(uint64_t now_ms, uint64_t *pause_ms) {
    uint64_t pause = *pause_ms == 0 ? PAUSE_MIN_MS : 2 * *pause_ms;
    *pause_ms = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now_ms + *pause_ms - (uint64_t)now.tv_nsec / 1000 % (*pause_ms / 4); /* not all programs at once */
}

static amqp_socket_t *make_socket(link_state *link, const link_address *address) {
    if (!address->tls)
        return amqp_tcp_socket_new(link->connection);
    amqp_socket_t *made = amqp_ssl_socket_new(link->connection);
    if (made != NULL) {
        amqp_ssl_socket_set_verify_peer(made, 1);
        amqp_ssl_socket_set_verify_hostname(made, 1);
    }
    if (made != NULL && address->ca[0] != '\0' && amqp_ssl_socket_set_cacert(made, address->ca) != AMQP_STATUS_OK)
        return NULL;
    return made;
}

/* A peer that takes no more bytes is gone some time. */
static void set_patience(int fd) {
    unsigned ms = 2 * LINK_HEARTBEAT_S * 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static amqp_table_entry_t entry_text(const char *key, const char *value) {
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key), .value = {.kind = AMQP_FIELD_KIND_UTF8}};
    entry.value.value.bytes = amqp_cstring_bytes(value);
    return entry;
}

static amqp_table_entry_t entry_number(const char *key, int64_t value) {
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key), .value = {.kind = AMQP_FIELD_KIND_I64}};
    entry.value.value.i64 = value;
    return entry;
}

static link_status log_in(link_state *link, const link_address *address, const char *who) {
    amqp_table_entry_t able = {.key = amqp_cstring_bytes("consumer_cancel_notify"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN}};
    able.value.value.boolean = 1;
    amqp_table_entry_t entries[2] = {entry_text("connection_name", who),
                                     {amqp_cstring_bytes("capabilities"), {.kind = AMQP_FIELD_KIND_TABLE}}};
    entries[1].value.value.table = (amqp_table_t){1, &able};
    amqp_table_t properties = {2, entries};
    link_status status =
        judge(link, "logging in",
              amqp_login_with_properties(link->connection, address->vhost, 0, FRAME_MAX, LINK_HEARTBEAT_S, &properties,
                                         AMQP_SASL_METHOD_PLAIN, address->user, address->password));
    for (amqp_channel_t channel = WORK; channel <= CONTROL && status == LINK_OK; channel++) {
        (void)amqp_channel_open(link->connection, channel);
        status = judge(link, "opening a channel", amqp_get_rpc_reply(link->connection));
    }
    return status;
}

static link_status connect_to(link_state *link, const link_address *address, const char *who, struct timeval *limit) {
    amqp_socket_t *made = make_socket(link, address);
    if (made == NULL)
        return fail(link, LINK_LOST, "connecting",
                    address->tls ? "TLS cannot be used: is ca= a file of certificates?" : "no memory");
    int status = amqp_socket_open_noblock(made, address->host, address->port, limit);
    if (status != AMQP_STATUS_OK)
        return fail(link, LINK_LOST, "connecting", amqp_error_string2(status));
    set_fd(link, amqp_get_sockfd(link->connection));
    set_patience(amqp_get_sockfd(link->connection));
    return log_in(link, address, who);
}

link_status link_open(link_state *link, const link_address *address, const char *who, uint32_t timeout_ms) {
    struct timeval limit = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    link_close(link);
    link->connection = amqp_new_connection();
    if (link->connection == NULL)
        return fail(link, LINK_LOST, "connecting", "no memory");
    (void)amqp_set_handshake_timeout(link->connection, &limit);
    (void)amqp_set_rpc_timeout(link->connection, &limit);
    link_status status = connect_to(link, address, who, &limit);
    if (status != LINK_OK) {
        set_fd(link, -1);
        link_close(link);
    }
    return status;
}

/* ---- queues */

void link_queue_name(const char *prefix, const char *activity, const char *item, char name[LINK_NAME]) {
    snprintf(name, LINK_NAME, "%s.requests/%s/%s", prefix != NULL ? prefix : "seckill", activity, item);
}

void link_dead_name(const char *prefix, char name[LINK_NAME]) {
    snprintf(name, LINK_NAME, "%s.requests.dead", prefix != NULL ? prefix : "seckill");
}

static link_status declare(link_state *link, const char *name, bool passive, amqp_table_t arguments, uint64_t *depth) {
    char what[LINK_TEXT];
    amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(link->connection, CONTROL, amqp_cstring_bytes(name), passive, 1, 0, 0, arguments);
    if (ok != NULL && depth != NULL)
        *depth = ok->message_count;
    snprintf(what, sizeof what, "queue %s", name);
    link_status status = judge_control(link, what);
    amqp_maybe_release_buffers_on_channel(link->connection, CONTROL);
    return status;
}

const char *link_advice(link_status status) {
    return status == LINK_OTHER ? " (give --queue-length and --queue-deliveries as it was made with, or delete it)" : "";
}

/* Dead letters are passed on until the other queue has them: what could not be decided is not lost. */
link_status link_declare(link_state *link, const link_queues *queues, const char *name) {
    char dead[LINK_NAME];
    link_dead_name(queues->prefix, dead);
    amqp_table_entry_t entries[] = {
        entry_text("x-queue-type", "quorum"),
        entry_number("x-delivery-limit", queues->deliveries),
        entry_number("x-max-length", queues->length),
        entry_text("x-overflow", "reject-publish"),
        entry_text("x-dead-letter-exchange", ""),
        entry_text("x-dead-letter-routing-key", dead),
        entry_text("x-dead-letter-strategy", "at-least-once"),
    };
    return declare(link, name, false, (amqp_table_t){sizeof entries / sizeof *entries, entries}, NULL);
}

link_status link_declare_dead(link_state *link, const link_queues *queues) {
    char name[LINK_NAME];
    amqp_table_entry_t entries[] = {entry_text("x-queue-type", "quorum"), entry_number("x-max-length", DEAD_MAX)};
    link_dead_name(queues->prefix, name);
    return declare(link, name, false, (amqp_table_t){2, entries}, NULL);
}

link_status link_depth(link_state *link, const char *name, uint64_t *depth) {
    return declare(link, name, true, amqp_empty_table, depth);
}

/* ---- the first channel: an error there costs the connection, which is made anew */

static link_status judge_work(link_state *link, const char *what) {
    link_status status = judge(link, what, amqp_get_rpc_reply(link->connection));
    return status == LINK_OK ? LINK_OK : LINK_LOST;
}

link_status link_confirm(link_state *link) {
    (void)amqp_confirm_select(link->connection, WORK);
    return judge_work(link, "asking for confirms");
}

link_status link_consume(link_state *link, const char *name, const char *tag, uint32_t prefetch) {
    char what[LINK_TEXT];
    snprintf(what, sizeof what, "consuming %s", name);
    (void)amqp_basic_qos(link->connection, WORK, 0, (uint16_t)prefetch, 0);
    link_status status = judge_work(link, "setting the prefetch");
    if (status != LINK_OK)
        return status;
    (void)amqp_basic_consume(link->connection, WORK, amqp_cstring_bytes(name), amqp_cstring_bytes(tag), 0, 0, 0,
                             amqp_empty_table);
    return judge_work(link, what);
}

link_status link_cancel(link_state *link, const char *tag) {
    (void)amqp_basic_cancel(link->connection, WORK, amqp_cstring_bytes(tag));
    return judge_work(link, "ending to consume");
}

/* What closes a channel or the connection is an error of the whole link. */
static link_status closed_by_broker(link_state *link, const amqp_method_t *method) {
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *closed = method->decoded;
        (void)refused(link, "the broker closed the channel", closed->reply_code, closed->reply_text, LINK_LOST);
        return LINK_LOST;
    }
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *closed = method->decoded;
        (void)refused(link, "the broker closed the connection", closed->reply_code, closed->reply_text, LINK_LOST);
        return LINK_LOST;
    }
    return LINK_OK;
}

link_status link_next(link_state *link, amqp_frame_t *frame, bool *there) {
    struct timeval none = {0, 0};
    *there = false;
    amqp_maybe_release_buffers(link->connection);
    int status = amqp_simple_wait_frame_noblock(link->connection, frame, &none);
    if (status == AMQP_STATUS_TIMEOUT)
        return LINK_OK;
    if (status != AMQP_STATUS_OK)
        return link_check(link, status);
    *there = true;
    return frame->frame_type == AMQP_FRAME_METHOD ? closed_by_broker(link, &frame->payload.method) : LINK_OK;
}

bool link_has_more(link_state *link) {
    return amqp_frames_enqueued(link->connection) || amqp_data_in_buffer(link->connection);
}

static link_status next_part(link_state *link, uint8_t kind, amqp_frame_t *frame) {
    link_status status = link_check(link, amqp_simple_wait_frame(link->connection, frame));
    if (status == LINK_OK && frame->frame_type != kind)
        return fail(link, LINK_LOST, "the connection is lost", "a message without its body");
    return status;
}

link_status link_content(link_state *link, amqp_basic_properties_t **properties, char *body, size_t room, uint64_t *size) {
    amqp_frame_t frame;
    uint64_t come = 0;
    link_status status = next_part(link, AMQP_FRAME_HEADER, &frame);
    if (status != LINK_OK)
        return status;
    *properties = frame.payload.properties.decoded;
    *size = frame.payload.properties.body_size;
    while (come < *size) {
        status = next_part(link, AMQP_FRAME_BODY, &frame);
        if (status != LINK_OK)
            return status;
        amqp_bytes_t part = frame.payload.body_fragment;
        if (part.len == 0)
            return fail(link, LINK_LOST, "the connection is lost", "an empty frame");
        if (*size <= room && come + part.len <= room)
            memcpy(body + come, part.bytes, part.len);
        come += part.len;
        if (*size > room) { /* nobody wants it: its frames need not stay */
            *properties = NULL;
            amqp_maybe_release_buffers(link->connection);
        }
    }
    return LINK_OK;
}
