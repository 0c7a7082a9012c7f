/* A running seckill-front for tests: its own Redis, its own keys, item "sale/phone", and a plain socket to talk to it, since
 * no proper HTTP client sends what these tests have to send.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FRONT_HARNESS_H
#define SK_TESTS_FRONT_HARNESS_H

#include "redis_server.h"
#include "sale.h"

#include <jansson.h>
#include <seckill/seckill.h>

enum { FRONT_PATIENCE_MS = 20000 }; /* how long anything may take before a test fails */

typedef struct {
    redis_server *redis;
    sale sale;
    seckill_keyring *ring;
    char folder[64], keys[128];
    char address[256]; /* where it listens, as it said itself */
    pid_t pid;
    int out;
} front;

/* One answer. `body` is NUL-terminated; `ended`: the peer closed after it, or instead of it (then status is 0). */
typedef struct {
    int status;
    char head[2048];
    char body[65536];
    size_t body_size;
    bool ended;
} front_answer;

/* Starts Redis, defines the item (one shard, one price, `limit` a user) with `units`, and starts a front with these options
 * besides those that it needs, and --user-limit none; NULL ends them. It is ready when this returns. */
front *front_open(int64_t units, uint32_t limit, const char *const *options);

/* The same with more shards. */
front *front_open_shards(int64_t units, uint32_t limit, uint32_t shards, const char *const *options);

/* Starts the front again, after it was killed and waited for. It listens when this returns, and may not be ready yet. */
void front_start(front *one, const char *const *options);

/* SIGTERM, and all that was started goes. The front must end by itself with exit code 0. */
void front_close(front *one);

/* Starts the front's program with any options; `out` is the end of its stdout. */
pid_t front_spawn(const char *const *options, int *out);

/* Waits for the front's end: its exit code, or -1 if it was killed or takes too long. */
int front_wait(pid_t pid);

/* Wait until /healthz answers with this status, until /metrics has this line. False: it took too long. */
bool front_wait_health(const front *one, int status);
bool front_wait_metric(const front *one, const char *line);

/* The number behind a metric's name and labels; -1: there is none. */
int64_t front_metric(const front *one, const char *name);

/* Milliseconds of a clock that does not jump. */
int64_t front_now_ms(void);
void front_sleep_ms(int ms);

/* ---- talking */

int front_connect(const front *one);

/* Sends text; false: the peer is gone. */
bool front_send(int fd, const char *text);
bool front_send_bytes(int fd, const void *data, size_t size);

/* Reads one answer to a request that was not HEAD. What comes behind it stays in the socket. */
void front_read(int fd, front_answer *answer);
void front_read_head(int fd, front_answer *answer); /* to HEAD: no body comes */

/* Closes with a reset: who is gone for good. A connection that is just closed may be one of which only the other half is. */
void front_reset(int fd);

/* True: the peer has closed (or reset) and sends no more. */
bool front_at_end(int fd);

/* Connects, sends, reads one answer, closes. */
void front_exchange(const front *one, const char *text, front_answer *answer);

/* Asks as `user` (NULL: nobody), with a JSON body (NULL: none) and more header lines (NULL: none). Returns the status. */
int front_ask(const front *one, const char *method, const char *path, const char *user, const char *body, const char *fields,
              front_answer *answer);

/* A session token. */
void front_session(const front *one, const char *user, int64_t valid_for_ms, char token[SECKILL_TOKEN_SIZE]);

/* ---- what an answer says: members of its JSON body */

json_t *front_json(const front_answer *answer); /* the caller's */
const char *front_text(const front_answer *answer, const char *name, char text[SECKILL_TOKEN_SIZE]);
int64_t front_number(const front_answer *answer, const char *name); /* INT64_MIN: no such number */
bool front_has_member(const front_answer *answer, const char *name);
bool front_says(const front_answer *answer, int status, const char *code);
bool front_has_field(const front_answer *answer, const char *line); /* a header line, as it stands */

#endif
