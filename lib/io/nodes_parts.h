/* What the files that are the nodes share: nodes.c (connections), nodes_look.c (what is known of them), follow.c (what replies
 * say about the cluster) and refresh.c (asking for its map).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_NODES_PARTS_H
#define SK_IO_NODES_PARTS_H

#include "io/cluster.h"
#include "io/lasting.h"
#include "io/nodes.h"

typedef enum { PLAIN, LASTING, KINDS } sk__lane_kind;

typedef struct sk__peer sk__peer;

typedef struct {
    sk__peer *node;
    sk__lane_kind kind;
    sk__connection *connection; /* NULL: none yet, or not closed completely */
    bool closing;               /* it is not closed completely */
    bool wanted;                /* asked for meanwhile */
    bool down;                  /* it could not be made, or was lost; not that it was never tried */
} sk__lane;

struct sk__peer {
    sk__nodes *nodes;
    uint32_t number;
    sk__lane lanes[KINDS];
};

/* Asking for the map of the cluster. */
typedef struct {
    uv_timer_t timer;
    bool wanted;
    bool asking;      /* an answer is outstanding */
    bool ever;        /* it was asked for at all */
    bool starved;     /* nobody was there to be asked */
    bool refused;     /* we may not ask; until a connection is up again MOVED alone has to do */
    bool told;        /* that an answer was of no use; until one is */
    uint32_t tries;   /* in a row that brought nothing new */
    uint32_t vain;    /* answers in a row that were of no help while a server was down */
    int64_t last_ms;  /* when it was asked for */
    uint32_t next;    /* whom to ask first: all take turns */
    uint32_t suspect; /* whom to ask last; SECKILL_NODES_MAX: nobody */
    uint32_t asked;   /* who is being asked */
} sk__refresh;

struct sk__nodes {
    sk__nodes_config config;
    sk__address seeds[SECKILL_SEEDS_MAX];
    char *user, *password;
    sk__lasting lasting;
    uv_loop_t *loop;
    sk__peer *nodes[SECKILL_NODES_MAX];
    uint32_t end;         /* no number from this one on has a node */
    sk__cluster *cluster; /* NULL: one server has all slots */
    sk__refresh refresh;
    bool moved;        /* on_moved is due */
    bool some_gone;    /* servers may be forgotten */
    bool nobody_asked; /* for slots of a server that has no number: on_down is due */
    bool crowded;      /* that was logged */
    bool closing;
    bool timer_closed;
    uint64_t connections_before; /* of connections that are closed */
    uint64_t redirections;
};

/* ---- nodes.c */

int64_t sk__nodes_now_ms(const sk__nodes *nodes);

/* The connection that is to be used, made if need be. NULL: out of memory, or one is still closing; `*status` says which. */
sk__connection *sk__nodes_demand(sk__nodes *nodes, uint32_t number, sk__lane_kind kind, seckill_status *status);

/* Asks for a turn. */
void sk__nodes_wish(const sk__nodes *nodes);

/* ---- nodes_look.c */

/* Whether a server has slots that somebody has asked for; whether one of those is down. */
bool sk__nodes_need(const sk__nodes *nodes, uint32_t number);
bool sk__nodes_lack_one(const sk__nodes *nodes);

/* ---- follow.c */

/* Takes note of what an error reply says about who serves what. */
void sk__follow_error(sk__lane *from, const char *text, size_t size);

/* A connection was lost, or could not be made. */
void sk__follow_down(sk__lane *lost);

/* What has become of the map. */
void sk__follow_news(sk__nodes *nodes, sk__news news);

/* ---- refresh.c */

void sk__refresh_start(sk__nodes *nodes);

/* Wants the map of the cluster, soon. `suspect` is not asked if another can be; SECKILL_NODES_MAX: nobody. */
void sk__refresh_want(sk__nodes *nodes, uint32_t suspect);

/* A connection is up: who waits for one to ask may go on, and who was refused may ask again. */
void sk__refresh_up(sk__nodes *nodes);

#endif
