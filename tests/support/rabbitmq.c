/* See rabbitmq.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* nftw, mkdtemp, prctl, close_range */
#include "rabbitmq.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 120000 };

struct rabbitmq {
    pid_t script, pid; /* of the script, which is ours; of the broker, which is the script's */
    char folder[64];
    char url[RABBITMQ_URL], address[64];
};

bool rabbitmq_available(void) {
    return access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) == 0;
}

/* In the child: only calls that are safe after fork in a program with threads. */
static void become_script(rabbitmq *broker, int out, pid_t parent) {
    sigset_t none;
    char program[] = RABBITMQ_SCRIPT;
    char *const argv[] = {program, broker->folder, NULL};

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* it died before prctl */
    dup2(out, STDOUT_FILENO);
    close_range(3, ~0U, 0); /* sockets of the test must not stay open in here */
    execv(argv[0], argv);
    _exit(127);
}

/* "ready PID URL" */
static bool read_ready(rabbitmq *broker, int out) {
    char line[2 * RABBITMQ_URL];
    size_t size = 0;
    struct pollfd watched = {out, POLLIN, 0};
    int pid;

    while (size < sizeof(line) - 1 && memchr(line, '\n', size) == NULL) {
        if (poll(&watched, 1, READY_MS) != 1)
            return false;
        ssize_t got = read(out, line + size, sizeof(line) - 1 - size);
        if (got <= 0)
            return false;
        size += (size_t)got;
    }
    line[size] = '\0';
    if (sscanf(line, "ready %d %255s", &pid, broker->url) != 2)
        return false;
    broker->pid = pid;
    const char *at = strchr(broker->url, '@'), *end = strchr(broker->url, '?');
    if (at == NULL || end == NULL)
        return false;
    (void)snprintf(broker->address, sizeof(broker->address), "%.*s", (int)(end - at - 1), at + 1);
    return true;
}

static bool launch(rabbitmq *broker) {
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    broker->script = fork();
    if (broker->script == 0)
        become_script(broker, ends[1], parent);
    close(ends[1]);
    bool ready = broker->script > 0 && read_ready(broker, ends[0]);
    close(ends[0]);
    if (!ready)
        fprintf(stderr, "rabbitmq: it does not come up; see %s/log\n", broker->folder);
    return ready;
}

rabbitmq *rabbitmq_start(void) {
    rabbitmq *broker = calloc(1, sizeof(*broker));
    const char *base = getenv("TMPDIR");

    if (broker == NULL)
        return NULL;
    (void)snprintf(broker->folder, sizeof(broker->folder), "%.40s/rabbitmq-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(broker->folder) != NULL && launch(broker))
        return broker;
    rabbitmq_free(broker);
    return NULL;
}

const char *rabbitmq_url(const rabbitmq *broker) {
    return broker->url;
}

void rabbitmq_url_through(const rabbitmq *broker, const char *address, char url[RABBITMQ_URL]) {
    (void)snprintf(url, RABBITMQ_URL, "amqp://seckill@%s%s", address, strchr(broker->url, '?'));
}

const char *rabbitmq_address(const rabbitmq *broker) {
    return broker->address;
}

static void reap(rabbitmq *broker) {
    while (broker->script > 0 && waitpid(broker->script, NULL, 0) < 0 && errno == EINTR) {
    }
    broker->script = 0;
    broker->pid = 0;
}

/* The script sees its end, ends what it has started besides, and ends too. */
void rabbitmq_kill(rabbitmq *broker) {
    if (broker->pid > 0)
        kill(broker->pid, SIGKILL);
    reap(broker);
}

bool rabbitmq_restart(rabbitmq *broker) {
    rabbitmq_kill(broker);
    return launch(broker);
}

/* It is no child of ours, so that it cannot be waited for: its state is asked. */
static char state_of(pid_t pid) {
    char path[64], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    const char *behind = strrchr(text, ')');
    return behind != NULL && behind[1] != '\0' ? behind[2] : '?';
}

void rabbitmq_pause(rabbitmq *broker) {
    if (broker->pid > 0 && kill(broker->pid, SIGSTOP) == 0)
        while (state_of(broker->pid) != 'T' && state_of(broker->pid) != '?')
            poll(NULL, 0, 1);
}

void rabbitmq_resume(rabbitmq *broker) {
    if (broker->pid > 0)
        kill(broker->pid, SIGCONT);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void rabbitmq_free(rabbitmq *broker) {
    if (broker == NULL)
        return;
    rabbitmq_resume(broker);
    if (broker->script > 0)
        kill(broker->script, SIGTERM);
    reap(broker);
    if (broker->folder[0] != '\0')
        (void)nftw(broker->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(broker);
}
