/* From an address to the IP addresses to try.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io/resolver.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void sk__resolver_init(sk__resolver *resolver, void (*cb)(void *owner, int error), void *owner) {
    memset(resolver, 0, sizeof(*resolver));
    resolver->cb = cb;
    resolver->owner = owner;
}

/* hiredis takes texts. getnameinfo writes the zone of a link-local address too; asked for numbers it never blocks. */
static void keep_candidates(sk__resolver *resolver, const struct addrinfo *found) {
    resolver->count = 0;
    for (; found != NULL && resolver->count < SK__CANDIDATES_MAX; found = found->ai_next) {
        char *text = resolver->candidates[resolver->count];
        if ((found->ai_family == AF_INET || found->ai_family == AF_INET6) &&
            getnameinfo(found->ai_addr, found->ai_addrlen, text, SK__CANDIDATE_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
            resolver->count++;
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found);

static int ask(sk__resolver *resolver) {
    struct addrinfo hints;
    int error;

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    resolver->request.data = resolver;
    error = uv_getaddrinfo(resolver->loop, &resolver->request, on_resolved, resolver->wanted->name, NULL, &hints);
    resolver->asked = error == 0 ? resolver->wanted : NULL;
    return error;
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found) {
    sk__resolver *resolver = request->data;
    bool other = resolver->asked != resolver->wanted;

    resolver->asked = NULL;
    if (error == 0 && !other)
        keep_candidates(resolver, found);
    if (error == 0)
        uv_freeaddrinfo(found);
    if (other)
        error = ask(resolver);
    else if (error == 0 && resolver->count == 0)
        error = UV_EAI_ADDRFAMILY;
    if (resolver->asked == NULL)
        resolver->cb(resolver->owner, error);
}

bool sk__resolver_is_running(const sk__resolver *resolver) {
    return resolver->asked != NULL;
}

int sk__resolver_start(sk__resolver *resolver, uv_loop_t *loop, const sk__address *address) {
    resolver->loop = loop;
    resolver->wanted = address;
    return resolver->asked != NULL ? 0 : ask(resolver);
}

void sk__resolver_cancel(sk__resolver *resolver) {
    if (resolver->asked == NULL)
        return;
    resolver->wanted = resolver->asked;
    (void)uv_cancel((uv_req_t *)&resolver->request);
}
