/* The listening sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

enum { LISTEN_TEXT = 256 };

typedef struct {
    bool is_unix;
    char path[108];         /* of a unix socket */
    int held;               /* its file, open so that no other one gets its inode's number; -1: not known */
    char text[LISTEN_TEXT]; /* the address as a person would type it, with the port that was chosen */
} listen_address;

/* Binds `count` sockets to one address: on TCP each is a socket of its own with SO_REUSEPORT, so that the kernel spreads
 * connections over them; a unix socket is one, duplicated. A unix socket that nobody serves any more is replaced. 0, or -1 with
 * a sentence in `trouble` (256 bytes). */
int listen_bind(const char *wanted, int *sockets, size_t count, listen_address *address, char trouble[256]);

/* The same for one socket whose TCP address nobody else may have at the same time: it is refused where another program listens
 * already, whatever that one allows. */
int listen_bind_alone(const char *wanted, int *socket, listen_address *address, char trouble[256]);

/* Removes a unix socket's name, unless a successor has taken it since this one stopped listening. */
void listen_remove(const listen_address *address);

#endif
