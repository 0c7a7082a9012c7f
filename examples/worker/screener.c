/* See screener.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "screener.h"

#include "log.h"

#include <signal.h>
#include <string.h>

static void take_over(screener *s) {
    if (!s->fresh) {
        log_line(SECKILL_LOG_ERROR, "--refuse-users %s: %s; the list of before stays: %zu users", s->path, s->trouble,
                 screening_count(s->list));
        return;
    }
    screening_free(s->list);
    s->list = s->fresh;
    s->fresh = NULL;
    /* A warning, so that whoever sent the signal can see without --verbose what came of it. */
    log_line(SECKILL_LOG_WARNING, "--refuse-users %s: read again, %zu users are refused", s->path, screening_count(s->list));
}

/* On a thread of libuv's: a million users take a second, in which the loop goes on deciding. */
static void read_again(uv_work_t *work) {
    screener *s = work->data;
    s->fresh = screening_read(s->path, s->trouble);
}

static void on_signal(uv_signal_t *signal, int number);

static void on_read(uv_work_t *work, int status) {
    screener *s = work->data;
    s->reading = false;
    if (status == 0 && !s->stopped) {
        take_over(s);
    }
    if (s->again && !s->stopped) {
        on_signal(&s->signal, SIGHUP);
    }
}

static void on_signal(uv_signal_t *signal, int number) {
    screener *s = signal->data;
    (void)number;
    s->again = s->reading; /* what is being read may be older than the signal */
    if (!s->reading) {
        s->reading = uv_queue_work(signal->loop, &s->work, read_again, on_read) == 0;
    }
}

bool screener_start(screener *s, uv_loop_t *loop, const char *path) {
    memset(s, 0, sizeof *s);
    s->path = path;
    (void)uv_signal_init(loop, &s->signal);
    s->signal.data = s->work.data = s;
    if (!path) {
        return true;
    }
    s->list = screening_read(path, s->trouble);
    if (!s->list) {
        log_line(SECKILL_LOG_ERROR, "--refuse-users %s: %s", path, s->trouble);
        return false;
    }
    log_line(SECKILL_LOG_INFO, "--refuse-users %s: %zu users are refused", path, screening_count(s->list));
    return uv_signal_start(&s->signal, on_signal, SIGHUP) == 0;
}

void screener_stop(screener *s) {
    s->stopped = true;
    if (!uv_is_closing((uv_handle_t *)&s->signal)) {
        uv_close((uv_handle_t *)&s->signal, NULL);
    }
}

void screener_free(screener *s) {
    screening_free(s->list);
    screening_free(s->fresh);
}
