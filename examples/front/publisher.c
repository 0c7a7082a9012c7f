/* seckill-front: the thread that puts requests into RabbitMQ; see publisher.h.
 *
 * A request is in `new_jobs` until it is published, then in the ring of what the broker has not answered, by its number on the
 * connection (the delivery tag); answered, in its loop's box.
 *
 * SPDX-License-Identifier: MIT
 */
#include "publisher.h"

#include "depths.h"
#include "log.h"

#include "common/options.h"
#include "common/prometheus.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BEAT_MS = 1000, DECLARE_AGAIN_MS = 1000, ROOM_AGAIN_MS = 1000, POLITE_MS = 500 };

enum { TAG_TEXT = 24 };

struct publish_job {
    publish_job *next;
    publisher_box *box;
    publish_cb cb; /* NULL: forgotten */
    void *user_data;
    uint64_t due_ms;
    publish_result result;
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1], id[2 * SECKILL_REQUEST_ID_MAX + 1];
    size_t size;
    char body[];
};

/* What was published and is not confirmed. */
typedef struct {
    publish_job *job; /* NULL: it is answered already, or nothing is here */
    bool settled;     /* the broker has said what became of it */
    bool returned;    /* it found no queue */
} slot;

typedef enum { SENT_CONFIRMED, SENT_FULL, SENT_RETURNED, SENT_UNKNOWN, SENT_NOT, SENT_COUNT } sent_result;

struct publisher {
    publisher_settings settings;
    uv_thread_t thread;
    bool started;
    int wake; /* an eventfd */
    atomic_bool stop, over, connected;
    atomic_uint_least64_t counts[SENT_COUNT];
    atomic_uint_least32_t under_way;
    uv_mutex_t lock; /* of what follows */
    publish_job *new_first, **new_end;
    depths *depths;
    /* the thread's own */
    link_state link;
    bool linked;
    uint64_t next_try_ms, pause_ms;
    publish_job *first, **end; /* taken over, not published yet */
    slot *slots;               /* `most` of them: that of tag t at t % most */
    uint64_t oldest, next;     /* tags: the oldest not settled, the next to be given */
    uint64_t expired;          /* all before it are answered */
};

static uint64_t now_ms(void) {
    return uv_hrtime() / 1000000;
}

/* ---- boxes */

/* Their loop's thread. */
static void empty_box(publisher_box *box, bool answer) {
    uv_mutex_lock(&box->lock);
    publish_job *job = box->first;
    box->first = NULL;
    box->end = &box->first;
    uv_mutex_unlock(&box->lock);
    while (job != NULL) {
        publish_job *next = job->next;
        if (answer && job->cb != NULL)
            job->cb(&job->result, job->user_data);
        free(job);
        job = next;
    }
}

static void on_mail(uv_async_t *async) {
    empty_box(async->data, true);
}

int publisher_box_open(publisher_box *box, uv_loop_t *loop) {
    box->end = &box->first;
    int error = uv_mutex_init(&box->lock);
    if (error != 0)
        return error;
    error = uv_async_init(loop, &box->async, on_mail);
    box->async.data = box;
    if (error == 0)
        uv_unref((uv_handle_t *)&box->async);
    else
        uv_mutex_destroy(&box->lock);
    return error;
}

void publisher_box_close(publisher_box *box, uv_close_cb closed) {
    empty_box(box, false);
    uv_close((uv_handle_t *)&box->async, closed);
    uv_mutex_destroy(&box->lock);
}

/* ---- answers */

