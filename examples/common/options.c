/* See options.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- durations ---- */

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNITS = sizeof units / sizeof units[0] };

/* Reads up to 15 digits: more than any duration or field of a date has, and far from overflow. */
static int digits(const char **text, int64_t *value) {
    const char *at = *text;
    int64_t n = 0;
    while (*at >= '0' && *at <= '9' && at - *text < 15) {
        n = n * 10 + (*at++ - '0');
    }
    if (at == *text || (*at >= '0' && *at <= '9')) {
        return 0;
    }
    *text = at;
    *value = n;
    return 1;
}

/* Reads a unit that is smaller than those before it; `next` is the first one that may come. */
static int unit(const char **text, size_t *next, int64_t *ms) {
    size_t size = strspn(*text, "dhms");
    for (size_t i = *next; i < UNITS; i++) {
        if (strlen(units[i].unit) == size && memcmp(units[i].unit, *text, size) == 0) {
            *text += size;
            *next = i + 1;
            *ms = units[i].ms;
            return 1;
        }
    }
    return 0;
}

int options_duration(const char *text, int64_t *ms) {
    int64_t sum = 0;
    size_t next = 0;
    if (strcmp(text, "0") == 0) {
        *ms = 0;
        return 1;
    }
    do {
        int64_t n, each;
        if (!digits(&text, &n) || !unit(&text, &next, &each) || n > INT64_C(1000000000000000) / each) {
            return 0;
        }
        sum += n * each;
    } while (*text);
    *ms = sum;
    return 1;
}

void options_format_duration(int64_t ms, char out[OPTIONS_TEXT]) {
    size_t used = 0;
    if (ms <= 0) {
        snprintf(out, OPTIONS_TEXT, "0");
        return;
    }
    for (size_t i = 0; i < UNITS && ms > 0; i++) {
        if (ms >= units[i].ms) {
            int n = snprintf(out + used, OPTIONS_TEXT - used, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
            used += (size_t)n;
            ms %= units[i].ms;
        }
    }
}

/* ---- times ---- */

/* Days from 1970-01-01 to a date of the Gregorian calendar. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_of_month(int64_t year, int64_t month) {
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* A number of exactly `width` digits in its range, then `after` if that is no NUL. */
static int field(const char **text, int width, int64_t low, int64_t high, char after, int64_t *value) {
    const char *at = *text;
    int64_t n;
    if (!digits(&at, &n) || at - *text != width || n < low || n > high || (after && *at != after)) {
        return 0;
    }
    *text = after ? at + 1 : at;
    *value = n;
    return 1;
}

static int date(const char **text, int64_t *ms) {
    int64_t year, month, day;
    if (!field(text, 4, 1970, 9999, '-', &year) || !field(text, 2, 1, 12, '-', &month) || !field(text, 2, 1, 31, 'T', &day) ||
        day > days_of_month(year, month)) {
        return 0;
    }
    *ms = days_since_1970(year, month, day) * 86400000;
    return 1;
}

/* ".25" is 250 ms; what is finer than that is cut. */
static int fraction(const char **text, int64_t *ms) {
    const char *at = *text;
    int64_t n = 0, scale = 100;
    if (*at != '.') {
        *ms = 0;
        return 1;
    }
    for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10) {
        n += (*at - '0') * scale;
    }
    *text = at;
    *ms = n;
    return at[-1] != '.';
}

static int clock_time(const char **text, int64_t *ms) {
    int64_t hours, minutes, seconds, rest;
    if (!field(text, 2, 0, 23, ':', &hours) || !field(text, 2, 0, 59, ':', &minutes) ||
        !field(text, 2, 0, 59, '\0', &seconds) || !fraction(text, &rest)) {
        return 0;
    }
    *ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest;
    return 1;
}

static int zone(const char *text, int64_t *ms) {
    int64_t hours, minutes, sign = *text == '-' ? -1 : 1;
    if (strcmp(text, "Z") == 0) {
        *ms = 0;
        return 1;
    }
    if (*text != '+' && *text != '-') {
        return 0;
    }
    text++;
    if (!field(&text, 2, 0, 23, ':', &hours) || !field(&text, 2, 0, 59, '\0', &minutes) || *text) {
        return 0;
    }
    *ms = sign * (hours * 60 + minutes) * 60000;
    return 1;
}

int options_time(const char *text, int64_t now_ms, int64_t *ms) {
    int64_t distance, days, time, offset;
    if (strcmp(text, "now") == 0) {
        *ms = now_ms;
        return 1;
    }
    if ((*text == '+' || *text == '-') && options_duration(text + 1, &distance)) {
        *ms = *text == '+' ? now_ms + distance : now_ms - distance;
        return 1;
    }
    if (!date(&text, &days) || !clock_time(&text, &time) || !zone(text, &offset)) {
        return 0;
    }
    *ms = days + time - offset;
    return 1;
}

