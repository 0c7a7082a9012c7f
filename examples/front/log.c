/* seckill-front: one line each on stderr.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static seckill_log_level most = SECKILL_LOG_INFO;

void front_log_level(seckill_log_level level) {
    most = level;
}

/* What others sent may be in a line: nothing in it may end the line or move a terminal's cursor. */
static void make_plain(char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void front_log(seckill_log_level level, const char *format, ...) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char text[768], line[832];
    va_list arguments;
    if (level > most)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_plain(text);
    int size = snprintf(line, sizeof line, "seckill-front: %s: %s\n", names[level], text);
    /* One write, so that the lines of two threads do not mix; there is nobody to tell if it fails. */
    if (size > 0 && write(STDERR_FILENO, line, (size_t)size) < 0)
        return;
}