static void answer(publisher *one, publish_job *job, sent_result what) {
    static const publish_result results[SENT_COUNT] = {
        [SENT_CONFIRMED] = {"done", SECKILL_OK, 0},
        [SENT_FULL] = {"as many requests wait in the queue as it takes", SECKILL_BUSY, ROOM_AGAIN_MS},
        [SENT_RETURNED] = {"the queue cannot be used at present", SECKILL_SERVER_BUSY, ROOM_AGAIN_MS},
        [SENT_UNKNOWN] = {"the queue did not confirm the request in time: ask again with the same id", SECKILL_UNKNOWN,
                          ROOM_AGAIN_MS},
        [SENT_NOT] = {"the queue cannot be reached at present", SECKILL_UNREACHABLE, ROOM_AGAIN_MS},
    };
    publisher_box *box = job->box;
    job->result = results[what];
    job->next = NULL;
    atomic_fetch_add_explicit(&one->counts[what], 1, memory_order_relaxed);
    atomic_fetch_sub(&one->under_way, 1);
    uv_mutex_lock(&box->lock);
    *box->end = job;
    box->end = &job->next;
    uv_mutex_unlock(&box->lock);
    uv_async_send(&box->async);
}

static publish_job *take_first(publisher *one) {
    publish_job *job = one->first;
    one->first = job->next;
    if (one->first == NULL)
        one->end = &one->first;
    return job;
}

static slot *slot_of(publisher *one, uint64_t tag) {
    return &one->slots[tag % one->settings.most];
}

/* It has left for the broker, or come back from it. */
static void count_depth(publisher *one, const publish_job *job, bool leaves, bool taken) {
    uv_mutex_lock(&one->lock);
    depth *known = depths_of(one->depths, job->activity, job->item, now_ms());
    if (known != NULL && leaves)
        known->under_way++;
    else if (known != NULL && known->under_way != 0) /* else it was forgotten meanwhile */
        known->under_way--;
    if (known != NULL)
        known->sent += taken;
    uv_mutex_unlock(&one->lock);
}

/* Answers one that was published, once. */
static void answer_sent(publisher *one, slot *at, sent_result what) {
    publish_job *job = at->job;
    at->job = NULL;
    if (job == NULL)
        return;
    what = at->returned && what == SENT_CONFIRMED ? SENT_RETURNED : what;
    count_depth(one, job, false, what == SENT_CONFIRMED || what == SENT_UNKNOWN);
    answer(one, job, what);
}

static void settle(publisher *one, uint64_t tag, sent_result what) {
    slot *at = slot_of(one, tag);
    if (at->settled)
        return;
    at->settled = true;
    answer_sent(one, at, what);
}

/* The broker's word on one tag, or on all up to it. */
static void settle_up_to(publisher *one, uint64_t tag, bool multiple, sent_result what) {
    if (tag >= one->next)
        return; /* none of ours */
    for (uint64_t at = multiple ? one->oldest : tag; at >= one->oldest && at <= tag; at++)
        settle(one, at, what);
    while (one->oldest < one->next && slot_of(one, one->oldest)->settled)
        one->oldest++;
}

/* ---- the connection */

static void take_new(publisher *one) {
    uv_mutex_lock(&one->lock);
    if (one->new_first != NULL) {
        *one->end = one->new_first;
        one->end = one->new_end;
        one->new_first = NULL;
        one->new_end = &one->new_first;
    }
    uv_mutex_unlock(&one->lock);
}

static void lose(publisher *one) {
    front_log(SECKILL_LOG_WARNING, "the queue at %s: %s; tried again", one->settings.address.label, one->link.trouble);
    atomic_store(&one->connected, false);
    one->linked = false;
    if (one->next > one->oldest)
        settle_up_to(one, one->next - 1, true, SENT_UNKNOWN);
    take_new(one);
    while (one->first != NULL)
        answer(one, take_first(one), SENT_NOT);
    link_close(&one->link);
}

