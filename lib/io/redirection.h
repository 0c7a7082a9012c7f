/* What the nodes of a Redis Cluster say about slots: the errors MOVED and ASK, and the lines of CLUSTER NODES. Texts only.
 *
 * Sources: "Redis cluster specification" (redirection and resharding), and the reference of CLUSTER NODES.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_REDIRECTION_H
#define SK_IO_REDIRECTION_H

#include "io/address.h"

enum { SK__SLOTS = 16384 };

typedef enum {
    SK__NO_REDIRECTION,
    SK__MOVED,
    SK__ASK,
    SK__BAD_REDIRECTION /* one of the two, but it cannot be read */
} sk__redirection_kind;

typedef struct {
    uint32_t slot;
    bool names_host; /* else the address is that of the server that said it, with another port */
    sk__address address;
} sk__redirection;

/* Reads an error reply: "MOVED 3999 127.0.0.1:6381", "ASK 3999 ::1:6381" (the last colon is before the port), "MOVED 3999
 * :6381" (the host of the server that says so, `from`). `text` need not be NUL-terminated. */
sk__redirection_kind sk__redirection_read(const char *text, size_t size, const sk__address *from, sk__redirection *redirection);

/* Of CLUSTER NODES one line. */
typedef struct {
    bool serves;         /* a master that has an address: its slots are its own */
    sk__address address; /* where it serves */
    const char *slots;   /* the rest of the line: "0-5460 5462 [77->-id]"; see sk__slot_range_next */
    size_t slots_size;
} sk__node_line;

typedef enum { SK__END, SK__MORE, SK__GARBAGE } sk__reading;

/* Reads the next line from *text of *size, and moves both behind it. `by_name`: a node's host name is taken, where it has one,
 * not its IP address. An address without a host is that of the server that was asked, `from`. */
sk__reading sk__node_line_next(const char **text, size_t *size, const sk__address *from, bool by_name, sk__node_line *line);

/* Takes the next range of slots off the line. Slots on their way ("[77->-id]", "[77-<-id]") are passed over: ASK tells. */
sk__reading sk__slot_range_next(sk__node_line *line, uint32_t *first, uint32_t *last);

#endif
