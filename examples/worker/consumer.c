/* See consumer.h.
 *
 * Commands go to the thread through `lock`: queues to add or remove, deliveries that are settled. What it has to say goes back
 * as mail, in order, so that nothing of a queue comes behind its end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "consumer.h"

#include "log.h"
#include "options.h"
#include "unsettled.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MEMORY_PAUSE_MS = 100,
    BEAT_MS = 1000,
    CONSUME_AGAIN_MS = 1000,
    CONSUME_MAX_MS = 60000,
    DEPTH_MS = 1000, /* between two looks at a queue's length ... */
    LOOK_MS = 20,    /* ... and at any's */
    BATCH = 512,     /* deliveries in one mail */
    POISON_LOG_MS = 1000
};

struct consumer_queue {
    consumer *consumer;
    void *owner;
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1], name[LINK_NAME], tag[24];
    uint32_t id;
    bool wanted; /* under the lock: false: to be removed */
    atomic_uint_least64_t depth;
    consumer_queue *next_new; /* under the lock */
    /* the thread's own */
    consumer_queue *next;
    bool consuming;
    uint64_t next_try_ms, pause_ms, looked_ms;
};

typedef enum { MAIL_DELIVERED, MAIL_LOST, MAIL_REMOVED, MAIL_STOPPED } mail_kind;

typedef struct mail mail;
struct mail {
    mail *next;
    mail_kind kind;
    consumer_queue *queue;
    uint32_t life;
    delivery *first, **end;
    size_t count;
};

struct consumer {
    consumer_config config;
    uv_thread_t thread;
    uv_async_t async;
    int wake; /* an eventfd */
    atomic_bool stop, aborted, connected;
    atomic_uint_least64_t delivered, redelivered, poison, connections;
    uv_mutex_t lock; /* of what follows */
    consumer_queue *new_queues;
    delivery *settled, **settled_end;
    mail *mail, **mail_end;
    bool removals;
    /* the loop's own */
    consumer_queue **queues; /* those that are not freed */
    size_t queue_count, queue_room;
    uint32_t next_id, life; /* of the connection, as far as the mail has told */
    /* the thread's own */
    link_state link;
    bool linked;
    uint32_t link_life;
    uint64_t next_try_ms, pause_ms, next_look_ms, poison_logged_ms, poison_silent;
    consumer_queue *consumed; /* all that are not removed */
    unsettled tags;           /* of this connection */
    mail stopped;             /* so that the end needs no memory */
};

static uint64_t now_ms(void) {
    return uv_hrtime() / 1000000;
}

static void wake_up(consumer *c) {
    uint64_t once = 1;
    (void)!write(c->wake, &once, sizeof once);
}

/* ---- mail: the thread's side */

static void post(consumer *c, mail *one) {
    one->next = NULL;
    uv_mutex_lock(&c->lock);
    *c->mail_end = one;
    c->mail_end = &one->next;
    uv_mutex_unlock(&c->lock);
    (void)uv_async_send(&c->async);
}

/* The end of a queue and the loss of a connection must be told: there is no going on without. */
static mail *make_mail(mail_kind kind, consumer_queue *queue) {
    mail *one = calloc(1, sizeof *one);
    while (!one) {
        uv_sleep(MEMORY_PAUSE_MS);
        one = calloc(1, sizeof *one);
    }
    one->kind = kind;
    one->queue = queue;
    one->end = &one->first;
    return one;
}

/* ---- mail: the loop's side */

static void forget_queue(consumer *c, consumer_queue *queue) {
    for (size_t i = 0; i < c->queue_count; i++) {
        if (c->queues[i] == queue) {
            c->queues[i] = c->queues[--c->queue_count];
            break;
        }
    }
    void *owner = queue->owner;
    free(queue);
    c->config.events.removed(owner);
}

static void tell_lost(consumer *c, uint32_t life) {
    c->life = life;
    for (size_t i = 0; i < c->queue_count; i++) {
        c->config.events.lost(c->queues[i]->owner);
    }
}

