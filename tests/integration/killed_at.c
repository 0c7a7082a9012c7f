/* See killed_at.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "killed_at.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS = 32, NOT_ALLOWED = 126 };

static void become(const char *program, char *line) {
    char name[] = "program", *arguments[ARGUMENTS + 1] = {name}, *rest = NULL, sanitizer[512];
    const char *options = getenv("ASAN_OPTIONS");
    int count = 1, nowhere = open("/dev/null", O_RDWR);
    for (char *word = strtok_r(line, " ", &rest); word && count < ARGUMENTS; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    snprintf(sanitizer, sizeof sanitizer, "%s%sdetect_leaks=0", options ? options : "", options ? ":" : "");
    setenv("ASAN_OPTIONS", sanitizer, 1); /* who looks for leaks follows itself, and only one can */
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(NOT_ALLOWED);
    execv(program, arguments);
    _exit(127);
}

static bool says_something(uint64_t call) {
    static const long calls[] = {SYS_write,   SYS_writev, SYS_pwrite64,  SYS_sendto,   SYS_sendmsg,
                                 SYS_connect, SYS_fsync,  SYS_fdatasync, SYS_ftruncate};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if ((uint64_t)calls[i] == call)
            return true;
    return false;
}

/* Whether it stands at the beginning of such a call. */
static bool is_about_to_say(pid_t pid) {
    struct __ptrace_syscall_info info;
    return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY &&
           says_something(info.entry.nr);
}

static int next_stop(pid_t pid) {
    int status = 0;
    pid_t is;
    do
        is = waitpid(pid, &status, 0);
    while (is < 0 && errno == EINTR);
    assert_int_equal(is, pid);
    return status;
}

bool killed_at(const char *program, const char *line, int n, int *code) {
    char copy[8192];
    int status, signal = 0;
    snprintf(copy, sizeof copy, "%s", line);
    pid_t pid = fork();
    if (pid == 0)
        become(program, copy);
    assert_true(pid > 0);
    status = next_stop(pid);
    if (WIFSTOPPED(status))
        assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
    while (WIFSTOPPED(status)) {
        bool is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (is_call && is_about_to_say(pid) && --n == 0)
            (void)kill(pid, SIGKILL);
        signal = is_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        (void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signal);
        status = next_stop(pid);
    }
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

bool killed_at_available(void) {
    int code;
    return !killed_at("/bin/true", "", 1000, &code) && code == 0;
}