void options_format_time(int64_t ms, char out[OPTIONS_TEXT]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms < 0 || !gmtime_r(&seconds, &parts) || !strftime(out, OPTIONS_TEXT, "%Y-%m-%dT%H:%M:%S", &parts)) {
        snprintf(out, OPTIONS_TEXT, "%" PRId64 "ms", ms);
        return;
    }
    size_t used = strlen(out);
    snprintf(out + used, OPTIONS_TEXT - used, ms % 1000 ? ".%03dZ" : "Z", (int)(ms % 1000));
}

int64_t options_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- numbers and names ---- */

int options_whole(const char *text, int64_t low, int64_t high, int64_t *value) {
    int64_t n = 0;
    if (*text < '0' || *text > '9') {
        return 0;
    }
    for (; *text; text++) {
        int separator = (*text == ',' || *text == '_') && text[1] >= '0' && text[1] <= '9';
        if (!separator && (*text < '0' || *text > '9')) {
            return 0;
        }
        if (!separator && (n = n * 10 + (*text - '0')) > SECKILL_AMOUNT_MAX) {
            return 0;
        }
    }
    if (n < low || n > high) {
        return 0;
    }
    *value = n;
    return 1;
}

int options_rate(const char *text, uint32_t *count, uint32_t *period_ms) {
    const char *slash = strchr(text, '/');
    char before[OPTIONS_TEXT];
    int64_t many, ms;
    if (slash == NULL || (size_t)(slash - text) >= sizeof before) {
        return 0;
    }
    memcpy(before, text, (size_t)(slash - text));
    before[slash - text] = '\0';
    if (!options_whole(before, 1, 1000000, &many) || !options_duration(slash + 1, &ms) || ms < 1 || ms > 86400000) {
        return 0;
    }
    *count = (uint32_t)many;
    *period_ms = (uint32_t)ms;
    return 1;
}

int options_share(const char *text, double *share) {
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.') {
        return 0;
    }
    double value = strtod(text, &end);
    if (strcmp(end, "%") == 0) {
        value /= 100;
        end++;
    }
    if (*end || !isfinite(value) || value < 0 || value > 1) {
        return 0;
    }
    *share = value;
    return 1;
}

/* The bytes of the id that a text begins with; 0: it begins with none. */
static size_t id_size(const char *text) {
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return size <= SECKILL_ID_MAX ? size : 0;
}

int options_is_id(const char *text) {
    size_t size = id_size(text);
    return size > 0 && text[size] == '\0';
}

int options_item_name(const char *text, options_name *name) {
    size_t size = id_size(text);
    const char *slash = text + size;
    if (size == 0 || *slash != '/' || !options_is_id(slash + 1)) {
        return 0;
    }
    memcpy(name->activity, text, size);
    name->activity[size] = '\0';
    memcpy(name->item, slash + 1, strlen(slash + 1) + 1);
    return 1;
}

static int hex_digit(char c) {
    const char *all = "0123456789abcdef";
    const char *at = c ? strchr(all, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - all) : -1;
}

int options_reservation_id(const char *text, uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    uint8_t bytes[SECKILL_RESERVATION_ID_SIZE];
    if (strlen(text) != 2 * sizeof bytes) {
        return 0;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(id, bytes, sizeof bytes);
    return 1;
}

void options_format_reservation_id(const uint8_t id[SECKILL_RESERVATION_ID_SIZE], char out[OPTIONS_TEXT]) {
    for (size_t i = 0; i < SECKILL_RESERVATION_ID_SIZE; i++) {
        snprintf(out + 2 * i, OPTIONS_TEXT - 2 * i, "%02x", id[i]);
    }
}

void options_format_grouped(int64_t value, char out[OPTIONS_TEXT]) {
    char plain[OPTIONS_TEXT];
    int size = snprintf(plain, sizeof plain, "%" PRId64, value);
    size_t used = 0;
    for (int i = 0; i < size; i++) {
        out[used++] = plain[i];
        if (plain[i] != '-' && i + 1 < size && (size - i - 1) % 3 == 0) {
            out[used++] = ',';
        }
    }
    out[used] = '\0';
}

/* ---- the environment and files ---- */

const char *options_environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int options_new_id(const char *prefix, char out[OPTIONS_TEXT]) {
    uint8_t bytes[8];
    FILE *random = fopen("/dev/urandom", "rb");
    int read = random && fread(bytes, 1, sizeof bytes, random) == sizeof bytes;
    if (random) {
        fclose(random);
    }
    if (!read) {
        return 0;
    }
    size_t used = (size_t)snprintf(out, OPTIONS_TEXT - 2 * sizeof bytes, "%s", prefix);
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(out + used + 2 * i, 3, "%02x", bytes[i]);
    }
    return 1;
}

