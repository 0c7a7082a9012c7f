/* What engine needs from the outside world, and what the world tells engine. lib/io implements it over hiredis and libuv; tests
 * implement it with a script of replies and a clock of their own.
 *
 * All of it runs on one thread. Times are milliseconds of a monotonic clock unless the name says wall.
 */
#ifndef SK_ENGINE_TRANSPORT_H
#define SK_ENGINE_TRANSPORT_H

#include <seckill/client.h>

#include <stdbool.h>

typedef enum {
    SK__REPLY_BYTES,        /* a bulk or simple string; of two bulk strings (CONFIG GET's name and value) the second */
    SK__REPLY_ERROR,        /* an error reply: `bytes` is its text, such as "NOSCRIPT No matching script." */
    SK__REPLY_OTHER,        /* anything else; no script of ours answers so */
    SK__REPLY_UNREPLICATED, /* `lasting`: it was executed, but not enough replicas have said that they have it; `bytes` is why
                             */
    SK__REPLY_LOST          /* no answer will come: connection lost, or command_timeout_ms passed; it may have been executed.
                               `bytes` is the cause for a person */
} sk__reply_kind;

typedef struct {
    sk__reply_kind kind;
    const char *bytes; /* valid during the callback */
    size_t size;
} sk__reply;

typedef void (*sk__reply_cb)(void *context, const sk__reply *reply);

/* One command on its way. */
typedef struct {
    uint32_t slot; /* of its keys: 0 to 16383 */
    bool asking;   /* to the node that the last ASK about this slot named, with ASKING before it */
    bool lasting;  /* answered only once the replicas that the transport was told to wait for have all that it saw and wrote */
    int argc;
    const char *const *argv; /* argc of them, copied */
    const size_t *sizes;
} sk__sending;

typedef struct sk__transport sk__transport;

struct sk__transport {
    /* Which node serves a slot, as far as is known: 0 to SECKILL_NODES_MAX - 1. Cheap. on_moved tells when answers change. */
    uint32_t (*node)(const sk__transport *transport, uint32_t slot);

    /* Sends one command to the node that serves its slot. SECKILL_OK: `cb` runs exactly once, later, never inside this call.
     * SECKILL_UNREACHABLE: that node has no usable connection now; one is being made; nothing was sent; `on_up` will tell.
     * SECKILL_NO_MEMORY: nothing was sent. What the errors MOVED, ASK and READONLY say about nodes the transport has noted when
     * they are called back: the same command sent again (with `asking` after ASK) goes elsewhere. */
    seckill_status (*send)(sk__transport *transport, const sk__sending *sending, sk__reply_cb cb, void *context);

    /* Why the connection to a node is down, for a person; "" while it is up. Valid until the next call. */
    const char *(*trouble)(const sk__transport *transport, uint32_t node);

    /* Writes where a node's server listens into `text` of `size` bytes, as "host:port" or "unix:/path", for a person; "" where
     * that is not known. */
    void (*address)(const sk__transport *transport, uint32_t node, char *text, size_t size);

    /* Asks for one on_turn before the loop waits next. Cheap; repeated calls are one. */
    void (*wake)(sk__transport *transport);

    /* Asks for on_turn at due_ms at the latest, in place of what was asked before; INT64_MAX: not needed. */
    void (*alarm)(sk__transport *transport, int64_t due_ms);

    /* The clocks: monotonic milliseconds (as of this turn of the loop), and milliseconds since 1970. */
    int64_t (*now_ms)(sk__transport *transport);
    int64_t (*wall_ms)(sk__transport *transport);

    /* Monotonic microseconds, as of now: only to measure with. */
    int64_t (*now_us)(sk__transport *transport);
};

/* What the transport calls. Never from inside one of the calls above. */
typedef struct {
    void (*on_turn)(void *owner);              /* asked for by wake, or the alarm is due */
    void (*on_up)(void *owner, uint32_t node); /* its connection became usable */
    /* It is not usable any more, or could not be made; lost replies come first. SECKILL_UNREACHABLE, or SECKILL_DENIED where
     * the login was refused; `cause` is for a person. It is tried again all the same. */
    void (*on_down)(void *owner, uint32_t node, seckill_status status, const char *cause);
    void (*on_moved)(void *owner); /* slots are served by other nodes than before, or a node's number names another server */
} sk__transport_events;

#endif
