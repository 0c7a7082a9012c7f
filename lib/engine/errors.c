#include "engine/errors.h"

#include "base/words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *word; /* the first of the error, or the first few */
    sk__verdict verdict;
} error;

static const error errors_of_redis[] = {
    {"NOSCRIPT", {SECKILL_SERVER_BUSY, SK__THEN_SEND_TEXT, false}},
    {"LOADING", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"BUSY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"TRYAGAIN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"CLUSTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"MASTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"READONLY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}}, /* a replica: the transport looks for the master */
    {"MOVED", {SECKILL_SERVER_BUSY, SK__THEN_REPEAT, false}},  /* the transport knows now where to */
    {"ASK", {SECKILL_SERVER_BUSY, SK__THEN_ASK, false}},
    {"UNBLOCKED", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"NOMASTERLINK", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"NOREPLICAS", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"MISCONF", {SECKILL_SERVER_BUSY, SK__THEN_WAIT, false}},
    {"OOM", {SECKILL_SERVER_MEMORY, SK__THEN_FINISH, false}},
    {"WRONGTYPE", {SECKILL_DAMAGED, SK__THEN_FINISH, false}},
    {"NOPERM", {SECKILL_DENIED, SK__THEN_FINISH, false}},
    {"NOAUTH", {SECKILL_DENIED, SK__THEN_FINISH, false}},
    {"WRONGPASS", {SECKILL_DENIED, SK__THEN_FINISH, false}},
    /* What is called NOPERM outside of a script: inside of one by Redis 7.0, and by later ones and Valkey. */
    {"ERR The user executing the script can't", {SECKILL_DENIED, SK__THEN_FINISH, false}},
    {"ERR ACL failure in script:", {SECKILL_DENIED, SK__THEN_FINISH, false}},
};

static const error errors_of_scripts[] = {
    {"OLDER", {SECKILL_SERVER_BUSY, SK__THEN_UPDATE, false}},  {"AGAIN", {SECKILL_SERVER_BUSY, SK__THEN_GO_ON, false}},
    {"DAMAGED", {SECKILL_DAMAGED, SK__THEN_FINISH, false}},    {"LAYOUT", {SECKILL_LAYOUT, SK__THEN_FINISH, false}},
    {"RANGE", {SECKILL_INVALID, SK__THEN_FINISH, false}},      {"CONFLICT", {SECKILL_CONFLICT, SK__THEN_FINISH, false}},
    {"ENDED", {SECKILL_ENDED, SK__THEN_FINISH, false}},        {"FULL", {SECKILL_BUSY, SK__THEN_FINISH, false}},
    {"PURGED", {SECKILL_NOT_DEFINED, SK__THEN_FINISH, false}},
};

enum {
    REDIS_ERRORS = sizeof(errors_of_redis) / sizeof(errors_of_redis[0]),
    SCRIPT_ERRORS = sizeof(errors_of_scripts) / sizeof(errors_of_scripts[0])
};

static const error *find(const error *errors, size_t count, const char *text, size_t size) {
    for (size_t i = 0; i < count; i++) {
        if (sk__begins_with(text, size, errors[i].word))
            return &errors[i];
    }
    return NULL;
}

sk__verdict sk__judge_error(const char *text, size_t size) {
    static const sk__verdict other = {SECKILL_SERVER_ERROR, SK__THEN_FINISH, false};
    const error *found = find(errors_of_redis, REDIS_ERRORS, text, size);

    if (found == NULL)
        found = find(errors_of_scripts, SCRIPT_ERRORS, text, size);
    return found != NULL ? found->verdict : other;
}

/* Where " script: HASH, on @user_script:LINE." begins, perhaps cut short; an error may say " script: " for itself, too. */
static char *find_place(char *description) {
    static const char mark[] = " script: ";
    char *place = strstr(description, mark);

    while (place != NULL) {
        const char *hash = place + sizeof(mark) - 1;
        size_t digits = strspn(hash, "0123456789abcdef");

        if (hash[digits] == ',' || hash[digits] == '\0')
            return place;
        place = strstr(hash, mark);
    }
    return NULL;
}

void sk__describe_error(const char *text, size_t size, char *description, size_t description_size) {
    const error *ours = find(errors_of_scripts, SCRIPT_ERRORS, text, size);
    size_t skipped = ours != NULL ? strlen(ours->word) + 1 : 0;
    char *place;

    if (skipped >= size)
        skipped = 0;
    (void)snprintf(description, description_size, "%.*s",
                   (int)(size - skipped < description_size ? size - skipped : description_size), text + skipped);
    place = find_place(description);
    if (place != NULL)
        *place = '\0';
}

sk__verdict sk__judge_reply(const sk__reply *reply, char *cause, size_t cause_size) {
    static const sk__verdict lost = {SECKILL_UNREACHABLE, SK__THEN_REPEAT, true};
    static const sk__verdict unreplicated = {SECKILL_UNKNOWN, SK__THEN_WAIT, true};
    static const sk__verdict other = {SECKILL_PROTOCOL, SK__THEN_FINISH, false};

    switch (reply->kind) {
    case SK__REPLY_ERROR:
        sk__describe_error(reply->bytes, reply->size, cause, cause_size);
        return sk__judge_error(reply->bytes, reply->size);
    case SK__REPLY_LOST:
    case SK__REPLY_UNREPLICATED:
        (void)snprintf(cause, cause_size, "%.*s", (int)reply->size, reply->bytes);
        return reply->kind == SK__REPLY_LOST ? lost : unreplicated;
    default:
        (void)snprintf(cause, cause_size, "a reply of another type than the script's");
        return other;
    }
}
