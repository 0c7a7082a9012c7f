/* http: what one HTTP server allows its peers. Each is an option of the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include <stdint.h>

typedef struct {
    uint32_t target_bytes;        /* of a request target; beyond: 414 */
    uint32_t header_bytes;        /* of a request line and all header fields, trailers too; beyond: 431 */
    uint32_t body_bytes;          /* beyond: 413 */
    uint32_t requests;            /* on one connection; the last one's answer closes it */
    uint32_t connections;         /* of all servers of the process; beyond: 503 and closed */
    uint32_t address_connections; /* of one address, or one IPv6 network of 64 bits; beyond: 429 and closed; 0: any number */
    uint32_t header_timeout_ms;   /* from the first byte of a request to the end of its header; beyond: 408 and closed */
    uint32_t body_timeout_ms;     /* from there to the end of its body; beyond: 408 and closed */
    uint32_t idle_timeout_ms;     /* without a request; beyond: closed */
    uint32_t write_timeout_ms;    /* for an answer to be taken; beyond: closed */
} http_limits;

#endif
