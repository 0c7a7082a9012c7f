/* Writing to a broken connection without the host getting SIGPIPE.
 *
 * hiredis writes with write() or send() without MSG_NOSIGNAL, and its output buffer can be shortened only with functions that
 * not every release exports; with TLS the bytes are not even its own. So the signal is held back in this thread around the one
 * call that writes: SIGPIPE is raised in the thread that wrote, and is taken away before the thread's mask is put back. Two
 * short system calls for each write; writes are one for each turn of the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_SIGPIPE_H
#define SK_IO_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct {
    sigset_t before; /* the thread's mask */
    bool foreign;    /* one was pending already: it is the host's */
} sk__sigpipe;

void sk__sigpipe_hold(sk__sigpipe *held);

/* `failed`: the write may have raised it. errno stays what the write made it. */
void sk__sigpipe_release(const sk__sigpipe *held, bool failed);

#endif