static void connect_again(publisher *one) {
    const publisher_settings *settings = &one->settings;
    link_status status = link_open(&one->link, &settings->address, "seckill-front", settings->timeout_ms);
    if (status == LINK_OK)
        status = link_confirm(&one->link);
    if (status == LINK_OK)
        status = link_declare_dead(&one->link, &settings->queues);
    if (status == LINK_OTHER) { /* somebody made it another way: it takes dead letters all the same */
        front_log(SECKILL_LOG_WARNING, "%s", one->link.trouble);
        status = LINK_OK;
    }
    if (status != LINK_OK) {
        one->next_try_ms = link_again_ms(now_ms(), &one->pause_ms);
        lose(one);
        return;
    }
    one->pause_ms = 0;
    one->oldest = one->next = one->expired = 1;
    uv_mutex_lock(&one->lock);
    depths_forget(one->depths);
    uv_mutex_unlock(&one->lock);
    one->linked = true;
    atomic_store(&one->connected, true);
    front_log(SECKILL_LOG_INFO, "the queue at %s: connected", settings->address.label);
}

/* ---- publishing */

/* Whether the item's queue takes requests; it is made if it is not there. */
static link_status ready_queue(publisher *one, const publish_job *job, const char *name, bool *ready) {
    uv_mutex_lock(&one->lock);
    depth *known = depths_of(one->depths, job->activity, job->item, now_ms());
    bool wanted =
        known != NULL && !known->is_declared && (known->failed_ms == 0 || now_ms() - known->failed_ms >= DECLARE_AGAIN_MS);
    *ready = known != NULL && known->is_declared;
    uv_mutex_unlock(&one->lock);
    if (!wanted)
        return LINK_OK;
    link_status status = link_declare(&one->link, &one->settings.queues, name);
    if (status == LINK_LOST)
        return status;
    if (status != LINK_OK)
        front_log(SECKILL_LOG_ERROR, "%s%s", one->link.trouble, link_advice(status));
    uv_mutex_lock(&one->lock);
    known = depths_of(one->depths, job->activity, job->item, now_ms());
    if (known != NULL) {
        known->is_declared = *ready = status == LINK_OK;
        known->failed_ms = status == LINK_OK ? 0 : now_ms();
    }
    uv_mutex_unlock(&one->lock);
    return LINK_OK;
}

static link_status send_job(publisher *one, const publish_job *job, const char *name) {
    char tag[TAG_TEXT];
    snprintf(tag, sizeof tag, "%" PRIu64, one->next);
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_CORRELATION_ID_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = 2,
        .message_id = amqp_cstring_bytes(job->id),
        .correlation_id = amqp_cstring_bytes(tag), /* a message that finds no queue comes back with it, not with its number */
    };
    amqp_bytes_t body = {job->size, (void *)(uintptr_t)job->body};
    return link_check(&one->link, amqp_basic_publish(one->link.connection, 1, amqp_empty_bytes, amqp_cstring_bytes(name), 1, 0,
                                                     &properties, body));
}

static link_status publish_one(publisher *one) {
    char name[LINK_NAME];
    bool ready = false;
    publish_job *job = one->first;
    link_queue_name(one->settings.queues.prefix, job->activity, job->item, name);
    link_status status = ready_queue(one, job, name, &ready);
    if (status != LINK_OK || !ready) {
        if (status == LINK_OK)
            answer(one, take_first(one), SENT_RETURNED);
        return status;
    }
    count_depth(one, job, true, false);
    (void)take_first(one);
    *slot_of(one, one->next) = (slot){.job = job}; /* a part of it may go out, whatever the call says */
    status = send_job(one, job, name);
    one->next++;
    return status;
}

static bool may_publish(const publisher *one) {
    return one->first != NULL && one->next - one->oldest < one->settings.most;
}

/* Publishing waits for a broker that takes no bytes: one that hangs, or is short of memory or disk. Nothing would be answered
 * meanwhile, in time or not. */
static bool has_room(publisher *one) {
    struct pollfd fd = {link_fd(&one->link), POLLOUT, 0};
    return poll(&fd, 1, 0) > 0;
}

static link_status publish_all(publisher *one) {
    link_status status = LINK_OK;
    take_new(one);
    while (may_publish(one) && status == LINK_OK && has_room(one))
        status = publish_one(one);
    return status;
}