static void free_deliveries(delivery *one) {
    while (one) {
        delivery *next = one->next;
        free(one);
        one = next;
    }
}

static void on_closed(uv_handle_t *handle) {
    consumer *c = handle->data;
    void (*stopped)(void *) = c->config.stopped;
    void *context = c->config.context;
    uv_mutex_destroy(&c->lock);
    free_deliveries(c->settled);
    link_free(&c->link);
    unsettled_free(&c->tags);
    (void)close(c->wake);
    free(c->queues);
    options_wipe(&c->config.address, sizeof c->config.address);
    free(c);
    stopped(context);
}

static void open_mail(consumer *c, mail *one) {
    switch (one->kind) {
    case MAIL_DELIVERED:
        c->config.events.delivered(one->queue->owner, one->first);
        break;
    case MAIL_LOST:
        tell_lost(c, one->life);
        break;
    case MAIL_REMOVED:
        forget_queue(c, one->queue);
        break;
    case MAIL_STOPPED:
        (void)uv_thread_join(&c->thread);
        uv_close((uv_handle_t *)&c->async, on_closed);
        return; /* it is a part of the consumer */
    }
    free(one);
}

static void on_mail(uv_async_t *async) {
    consumer *c = async->data;
    uv_mutex_lock(&c->lock);
    mail *one = c->mail;
    c->mail = NULL;
    c->mail_end = &c->mail;
    uv_mutex_unlock(&c->lock);
    while (one) {
        mail *next = one->next;
        open_mail(c, one);
        one = next;
    }
}

/* ---- the connection */

static void lose(consumer *c) {
    if (!atomic_load(&c->stop)) {
        log_line(SECKILL_LOG_WARNING, "the queue at %s: %s; tried again", c->config.address.label, c->link.trouble);
    }
    if (c->linked) {
        mail *lost = make_mail(MAIL_LOST, NULL);
        lost->life = ++c->link_life;
        post(c, lost);
    }
    atomic_store(&c->connected, false);
    c->linked = false;
    unsettled_clear(&c->tags);
    for (consumer_queue *queue = c->consumed; queue; queue = queue->next) {
        queue->consuming = false;
    }
    link_close(&c->link);
    c->next_try_ms = link_again_ms(now_ms(), &c->pause_ms);
}

static void connect_again(consumer *c) {
    link_status status = link_open(&c->link, &c->config.address, "seckill-worker", c->config.timeout_ms);
    if (status == LINK_OK) {
        status = link_declare_dead(&c->link, &c->config.queues);
    }
    if (status == LINK_OTHER) { /* somebody made it another way: it takes dead letters all the same */
        log_line(SECKILL_LOG_WARNING, "%s", c->link.trouble);
        status = LINK_OK;
    }
    if (status != LINK_OK) {
        lose(c);
        return;
    }
    c->pause_ms = 0;
    c->linked = true;
    atomic_store(&c->connected, true);
    atomic_fetch_add(&c->connections, 1);
    log_line(SECKILL_LOG_INFO, "the queue at %s: connected", c->config.address.label);
}

/* ---- queues */

static void take_new_queues(consumer *c) {
    uv_mutex_lock(&c->lock);
    while (c->new_queues) {
        consumer_queue *queue = c->new_queues;
        c->new_queues = queue->next_new;
        queue->next = c->consumed;
        c->consumed = queue;
    }
    uv_mutex_unlock(&c->lock);
}

/* A queue for which nobody answers, such as one without a leader, costs the connection: the others go on for longer and longer
 * before it is tried again. */
static void put_off(consumer_queue *queue) {
    queue->pause_ms = queue->pause_ms == 0 ? CONSUME_AGAIN_MS : 2 * queue->pause_ms;
    queue->pause_ms = queue->pause_ms < CONSUME_MAX_MS ? queue->pause_ms : CONSUME_MAX_MS;
    queue->next_try_ms = now_ms() + queue->pause_ms;
}

