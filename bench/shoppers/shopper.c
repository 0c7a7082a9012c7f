/* See shopper.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "shopper.h"

#include "answers.h"

#include <stdlib.h>
#include <string.h>

enum { SESSION_MS = 3600000 };

/* Source: Sebastiano Vigna's splitmix64.c, public domain. */
static uint64_t scramble(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

double shopper_chance(const shop_settings *settings, uint32_t who, uint64_t question) {
    return (double)(scramble(scramble(settings->seed ^ (question << 56)) + who) >> 11) / 9007199254740992.0;
}

uint8_t shopper_nature(const shop_settings *settings, uint32_t who) {
    int nature = 0;
    nature |= shopper_chance(settings, who, CHANCE_NEVER_PAYS) < settings->never_pay ? NEVER_PAYS : 0;
    nature |= shopper_chance(settings, who, CHANCE_ASKS_TWICE) < settings->ask_twice ? ASKS_TWICE : 0;
    nature |= shopper_chance(settings, who, CHANCE_CANCELS) < settings->cancel ? CANCELS : 0;
    nature |= shopper_chance(settings, who, CHANCE_RETRIES) < settings->retry_refused ? RETRIES_REFUSED : 0;
    return (uint8_t)nature;
}

request_kind shopper_kind(shopper_step step) {
    switch (step) {
    case REQUEST:
    case REQUEST_AGAIN:
        return KIND_REQUEST;
    case POLL:
    case POLL_AGAIN:
        return KIND_POLL;
    case ORDER:
    case ORDER_AGAIN:
        return KIND_ORDER;
    case CANCEL:
    case CANCEL_AGAIN:
        break;
    }
    return KIND_CANCEL;
}

static int name_of(const shop_settings *settings, uint32_t who, char *name, size_t room) {
    return snprintf(name, room, "shopper-%llx-%u", (unsigned long long)settings->seed, who);
}

/* A session token, made when it is first needed. */
static char *new_session(const shop_settings *settings, uint32_t who) {
    seckill_reservation_ref ref = {.issued_ms = answers_now_ms()};
    char token[SECKILL_TOKEN_SIZE];
    ref.valid_until_ms = ref.issued_ms + SESSION_MS;
    ref.user_size = (size_t)name_of(settings, who, (char *)ref.user, sizeof ref.user);
    if (seckill_token_issue(settings->ring, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL) != SECKILL_OK) {
        return NULL;
    }
    return strdup(token);
}

/* Writes the request line. */
static int write_line(const shop_settings *settings, const shopper *s, char head[CLIENT_REQUEST_MAX]) {
    switch (shopper_kind(s->step)) {
    case KIND_REQUEST:
        return snprintf(head, CLIENT_REQUEST_MAX, "POST /v1/activities/%s/items/%s/requests HTTP/1.1\r\n", settings->activity,
                        settings->item);
    case KIND_POLL:
        return snprintf(head, CLIENT_REQUEST_MAX, "GET /v1/tickets/%s HTTP/1.1\r\n", s->ticket);
    case KIND_ORDER:
        return snprintf(head, CLIENT_REQUEST_MAX, "POST /v1/orders HTTP/1.1\r\n");
    default:
        return snprintf(head, CLIENT_REQUEST_MAX, "POST /v1/cancellations HTTP/1.1\r\n");
    }
}

static int write_head(const shop_settings *settings, const shopper *s, uint32_t who, char head[CLIENT_REQUEST_MAX]) {
    char name[64];
    int line = write_line(settings, s, head);
    if (line < 0 || line >= CLIENT_REQUEST_MAX) {
        return 0;
    }
    size_t room = CLIENT_REQUEST_MAX - (size_t)line;
    name_of(settings, who, name, sizeof name);
    int size = settings->user_header ? snprintf(head + line, room, "%s: %s\r\n", settings->user_header, name)
                                     : snprintf(head + line, room, "Authorization: Bearer %s\r\n", s->session);
    return size > 0 && (size_t)size < room;
}

/* The first attempt may be refused from memory; whatever follows it must reach the stock. */
static int write_request_body(const shop_settings *settings, const shopper *s, uint32_t who, char body[CLIENT_REQUEST_MAX]) {
    int retry = s->step == REQUEST_AGAIN || s->tries > 0 || s->refusals > 0;
    int size = snprintf(body, CLIENT_REQUEST_MAX, "{\"quantity\":%u,\"request_id\":\"%llx-%u\",\"retry\":%s}",
                        settings->quantity, (unsigned long long)settings->seed, who, retry ? "true" : "false");
    return size < CLIENT_REQUEST_MAX;
}

int shopper_write(const shop_settings *settings, shopper *s, uint32_t who, char head[CLIENT_REQUEST_MAX],
                  char body[CLIENT_REQUEST_MAX]) {
    request_kind kind = shopper_kind(s->step);
    if (!settings->user_header && !s->session && !(s->session = new_session(settings, who))) {
        return 0;
    }
    if ((kind == KIND_POLL && !s->ticket) || ((kind == KIND_ORDER || kind == KIND_CANCEL) && !s->token) ||
        !write_head(settings, s, who, head)) {
        return 0;
    }
    body[0] = '\0';
    if (kind == KIND_REQUEST) {
        return write_request_body(settings, s, who, body);
    }
    return kind == KIND_POLL || snprintf(body, CLIENT_REQUEST_MAX, "{\"token\":\"%s\"}", s->token) < CLIENT_REQUEST_MAX;
}

void shopper_forget(shopper *s) {
    free(s->session);
    free(s->token);
    free(s->ticket);
    s->session = s->token = s->ticket = NULL;
}
