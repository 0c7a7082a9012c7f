/* The listening sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(char trouble[256], const char *wanted, const char *what) {
    snprintf(trouble, 256, "cannot listen on %s: %s", wanted, what);
    return -1;
}

static void close_all(const int *sockets, size_t count) {
    for (size_t i = 0; i < count; i++)
        close(sockets[i]);
}

/* ---- TCP */

/* "host:port" and "[v6]:port" in two parts. */
static int split(const char *wanted, char host[LISTEN_TEXT], char port[8]) {
    const char *colon = strrchr(wanted, ':');
    if (colon == NULL || colon == wanted || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return -1;
    size_t size = (size_t)(colon - wanted);
    int bracketed = wanted[0] == '[' && colon[-1] == ']';
    if ((!bracketed && memchr(wanted, ':', size) != NULL) || size >= LISTEN_TEXT)
        return -1;
    snprintf(host, LISTEN_TEXT, "%.*s", (int)(bracketed ? size - 2 : size), wanted + bracketed);
    snprintf(port, 8, "%s", colon + 1);
    return 0;
}

/* Where a port is not shared, SO_REUSEADDR alone lets two programs bind it; who listens first has it. */
static int bind_one(const struct sockaddr *address, socklen_t size, bool shared) {
    int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) || bind(fd, address, size) != 0 ||
        (!shared && listen(fd, SOMAXCONN) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The first socket may choose the port; the others take the same. */
static int bind_all(const struct addrinfo *info, int *sockets, size_t count, bool shared, listen_address *address) {
    struct sockaddr_storage bound;
    socklen_t size = info->ai_addrlen;
    memcpy(&bound, info->ai_addr, size);
    for (size_t i = 0; i < count; i++) {
        sockets[i] = bind_one((const struct sockaddr *)&bound, size, shared);
        if (sockets[i] < 0 || (i == 0 && getsockname(sockets[0], (struct sockaddr *)&bound, &size) != 0)) {
            close_all(sockets, sockets[i] < 0 ? i : i + 1);
            return -1;
        }
    }
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
        0)
        snprintf(host, sizeof host, "?"), snprintf(port, sizeof port, "?");
    snprintf(address->text, sizeof address->text, bound.ss_family == AF_INET6 ? "[%.200s]:%.16s" : "%.200s:%.16s", host, port);
    return 0;
}

/* Another program's socket would share its port with ours by SO_REUSEPORT if it has the same user and asks for it too; that is
 * wanted while one release of the front replaces another. */
static int bind_tcp(const char *wanted, int *sockets, size_t count, bool shared, listen_address *address, char trouble[256]) {
    char host[LISTEN_TEXT], port[8];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *infos;
    if (split(wanted, host, port) != 0)
        return fail(trouble, wanted, "it is not host:port, [v6]:port or unix:/path");
    int error = getaddrinfo(host, port, &hints, &infos);
    if (error != 0)
        return fail(trouble, wanted, gai_strerror(error));
    int result = -1;
    for (const struct addrinfo *each = infos; each != NULL && result != 0; each = each->ai_next)
        result = bind_all(each, sockets, count, shared, address);
    error = errno;
    freeaddrinfo(infos);
    return result == 0 ? 0 : fail(trouble, wanted, strerror(error));
}

/* ---- unix sockets */

/* Whether a socket file is there that nobody listens on. */
static int is_stale(const struct sockaddr_un *address) {
    struct stat info;
    if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int duplicate(int *sockets, size_t count) {
    for (size_t i = 1; i < count; i++) {
        sockets[i] = fcntl(sockets[0], F_DUPFD_CLOEXEC, 0);
        if (sockets[i] < 0) {
            close_all(sockets, i);
            return -1;
        }
    }
    return 0;
}

static int bind_unix(const char *wanted, int *sockets, size_t count, listen_address *address, char trouble[256]) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = wanted + strlen("unix:");
    if (*path == '\0' || strlen(path) >= sizeof name.sun_path)
        return fail(trouble, wanted, "the path is empty or too long");
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (is_stale(&name))
        unlink(path);
    sockets[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sockets[0] < 0)
        return fail(trouble, wanted, strerror(errno));
    if (bind(sockets[0], (const struct sockaddr *)&name, sizeof name) != 0) {
        int error = errno;
        close(sockets[0]);
        return fail(trouble, wanted, strerror(error));
    }
    if (duplicate(sockets, count) != 0)
        return fail(trouble, wanted, strerror(errno));
    address->is_unix = true;
    address->held = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    snprintf(address->path, sizeof address->path, "%s", path);
    snprintf(address->text, sizeof address->text, "%s", wanted);
    return 0;
}

static int bind_any(const char *wanted, int *sockets, size_t count, bool shared, listen_address *address, char trouble[256]) {
    memset(address, 0, sizeof *address);
    return strncmp(wanted, "unix:", 5) == 0 ? bind_unix(wanted, sockets, count, address, trouble)
                                            : bind_tcp(wanted, sockets, count, shared, address, trouble);
}

int listen_bind(const char *wanted, int *sockets, size_t count, listen_address *address, char trouble[256]) {
    return bind_any(wanted, sockets, count, true, address, trouble);
}

int listen_bind_alone(const char *wanted, int *socket, listen_address *address, char trouble[256]) {
    return bind_any(wanted, socket, 1, false, address, trouble);
}

void listen_remove(const listen_address *address) {
    struct stat ours, there;
    if (!address->is_unix || address->held < 0)
        return;
    if (fstat(address->held, &ours) == 0 && lstat(address->path, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino)
        unlink(address->path);
    close(address->held);
}
