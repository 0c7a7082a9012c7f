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

/* One of a list: copied, as it has no end of its own. */
static seckill_status parse_piece(const char *begin, size_t size, sk__address *address) {
    char piece[SK__ADDRESS_TEXT_MAX + 1];

    while (size > 0 && begin[0] == ' ') {
        begin++;
        size--;
    }
    while (size > 0 && begin[size - 1] == ' ')
        size--;
    if (size == 0 || size >= sizeof(piece))
        return SECKILL_INVALID;
    memcpy(piece, begin, size);
    piece[size] = '\0';
    return sk__address_parse(piece, address);
}

seckill_status sk__address_parse_list(const char *text, sk__address *addresses, uint32_t max, uint32_t *count) {
    *count = 0;
    if (text == NULL)
        return SECKILL_INVALID;
    for (;;) {
        size_t size = strcspn(text, ",");

        if (*count == max || parse_piece(text, size, &addresses[*count]) != SECKILL_OK)
            return SECKILL_INVALID;
        (*count)++;
        if (text[size] == '\0')
            return SECKILL_OK;
        text += size + 1;
    }
}

seckill_status sk__address_from_host(const char *host, size_t size, uint32_t port, sk__address *address) {
    struct in_addr parsed;

    memset(address, 0, sizeof(*address));
    if (port == 0 || port > UINT16_MAX || memchr(host, '\0', size) != NULL ||
        !copy_name(address, host, size, SK__ADDRESS_HOST_MAX))
        return SECKILL_INVALID;
    address->port = (uint16_t)port;
    address->is_numeric = inet_pton(AF_INET, address->name, &parsed) == 1 || is_ipv6(address->name);
    if (address->is_numeric)
        return SECKILL_OK;
    return strchr(address->name, ':') == NULL && is_host(address->name) ? SECKILL_OK : SECKILL_INVALID;
}

bool sk__address_equal(const sk__address *one, const sk__address *other) {
    return one->port == other->port && one->is_unix == other->is_unix && strcmp(one->name, other->name) == 0;
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
