/* seckill-front: what a provider of captchas says. See siteverify.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "siteverify.h"

#include "common/options.h"

#include <jansson.h>
#include <string.h>

/* What the three providers' error codes say; all others are about the answer. */
static siteverify_verdict verdict_of(const char *code) {
    static const struct {
        const char *code;
        siteverify_verdict verdict;
    } rows[] = {
        {"timeout-or-duplicate", SITEVERIFY_EXPIRED},   {"expired-input-response", SITEVERIFY_EXPIRED},
        {"already-seen-response", SITEVERIFY_EXPIRED},  {"invalid-or-already-seen-response", SITEVERIFY_EXPIRED},
        {"missing-input-secret", SITEVERIFY_SECRET},    {"invalid-input-secret", SITEVERIFY_SECRET},
        {"sitekey-secret-mismatch", SITEVERIFY_SECRET}, {"bad-request", SITEVERIFY_UNAVAILABLE},
        {"internal-error", SITEVERIFY_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(code, rows[i].code) == 0)
            return rows[i].verdict;
    return SITEVERIFY_WRONG;
}

/* The first that says more than that the answer is wrong. */
static siteverify_verdict verdict_of_all(const json_t *codes) {
    siteverify_verdict verdict = SITEVERIFY_WRONG;
    for (size_t i = 0; i < json_array_size(codes) && verdict == SITEVERIFY_WRONG; i++) {
        const json_t *code = json_array_get(codes, i);
        if (json_is_string(code))
            verdict = verdict_of(json_string_value(code));
    }
    return verdict;
}

static int64_t time_of(const json_t *text) {
    int64_t ms = 0;
    const char *value = json_string_value(text);
    return value != NULL && *value >= '0' && *value <= '9' && options_time(value, 0, &ms) ? ms : 0;
}

siteverify_verdict siteverify_read(const char *reply, size_t size, int64_t *since_ms) {
    siteverify_verdict verdict = SITEVERIFY_UNAVAILABLE;
    json_t *object = json_loadb(reply, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *success = json_object_get(object, "success");
    *since_ms = 0;
    if (json_is_true(success)) {
        *since_ms = time_of(json_object_get(object, "challenge_ts"));
        verdict = SITEVERIFY_RIGHT;
    } else if (json_is_false(success)) {
        verdict = verdict_of_all(json_object_get(object, "error-codes"));
    }
    json_decref(object);
    return verdict;
}
