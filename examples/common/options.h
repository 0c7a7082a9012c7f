/* What people type and read: durations, times, amounts, shares, names; and the key file. Shared by the example programs.
 *
 * Each parser takes a whole NUL-terminated text, returns 1 and fills what it was asked for, or returns 0 and changes nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_OPTIONS_H
#define SECKILL_EXAMPLES_OPTIONS_H

#include <seckill/seckill.h>

enum {
    OPTIONS_TEXT = 64,            /* bytes that hold anything the formatters write */
    OPTIONS_FILE_MAX = 64 * 1024, /* bytes of the largest key or password file */
    OPTIONS_PASSWORD = 512        /* bytes that hold the longest password with its NUL */
};

/* "300ms", "5s", "5m", "12h", "7d", and sums of these, largest first: "1h30m". "0" needs no unit. */
int options_duration(const char *text, int64_t *ms);

/* "now", "+10m" and "-10m" (from `now_ms`), or ISO 8601 with its zone: "2026-11-11T00:00:00+08:00", "2026-11-11T00:00:00.250Z".
 * A time without a zone is refused: half of the readers would take it for another one. */
int options_time(const char *text, int64_t now_ms, int64_t *ms);

/* A whole number of `low` to `high`; "10,000" and "10_000" are read as 10000. */
int options_whole(const char *text, int64_t low, int64_t high, int64_t *value);

/* "20/1s": so many, 1 to 1,000,000, in so long, 1 ms to a day. */
int options_rate(const char *text, uint32_t *count, uint32_t *period_ms);

/* "5%" or "0.05": 0 to 1. */
int options_share(const char *text, double *share);

/* Whether it is an id of an activity or item: 1 to 64 of A-Za-z0-9._- */
int options_is_id(const char *text);

/* "ACTIVITY/ITEM", two ids. */
typedef struct {
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
} options_name;

int options_item_name(const char *text, options_name *name);

/* A reservation's id as 32 hexadecimal digits. */
int options_reservation_id(const char *text, uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

/* The way back. */
void options_format_duration(int64_t ms, char out[OPTIONS_TEXT]);
void options_format_time(int64_t ms, char out[OPTIONS_TEXT]);       /* ISO 8601, UTC */
void options_format_grouped(int64_t value, char out[OPTIONS_TEXT]); /* 1,234,567: for tables only */
void options_format_reservation_id(const uint8_t id[SECKILL_RESERVATION_ID_SIZE], char out[OPTIONS_TEXT]);

/* This machine's clock, milliseconds since 1970. */
int64_t options_now_ms(void);

/* Writes a new id, `prefix` and 16 random hexadecimal digits, for a request or an operation: OPTIONS_TEXT bytes at most. */
int options_new_id(const char *prefix, char out[OPTIONS_TEXT]);

/* An environment variable's value; NULL if it is unset or empty. */
const char *options_environment(const char *name);

/* Reads a whole file of at most OPTIONS_FILE_MAX bytes into `text` with a NUL. Returns its size, or -1 with a sentence in
 * `trouble` (256 bytes). */
int options_read_file(const char *path, char text[OPTIONS_FILE_MAX + 1], char trouble[256]);

/* Reads the first line of a file of a secret, the whole file's text then wiped. 1; 0 with a sentence in `trouble`: it cannot be
 * read, or the line is empty or does not fit with its NUL. */
int options_first_line(const char *path, char *line, size_t room, char trouble[256]);

/* The password of Redis: the first line of a file, or, where `path` is NULL, SECKILL_REDIS_PASSWORD. 1; 0 with a sentence in
 * `trouble`. Where neither is there it is "". */
int options_redis_password(const char *path, char password[OPTIONS_PASSWORD], char trouble[256]);

/* Whether others than its owner may read or write a file: 1 with a sentence in `trouble` that names its mode. What systemd
 * handed to this service is not looked at. */
int options_exposed(const char *path, char trouble[256]);

/* Calls `each` with every key of a key file: PASERK keys, one a line; blank lines and lines that begin with # are skipped. The
 * text is wiped afterwards. Returns 1, or 0 with a sentence in `trouble`; a status of `each` other than ok ends it. */
typedef seckill_status (*options_key_cb)(const char *text, size_t size, void *user_data);
int options_each_key(const char *path, options_key_cb each, void *user_data, char trouble[256]);

/* Reads a key file into a new ring: the first key that can issue is the one that issues. NULL with a sentence in `trouble`. */
seckill_keyring *options_keyring(const char *path, char trouble[256]);

/* Overwrites secrets; not optimised away. */
void options_wipe(void *memory, size_t size);

#endif
