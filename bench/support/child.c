#define _GNU_SOURCE

#include "child.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

static void become(const char *const *arguments, int out) {
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    size_t count = 1;

    while (count < ARGUMENTS_MAX && arguments[count] != NULL)
        count++;
    memcpy(argv, arguments, count * sizeof(*argv));
    bench_pin_to_server();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    close_range(3, ~0U, 0);
    execvp(arguments[0], argv);
    bench_fail("cannot run %s: %s", arguments[0], strerror(errno));
}

pid_t child_start(const char *const *arguments, int *out_or_null) {
    int ends[2] = {-1, -1};
    pid_t pid;

    if (out_or_null != NULL && pipe2(ends, O_CLOEXEC) != 0)
        bench_fail("pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        become(arguments, ends[1]);
    if (pid < 0)
        bench_fail("fork: %s", strerror(errno));
    if (out_or_null != NULL) {
        close(ends[1]);
        *out_or_null = ends[0];
    }
    return pid;
}

void child_stop(pid_t pid) {
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
