#include "engine/errors.h"

#include <string.h>

/* By the first word of the error; the words in the second block are our scripts' own. */
static const struct {
    const char *word;
    sk__verdict verdict;
} errors[] = {
    {"NOSCRIPT", {SECKILL_SERVER_BUSY, SK__THEN_SEND_TEXT}},
    {"LOADING", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"BUSY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"TRYAGAIN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"CLUSTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"MASTERDOWN", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"READONLY", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"NOREPLICAS", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"MISCONF", {SECKILL_SERVER_BUSY, SK__THEN_WAIT}},
    {"OOM", {SECKILL_SERVER_MEMORY, SK__THEN_FINISH}},
    {"WRONGTYPE", {SECKILL_DAMAGED, SK__THEN_FINISH}},
    {"NOPERM", {SECKILL_DENIED, SK__THEN_FINISH}},
    {"NOAUTH", {SECKILL_DENIED, SK__THEN_FINISH}},
    {"WRONGPASS", {SECKILL_DENIED, SK__THEN_FINISH}},

    {"OLDER", {SECKILL_SERVER_BUSY, SK__THEN_UPDATE}},
    {"AGAIN", {SECKILL_SERVER_BUSY, SK__THEN_REPEAT}},
    {"DAMAGED", {SECKILL_DAMAGED, SK__THEN_FINISH}},
    {"LAYOUT", {SECKILL_LAYOUT, SK__THEN_FINISH}},
    {"RANGE", {SECKILL_INVALID, SK__THEN_FINISH}},
    {"CONFLICT", {SECKILL_CONFLICT, SK__THEN_FINISH}},
    {"ENDED", {SECKILL_ENDED, SK__THEN_FINISH}},
    {"FULL", {SECKILL_BUSY, SK__THEN_FINISH}},
};

/* How Redis 7 says inside a script what it calls NOPERM outside of one. */
static const char script_denied[] = "ERR The user executing the script can't";

sk__verdict sk__judge_error(const char *text, size_t size) {
    static const sk__verdict other = {SECKILL_SERVER_ERROR, SK__THEN_FINISH};
    static const sk__verdict denied = {SECKILL_DENIED, SK__THEN_FINISH};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        size_t length = strlen(errors[i].word);

        if (size >= length && memcmp(text, errors[i].word, length) == 0 && (size == length || text[length] == ' '))
            return errors[i].verdict;
    }
    if (size >= sizeof(script_denied) - 1 && memcmp(text, script_denied, sizeof(script_denied) - 1) == 0)
        return denied;
    return other;
}