/* Some other trouble with one queue is no reason to leave the others. */
static link_status consume(consumer *c, consumer_queue *queue) {
    link_status status = link_declare(&c->link, &c->config.queues, queue->name);
    if (status == LINK_OK) {
        status = link_consume(&c->link, queue->name, queue->tag, c->config.prefetch);
    }
    if (status == LINK_LOST) {
        put_off(queue);
        return status;
    }
    queue->pause_ms = 0;
    if (status != LINK_OK) {
        log_line(SECKILL_LOG_ERROR, "%s%s", c->link.trouble, link_advice(status));
        queue->next_try_ms = now_ms() + CONSUME_AGAIN_MS;
    }
    queue->consuming = status == LINK_OK;
    return LINK_OK;
}

static link_status consume_all(consumer *c) {
    link_status status = LINK_OK;
    uint64_t now = now_ms();
    for (consumer_queue *queue = c->consumed; queue && status == LINK_OK; queue = queue->next) {
        if (!queue->consuming && queue->next_try_ms <= now) {
            status = consume(c, queue);
        }
    }
    return status;
}

static bool is_wanted(consumer *c, const consumer_queue *queue) {
    uv_mutex_lock(&c->lock);
    bool wanted = queue->wanted;
    uv_mutex_unlock(&c->lock);
    return wanted;
}

/* With a connection or without. What was delivered and not handed on yet goes back when it is read: nobody's tag. New ones are
 * taken behind the look at `removals`: one that was added and removed since would else be passed over, and stay. */
static link_status drop_unwanted(consumer *c) {
    link_status status = LINK_OK;
    uv_mutex_lock(&c->lock);
    bool any = c->removals;
    c->removals = false;
    uv_mutex_unlock(&c->lock);
    take_new_queues(c);
    for (consumer_queue **at = &c->consumed; any && *at;) {
        consumer_queue *queue = *at;
        if (is_wanted(c, queue)) {
            at = &queue->next;
            continue;
        }
        *at = queue->next;
        if (queue->consuming && c->linked && status == LINK_OK) {
            status = link_cancel(&c->link, queue->tag);
        }
        post(c, make_mail(MAIL_REMOVED, queue));
    }
    return status;
}

/* The one that was looked at longest ago. */
static link_status look_at_depth(consumer *c) {
    uint64_t now = now_ms(), depth = 0;
    consumer_queue *oldest = NULL;
    for (consumer_queue *queue = c->consumed; queue; queue = queue->next) {
        if (queue->consuming && (!oldest || queue->looked_ms < oldest->looked_ms)) {
            oldest = queue;
        }
    }
    if (now < c->next_look_ms || !oldest || now < oldest->looked_ms + DEPTH_MS) {
        return LINK_OK;
    }
    c->next_look_ms = now + LOOK_MS;
    oldest->looked_ms = now;
    link_status status = link_depth(&c->link, oldest->name, &depth);
    if (status == LINK_OK) {
        atomic_store(&oldest->depth, depth);
    }
    return status == LINK_LOST ? status : LINK_OK;
}

/* ---- what is settled */

static link_status send_verdict(consumer *c, uint64_t tag, delivery_verdict verdict, bool multiple) {
    int status = verdict == DELIVERY_ACK ? amqp_basic_ack(c->link.connection, 1, tag, multiple)
                                         : amqp_basic_nack(c->link.connection, 1, tag, 0, verdict == DELIVERY_REQUEUE);
    return link_check(&c->link, status);
}

/* Acknowledged ones wait for each other, so that one word says it of many; the others go at once, before it. */
static link_status settle(consumer *c, delivery *one) {
    link_status status = LINK_OK;
    for (; one; one = one->next) {
        if (one->life != c->link_life || !c->linked || status != LINK_OK) {
            continue;
        }
        if (one->verdict != DELIVERY_ACK) {
            status = send_verdict(c, one->tag, one->verdict, false);
            unsettled_gone(&c->tags, one->tag);
        } else {
            unsettled_ready(&c->tags, one->tag);
        }
    }
    return status;
}

