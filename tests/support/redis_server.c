/* A private Redis server for tests.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* nftw, mkdtemp, prctl, close_range */
#include "redis_server.h"

#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_MS = 20000, COMMAND_S = 10 };

struct redis_server {
    pid_t pid;
    int port;
    char program[256];
    char folder[64];
    char config[96];
    char socket[96];
    char log[96];
    char address[104];
    char tcp_address[32];
    redisContext *connection;
};

static long long now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- what to start */

static bool find_in_path(const char *name, char *found, size_t size) {
    const char *path = getenv("PATH");

    for (const char *at = path != NULL ? path : "/usr/bin"; *at != '\0';) {
        size_t length = strcspn(at, ":");
        (void)snprintf(found, size, "%.*s/%s", (int)length, at, name);
        if (access(found, X_OK) == 0)
            return true;
        at += length;
        if (*at == ':')
            at++;
    }
    return false;
}

static bool find_program(char *found, size_t size) {
    const char *named = getenv("SECKILL_TEST_REDIS");

    if (named != NULL && named[0] == '/') {
        (void)snprintf(found, size, "%s", named);
        return access(found, X_OK) == 0;
    }
    if (named != NULL)
        return find_in_path(named, found, size);
    return find_in_path("redis-server", found, size) || find_in_path("valkey-server", found, size);
}

bool redis_server_available(void) {
    char found[256];

    return find_program(found, sizeof(found));
}

int redis_server_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        port = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

static bool write_config(const redis_server *server, const redis_server_options *options) {
    FILE *file = fopen(server->config, "we");

    if (file == NULL)
        return false;
    fprintf(file, "dir %s\nunixsocket %s\nlogfile %s\n", server->folder, server->socket, server->log);
    fprintf(file, "daemonize no\nprotected-mode no\nbind 127.0.0.1\nport %d\n",
            options->tcp == REDIS_SERVER_TLS ? 0 : server->port);
    if (options->tcp == REDIS_SERVER_TLS)
        fprintf(file, "tls-port %d\n", server->port);
    fprintf(file, "save \"\"\nlatency-tracking no\n");
    if (options->durable)
        fprintf(file, "appendonly yes\nappendfsync always\n");
    for (const char *const *line = options->lines; line != NULL && *line != NULL; line++)
        fprintf(file, "%s\n", *line);
    return fclose(file) == 0;
}

/* ---- its process */

static void show_log(const redis_server *server) {
    char line[512];
    FILE *file = fopen(server->log, "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        fprintf(stderr, "redis_server: %s", line);
    if (file != NULL)
        fclose(file);
}

/* In the child: only calls that are safe after fork in a program with threads. */
static void become_server(redis_server *server, pid_t parent) {
    sigset_t none;
    char *const argv[] = {server->program, server->config, NULL};

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* it died before prctl */
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    close_range(3, ~0U, 0); /* sockets of the test must not stay open in here */
    execv(server->program, argv);
    _exit(127);
}

static void reap(redis_server *server) {
    int status;

    while (server->pid > 0 && waitpid(server->pid, &status, 0) < 0 && errno == EINTR) {
    }
    server->pid = 0;
}

static void hang_up(redis_server *server) {
    if (server->connection != NULL)
        redisFree(server->connection);
    server->connection = NULL;
}

static bool hang_on(redis_server *server) {
    struct timeval limit = {COMMAND_S, 0};

    if (server->connection != NULL && server->connection->err == 0)
        return true;
    hang_up(server);
    server->connection = redisConnectUnix(server->socket);
    if (server->connection == NULL || server->connection->err != 0 || redisSetTimeout(server->connection, limit) != REDIS_OK) {
        hang_up(server);
        return false;
    }
    return true;
}

/* It is ready when it answers anything but that it still loads; "NOAUTH" is an answer. */
static bool answers(redis_server *server) {
    if (!hang_on(server))
        return false;
    redisReply *reply = redisCommand(server->connection, "PING");
    bool ready = reply != NULL && !(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "LOADING", 7) == 0);
    redis_server_forget(reply);
    if (!ready)
        hang_up(server);
    return ready;
}

static bool wait_until_ready(redis_server *server) {
    long long limit = now_ms() + READY_MS;

    while (!answers(server)) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            fprintf(stderr, "redis_server: %s ended at once\n", server->program);
            show_log(server);
            return false;
        }
        if (now_ms() > limit) {
            fprintf(stderr, "redis_server: not ready after %d ms\n", READY_MS);
            show_log(server);
            return false;
        }
        poll(NULL, 0, 2);
    }
    return true;
}

static bool launch(redis_server *server) {
    pid_t parent = getpid();

    unlink(server->socket);
    server->pid = fork();
    if (server->pid == 0)
        become_server(server, parent);
    if (server->pid < 0) {
        perror("redis_server: fork");
        server->pid = 0;
        return false;
    }
    return wait_until_ready(server);
}

