/* See hostile.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

static front_answer answer; /* large: not on the stack */

bool hostile_asks(int fd) {
    static const char request[] = "GET /v1/activities/sale HTTP/1.1\r\nHost: test\r\n\r\n";
    if (!front_send(fd, request))
        return false;
    front_read(fd, &answer);
    return answer.status == 200 && strcmp(answer.body, "{\"activity\":\"sale\",\"items\":[\"phone\"]}") == 0;
}

int64_t hostile_memory(const front *one) {
    char path[64], line[256];
    long long size = 0;
    if (SANITIZED || getenv("SECKILL_TEST_WRAPPER") != NULL)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)one->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && size == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            size = strtoll(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return size;
}

int hostile_connect_from(const front *one, const char *address) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)strtol(strrchr(one->address, ':') + 1, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &from.sin_addr) != 1 ||
        bind(fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        fprintf(stderr, "hostile: %s: %s\n", address, strerror(errno));
        abort();
    }
    return fd;
}
