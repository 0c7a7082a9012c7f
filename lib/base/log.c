#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void sk__log_line(const sk__log *log, seckill_log_level level, const char *format, ...) {
    char line[501];
    va_list arguments;

    if (log->cb == NULL || level > log->level)
        return;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    log->cb(level, line, log->user_data);
}
