/* See log.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"

#include "options.h"

#include <stdarg.h>
#include <stdio.h>

/* Written once, before there are threads. */
static seckill_log_level most_detailed = SECKILL_LOG_WARNING;

void log_set_level(seckill_log_level level) {
    most_detailed = level;
}

void log_line(seckill_log_level level, const char *format, ...) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char text[1024], now[OPTIONS_TEXT];
    va_list arguments;
    if (level > most_detailed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    options_format_time(options_now_ms(), now);
    (void)fprintf(stderr, "%s %s: %s\n", now, names[level], text);
}

void log_from_library(seckill_log_level level, const char *line, void *user_data) {
    (void)user_data;
    log_line(level, "seckill: %s", line);
}
