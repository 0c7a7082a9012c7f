/* keys new, captcha, id, public; session; token verify; shard of. All but the last work without Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "ctl.h"
#include "model.h"
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- keys ---- */

/* Writes a new file that only its owner may read; never over an old one, which may be the only copy of a key. */
static int write_key_file(ctl_run *ctl, const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        ctl_usage_error(ctl, "cannot make %s: %s", path, strerror(errno));
        return 0;
    }
    size_t size = strlen(text);
    int written = write(fd, text, size) == (ssize_t)size && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    if (close(fd) != 0 || !written) {
        ctl_usage_error(ctl, "cannot write %s: %s", path, strerror(errno));
        (void)unlink(path);
        return 0;
    }
    return 1;
}

static void new_key(ctl_run *ctl) {
    char text[SECKILL_KEY_TEXT_SIZE], id[SECKILL_KEY_TEXT_SIZE];
    const char *path = ctl_value(ctl, "out");
    seckill_status status = seckill_key_generate(ctl_value(ctl, "public") ? SECKILL_KEY_SECRET : SECKILL_KEY_LOCAL, text);
    if (status == SECKILL_OK) {
        status = seckill_key_id(text, strlen(text), id);
    }
    if (status != SECKILL_OK) {
        ctl_answer(ctl, status, NULL);
    } else if (!path || write_key_file(ctl, path, text)) {
        json_out_text(ctl->out, "id", id);
        json_out_text(ctl->out, path ? "file" : "key", path ? path : text);
    }
    options_wipe(text, sizeof text);
}

static void show_new_key(json_t *out) {
    if (json_object_get(out, "key")) {
        puts(show_text(out, "key")); /* alone, so that it can be written to a file */
    } else {
        printf("wrote %s, key %s\n", show_text(out, "file"), show_text(out, "id"));
    }
}

/* 32 random bytes as hexadecimal digits. */
static void new_captcha_key(ctl_run *ctl) {
    unsigned char bytes[32];
    char text[2 * sizeof bytes + 1];
    const char *path = ctl_value(ctl, "out");
    if (getentropy(bytes, sizeof bytes) != 0) {
        ctl_usage_error(ctl, "there is no random number: %s", strerror(errno));
        return;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    if (!path || write_key_file(ctl, path, text)) {
        json_out_text(ctl->out, path ? "file" : "key", path ? path : text);
    }
    options_wipe(bytes, sizeof bytes);
    options_wipe(text, sizeof text);
}

static void show_captcha_key(json_t *out) {
    if (json_object_get(out, "key")) {
        puts(show_text(out, "key"));
    } else {
        printf("wrote %s\n", show_text(out, "file"));
    }
}

static seckill_status add_id(const char *text, size_t size, void *user_data) {
    char id[SECKILL_KEY_TEXT_SIZE];
    seckill_status status = seckill_key_id(text, size, id);
    if (status == SECKILL_OK) {
        json_out_append(json_object_get(user_data, "keys"), json_string(id));
    }
    return status;
}

/* Public keys pass, secret ones give their public half, local ones have none. */
static seckill_status add_public(const char *text, size_t size, void *user_data) {
    char public[SECKILL_KEY_TEXT_SIZE];
    seckill_status status = SECKILL_OK;
    if (size > 10 && size < sizeof public && memcmp(text, "k4.public.", 10) == 0) {
        memcpy(public, text, size);
        public[size] = '\0';
    } else {
        status = seckill_key_public(text, size, public);
    }
    if (status == SECKILL_OK) {
        json_out_append(json_object_get(user_data, "keys"), json_string(public));
    }
    return status;
}

static void each_key(ctl_run *ctl, options_key_cb each) {
    char trouble[256];
    json_out_value(ctl->out, "keys", json_out_array());
    if (!options_each_key(ctl->operands[0], each, ctl->out, trouble)) {
        ctl_usage_error(ctl, "%s", trouble);
    }
}

static void key_ids(ctl_run *ctl) {
    each_key(ctl, add_id);
}

static void public_keys(ctl_run *ctl) {
    each_key(ctl, add_public);
}

static void show_keys(json_t *out) {
    const json_t *keys = json_object_get(out, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        puts(json_string_value(json_array_get(keys, i)));
    }
}

/* ---- tokens ---- */

static void session(ctl_run *ctl) {
    seckill_reservation_ref ref = {.issued_ms = options_now_ms()};
    char token[SECKILL_TOKEN_SIZE];
    uint32_t valid_ms = 12 * 3600000;
    size_t size = strlen(ctl->operands[0]);
    if (size < 1 || size > SECKILL_USER_MAX) {
        ctl_usage_error(ctl, "a user is 1 to %d bytes", SECKILL_USER_MAX);
        return;
    }
    if (!ctl_duration(ctl, "for", INT64_C(30) * 86400000, &valid_ms)) {
        return;
    }
    seckill_keyring *ring = ctl_open_keys(ctl);
    if (!ring) {
        return;
    }
    memcpy(ref.user, ctl->operands[0], size);
    ref.user_size = size;
    ref.valid_until_ms = ref.issued_ms + valid_ms;
    seckill_status status = seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL);
    ctl_answer(ctl, status, NULL);
    if (status == SECKILL_OK) {
        model_token(ctl->out, &ref);
        json_out_text(ctl->out, "token", token);
    }
    seckill_keyring_free(ring);
}

