/* Where a Redis server listens, as a text: "host:port", "host", "[v6]:port", "[v6]", "unix:/path".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_ADDRESS_H
#define SK_IO_ADDRESS_H

#include "seckill/status.h"

#include <stdbool.h>

enum {
    SK__ADDRESS_HOST_MAX = 253, /* bytes of a host name */
    SK__ADDRESS_PATH_MAX = 106, /* bytes of a socket's path; hiredis 0.14 leaves the 108th byte of sun_path as it was */
    SK__ADDRESS_TEXT_MAX = SK__ADDRESS_HOST_MAX + 9,
    SK__REDIS_PORT = 6379
};

typedef struct {
    bool is_unix;
    bool is_numeric;                     /* an IP address: nothing to resolve */
    uint16_t port;                       /* 0 for a unix socket */
    char name[SK__ADDRESS_HOST_MAX + 1]; /* host, IP address without brackets, or path */
} sk__address;

/* SECKILL_INVALID: `text` is not of one of the forms; an IPv6 address needs its brackets. */
SECKILL_CHECKED seckill_status sk__address_parse(const char *text, sk__address *address);

/* Writes "host:port", "[v6]:port" or "unix:/path" into `text` of `size` bytes, cut if it does not fit: for people. `name`
 * stands in for the address's own (an address that the name was resolved to); NULL: its own. */
void sk__address_format(const sk__address *address, const char *name, char *text, size_t size);

#endif