/* ---- what the broker says */

static link_status on_return(publisher *one) {
    amqp_basic_properties_t *properties = NULL;
    char body[MESSAGE_MAX], text[TAG_TEXT] = "";
    uint64_t size;
    link_status status = link_content(&one->link, &properties, body, sizeof body, &size);
    if (status != LINK_OK || properties == NULL || !(properties->_flags & AMQP_BASIC_CORRELATION_ID_FLAG))
        return status;
    amqp_bytes_t id = properties->correlation_id;
    memcpy(text, id.bytes, id.len < sizeof text ? id.len : sizeof text - 1);
    uint64_t tag = strtoull(text, NULL, 10);
    if (tag < one->oldest || tag >= one->next)
        return LINK_OK;
    slot *at = slot_of(one, tag);
    at->returned = true;
    uv_mutex_lock(&one->lock);
    depth *known = at->job != NULL ? depths_of(one->depths, at->job->activity, at->job->item, now_ms()) : NULL;
    if (known != NULL)
        known->is_declared = false; /* somebody deleted its queue: the next request makes it again */
    uv_mutex_unlock(&one->lock);
    return LINK_OK;
}

static link_status read_all(publisher *one) {
    amqp_frame_t frame;
    bool there;
    link_status status = link_next(&one->link, &frame, &there);
    while (status == LINK_OK && there) {
        const amqp_method_t *method = &frame.payload.method;
        if (frame.frame_type == AMQP_FRAME_METHOD && method->id == AMQP_BASIC_ACK_METHOD) {
            const amqp_basic_ack_t *ack = method->decoded;
            settle_up_to(one, ack->delivery_tag, ack->multiple, SENT_CONFIRMED);
        } else if (frame.frame_type == AMQP_FRAME_METHOD && method->id == AMQP_BASIC_NACK_METHOD) {
            const amqp_basic_nack_t *nack = method->decoded;
            settle_up_to(one, nack->delivery_tag, nack->multiple, SENT_FULL);
        } else if (frame.frame_type == AMQP_FRAME_METHOD && method->id == AMQP_BASIC_RETURN_METHOD) {
            status = on_return(one);
        }
        if (status == LINK_OK)
            status = link_next(&one->link, &frame, &there);
    }
    return status;
}

static link_status read_depth(publisher *one) {
    char name[LINK_NAME], key[DEPTHS_KEY] = "", *slash;
    uint64_t ready = 0;
    uv_mutex_lock(&one->lock);
    const depth *due = depths_due(one->depths, now_ms());
    if (due != NULL)
        memcpy(key, due->key, sizeof key);
    uv_mutex_unlock(&one->lock);
    slash = strchr(key, '/');
    if (slash == NULL)
        return LINK_OK;
    *slash = '\0';
    link_queue_name(one->settings.queues.prefix, key, slash + 1, name);
    link_status status = link_depth(&one->link, name, &ready);
    uv_mutex_lock(&one->lock);
    depth *known = depths_find(one->depths, key, slash + 1);
    if (known != NULL) {
        depths_read(known, ready, now_ms()); /* where there is no queue nobody waits */
        known->is_declared = known->is_declared && status != LINK_MISSING;
    }
    uv_mutex_unlock(&one->lock);
    return status == LINK_LOST ? status : LINK_OK;
}

/* ---- time */

/* What takes too long is answered; the broker's word on it is waited for all the same, since it holds a number. */
static void expire(publisher *one) {
    uint64_t now = now_ms();
    take_new(one);
    while (one->first != NULL && one->first->due_ms <= now)
        answer(one, take_first(one), SENT_NOT);
    one->expired = one->expired < one->oldest ? one->oldest : one->expired;
    for (; one->expired < one->next; one->expired++) {
        slot *at = slot_of(one, one->expired);
        if (at->job != NULL && at->job->due_ms > now)
            break;
        answer_sent(one, at, SENT_UNKNOWN);
    }
}