static link_status acknowledge(consumer *c) {
    uint64_t tag;
    bool multiple;
    link_status status = LINK_OK;
    while (status == LINK_OK && unsettled_next(&c->tags, &tag, &multiple)) {
        status = send_verdict(c, tag, DELIVERY_ACK, multiple);
    }
    return status;
}

static link_status settle_all(consumer *c) {
    uv_mutex_lock(&c->lock);
    delivery *first = c->settled;
    c->settled = NULL;
    c->settled_end = &c->settled;
    uv_mutex_unlock(&c->lock);
    link_status status = settle(c, first);
    free_deliveries(first);
    return status == LINK_OK && c->linked ? acknowledge(c) : status;
}

/* ---- what is delivered */

static void complain(consumer *c, const char *queue, const char *why) {
    uint64_t now = now_ms();
    atomic_fetch_add(&c->poison, 1);
    if (c->poison_logged_ms != 0 && now - c->poison_logged_ms < POISON_LOG_MS) {
        c->poison_silent++;
        return;
    }
    log_line(SECKILL_LOG_WARNING,
             "%s: a message that is no request of it goes to the dead letters: %s (%" PRIu64 " more like this)", queue, why,
             c->poison_silent);
    c->poison_logged_ms = now;
    c->poison_silent = 0;
}

static bool is_fit(const consumer_queue *queue, const char *body, uint64_t size, request_message *request,
                   char trouble[MESSAGE_TROUBLE]) {
    if (size > MESSAGE_MAX) {
        (void)snprintf(trouble, MESSAGE_TROUBLE, "it has %" PRIu64 " bytes", size);
        return false;
    }
    if (!message_decode(body, (size_t)size, request, trouble)) {
        return false;
    }
    (void)snprintf(trouble, MESSAGE_TROUBLE, "it is of another item");
    return strcmp(request->activity, queue->activity) == 0 && strcmp(request->item, queue->item) == 0;
}

static consumer_queue *queue_of_tag(const consumer *c, amqp_bytes_t tag) {
    for (consumer_queue *queue = c->consumed; queue; queue = queue->next) {
        if (strlen(queue->tag) == tag.len && memcmp(queue->tag, tag.bytes, tag.len) == 0) {
            return queue;
        }
    }
    return NULL;
}

/* NULL: it is settled already. */
static delivery *accept_one(consumer *c, const consumer_queue *queue, const char *body, uint64_t size, link_status *status) {
    char trouble[MESSAGE_TROUBLE];
    request_message request;
    delivery_verdict verdict = DELIVERY_REQUEUE;
    delivery *one = NULL;
    if (queue && is_fit(queue, body, size, &request, trouble)) {
        one = calloc(1, sizeof *one);
    } else if (queue) {
        complain(c, queue->name, trouble);
        verdict = DELIVERY_REJECT;
    }
    uint64_t tag = unsettled_add(&c->tags);
    if (one && tag != 0) {
        one->request = request;
        one->tag = tag;
        one->life = c->link_life;
        return one;
    }
    free(one);
    if (tag != 0) { /* else memory is out: it comes again with the connection */
        *status = send_verdict(c, tag, verdict, false);
        unsettled_gone(&c->tags, tag);
    } else {
        (void)snprintf(c->link.trouble, sizeof c->link.trouble, "out of memory");
        *status = LINK_LOST;
    }
    return NULL;
}

