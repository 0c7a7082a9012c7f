/* What engine needs from the outside world, and what the world tells engine. lib/io implements it over hiredis and libuv; tests
 * implement it with a script of replies and a clock of their own.
 *
 * All of it runs on one thread. Times are milliseconds of a monotonic clock unless the name says wall.
 */
#ifndef SK_ENGINE_TRANSPORT_H
#define SK_ENGINE_TRANSPORT_H

#include <seckill/status.h>

typedef enum {
    SK__REPLY_BYTES, /* a bulk or simple string */
    SK__REPLY_ERROR, /* an error reply: `bytes` is its text, such as "NOSCRIPT No matching script." */
    SK__REPLY_OTHER, /* anything else; no script of ours answers so */
    SK__REPLY_LOST   /* no answer will come: connection lost, or command_timeout_ms passed; it may have been executed.
                        `bytes` is the cause for a person */
} sk__reply_kind;

typedef struct {
    sk__reply_kind kind;
    const char *bytes; /* valid during the callback */
    size_t size;
} sk__reply;

typedef void (*sk__reply_cb)(void *context, const sk__reply *reply);

typedef struct sk__transport sk__transport;

struct sk__transport {
    /* Sends one command to the node that serves `slot`; the arguments are copied. SECKILL_OK: `cb` runs exactly once, later,
     * never inside this call. SECKILL_UNREACHABLE: there is no usable connection now; nothing was sent; `on_up` will tell.
     * SECKILL_NO_MEMORY: nothing was sent. */
    seckill_status (*send)(sk__transport *transport, uint32_t slot, int argc, const char *const *argv, const size_t *sizes,
                           sk__reply_cb cb, void *context);

    /* Asks for one on_turn before the loop waits next. Cheap; repeated calls are one. */
    void (*wake)(sk__transport *transport);

    /* Asks for on_turn at due_ms at the latest, in place of what was asked before; INT64_MAX: not needed. */
    void (*alarm)(sk__transport *transport, int64_t due_ms);

    /* The clocks: monotonic milliseconds (as of this turn of the loop), and milliseconds since 1970. */
    int64_t (*now_ms)(sk__transport *transport);
    int64_t (*wall_ms)(sk__transport *transport);
};

/* What the transport calls. Never from inside one of the calls above. */
typedef struct {
    void (*on_turn)(void *owner); /* asked for by wake, or the alarm is due */
    void (*on_up)(void *owner);   /* a connection became usable */
    /* It is not usable any more, or could not be made; lost replies come first. SECKILL_UNREACHABLE, or SECKILL_DENIED where
     * the login was refused; `cause` is for a person. It is tried again all the same. */
    void (*on_down)(void *owner, seckill_status status, const char *cause);
} sk__transport_events;

#endif
