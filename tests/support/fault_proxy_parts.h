/* The parts of fault_proxy.c. What is declared here runs on the proxy's thread, with its lock held.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAULT_PROXY_PARTS_H
#define SK_TESTS_FAULT_PROXY_PARTS_H

#include "fault_proxy.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { REQUESTS, ANSWERS, FAULT_WAYS };

enum { FAULT_LINKS_MAX = 256, FAULT_TEXT_SIZE = 256 };

/* Finds where messages of RESP end, in whatever pieces they come. */
typedef struct {
    uint64_t left; /* values that the message still has; 0: it has not begun */
    uint64_t skip; /* bytes of a string that follow */
    char line[32];
    size_t line_size;
} fault_scan;

/* Reads on; how many of the bytes belong to the message, and whether it is whole with them. */
size_t fault_scan_read(fault_scan *scan, const char *data, size_t size, bool *whole);

typedef struct {
    char *data;
    size_t size, room;
} fault_bytes;

void fault_bytes_add(fault_bytes *bytes, const char *data, size_t size);
void fault_bytes_drop(fault_bytes *bytes, size_t size); /* from the front */
void fault_bytes_free(fault_bytes *bytes);

/* What was read at one time. */
typedef struct fault_chunk {
    struct fault_chunk *next;
    int64_t due_ms;
    size_t size;
    char data[];
} fault_chunk;

/* One direction of a connection: chunks that are not due, a message that is not whole, and what is to be written. */
typedef struct {
    int from, to;
    fault_chunk *first, *last;
    fault_scan scan;
    fault_bytes message, out;
    bool ended; /* nothing more comes */
    bool shut;  /* nothing more is sent */
    bool lost;  /* something was lost here, so all that follows is */
    int64_t cut;
} fault_way;

typedef struct {
    fault_way ways[FAULT_WAYS]; /* requests, answers */
    uint64_t sent, answered;    /* commands */
    bool over;
} fault_link;

/* What the test has set for a direction. */
typedef struct {
    uint32_t delay_ms;
    bool held, swallowed;
    int64_t cut; /* -1: nothing is cut */
} fault_settings;

typedef struct {
    char text[64];
    uint64_t left; /* commands that count, until it stops at the last of them; 0: none */
    fault_moment moment;
    fault_proxy_cb cb;
    void *context;
    const fault_link *link; /* whose answer is waited for, FAULT_BEFORE: whose command waits; NULL: it has not come so far */
    uint64_t answer;
    bool reached; /* only commands before it are still to be answered */
} fault_stop;

typedef struct {
    fault_settings settings[FAULT_WAYS];
    fault_stop stop;
    bool plain; /* what passes is not looked into */
    bool stopped;
    char text[FAULT_TEXT_SIZE]; /* the command at which it stopped */
    uint64_t commands, answers;
} fault_state;

/* What the test wants done to the connections. */
enum { TO_RESET = 1, TO_CLOSE_REQUESTS = 2, TO_CLOSE_ANSWERS = 4 };

struct fault_proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t settled;
    int listener, waker;
    char address[32];
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } server;
    socklen_t server_size;

    /* Under the lock. */
    fault_link *links[FAULT_LINKS_MAX];
    size_t count;
    fault_state state;
    bool refuses, ends;
    int to_do;
    uint64_t asked, done; /* calls of the test, and those that the thread has carried out */
};

int64_t fault_now_ms(void);

/* The thread: ends when `ends` is set. */
void *fault_proxy_run(void *context);

void fault_link_init(fault_link *link, int client, int server, const fault_state *state);
void fault_link_reset(fault_link *link);
void fault_link_close(fault_link *link);
void fault_link_half_close(fault_link *link, int way);

/* Reads what has come. */
void fault_link_receive(fault_link *link, int way, const fault_state *state);
/* Passes on what is due; may stop. */
void fault_link_pass(fault_link *link, fault_state *state);
/* Waits until the client has what is passed on. */
void fault_link_flush(fault_link *link);
/* When something of it is due, or -1. */
int64_t fault_link_due(const fault_link *link, const fault_state *state);

#endif
