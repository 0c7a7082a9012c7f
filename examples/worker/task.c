/* See task.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "task.h"

#include "log.h"

enum { PAUSE_MIN_MS = 50, PAUSE_MAX_MS = 5000, LOG_INTERVAL_MS = 5000 };

static void on_closed(uv_handle_t *handle) {
    task *t = handle->data;
    t->closed(t);
}

static void on_timer(uv_timer_t *timer) {
    task *t = timer->data;
    t->busy = true;
    t->run(t);
}

void task_start(uv_loop_t *loop, task *t, void (*run)(task *), void (*closed)(task *)) {
    /* Neither can fail: the loop allocates nothing for a timer. */
    (void)uv_timer_init(loop, &t->timer);
    t->timer.data = t;
    t->run = run;
    t->closed = closed;
    t->busy = t->closing = t->again = false;
    t->failures = 0;
    (void)uv_timer_start(&t->timer, on_timer, 0, 0);
}

static void end_round(task *t, uint64_t delay_ms) {
    t->busy = false;
    if (t->closing) {
        uv_close((uv_handle_t *)&t->timer, on_closed);
        return;
    }
    (void)uv_timer_start(&t->timer, on_timer, t->again ? 0 : delay_ms, 0);
    t->again = false;
}

void task_next(task *t, uint64_t delay_ms) {
    t->failures = 0;
    end_round(t, delay_ms);
}

/* Many tasks meet the same trouble at once: each kind of it is logged every few seconds only, with how many others it stands
 * for. */
void task_log_trouble(const char *what, const char *about, seckill_status status, const char *message) {
    static struct {
        const char *what;
        uint64_t at_ms;
        seckill_status status;
        unsigned more;
    } recent[32];
    enum { ROOM = sizeof recent / sizeof recent[0] };
    uint64_t now = uv_hrtime() / 1000000;
    size_t at = 0; /* that kind's, or the oldest one's */
    for (size_t i = 0; i < ROOM; i++) {
        if (recent[i].what == what && recent[i].status == status) {
            at = i;
            break;
        }
        at = recent[i].at_ms < recent[at].at_ms ? i : at;
    }
    bool same = recent[at].what == what && recent[at].status == status;
    if (same && now - recent[at].at_ms < LOG_INTERVAL_MS) {
        recent[at].more++;
        return;
    }
    log_line(seckill_status_class(status) == SECKILL_CLASS_FINAL ? SECKILL_LOG_ERROR : SECKILL_LOG_WARNING,
             "%s %s: %s: %s (tried again; %u more like this)", what, about, seckill_status_name(status),
             message ? message : seckill_status_message(status), same ? recent[at].more : 0);
    recent[at].what = what;
    recent[at].status = status;
    recent[at].at_ms = now;
    recent[at].more = 0;
}

uint64_t task_pause_ms(unsigned failures) {
    uint64_t pause = failures > 6 ? PAUSE_MAX_MS : (uint64_t)PAUSE_MIN_MS << failures;
    pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    /* Jitter, so that what failed together does not come back together; the clock's last digits are random enough. */
    return pause - uv_hrtime() / 1000 % (pause / 4);
}

void task_failed(task *t, const char *what, const char *about, seckill_status status, const char *message) {
    uint64_t pause = task_pause_ms(t->failures++);
    if (!t->closing) {
        task_log_trouble(what, about, status, message);
    }
    t->again = false; /* news does not shorten the pause */
    end_round(t, pause);
}

void task_hurry(task *t) {
    if (t->busy) {
        t->again = true;
    } else if (!t->closing && t->failures == 0) {
        (void)uv_timer_start(&t->timer, on_timer, 0, 0);
    }
}

void task_close(task *t) {
    if (t->closing) {
        return;
    }
    t->closing = true;
    if (!t->busy) {
        (void)uv_timer_stop(&t->timer);
        uv_close((uv_handle_t *)&t->timer, on_closed);
    }
}
