/* A host as view.h means it: plain connections of hiredis, nothing else of the library's. It sends what the library has
 * written, and does what an error says: text, MOVED, ASK; who serves a slot it learns by that alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_VIEW_HOST_H
#define SK_TESTS_VIEW_HOST_H

#include "rules_fixture.h"
#include "sale_queue.h"

#include <hiredis/hiredis.h>
#include <seckill/view.h>

enum { HOST_NODES = 16, HOST_ADDRESS = 128 };

typedef struct {
    char address[HOST_ADDRESS]; /* "unix:/path" or "host:port" */
    redisContext *connection;   /* NULL: none is open */
} host_node;

typedef struct {
    host_node nodes[HOST_NODES]; /* the first are where to begin */
    size_t count, seeds;
    size_t of_slot[SECKILL_SLOTS];
    seckill_command *command;
    unsigned texts, moved, asked, later, lost; /* how often each was done */
    seckill_reply_error error;                 /* the last */
} view_host;

/* One more to begin with: "unix:/path" or "host:port". */
void view_host_open(view_host *host);
void view_host_seed(view_host *host, const char *address);
void view_host_close(view_host *host);

/* Writes a command. */
typedef seckill_status (*host_write)(const void *what, uint32_t flags, seckill_command *command);

/* Sends it until it is answered. NULL: host->error says what is to be done that is not the host's (THEN_ASK_ITEM, THEN_GIVE_UP,
 * or THEN_TRY_LATER after many trials). The caller frees the reply. */
redisReply *view_host_ask(view_host *host, host_write write, const void *what);

/* ---- whole reads ---- */

/* SECKILL_OK, what taking it said, or the status of the error. */
seckill_status view_host_item(view_host *host, seckill_view *view);
/* One round over all shards; a shard that cannot be read is left out. */
seckill_status view_host_round(view_host *host, seckill_view *view, int64_t now_ms);
seckill_status view_host_ticket(view_host *host, seckill_view *view, const seckill_ticket *ticket, seckill_view_ticket *told);
seckill_status view_host_user(view_host *host, seckill_view *view, const char *user, seckill_reservation *reservations,
                              seckill_reservation_ref *refs, uint32_t *count);
/* Findings are without reasons: they are gone with the reply. */
seckill_status view_host_listed(view_host *host, const seckill_subject *subjects, size_t count,
                                seckill_blacklist_finding *findings);

/* ---- held against a client's own calls ---- */

/* The view as it is known says of the item what the client reads now. */
void view_assert_item(const seckill_view *view, sale *client);
void view_assert_stock(const seckill_view *view, sale *client);
void view_assert_ticket(view_host *host, seckill_view *view, const seckill_ticket *ticket, sale *client);
void view_assert_user(view_host *host, seckill_view *view, const char *user, sale *client);

#endif
