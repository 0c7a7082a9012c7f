/* A proxy in front of a Redis server that does what networks do, when the test says so.
 *
 * It runs in a thread of its own, so that clients in the test, in children and in other programs can be put behind it; its
 * calls are for the thread of the test. A program that has started one forks only to exec.
 *
 *     fault_proxy *proxy = fault_proxy_start(redis_server_address(server));
 *     ... connect to fault_proxy_address(proxy) ...
 *     fault_proxy_hold(proxy, FAULT_ANSWERS, true);
 *     ... requests are executed, and nobody hears of it ...
 *     fault_proxy_heal(proxy);
 *     fault_proxy_free(proxy);
 *
 * It knows where commands and answers begin and end, and so can stop everything at the k-th command exactly:
 *
 *     fault_proxy_stop_at(proxy, 17, FAULT_AFTER, kill_it, &pid);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAULT_PROXY_H
#define SK_TESTS_FAULT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fault_proxy fault_proxy;

typedef enum { FAULT_REQUESTS = 1, FAULT_ANSWERS = 2, FAULT_BOTH = 3 } fault_direction;

/* Listens on a free port of 127.0.0.1. `server` is "127.0.0.1:port" or "unix:/path". NULL, with the reason on stderr. */
fault_proxy *fault_proxy_start(const char *server);
/* The same before a server that is no Redis: there are no commands to count or to stop at. */
fault_proxy *fault_proxy_start_plain(const char *server);
/* Ends all connections and the thread. NULL is allowed. */
void fault_proxy_free(fault_proxy *proxy);

/* "127.0.0.1:port" */
const char *fault_proxy_address(const fault_proxy *proxy);

/* ---- what lasts until fault_proxy_heal, for connections that are there and those that come ---- */

/* What is read from now on is passed on so much later. */
void fault_proxy_delay(fault_proxy *proxy, fault_direction direction, uint32_t ms);
/* Nothing is passed on until `held` is false again; then all of it is, as over a network that was split for a while. */
void fault_proxy_hold(fault_proxy *proxy, fault_direction direction, bool held);
/* A black hole: accepts and reads, and nothing of it arrives. A connection that has lost something this way loses all that
 * follows, healed or not. FAULT_ANSWERS alone: requests are executed. */
void fault_proxy_swallow(fault_proxy *proxy, fault_direction direction);
/* Each connection is reset when it has passed on so many more bytes this way, within a command or an answer. */
void fault_proxy_cut(fault_proxy *proxy, fault_direction direction, uint32_t bytes);
/* New connections are accepted and reset at once. */
void fault_proxy_refuse(fault_proxy *proxy);
void fault_proxy_heal(fault_proxy *proxy);

/* ---- what is done to those that are there ---- */

/* Resets them (RST), to both sides. */
void fault_proxy_reset(fault_proxy *proxy);
/* Sends no more this way (FIN); FAULT_ANSWERS: what else is answered is lost. The other way goes on. */
void fault_proxy_half_close(fault_proxy *proxy, fault_direction direction);

/* ---- commands ---- */

typedef enum {
    FAULT_BEFORE, /* the command was not sent to the server */
    FAULT_AFTER,  /* the server has executed it and answered, and the answer was not passed on */
    FAULT_BEHIND  /* the answer was passed on just now */
} fault_moment;

/* The callback runs on the proxy's thread and must not call the proxy. */
typedef void (*fault_proxy_cb)(void *context);

/* Stops at the k-th command from now, 1 the next, counted over all connections in the order in which they are sent to the
 * server; where `text` is not NULL, at the k-th of those with this text in their first bytes (the name, or a script's hash).
 * Those before it have been answered, none behind it was sent. Calls `cb` (NULL: nothing), resets all connections and refuses
 * new ones until fault_proxy_heal. An earlier stop that has not come is forgotten; k 0: none. */
void fault_proxy_stop_at(fault_proxy *proxy, const char *text, uint64_t command, fault_moment moment, fault_proxy_cb cb,
                         void *context);
bool fault_proxy_has_stopped(fault_proxy *proxy);
/* Waits for it; whether it came within so many ms. */
bool fault_proxy_wait_stop(fault_proxy *proxy, uint32_t ms);

/* Commands sent to the server so far, and answers passed on whole. */
uint64_t fault_proxy_commands(fault_proxy *proxy);
uint64_t fault_proxy_answers(fault_proxy *proxy);
/* Connections that are there now. */
size_t fault_proxy_connections(fault_proxy *proxy);

/* The command at which it stopped as it was sent, its first bytes, NUL-terminated, each CRLF a space. */
void fault_proxy_stopped_command(fault_proxy *proxy, char *text, size_t size);

#endif
