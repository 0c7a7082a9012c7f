/* One line to the host's log callback. */
#ifndef SK_BASE_LOG_H
#define SK_BASE_LOG_H

#include <seckill/client.h>

typedef struct {
    seckill_log_cb cb; /* NULL: no log */
    void *user_data;
    seckill_log_level level; /* the most detailed that is logged */
} sk__log;

/* Lines past 500 bytes are cut. */
__attribute__((format(printf, 3, 4))) void sk__log_line(const sk__log *log, seckill_log_level level, const char *format, ...);

#endif