static int pause_ms(publisher *one) {
    uint64_t now = now_ms(), until = now + BEAT_MS;
    const publish_job *next = one->linked && one->expired < one->next ? slot_of(one, one->expired)->job : NULL;
    uv_mutex_lock(&one->lock);
    bool asked = one->linked && depths_due(one->depths, now + DEPTHS_READ_MS) != NULL;
    uv_mutex_unlock(&one->lock);
    if (asked)
        until = now + DEPTHS_READ_MS / 4;
    if (!one->linked && one->next_try_ms < until)
        until = one->next_try_ms;
    if (next != NULL && next->due_ms < until)
        until = next->due_ms;
    if (one->first != NULL && one->first->due_ms < until)
        until = one->first->due_ms;
    return until > now ? (int)(until - now) : 0;
}

static void wait_for_something(publisher *one) {
    short events = may_publish(one) ? POLLIN | POLLOUT : POLLIN;
    struct pollfd fds[2] = {{one->wake, POLLIN, 0}, {one->linked ? link_fd(&one->link) : -1, events, 0}};
    uint64_t times;
    if (poll(fds, 2, one->linked && link_has_more(&one->link) ? 0 : pause_ms(one)) > 0 && fds[0].revents != 0)
        (void)!read(one->wake, &times, sizeof times);
}

static void work(publisher *one) {
    link_status status = publish_all(one);
    if (status == LINK_OK)
        status = read_all(one);
    if (status == LINK_OK)
        status = read_depth(one);
    if (status != LINK_OK)
        lose(one);
}

static void thread_main(void *argument) {
    publisher *one = argument;
    while (!atomic_load(&one->stop)) {
        if (!one->linked && now_ms() >= one->next_try_ms)
            connect_again(one);
        if (one->linked)
            work(one);
        expire(one);
        wait_for_something(one);
    }
    atomic_store(&one->connected, false);
    link_close(&one->link);
    atomic_store(&one->over, true);
}

/* ---- its life */

publisher *publisher_new(const publisher_settings *settings) {
    publisher *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->settings = *settings;
    one->end = &one->first;
    one->new_end = &one->new_first;
    one->depths = depths_new(settings->items);
    one->slots = calloc(settings->most, sizeof *one->slots);
    one->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    link_init(&one->link);
    if (one->depths != NULL && one->slots != NULL && one->wake >= 0 && uv_mutex_init(&one->lock) == 0)
        return one;
    if (one->wake >= 0)
        close(one->wake);
    depths_free(one->depths);
    free(one->slots);
    link_free(&one->link);
    free(one);
    return NULL;
}

int publisher_start(publisher *one) {
    int error = uv_thread_create(&one->thread, thread_main, one);
    one->started = error == 0;
    return error;
}

static void wake_up(publisher *one) {
    uint64_t once = 1;
    (void)!write(one->wake, &once, sizeof once);
}

void publisher_stop(publisher *one) {
    if (one == NULL || !one->started)
        return;
    atomic_store(&one->stop, true);
    wake_up(one);
    for (int i = 0; i < POLITE_MS && !atomic_load(&one->over); i++)
        uv_sleep(1);
    link_abort(&one->link); /* one that waits for the broker still waits no more */
    uv_thread_join(&one->thread);
    one->started = false;
}

static void free_jobs(publish_job *job) {
    while (job != NULL) {
        publish_job *next = job->next;
        free(job);
        job = next;
    }
}

void publisher_free(publisher *one) {
    if (one == NULL)
        return;
    for (size_t i = 0; i < one->settings.most; i++)
        free(one->slots[i].job);
    free_jobs(one->first);
    free_jobs(one->new_first);
    free(one->slots);
    depths_free(one->depths);
    link_free(&one->link);
    uv_mutex_destroy(&one->lock);
    close(one->wake);
    options_wipe(&one->settings.address, sizeof one->settings.address);
    free(one);
}