static link_status on_delivery(consumer *c, const amqp_basic_deliver_t *method, mail **batch) {
    amqp_basic_properties_t *properties;
    char body[MESSAGE_MAX];
    uint64_t size = 0;
    consumer_queue *queue = queue_of_tag(c, method->consumer_tag);
    bool redelivered = method->redelivered;
    link_status status = link_content(&c->link, &properties, body, sizeof body, &size);
    if (status != LINK_OK) {
        return status;
    }
    delivery *one = accept_one(c, queue, body, size, &status);
    if (!one) {
        return status;
    }
    one->redelivered = redelivered;
    atomic_fetch_add(&c->delivered, 1);
    atomic_fetch_add(&c->redelivered, redelivered);
    if (*batch && ((*batch)->queue != queue || (*batch)->count == BATCH)) {
        post(c, *batch);
        *batch = NULL;
    }
    *batch = *batch ? *batch : make_mail(MAIL_DELIVERED, queue);
    *(*batch)->end = one;
    (*batch)->end = &one->next;
    (*batch)->count++;
    return LINK_OK;
}

/* The broker ends a consumer whose queue was deleted. */
static void on_cancelled(consumer *c, const amqp_basic_cancel_t *method) {
    consumer_queue *queue = queue_of_tag(c, method->consumer_tag);
    if (queue) {
        log_line(SECKILL_LOG_WARNING, "%s: the queue is gone; it is made again", queue->name);
        queue->consuming = false;
        queue->next_try_ms = now_ms() + CONSUME_AGAIN_MS;
    }
}

/* Not for ever: what is settled meanwhile wants to go out. */
static link_status read_some(consumer *c, bool *more) {
    amqp_frame_t frame;
    mail *batch = NULL;
    bool there = true;
    link_status status = LINK_OK;
    for (int i = 0; i < BATCH && status == LINK_OK && there; i++) {
        status = link_next(&c->link, &frame, &there);
        if (status != LINK_OK || !there || frame.frame_type != AMQP_FRAME_METHOD) {
            continue;
        }
        const amqp_method_t *method = &frame.payload.method;
        if (method->id == AMQP_BASIC_DELIVER_METHOD) {
            status = on_delivery(c, method->decoded, &batch);
        } else if (method->id == AMQP_BASIC_CANCEL_METHOD) {
            on_cancelled(c, method->decoded);
        }
    }
    if (batch) {
        post(c, batch);
    }
    *more = there;
    return status;
}

/* ---- the thread */

static void work(consumer *c, bool *more) {
    link_status status = drop_unwanted(c);
    if (c->linked && status == LINK_OK) {
        status = settle_all(c);
    }
    if (c->linked && status == LINK_OK) {
        status = consume_all(c);
    }
    if (c->linked && status == LINK_OK) {
        status = read_some(c, more);
    }
    if (c->linked && status == LINK_OK) {
        status = look_at_depth(c);
    }
    if (status != LINK_OK) {
        lose(c);
    }
    if (!c->linked) {
        (void)settle_all(c); /* only frees them */
    }
}

static int pause_ms(const consumer *c) {
    uint64_t now = now_ms(), until = now + BEAT_MS;
    if (!c->linked && c->next_try_ms < until) {
        until = c->next_try_ms;
    }
    for (const consumer_queue *queue = c->consumed; c->linked && queue; queue = queue->next) {
        uint64_t due = queue->consuming ? queue->looked_ms + DEPTH_MS : queue->next_try_ms;
        until = due < until ? due : until;
    }
    until = c->linked && until < c->next_look_ms ? c->next_look_ms : until;
    return until > now ? (int)(until - now) : 0;
}

static void wait_for_something(consumer *c) {
    struct pollfd fds[2] = {{c->wake, POLLIN, 0}, {c->linked ? link_fd(&c->link) : -1, POLLIN, 0}};
    uint64_t times;
    if (poll(fds, 2, c->linked && link_has_more(&c->link) ? 0 : pause_ms(c)) > 0 && fds[0].revents != 0) {
        (void)!read(c->wake, &times, sizeof times);
    }
}

