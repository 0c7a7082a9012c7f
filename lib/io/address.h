/* Where a Redis server listens, as a text: "host:port", "host", "[v6]:port", "[v6]", "unix:/path"; or several of these.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_ADDRESS_H
#define SK_IO_ADDRESS_H

#include "seckill/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Reads 1 to `max` addresses with commas between them and blanks around. SECKILL_INVALID: one is malformed, empty, or too many.
 */
SECKILL_CHECKED seckill_status sk__address_parse_list(const char *text, sk__address *addresses, uint32_t max, uint32_t *count);

/* From a host name or an IP address (IPv6 without brackets), which need not be NUL-terminated. SECKILL_INVALID. */
SECKILL_CHECKED seckill_status sk__address_from_host(const char *host, size_t size, uint32_t port, sk__address *address);

bool sk__address_equal(const sk__address *one, const sk__address *other);

/* Writes "host:port", "[v6]:port" or "unix:/path" into `text` of `size` bytes, cut if it does not fit: for people. `name`
 * stands in for the address's own (an address that the name was resolved to); NULL: its own. */
void sk__address_format(const sk__address *address, const char *name, char *text, size_t size);

#endif