static void show_session(json_t *out) {
    puts(show_text(out, "token"));
}

static const struct {
    const char *name;
    seckill_token_purpose purpose;
} purposes[] = {{"reservation", SECKILL_TOKEN_RESERVATION}, {"session", SECKILL_TOKEN_SESSION}};

static void verify_ticket(ctl_run *ctl, const seckill_keyring *ring, const char *token) {
    seckill_ticket ticket;
    seckill_status status = seckill_ticket_verify(ring, token, strlen(token), options_now_ms(), 0, &ticket);
    ctl_answer(ctl, status, NULL);
    if (status == SECKILL_OK || status == SECKILL_TOKEN_EXPIRED) {
        json_out_text(ctl->out, "purpose", "ticket");
        model_ticket(ctl->out, &ticket);
    }
}

static void verify_with(ctl_run *ctl, const seckill_keyring *ring, const char *token) {
    seckill_reservation_ref ref;
    seckill_status status = SECKILL_TOKEN_PURPOSE;
    size_t i = 0;
    for (; i < sizeof purposes / sizeof purposes[0] && status == SECKILL_TOKEN_PURPOSE; i++) {
        status = seckill_token_verify(ring, purposes[i].purpose, token, strlen(token), options_now_ms(), 0, &ref);
    }
    if (status == SECKILL_TOKEN_PURPOSE) {
        verify_ticket(ctl, ring, token);
        return;
    }
    ctl_answer(ctl, status, NULL);
    if (status == SECKILL_OK || status == SECKILL_TOKEN_EXPIRED) {
        json_out_text(ctl->out, "purpose", purposes[i - 1].name);
        model_token(ctl->out, &ref);
    }
}

static void verify(ctl_run *ctl) {
    const char *token = ctl_take_token(ctl, ctl->operands[0]);
    seckill_keyring *ring = token ? ctl_open_keys(ctl) : NULL;
    if (ring) {
        verify_with(ctl, ring, token);
        seckill_keyring_free(ring);
    }
}

/* ---- shard of ---- */

static void on_mapping(const seckill_item_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    char key[SECKILL_SHARD_KEY_SIZE];
    ctl_answer(ctl, result->status, result->message);
    if (result->status == SECKILL_OK) {
        const seckill_item_info *info = result->info;
        seckill_bytes user = {ctl->operands[1], strlen(ctl->operands[1])};
        uint32_t shard = seckill_shard_of(user, info->seed, info->settings->shards);
        const char *prefix = ctl->connection.prefix ? ctl->connection.prefix : "seckill";
        json_out_int(ctl->out, "shard", shard);
        json_out_int(ctl->out, "shard_count", info->settings->shards);
        json_out_text(ctl->out, "tag", info->tags[shard]);
        if (seckill_shard_key(prefix, info->activity, info->item, info->tags[shard], "stock", key) == SECKILL_OK) {
            json_out_text(ctl->out, "stock_key", key);
            json_out_int(ctl->out, "slot", seckill_slot(key, strlen(key)));
        }
    }
    ctl->done = 1;
}

static void shard_of(ctl_run *ctl) {
    seckill_bytes user = {ctl->operands[1], strlen(ctl->operands[1])};
    if (user.size < 1 || user.size > SECKILL_USER_MAX) {
        ctl_usage_error(ctl, "a user is 1 to %d bytes", SECKILL_USER_MAX);
        return;
    }
    json_out_bytes(ctl->out, "user", user);
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_item_get(ctl->item, 0, on_mapping, ctl));
    }
}

static const ctl_option new_options[] = {
    {"public", NULL, "a key pair: others can verify what it issues, with its public half (keys public)"},
    {"out", "FILE", "write it to a new file that only its owner may read, instead of printing it"},
    {NULL, NULL, NULL},
};

static const ctl_option captcha_options[] = {
    {"out", "FILE", "write it to a new file that only its owner may read, instead of printing it"},
    {NULL, NULL, NULL},
};

static const ctl_option session_options[] = {
    {"for", "DURATION", "how long it is valid, at most 30d; default 12h"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_key_commands[] = {
    {"keys new", "", 0, "make a key that issues and verifies tokens",
     "A key file holds keys one a line. The first that can issue is the one that issues; all verify. To rotate, change the\n"
     "file and send the fronts SIGHUP, three times: with the new key behind the old one; when all fronts have it, with the\n"
     "new one first; and when the last token of the old one has ended (sessions too), without the old one.",
     new_options, new_key, show_new_key},
    {"keys captcha", "", 0, "make a key that signs captchas (seckill-front --captcha-key)",
     "All fronts have the same file. Its first key signs, all verify: change it in the three steps of keys new.",
     captcha_options, new_captcha_key, show_captcha_key},
    {"keys id", "FILE", 1, "the id of each key of a file; no secret", NULL, NULL, key_ids, show_keys},
    {"keys public", "FILE", 1, "the public half of each key pair of a file", NULL, NULL, public_keys, show_keys},
    {"session", "USER", 1, "issue a session token: whoever has it is the user", NULL, session_options, session, show_session},
    {"token verify", "TOKEN", 1, "verify a token of any purpose and say what it says",
     "Others on this machine can see TOKEN in the list of processes: - reads it from stdin, @FILE from a file, its first line.",
     NULL, verify, NULL},
    {"shard of", "A/I USER", 2, "a user's home shard, its tag and slot", NULL, NULL, shard_of, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
