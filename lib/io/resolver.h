/* From an address to the IP addresses to try, without blocking the loop.
 *
 * One question at a time: the thread that asks cannot be stopped, so a question that took too long is waited for by the next
 * attempt instead of being asked again, and an unreachable name server never holds more than one of libuv's threads. Where the
 * next attempt is at another name, that is asked for when the first question has ended.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_RESOLVER_H
#define SK_IO_RESOLVER_H

#include "io/address.h"

#include <uv.h>

enum {
    SK__CANDIDATES_MAX = 8, /* of a host with more addresses the first ones are tried */
    SK__CANDIDATE_SIZE = 64 /* an IPv6 address with a zone */
};

typedef struct {
    uv_getaddrinfo_t request;
    uv_loop_t *loop;
    const sk__address *asked, *wanted; /* asked is NULL while nothing is under way */
    uint32_t count;
    char candidates[SK__CANDIDATES_MAX][SK__CANDIDATE_SIZE]; /* numeric */
    void (*cb)(void *owner, int error);
    void *owner;
} sk__resolver;

void sk__resolver_init(sk__resolver *resolver, void (*cb)(void *owner, int error), void *owner);

bool sk__resolver_is_running(const sk__resolver *resolver);

/* Asks for the addresses of a host; `cb` runs later, with 0 and `candidates` filled, or with libuv's error. A question that is
 * still under way is joined. An error of libuv: nothing was asked, `cb` does not run. `address` outlives the resolver. */
int sk__resolver_start(sk__resolver *resolver, uv_loop_t *loop, const sk__address *address);

/* Ends what can be ended; where something was running `cb` still runs, once. */
void sk__resolver_cancel(sk__resolver *resolver);

#endif
