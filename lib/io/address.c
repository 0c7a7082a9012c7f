/* Where a Redis server listens, as a text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool copy_name(sk__address *address, const char *from, size_t size, size_t max) {
    if (size == 0 || size > max)
        return false;
    memcpy(address->name, from, size);
    address->name[size] = '\0';
    return true;
}

/* What stands after the host: nothing, or ":port" with 1 to 65535. */
static bool parse_port(const char *text, uint16_t *port) {
    uint32_t number = 0;

    if (*text == '\0') {
        *port = SK__REDIS_PORT;
        return true;
    }
    if (*text++ != ':' || *text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint32_t)(*text - '0');
        if (number > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)number;
    return number != 0;
}

/* An IPv6 address, perhaps with a zone: "fe80::1%eth0". */
static bool is_ipv6(const char *name) {
    char plain[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    size_t size = strcspn(name, "%");

    if (size >= sizeof(plain) || (name[size] == '%' && name[size + 1] == '\0'))
        return false;
    memcpy(plain, name, size);
    plain[size] = '\0';
    return inet_pton(AF_INET6, plain, &parsed) == 1;
}

static bool parse_bracketed(const char *text, sk__address *address) {
    const char *end = strchr(text, ']');

    address->is_numeric = true;
    return end != NULL && copy_name(address, text, (size_t)(end - text), SK__ADDRESS_HOST_MAX) && is_ipv6(address->name) &&
           parse_port(end + 1, &address->port);
}

/* Whether a host name is real is for the resolver to say; this only refuses what was meant to be something else. */
static bool is_host(const char *name) {
    for (; *name != '\0'; name++)
        if ((unsigned char)*name <= ' ' || strchr("/@[]%\"\\\x7f", *name) != NULL)
            return false;
    return true;
}

static bool parse_host(const char *text, sk__address *address) {
    struct in_addr parsed;
    size_t size = strcspn(text, ":");

    if (!copy_name(address, text, size, SK__ADDRESS_HOST_MAX) || !is_host(address->name) ||
        !parse_port(text + size, &address->port))
        return false;
    address->is_numeric = inet_pton(AF_INET, address->name, &parsed) == 1;
    return true;
}

seckill_status sk__address_parse(const char *text, sk__address *address) {
    bool good;

    memset(address, 0, sizeof(*address));
    if (text == NULL)
        return SECKILL_INVALID;
    if (strncmp(text, "unix:", 5) == 0) {
        address->is_unix = true;
        good = text[5] == '/' && copy_name(address, text + 5, strlen(text + 5), SK__ADDRESS_PATH_MAX);
    } else if (*text == '[')
        good = parse_bracketed(text + 1, address);
    else
        good = parse_host(text, address);
    return good ? SECKILL_OK : SECKILL_INVALID;
}

void sk__address_format(const sk__address *address, const char *name, char *text, size_t size) {
    if (name == NULL)
        name = address->name;
    if (address->is_unix)
        (void)snprintf(text, size, "unix:%s", name);
    else if (strchr(name, ':') != NULL)
        (void)snprintf(text, size, "[%s]:%u", name, (unsigned)address->port);
    else
        (void)snprintf(text, size, "%s:%u", name, (unsigned)address->port);
}