int options_read_file(const char *path, char text[OPTIONS_FILE_MAX + 1], char trouble[256]) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        snprintf(trouble, 256, "cannot open %s: %s", path, strerror(errno));
        return -1;
    }
    setvbuf(file, NULL, _IONBF, 0); /* so that no copy of a secret stays in a buffer of stdio's */
    size_t size = fread(text, 1, OPTIONS_FILE_MAX + 1, file);
    int failed = ferror(file);
    fclose(file);
    if (failed || size > OPTIONS_FILE_MAX) {
        options_wipe(text, OPTIONS_FILE_MAX + 1);
        snprintf(trouble, 256, "cannot read %s: %s", path, failed ? "an error while reading" : "it is larger than 64 KiB");
        return -1;
    }
    text[size] = '\0';
    return (int)size;
}

int options_first_line(const char *path, char *line, size_t room, char trouble[256]) {
    char text[OPTIONS_FILE_MAX + 1];
    if (options_read_file(path, text, trouble) < 0) {
        return 0;
    }
    size_t size = strcspn(text, "\r\n");
    int good = size > 0 && size < room;
    if (good) {
        memcpy(line, text, size);
        line[size] = '\0';
    } else {
        snprintf(trouble, 256, "%s: its first line must have 1 to %zu bytes", path, room - 1);
    }
    options_wipe(text, sizeof text);
    return good;
}

int options_redis_password(const char *path, char password[OPTIONS_PASSWORD], char trouble[256]) {
    const char *value = options_environment("SECKILL_REDIS_PASSWORD");
    if (path) {
        return options_first_line(path, password, OPTIONS_PASSWORD, trouble);
    }
    size_t size = value ? strlen(value) : 0;
    if (size >= OPTIONS_PASSWORD) {
        snprintf(trouble, 256, "SECKILL_REDIS_PASSWORD: at most %d bytes", OPTIONS_PASSWORD - 1);
        return 0;
    }
    memcpy(password, value ? value : "", size + 1);
    return 1;
}

/* What systemd hands to a service (LoadCredential) is root's, in a folder for that service alone; who may read it stands in an
 * access list, which the group's bits show. */
static int is_credential(const char *path) {
    const char *folder = options_environment("CREDENTIALS_DIRECTORY");
    size_t size = folder ? strlen(folder) : 0;
    return size > 0 && strncmp(path, folder, size) == 0 && path[size] == '/' && !strstr(path + size, "/..");
}

int options_exposed(const char *path, char trouble[256]) {
    struct stat about;
    if (is_credential(path) || stat(path, &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
        return 0;
    }
    snprintf(trouble, 256, "%s is open to others than its owner (mode %04o): chmod 600", path,
             (unsigned)(about.st_mode & 07777));
    return 1;
}

void options_wipe(void *memory, size_t size) {
    volatile unsigned char *at = memory;
    while (size--) {
        *at++ = 0;
    }
}

int options_each_key(const char *path, options_key_cb each, void *user_data, char trouble[256]) {
    char text[OPTIONS_FILE_MAX + 1];
    int size = options_read_file(path, text, trouble), keys = 0, line = 0;
    seckill_status status = SECKILL_OK;
    if (size < 0) {
        return 0;
    }
    for (char *at = text; *at && status == SECKILL_OK; line++) {
        size_t length = strcspn(at, "\r\n");
        if (length > 0 && *at != '#') {
            status = each(at, length, user_data);
            keys++;
        }
        at += length;
        at += *at == '\r' && at[1] == '\n' ? 2 : *at != '\0';
    }
    options_wipe(text, sizeof text);
    if (status != SECKILL_OK) {
        snprintf(trouble, 256, "%s, line %d: %s", path, line, seckill_status_message(status));
    } else if (keys == 0) {
        snprintf(trouble, 256, "%s holds no key", path);
    }
    return status == SECKILL_OK && keys > 0;
}

static seckill_status add_key(const char *text, size_t size, void *user_data) {
    return seckill_keyring_add(user_data, text, size);
}

seckill_keyring *options_keyring(const char *path, char trouble[256]) {
    seckill_keyring *ring;
    seckill_status status = seckill_keyring_new(&ring);
    if (status != SECKILL_OK) {
        snprintf(trouble, 256, "%s", seckill_status_message(status));
        return NULL;
    }
    if (!options_each_key(path, add_key, ring, trouble)) {
        seckill_keyring_free(ring);
        return NULL;
    }
    return ring;
}
