/* See process.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* kill */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

bool process_pause(pid_t pid) {
    int status;
    pid_t stopped;

    if (kill(pid, SIGSTOP) != 0)
        return false;
    do
        stopped = waitpid(pid, &status, WUNTRACED);
    while (stopped < 0 && errno == EINTR);
    return stopped == pid && WIFSTOPPED(status);
}
