/* Writing to a broken connection without the host getting SIGPIPE.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

static void only_sigpipe(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

void sk__sigpipe_hold(sk__sigpipe *held) {
    sigset_t set;

    only_sigpipe(&set);
    sigemptyset(&held->before);
    (void)pthread_sigmask(SIG_BLOCK, &set, &held->before);
    /* Only where the host blocks it too can one be pending. */
    held->foreign = sigismember(&held->before, SIGPIPE) == 1 && sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

void sk__sigpipe_release(const sk__sigpipe *held, bool failed) {
    static const struct timespec at_once = {0, 0};
    int error = errno;
    sigset_t set;

    if (failed && !held->foreign) {
        only_sigpipe(&set);
        while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &held->before, NULL);
    errno = error;
}
