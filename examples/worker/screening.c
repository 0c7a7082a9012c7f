/* See screening.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "screening.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct screening {
    char *text; /* the file's, into which the users point */
    seckill_bytes *users;
    size_t count;
};

/* ---- the file's bytes ---- */

static bool fail(char trouble[SCREENING_TROUBLE], const char *why) {
    (void)snprintf(trouble, SCREENING_TROUBLE, "%s", why);
    return false;
}

/* A file may grow while it is read, or be a pipe: its size is what was read of it. */
static bool read_all(FILE *file, char **text, size_t *size, char trouble[SCREENING_TROUBLE]) {
    size_t room = 64 * 1024;
    *size = 0;
    *text = malloc(room);
    while (*text) {
        *size += fread(*text + *size, 1, room - *size, file);
        if (*size < room) {
            return ferror(file) ? fail(trouble, strerror(errno)) : true;
        }
        if (room >= SCREENING_FILE_MAX) {
            return fail(trouble, "it is larger than 128 MiB");
        }
        room *= 2;
        char *larger = realloc(*text, room);
        if (!larger) {
            break;
        }
        *text = larger;
    }
    return fail(trouble, "out of memory");
}

static bool read_file(const char *path, char **text, size_t *size, char trouble[SCREENING_TROUBLE]) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return fail(trouble, strerror(errno));
    }
    bool done = read_all(file, text, size, trouble);
    (void)fclose(file);
    return done;
}

/* ---- its lines ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* A line without its end and the blanks around it. */
static seckill_bytes trim(const char *line, size_t size) {
    while (size > 0 && is_blank(line[size - 1])) {
        size--;
    }
    while (size > 0 && is_blank(*line)) {
        line++;
        size--;
    }
    return (seckill_bytes){line, size};
}

static bool fail_line(char trouble[SCREENING_TROUBLE], size_t number, const char *why) {
    (void)snprintf(trouble, SCREENING_TROUBLE, "line %zu: %s", number, why);
    return false;
}

static bool add_line(screening *list, seckill_bytes user, size_t number, char trouble[SCREENING_TROUBLE]) {
    if (user.size == 0 || *(const char *)user.data == '#') {
        return true;
    }
    if (user.size > SECKILL_USER_MAX) {
        return fail_line(trouble, number, "a user has at most 64 bytes");
    }
    if (memchr(user.data, '\0', user.size)) {
        return fail_line(trouble, number, "a NUL byte: this is no list of users");
    }
    if (list->count == SCREENING_USERS_MAX) {
        return fail_line(trouble, number, "there are more than 1,000,000 users");
    }
    list->users[list->count++] = user;
    return true;
}

static size_t count_lines(const char *text, size_t size) {
    size_t lines = 1; /* the last one may have no newline */
    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))) != NULL; at++) {
        lines++;
    }
    return lines;
}

static bool add_lines(screening *list, size_t size, char trouble[SCREENING_TROUBLE]) {
    const char *at = list->text, *end = list->text + size;
    for (size_t number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        if (!add_line(list, trim(at, length), number, trouble)) {
            return false;
        }
        at += length + (newline != NULL);
    }
    return true;
}

/* ---- looking up ---- */

static int compare_bytes(seckill_bytes a, seckill_bytes b) {
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare(const void *a, const void *b) {
    return compare_bytes(*(const seckill_bytes *)a, *(const seckill_bytes *)b);
}

bool screening_refuses(const screening *list, seckill_bytes user) {
    return list && list->count > 0 && bsearch(&user, list->users, list->count, sizeof user, compare) != NULL;
}

size_t screening_count(const screening *list) {
    return list ? list->count : 0;
}

static void drop_doubles(screening *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept == 0 || compare_bytes(list->users[kept - 1], list->users[i]) != 0) {
            list->users[kept++] = list->users[i];
        }
    }
    list->count = kept;
}

/* ---- the whole ---- */

static bool take_lines(screening *list, size_t size, char trouble[SCREENING_TROUBLE]) {
    size_t lines = count_lines(list->text, size);
    list->users = calloc(lines < SCREENING_USERS_MAX ? lines : SCREENING_USERS_MAX, sizeof *list->users);
    if (!list->users) {
        return fail(trouble, "out of memory");
    }
    if (!add_lines(list, size, trouble)) {
        return false;
    }
    qsort(list->users, list->count, sizeof *list->users, compare);
    drop_doubles(list);
    return true;
}

screening *screening_read(const char *path, char trouble[SCREENING_TROUBLE]) {
    screening *list = calloc(1, sizeof *list);
    size_t size = 0;
    if (!list) {
        (void)fail(trouble, "out of memory");
        return NULL;
    }
    if (!read_file(path, &list->text, &size, trouble) || !take_lines(list, size, trouble)) {
        screening_free(list);
        return NULL;
    }
    return list;
}

void screening_free(screening *list) {
    if (list) {
        free(list->text);
        free(list->users);
        free(list);
    }
}
