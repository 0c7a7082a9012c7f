/* See ctl.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

const char *ctl_value(const ctl_run *ctl, const char *name) {
    const ctl_option *options = ctl->command->options;
    for (size_t i = 0; options && options[i].name; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return ctl->values[i];
        }
    }
    return NULL;
}

int ctl_duration(ctl_run *ctl, const char *name, int64_t high_ms, uint32_t *target) {
    const char *text = ctl_value(ctl, name);
    int64_t ms;
    if (!text) {
        return 1;
    }
    if (!options_duration(text, &ms)) {
        ctl_usage_error(ctl, "--%s %s is no duration: write 300ms, 5s, 10m, 2h, 1d or 1h30m", name, text);
        return 0;
    }
    if (ms > high_ms) {
        char limit[OPTIONS_TEXT];
        options_format_duration(high_ms, limit);
        ctl_usage_error(ctl, "--%s %s is too long: at most %s", name, text, limit);
        return 0;
    }
    *target = (uint32_t)ms;
    return 1;
}

int ctl_time(ctl_run *ctl, const char *name, const char *none, int64_t *target) {
    const char *text = ctl_value(ctl, name);
    if (!text) {
        return 1;
    }
    if (strcmp(text, none) == 0) {
        *target = 0;
        return 1;
    }
    if (!options_time(text, options_now_ms(), target)) {
        ctl_usage_error(ctl, "--%s %s is no time: write 2026-11-11T00:00:00+08:00 (with its zone), now, +10m or %s", name, text,
                        none);
        return 0;
    }
    return 1;
}

int ctl_whole(ctl_run *ctl, const char *name, int64_t low, int64_t high, int64_t *target) {
    const char *text = ctl_value(ctl, name);
    if (!text || options_whole(text, low, high, target)) {
        return 1;
    }
    ctl_usage_error(ctl, "--%s %s: a whole number from %lld to %lld is wanted", name, text, (long long)low, (long long)high);
    return 0;
}

/* ---- outcomes ---- */

int ctl_exit_code(seckill_status status) {
    if (status == SECKILL_OK) {
        return CTL_OK;
    }
    if (status == SECKILL_INVALID || status == SECKILL_KEY_GARBAGE) {
        return CTL_USAGE;
    }
    if (status > 0 || status == SECKILL_NOT_DEFINED || (status <= SECKILL_TOKEN_GARBAGE && status >= SECKILL_TOKEN_CLAIMS)) {
        return CTL_NO;
    }
    if (status == SECKILL_UNKNOWN || seckill_status_class(status) == SECKILL_CLASS_RETRYABLE) {
        return CTL_AGAIN;
    }
    return CTL_FAULT;
}

void ctl_answer(ctl_run *ctl, seckill_status status, const char *message) {
    json_out_status(ctl->out, status, message);
    ctl->exit_code = ctl_exit_code(status);
}

void ctl_usage_error(ctl_run *ctl, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ctl_answer(ctl, SECKILL_INVALID, message);
}

void ctl_fault(ctl_run *ctl, const char *message) {
    json_out_text(ctl->out, "message", message);
    ctl->exit_code = CTL_FAULT;
}

/* ---- what commands need ---- */

int ctl_open_client(ctl_run *ctl) {
    char trouble[256];
    if (!ctl->client && !(ctl->client = run_open(&ctl->connection, trouble))) {
        ctl_usage_error(ctl, "%s", trouble);
    }
    return ctl->client != NULL;
}

int ctl_take_item(ctl_run *ctl) {
    if (!options_item_name(ctl->operands[0], &ctl->name)) {
        ctl_usage_error(ctl, "%s is no ACTIVITY/ITEM; an id is 1 to %d of A-Z a-z 0-9 . _ -", ctl->operands[0], SECKILL_ID_MAX);
        return 0;
    }
    json_out_text(ctl->out, "activity", ctl->name.activity);
    json_out_text(ctl->out, "item", ctl->name.item);
    return 1;
}

int ctl_take_item_or_activity(ctl_run *ctl, int *is_item) {
    const char *operand = ctl->operands[0];
    *is_item = strchr(operand, '/') != NULL;
    if (*is_item) {
        return ctl_take_item(ctl);
    }
    if (!options_is_id(operand)) {
        ctl_usage_error(ctl, "%s is no ACTIVITY and no ACTIVITY/ITEM", operand);
        return 0;
    }
    snprintf(ctl->name.activity, sizeof ctl->name.activity, "%s", operand);
    json_out_text(ctl->out, "activity", operand);
    return 1;
}

int ctl_open_item(ctl_run *ctl) {
    if (!ctl_take_item(ctl) || !ctl_open_client(ctl)) {
        return 0;
    }
    seckill_status status = seckill_item_open(ctl->client, ctl->name.activity, ctl->name.item, &ctl->item);
    if (status != SECKILL_OK) {
        ctl_answer(ctl, status, NULL);
    }
    return status == SECKILL_OK;
}

seckill_keyring *ctl_open_keys(ctl_run *ctl) {
    char trouble[256];
    if (!ctl->keys) {
        ctl_usage_error(ctl, "name the key file: --keys FILE, or SECKILL_KEYS in the environment");
        return NULL;
    }
    seckill_keyring *ring = options_keyring(ctl->keys, trouble);
    if (!ring) {
        ctl_usage_error(ctl, "%s", trouble);
    }
    return ring;
}

const char *ctl_take_token(ctl_run *ctl, const char *text) {
    char trouble[256];
    const char *path = strcmp(text, "-") == 0 ? "/dev/stdin" : *text == '@' ? text + 1 : NULL;
    if (!path) {
        return text;
    }
    if (!options_first_line(path, ctl->token, sizeof ctl->token, trouble)) {
        ctl_usage_error(ctl, "%s", trouble);
        return NULL;
    }
    return ctl->token;
}

int ctl_wait(ctl_run *ctl, seckill_status started) {
    if (started != SECKILL_OK) {
        ctl_answer(ctl, started, NULL);
        return 0;
    }
    run_until(ctl->client, &ctl->done);
    ctl->done = 0;
    return 1;
}
