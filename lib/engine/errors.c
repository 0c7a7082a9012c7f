#include "engine/errors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *word; /* the first of the error */
    sk__verdict verdict;
} error;

static const error errors_of_redis[] = {
    {"NOSCRIPT", {SECKILL_SERVER_BUSY, SK__THEN_SEND_TEXT}}, {"LOADING", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"BUSY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},          {"TRYAGAIN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"CLUSTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},   {"MASTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"READONLY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},      {"NOREPLICAS", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"MISCONF", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},       {"OOM", {SECKILL_SERVER_MEMORY, SK__THEN_FINISH}},
    {"WRONGTYPE", {SECKILL_DAMAGED, SK__THEN_FINISH}},       {"NOPERM", {SECKILL_DENIED, SK__THEN_FINISH}},
    {"NOAUTH", {SECKILL_DENIED, SK__THEN_FINISH}},           {"WRONGPASS", {SECKILL_DENIED, SK__THEN_FINISH}},
};

static const error errors_of_scripts[] = {
    {"OLDER", {SECKILL_SERVER_BUSY, SK__THEN_UPDATE}}, {"AGAIN", {SECKILL_SERVER_BUSY, SK__THEN_REPEAT}},
    {"DAMAGED", {SECKILL_DAMAGED, SK__THEN_FINISH}},   {"LAYOUT", {SECKILL_LAYOUT, SK__THEN_FINISH}},
    {"RANGE", {SECKILL_INVALID, SK__THEN_FINISH}},     {"CONFLICT", {SECKILL_CONFLICT, SK__THEN_FINISH}},
    {"ENDED", {SECKILL_ENDED, SK__THEN_FINISH}},       {"FULL", {SECKILL_BUSY, SK__THEN_FINISH}},
};

/* How Redis 7 says inside a script what it calls NOPERM outside of one. */
static const char script_denied[] = "ERR The user executing the script can't";

enum {
    REDIS_ERRORS = sizeof(errors_of_redis) / sizeof(errors_of_redis[0]),
    SCRIPT_ERRORS = sizeof(errors_of_scripts) / sizeof(errors_of_scripts[0])
};

static bool begins_with(const char *text, size_t size, const char *word) {
    size_t length = strlen(word);

    return size >= length && memcmp(text, word, length) == 0 && (size == length || text[length] == ' ');
}

static const error *find(const error *errors, size_t count, const char *text, size_t size) {
    for (size_t i = 0; i < count; i++) {
        if (begins_with(text, size, errors[i].word))
            return &errors[i];
    }
    return NULL;
}

sk__verdict sk__judge_error(const char *text, size_t size) {
    static const sk__verdict other = {SECKILL_SERVER_ERROR, SK__THEN_FINISH};
    static const sk__verdict denied = {SECKILL_DENIED, SK__THEN_FINISH};
    const error *found = find(errors_of_redis, REDIS_ERRORS, text, size);

    if (found == NULL)
        found = find(errors_of_scripts, SCRIPT_ERRORS, text, size);
    if (found != NULL)
        return found->verdict;
    if (size >= sizeof(script_denied) - 1 && memcmp(text, script_denied, sizeof(script_denied) - 1) == 0)
        return denied;
    return other;
}

void sk__describe_error(const char *text, size_t size, char *description, size_t description_size) {
    const error *ours = find(errors_of_scripts, SCRIPT_ERRORS, text, size);
    size_t skipped = ours != NULL ? strlen(ours->word) + 1 : 0;
    char *place;

    if (skipped >= size)
        skipped = 0;
    (void)snprintf(description, description_size, "%.*s", (int)(size - skipped), text + skipped);
    place = strstr(description, " script: ");
    if (place != NULL)
        *place = '\0';
}