/* ---- its life */

static bool settle_paths(redis_server *server, const redis_server_options *options) {
    const char *base = getenv("TMPDIR");

    /* A unix socket's path has at most 107 bytes. */
    if (base == NULL || base[0] != '/' || strlen(base) > sizeof(server->folder) - sizeof("/redis-XXXXXX"))
        base = "/tmp";
    (void)snprintf(server->folder, sizeof(server->folder), "%s/redis-XXXXXX", base);
    if (mkdtemp(server->folder) == NULL) {
        server->folder[0] = '\0';
        return false;
    }
    (void)snprintf(server->config, sizeof(server->config), "%s/redis.conf", server->folder);
    (void)snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->folder);
    (void)snprintf(server->log, sizeof(server->log), "%s/redis.log", server->folder);
    (void)snprintf(server->address, sizeof(server->address), "unix:%s", server->socket);
    if (options->tcp != REDIS_SERVER_NO_TCP) {
        server->port = redis_server_free_port();
        (void)snprintf(server->tcp_address, sizeof(server->tcp_address), "127.0.0.1:%d", server->port);
    }
    return write_config(server, options);
}

redis_server *redis_server_start(const redis_server_options *options) {
    static const redis_server_options none;
    redis_server *server = calloc(1, sizeof(*server));

    if (options == NULL)
        options = &none;
    if (server == NULL || !find_program(server->program, sizeof(server->program))) {
        fprintf(stderr, "redis_server: neither redis-server nor valkey-server is installed\n");
        free(server);
        return NULL;
    }
    if (!settle_paths(server, options) || !launch(server)) {
        redis_server_free(server);
        return NULL;
    }
    return server;
}

static void end_with(redis_server *server, int signal_number) {
    hang_up(server);
    if (server->pid > 0) {
        kill(server->pid, signal_number);
        kill(server->pid, SIGCONT);
        reap(server);
    }
}

void redis_server_kill(redis_server *server) {
    end_with(server, SIGKILL);
}

void redis_server_stop(redis_server *server) {
    end_with(server, SIGTERM);
}

void redis_server_pause(redis_server *server) {
    if (server->pid > 0)
        (void)process_pause(server->pid);
}

void redis_server_resume(redis_server *server) {
    if (server->pid > 0)
        kill(server->pid, SIGCONT);
}

bool redis_server_restart(redis_server *server) {
    redis_server_kill(server);
    return launch(server);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void redis_server_free(redis_server *server) {
    if (server == NULL)
        return;
    redis_server_kill(server);
    if (server->folder[0] != '\0')
        nftw(server->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(server);
}

/* ---- what it is */

const char *redis_server_address(const redis_server *server) {
    return server->address;
}

const char *redis_server_tcp_address(const redis_server *server) {
    return server->port != 0 ? server->tcp_address : NULL;
}

const char *redis_server_socket(const redis_server *server) {
    return server->socket;
}

int redis_server_port(const redis_server *server) {
    return server->port;
}

const char *redis_server_folder(const redis_server *server) {
    return server->folder;
}

pid_t redis_server_pid(const redis_server *server) {
    return server->pid;
}

/* ---- commands */

static redisReply *checked(redis_server *server, redisReply *reply) {
    if (reply == NULL) {
        fprintf(stderr, "redis_server: no answer: %s\n", server->connection->errstr);
        hang_up(server);
    }
    return reply;
}

static redisReply *run(redis_server *server, const char *format, va_list arguments) {
    if (!hang_on(server)) {
        fprintf(stderr, "redis_server: cannot connect to %s\n", server->socket);
        return NULL;
    }
    return checked(server, redisvCommand(server->connection, format, arguments));
}

redisReply *redis_server_command(redis_server *server, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    redisReply *reply = run(server, format, arguments);
    va_end(arguments);
    return reply;
}

redisReply *redis_server_command_argv(redis_server *server, int argc, const char **argv, const size_t *sizes) {
    if (!hang_on(server)) {
        fprintf(stderr, "redis_server: cannot connect to %s\n", server->socket);
        return NULL;
    }
    return checked(server, redisCommandArgv(server->connection, argc, argv, sizes));
}

void redis_server_forget(redisReply *reply) {
    if (reply != NULL)
        freeReplyObject(reply);
}

long long redis_server_integer(redis_server *server, const char *format, ...) {
    va_list arguments;
    long long value = -1;

    va_start(arguments, format);
    redisReply *reply = run(server, format, arguments);
    va_end(arguments);
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        value = reply->integer;
    else if (reply != NULL && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS))
        value = strtoll(reply->str, NULL, 10);
    redis_server_forget(reply);
    return value;
}
