/* seckill-front: the address that a request comes from, as the limits and the blacklist take it. Pure: no clock, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_PEER_H
#define FRONT_PEER_H

#include "http/request.h"

#include <seckill/seckill.h>

enum {
    PEER_TEXT = 46,        /* bytes of an address with its NUL */
    PEER_NETWORK_TEXT = 50 /* and with /64 */
};

typedef struct {
    char text[PEER_TEXT]; /* as inet_ntop writes it; ::ffff:192.0.2.7 is 192.0.2.7. "": there is none, as of a unix socket */
    uint8_t bytes[16];
    size_t size; /* 4, 16, or 0: there is none */
} peer;

/* Reads an address, nothing before or behind it. False: it is none. */
bool peer_read(http_text text, peer *one);

/* Reads it from the fields of this name, of which a gateway has written the end: the last element of the last one. What stands
 * before it may be the client's own words. NULL: good; else what is wrong. */
const char *peer_read_field(const http_request *request, const char *name, peer *one);

/* What one limit is for: an IPv4 address, or the /64 of an IPv6 address, all of which one subscriber has. */
seckill_bytes peer_network(const peer *one);
void peer_network_text(const peer *one, char text[PEER_NETWORK_TEXT]);

#endif
