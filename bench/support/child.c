#define _GNU_SOURCE

#include "child.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64, READY_WITHIN_S = 30 };

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

void child_find(const char *variable, const char *name, char path[CHILD_PATH]) {
    const char *named = getenv(variable);
    char own[CHILD_PATH] = "";
    int size;

    if (named == NULL && readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
        bench_fail("/proc/self/exe: %s", strerror(errno));
    if (named != NULL)
        size = snprintf(path, CHILD_PATH, "%s", named);
    else
        size = snprintf(path, CHILD_PATH, "%s/../examples/%s", dirname(own), name);
    if (size >= CHILD_PATH)
        bench_fail("the path of %s is too long", name);
}

uint16_t child_port(int out) {
    char line[256];
    size_t size = 0;

    while (size == 0 || line[size - 1] != '\n') {
        ssize_t got = read(out, line + size, sizeof(line) - 1 - size);

        if (got <= 0)
            bench_fail("the front does not say where it listens");
        size += (size_t)got;
    }
    line[size] = '\0';
    return (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static bool is_ready(uint16_t port) {
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    static const char ready[] = "HTTP/1.1 200 ";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char answer[sizeof(ready) - 1] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good;

    good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1 &&
           recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer) &&
           memcmp(answer, ready, sizeof(answer)) == 0;
    (void)close(fd);
    return good;
}

void child_await(uint16_t port) {
    double end = bench_now() + (double)READY_WITHIN_S;

    while (!is_ready(port)) {
        if (bench_now() > end)
            bench_fail("the front is not ready after %d s", READY_WITHIN_S);
        (void)usleep(5000);
    }
}

int child_stop(pid_t pid) {
    int status = -1;

    kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}
