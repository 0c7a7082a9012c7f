/* Who is refused whatever is left: the users of a file, one a line, as --refuse-users names it.
 *
 * A line is a user, byte for byte, without the blanks around it; empty lines and lines that begin with # are skipped. (A user
 * that begins with # or has blanks at an end cannot be listed.)
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_SCREENING_H
#define SECKILL_WORKER_SCREENING_H

#include <seckill/base.h>
#include <stdbool.h>

enum {
    SCREENING_USERS_MAX = 1000000,
    SCREENING_FILE_MAX = 128 * 1024 * 1024, /* bytes */
    SCREENING_TROUBLE = 256                 /* bytes that hold why a file cannot be used */
};

typedef struct screening screening;

/* Reads a file. NULL: it cannot be used, and `trouble` says why, with the line. Takes less memory than twice the file's size
 * and 16 bytes a user. Any thread. */
screening *screening_read(const char *path, char trouble[SCREENING_TROUBLE]);

/* NULL is allowed, here and below: it lists nobody. */
void screening_free(screening *list);

size_t screening_count(const screening *list);

bool screening_refuses(const screening *list, seckill_bytes user);

#endif
