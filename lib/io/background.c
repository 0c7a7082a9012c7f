#define _POSIX_C_SOURCE 200809L
#include "io/background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <uv.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

struct sk__background {
    sk__background_config config;
    uv_loop_t loop;
    uv_async_t letters;    /* the mailbox has something in it, or it is to stop */
    uv_prepare_t turn_end; /* the last before the loop waits */
    uv_thread_t thread;
    bool started;
    bool stopped;     /* the thread's own: `stop` has run */
    sk__link running; /* errands under way */
    sk__link over;    /* errands whose owners are to be woken */
    pthread_mutex_t lock;
    sk__link mailbox; /* under the lock: errands that wait */
    bool stopping;    /* under the lock: nothing is put into the mailbox any more */
};

static sk__errand *errand_of(sk__link *link) {
    return SK__CONTAINER(link, sk__errand, link);
}

/* ---- on the thread ---- */

void sk__background_over(sk__background *self, sk__errand *errand, seckill_status status) {
    errand->status = status;
    sk__list_remove(&errand->link);
    sk__list_append(&self->over, &errand->link);
}

/* An errand is gone as soon as its owner is woken. */
static void wake_all(sk__background *self) {
    while (!sk__list_is_empty(&self->over)) {
        sk__errand *errand = errand_of(self->over.next);

        sk__list_remove(&errand->link);
        (void)sem_post(&errand->over);
    }
}

static void close_all(sk__background *self, sk__link *errands) {
    while (!sk__list_is_empty(errands))
        sk__background_over(self, errand_of(errands->next), SECKILL_CLOSED);
}

static void run_all(sk__background *self, sk__link *errands) {
    while (!sk__list_is_empty(errands)) {
        sk__errand *errand = errand_of(errands->next);

        sk__list_remove(&errand->link);
        sk__list_append(&self->running, &errand->link);
        self->config.run(errand, self->config.owner);
    }
}

static void on_letters(uv_async_t *handle) {
    sk__background *self = handle->data;
    sk__link taken;
    bool stopping;

    (void)pthread_mutex_lock(&self->lock);
    sk__list_move(&self->mailbox, &taken);
    stopping = self->stopping;
    (void)pthread_mutex_unlock(&self->lock);
    if (!stopping) {
        run_all(self, &taken);
        return;
    }
    close_all(self, &taken);
    if (self->stopped)
        return;
    self->stopped = true;
    uv_unref((uv_handle_t *)&self->letters);
    self->config.stop(self->config.owner);
}

static void on_turn_end(uv_prepare_t *handle) {
    wake_all(handle->data);
}

static void name_thread(const char *name) {
#ifdef __linux__
    (void)prctl(PR_SET_NAME, name);
#else
    (void)name;
#endif
}

static void run_loop(sk__background *self) {
    (void)uv_run(&self->loop, UV_RUN_DEFAULT);
    close_all(self, &self->running);
    wake_all(self);
}

static void thread_main(void *context) {
    sk__background *self = context;

    name_thread(self->config.name);
    run_loop(self);
}

/* ---- on other threads ---- */

bool sk__background_is_here(const sk__background *self) {
    uv_thread_t here = uv_thread_self();

    return self->started && uv_thread_equal(&here, &self->thread) != 0;
}

/* Told under the lock: the thread cannot end, and be freed, before. */
static bool hand_over(sk__background *self, sk__errand *errand) {
    bool is_first, is_open;

    (void)pthread_mutex_lock(&self->lock);
    is_open = !self->stopping;
    is_first = sk__list_is_empty(&self->mailbox);
    if (is_open) {
        sk__list_append(&self->mailbox, &errand->link);
        if (is_first)
            (void)uv_async_send(&self->letters);
    }
    (void)pthread_mutex_unlock(&self->lock);
    return is_open;
}

seckill_status sk__background_do(sk__background *self, sk__errand *errand) {
    if (sk__background_is_here(self))
        return SECKILL_INVALID;
    (void)sem_init(&errand->over, 0, 0);
    errand->status = SECKILL_CLOSED;
    if (hand_over(self, errand)) {
        while (sem_wait(&errand->over) != 0 && errno == EINTR) {
        }
    }
    (void)sem_destroy(&errand->over);
    return errand->status;
}

void sk__background_stop(sk__background *self) {
    (void)pthread_mutex_lock(&self->lock);
    if (!self->stopping) {
        self->stopping = true;
        (void)uv_async_send(&self->letters);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* ---- from the beginning to the end ---- */

seckill_status sk__background_new(const sk__background_config *config, sk__background **out) {
    sk__background *self = sk__calloc(config->allocator, 1, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->config = *config;
    if (uv_loop_init(&self->loop) != 0) {
        sk__free(config->allocator, self);
        return SECKILL_NO_MEMORY;
    }
    if (uv_async_init(&self->loop, &self->letters, on_letters) != 0) {
        (void)uv_loop_close(&self->loop);
        sk__free(config->allocator, self);
        return SECKILL_NO_MEMORY;
    }
    (void)uv_prepare_init(&self->loop, &self->turn_end);
    (void)uv_prepare_start(&self->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&self->turn_end);
    self->letters.data = self->turn_end.data = self;
    sk__list_init(&self->running);
    sk__list_init(&self->over);
    sk__list_init(&self->mailbox);
    (void)pthread_mutex_init(&self->lock, NULL);
    *out = self;
    return SECKILL_OK;
}

struct uv_loop_s *sk__background_loop(sk__background *self) {
    return &self->loop;
}

/* Signals are for the host's threads, but for the thread's own faults: blocked, they would end the process past the handler of
 * a host that reports crashes. */
seckill_status sk__background_start(sk__background *self) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t others, before;

    (void)sigfillset(&others);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(&others, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &others, &before);
    self->started = uv_thread_create(&self->thread, thread_main, self) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return self->started ? SECKILL_OK : SECKILL_NO_MEMORY;
}

void sk__background_free(sk__background *self) {
    sk__background_stop(self);
    if (self->started)
        (void)uv_thread_join(&self->thread);
    else
        run_loop(self);
    uv_close((uv_handle_t *)&self->letters, NULL);
    uv_close((uv_handle_t *)&self->turn_end, NULL);
    (void)uv_run(&self->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&self->loop);
    (void)pthread_mutex_destroy(&self->lock);
    sk__free(self->config.allocator, self);
}