static void thread_main(void *argument) {
    consumer *c = argument;
    while (!atomic_load(&c->stop)) {
        bool more = false;
        if (!c->linked && now_ms() >= c->next_try_ms && !atomic_load(&c->aborted)) {
            connect_again(c);
        }
        work(c, &more);
        if (!more) {
            wait_for_something(c);
        }
    }
    if (c->linked) {
        (void)settle_all(c);
    }
    link_close(&c->link);
    c->stopped.kind = MAIL_STOPPED;
    post(c, &c->stopped);
}

/* ---- its life */

int consumer_start(const consumer_config *config, consumer **made) {
    consumer *c = calloc(1, sizeof *c);
    if (!c) {
        return UV_ENOMEM;
    }
    c->config = *config;
    c->settled_end = &c->settled;
    c->mail_end = &c->mail;
    link_init(&c->link);
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = c->wake >= 0 ? uv_mutex_init(&c->lock) : UV_EMFILE;
    if (!error) {
        error = uv_async_init(config->loop, &c->async, on_mail);
        c->async.data = c;
        if (!error) {
            error = uv_thread_create(&c->thread, thread_main, c);
        }
    }
    if (error) {
        link_free(&c->link);
        free(c); /* the process ends */
        return error;
    }
    *made = c;
    return 0;
}

void consumer_stop(consumer *c) {
    atomic_store(&c->stop, true);
    wake_up(c);
}

void consumer_abort(consumer *c) {
    atomic_store(&c->aborted, true);
    link_abort(&c->link);
    wake_up(c);
}

static bool make_room(consumer *c) {
    if (c->queue_count < c->queue_room) {
        return true;
    }
    size_t room = c->queue_room ? 2 * c->queue_room : 16;
    consumer_queue **queues = realloc(c->queues, room * sizeof(consumer_queue *));
    if (queues) {
        c->queues = queues;
        c->queue_room = room;
    }
    return queues != NULL;
}

consumer_queue *consumer_add(consumer *c, const char *activity, const char *item, void *owner) {
    consumer_queue *queue = make_room(c) ? calloc(1, sizeof *queue) : NULL;
    if (!queue) {
        return NULL;
    }
    queue->consumer = c;
    queue->owner = owner;
    queue->wanted = true;
    queue->id = ++c->next_id;
    (void)snprintf(queue->activity, sizeof queue->activity, "%s", activity);
    (void)snprintf(queue->item, sizeof queue->item, "%s", item);
    (void)snprintf(queue->tag, sizeof queue->tag, "%" PRIu32, queue->id);
    link_queue_name(c->config.queues.prefix, activity, item, queue->name);
    c->queues[c->queue_count++] = queue;
    uv_mutex_lock(&c->lock);
    queue->next_new = c->new_queues;
    c->new_queues = queue;
    uv_mutex_unlock(&c->lock);
    wake_up(c);
    return queue;
}

void consumer_remove(consumer_queue *queue) {
    consumer *c = queue->consumer;
    uv_mutex_lock(&c->lock);
    queue->wanted = false;
    c->removals = true;
    uv_mutex_unlock(&c->lock);
    wake_up(c);
}

void consumer_settle(consumer *c, delivery *one, delivery_verdict verdict) {
    one->verdict = verdict;
    one->next = NULL;
    uv_mutex_lock(&c->lock);
    bool first = !c->settled;
    *c->settled_end = one;
    c->settled_end = &one->next;
    uv_mutex_unlock(&c->lock);
    if (first) {
        wake_up(c);
    }
}

bool consumer_is_lost(const consumer *c, const delivery *one) {
    return one->life != c->life;
}

uint64_t consumer_depth(const consumer_queue *queue) {
    return atomic_load(&queue->depth);
}

consumer_counts consumer_count(const consumer *c) {
    return (consumer_counts){atomic_load(&c->connected), atomic_load(&c->delivered), atomic_load(&c->redelivered),
                             atomic_load(&c->poison), atomic_load(&c->connections)};
}
