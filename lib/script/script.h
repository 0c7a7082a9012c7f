/* The Lua scripts, embedded at build. What goes into each and what comes out stands at its head in its .lua file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_SCRIPT_H
#define SK_SCRIPT_SCRIPT_H

#include <stddef.h>

#define SK__SCRIPT_MAP(X)                                                                                                      \
    X(reserve)                                                                                                                 \
    X(confirm)                                                                                                                 \
    X(cancel)                                                                                                                  \
    X(refund)                                                                                                                  \
    X(lookup)                                                                                                                  \
    X(enqueue)                                                                                                                 \
    X(poll)                                                                                                                    \
    X(refuse)                                                                                                                  \
    X(queue_process)                                                                                                           \
    X(expire)                                                                                                                  \
    X(survey)                                                                                                                  \
    X(transfer_out)                                                                                                            \
    X(audit)                                                                                                                   \
    X(audit_expirations)                                                                                                       \
    X(audit_events)                                                                                                            \
    X(audit_transfers)                                                                                                         \
    X(audit_queue)                                                                                                             \
    X(preflight)                                                                                                               \
    X(reservations)                                                                                                            \
    X(stock)                                                                                                                   \
    X(load)                                                                                                                    \
    X(events_read)                                                                                                             \
    X(events_repeat)                                                                                                           \
    X(events_ack)                                                                                                              \
    X(define)                                                                                                                  \
    X(map_get)                                                                                                                 \
    X(map_define)                                                                                                              \
    X(map_state)                                                                                                               \
    X(map_purge)                                                                                                               \
    X(plan)                                                                                                                    \
    X(plan_done)                                                                                                               \
    X(purge)                                                                                                                   \
    X(items_add)                                                                                                               \
    X(items_remove)                                                                                                            \
    X(items_list)                                                                                                              \
    X(blacklist_add)                                                                                                           \
    X(blacklist_remove)                                                                                                        \
    X(blacklist_check)                                                                                                         \
    X(blacklist_follow)                                                                                                        \
    X(once)

typedef enum {
#define SK__SCRIPT_ENUM(name) SK__SCRIPT_##name,
    SK__SCRIPT_MAP(SK__SCRIPT_ENUM)
#undef SK__SCRIPT_ENUM
        SK__SCRIPT_COUNT
} sk__script_id;

typedef struct {
    const char *name;
    const char *text;
    const size_t *size; /* in bytes; C11 allows no value of another file here */
    const char *sha1;   /* 40 hexadecimal digits */
} sk__script;

const sk__script *sk__script_of(sk__script_id id);

#endif
