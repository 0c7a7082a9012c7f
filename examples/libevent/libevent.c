/* A host whose loop is not libuv: libevent drives the client. One unit for each user that is named, all asked for at once:
 *     seckill-libevent ACTIVITY ITEM REQUEST_ID USER...
 *
 * SPDX-License-Identifier: MIT
 */
#include <seckill/seckill.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    seckill_client *client;            /* NULL: it is closed */
    struct event *ready, *interrupted; /* of the client; what else happens in this host */
    int waiting, refused;              /* users */
} host;

/* After every call on the client, since it may have something to send, or to wait for. */
static void watch(host *self) {
    int timeout_ms = seckill_client_timeout_ms(self->client);
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    event_add(self->ready, timeout_ms < 0 ? NULL : &timeout);
}

static void on_ready(evutil_socket_t fd, short what, void *context) {
    host *self = context;
    (void)fd, (void)what;
    seckill_client_dispatch(self->client);
    if (self->client != NULL) {
        watch(self);
    }
}

static void on_closed(void *context) {
    host *self = context;
    self->client = NULL;
    event_del(self->interrupted); /* nothing is left to wait for: the loop ends */
}

static void on_reserved(const seckill_result *result, void *context) {
    host *self = context;
    printf("%s: %s\n", seckill_status_name(result->status), result->message);
    self->refused += result->status != SECKILL_OK;
    if (--self->waiting == 0) {
        seckill_client_close(self->client, on_closed, self);
    }
}

/* Who still waits is answered first: `closed`, or `unknown` if it was sent. */
static void on_interrupt(evutil_socket_t fd, short what, void *context) {
    host *self = context;
    seckill_client_close(self->client, on_closed, self);
    on_ready(fd, what, self);
}

static seckill_status start(host *self, char **arguments) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    options.address = getenv("SECKILL_REDIS"); /* NULL: 127.0.0.1:6379. And options.loop is NULL: the host drives it */
    seckill_item *item;
    seckill_status status = seckill_client_open(&options, &self->client);
    if (status == SECKILL_OK) {
        status = seckill_item_open(self->client, arguments[0], arguments[1], &item);
    }
    for (char **user = arguments + 3; status == SECKILL_OK && *user != NULL; user++) {
        seckill_reserve_options wish = SECKILL_RESERVE_OPTIONS_INIT;
        wish.user = (seckill_bytes){*user, strlen(*user)};
        wish.request_id = (seckill_bytes){arguments[2], strlen(arguments[2])}; /* the caller's own, kept before it is sent */
        status = seckill_reserve(item, &wish, NULL, on_reserved, self);
        self->waiting += status == SECKILL_OK;
    }
    return status;
}

int main(int argc, char **argv) {
    struct event_base *base = argc < 5 ? NULL : event_base_new();
    host self = {0};
    if (base == NULL) {
        fprintf(stderr, "usage: %s ACTIVITY ITEM REQUEST_ID USER...\n", argv[0]);
        return 2;
    }
    seckill_status status = start(&self, argv + 1);
    if (status != SECKILL_OK) {
        fprintf(stderr, "%s: %s\n", seckill_status_name(status), seckill_status_message(status));
        seckill_client_close(self.client, NULL, NULL); /* closed when it returns */
        event_base_free(base);
        return EXIT_FAILURE;
    }
    self.interrupted = evsignal_new(base, SIGINT, on_interrupt, &self);
    self.ready = event_new(base, seckill_client_fd(self.client), EV_READ, on_ready, &self);
    event_add(self.interrupted, NULL);
    watch(&self);
    event_base_dispatch(base);
    event_free(self.ready);
    event_free(self.interrupted);
    event_base_free(base);
    return self.refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