/* ---- handing in */

/* Text as it is; what is none, as hexadecimal digits: RabbitMQ wants UTF-8 there. For people who look at the queue. */
static void write_id(const request_message *request, char id[2 * SECKILL_REQUEST_ID_MAX + 1]) {
    static const char digits[] = "0123456789abcdef";
    bool plain = true;
    for (size_t i = 0; i < request->request_id_size; i++)
        plain = plain && request->request_id[i] >= ' ' && request->request_id[i] < 0x7f;
    char *at = id;
    for (size_t i = 0; i < request->request_id_size; i++) {
        uint8_t byte = request->request_id[i];
        if (!plain)
            *at++ = digits[byte >> 4];
        *at++ = plain ? (char)byte : digits[byte & 15];
    }
    *at = '\0';
}

static publish_job *make_job(const request_message *request) {
    char body[MESSAGE_MAX];
    size_t size = message_encode(request, body);
    publish_job *job = size != 0 ? calloc(1, sizeof *job + size) : NULL;
    if (job == NULL)
        return NULL;
    job->size = size;
    memcpy(job->body, body, size);
    memcpy(job->activity, request->activity, sizeof job->activity);
    memcpy(job->item, request->item, sizeof job->item);
    write_id(request, job->id);
    return job;
}

seckill_status publisher_submit(publisher *one, publisher_box *box, const request_message *request, publish_job **job,
                                publish_cb cb, void *user_data) {
    if (!atomic_load(&one->connected))
        return SECKILL_UNREACHABLE;
    if (atomic_fetch_add(&one->under_way, 1) >= one->settings.most) {
        atomic_fetch_sub(&one->under_way, 1);
        return SECKILL_BUSY;
    }
    publish_job *made = make_job(request);
    if (made == NULL) {
        atomic_fetch_sub(&one->under_way, 1);
        return SECKILL_NO_MEMORY;
    }
    made->box = box;
    made->cb = cb;
    made->user_data = user_data;
    made->due_ms = now_ms() + one->settings.timeout_ms;
    *job = made;
    uv_mutex_lock(&one->lock);
    bool first = one->new_first == NULL;
    *one->new_end = made;
    one->new_end = &made->next;
    uv_mutex_unlock(&one->lock);
    if (first)
        wake_up(one);
    return SECKILL_OK;
}

void publisher_forget(publish_job *job) {
    job->cb = NULL;
}

publisher_view publisher_look(publisher *one, const char *activity, const char *item) {
    publisher_view view = {0, 0, 0};
    uv_mutex_lock(&one->lock);
    const depth *known = depths_of(one->depths, activity, item, now_ms());
    if (known != NULL)
        view = (publisher_view){depths_waiting(known), known->per_second, depths_wait_ms(known)};
    uv_mutex_unlock(&one->lock);
    return view;
}

bool publisher_connected(const publisher *one) {
    return atomic_load(&one->connected);
}

void publisher_write_metrics(const publisher *one, FILE *out) {
    static const char *const results[SENT_COUNT] = {"confirmed", "full", "no_queue", "unknown", "not_sent"};
    static const char name[] = "seckill_front_queue_published_total";
    prometheus_value(out, "seckill_front_queue_connected", "gauge", "1 while there is a connection to the queue's broker.",
                     publisher_connected(one));
    prometheus_value(out, "seckill_front_queue_in_progress", "gauge", "Requests that the broker has not confirmed.",
                     atomic_load(&one->under_way));
    prometheus_head(out, name, "counter", "Requests handed to the broker, by what became of them.");
    for (size_t i = 0; i < SENT_COUNT; i++)
        fprintf(out, "%s{result=\"%s\"} %" PRIu64 "\n", name, results[i],
                (uint64_t)atomic_load_explicit(&one->counts[i], memory_order_relaxed));
}
