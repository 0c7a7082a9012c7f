/* See answers.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "answers.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t answers_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Source: FNV-1a, Landon Curt Noll, Glenn Fowler, Phong Vo; 64 bits. */
static int hash(const char *bytes, size_t size, void *user_data) {
    uint64_t *sum = user_data;
    for (size_t i = 0; i < size; i++) {
        *sum = (*sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return 0;
}

/* What an answer says of the thing itself. A token has a new nonce each time it is issued, and whether an answer is a
 * repetition, or what time it is, may differ too; all the rest must be the same for the same thing. */
static uint64_t identity_of(json_t *body) {
    static const char *const volatile_members[] = {"token", "replayed", "server_time"};
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof volatile_members / sizeof volatile_members[0]; i++) {
        json_object_del(body, volatile_members[i]);
    }
    json_dump_callback(body, hash, &sum, JSON_COMPACT | JSON_SORT_KEYS);
    return sum;
}

static int is_one_of(const char *code, const char *const *codes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(code, codes[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int belongs_to_business(const char *code) {
    static const char *const codes[] = {"sold_out", "not_enough", "limit_reached", "ended",         "cancelled",
                                        "expired",  "too_old",    "not_started",   "token_expired", "blacklisted"};
    return is_one_of(code, codes, sizeof codes / sizeof codes[0]);
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void refuse(final_answer *final, answer_verdict verdict, const char *code) {
    final->verdict = verdict;
    final->late = strcmp(code, "expired") == 0 || strcmp(code, "token_expired") == 0;
    snprintf(final->code, sizeof final->code, "%.*s", CODE_SIZE - 1, code);
}

static int copy_token(const char *token, final_answer *final) {
    return snprintf(final->token, sizeof final->token, "%s", token) < (int)sizeof final->token;
}

static void read_grant(json_t *body, final_answer *final) {
    const char *token = text_of(body, "token");
    if (!*token || !copy_token(token, final)) {
        refuse(final, VERDICT_BAD, "garbage");
        return;
    }
    final->identity = identity_of(body);
}

enum { PAUSE_MAX_MS = 86400000 };

/* A request is given a ticket; a poll only where the place has changed. */
static void read_place(const json_t *body, request_kind kind, final_answer *final) {
    const char *ticket = text_of(body, "ticket");
    const json_t *position = json_object_get(body, "position"), *pause = json_object_get(body, "poll_after_ms");
    int is_whole = json_is_integer(position) && json_integer_value(position) > 0 && json_is_integer(pause) &&
                   json_integer_value(pause) >= 0 && json_integer_value(pause) <= PAUSE_MAX_MS;
    if (!is_whole || (kind == KIND_REQUEST && !*ticket) || !copy_token(ticket, final)) {
        refuse(final, VERDICT_BAD, "garbage");
        return;
    }
    final->verdict = VERDICT_WAIT;
    final->position = (uint64_t)json_integer_value(position);
    final->poll_after_ms = (uint64_t)json_integer_value(pause);
}

/* What has become of a request. "sold", "cancelled" and "refunded" are for us to bring about, and we ask before we do:
 * somebody with the same seed was here before. */
static void read_state(json_t *body, request_kind kind, final_answer *final) {
    const char *state = text_of(body, "state"), *reason = text_of(body, "reason");
    if (strcmp(state, "granted") == 0) {
        read_grant(body, final);
    } else if (strcmp(state, "queued") == 0) {
        read_place(body, kind, final);
    } else if (strcmp(state, "refused") == 0 && *reason) {
        refuse(final, belongs_to_business(reason) ? VERDICT_NO : VERDICT_BAD, reason);
    } else if (strcmp(state, "expired") == 0) {
        refuse(final, VERDICT_NO, state);
    } else {
        refuse(final, VERDICT_BAD, *state && strcmp(state, "refused") != 0 ? state : "garbage");
    }
}

/* A success: it must look like one. */
static void read_success(json_t *body, request_kind kind, final_answer *final) {
    final->verdict = VERDICT_DONE;
    if (!json_is_object(body)) {
        refuse(final, VERDICT_BAD, "garbage");
    } else if (kind == KIND_REQUEST || kind == KIND_POLL) {
        read_state(body, kind, final);
    } else {
        final->identity = identity_of(body);
    }
}

static int read_problem(const json_t *body, final_answer *final, int64_t *retry_after_ms) {
    const json_t *hint = json_object_get(body, "retry_after_ms");
    const char *code = text_of(body, "code");
    int retryable = final->http == 408 || final->http == 429 || final->http >= 500;
    if (json_is_integer(hint)) {
        *retry_after_ms = (int64_t)json_integer_value(hint);
    }
    if (*code ? strcmp(text_of(body, "class"), "final") != 0 : retryable) {
        return 0;
    }
    refuse(final, belongs_to_business(code) ? VERDICT_NO : VERDICT_BAD, *code ? code : "no_code");
    return 1;
}

int answers_read(const client_answer *answer, request_kind kind, final_answer *final, int64_t *retry_after_ms) {
    json_error_t error;
    int is_answer = 1;
    memset(final, 0, offsetof(final_answer, token));
    final->http = answer->code;
    final->identity = 0;
    *retry_after_ms = answer->retry_after >= 0 ? answer->retry_after * 1000 : -1;
    if (answer->code == 0) {
        return 0;
    }
    json_t *body = json_loadb(answer->body, answer->size, 0, &error);
    if (answer->code >= 200 && answer->code < 300) {
        read_success(body, kind, final);
    } else {
        is_answer = read_problem(body, final, retry_after_ms);
    }
    json_decref(body);
    return is_answer;
}
