/* An op: one request of one user, from the public call to its callback.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_OP_H
#define SK_ENGINE_OP_H

#include "engine/item.h"
#include "script/record.h"

#include <seckill/queue.h>

typedef struct sk__batch sk__batch;

/* What only some kinds say. */
typedef union {
    int64_t price; /* confirm */
    struct {
        uint64_t epoch, n;
    } place;               /* poll */
    seckill_status reason; /* refuse */
} sk__about;

/* The first members are all that there is of one which is refused from memory. */
struct seckill_op {
    union {              /* where it waits: in one place at a time */
        sk__waiter line; /* the item's line, then its shard's; then in none, as its batch carries it */
        sk__want want;   /* of units, while its shard is short of them */
    };
    seckill_item *item;
    union {
        seckill_result_cb result;
        seckill_lookup_cb lookup;
        seckill_ticket_cb ticket;
    } cb; /* NULL: detached */
    void *user_data;
    uint8_t kind; /* sk__op_kind */
    uint8_t user_size, ref_size;
    bool one_record : 1;  /* lookup: only `id` */
    bool again : 1;       /* enqueue: it stood in the queue before */
    bool may_be_done : 1; /* a batch that carried it was lost */
    bool proven : 1;      /* confirm: its shard's proof holds for it */
    bool ordered : 1;     /* confirm: its order stands */
    bool listed : 1;      /* reserve, enqueue: its user is blacklisted: only what was granted before is his */
    sk__timer deadline;
    sk__line *at;     /* its shard's line, where it stands or stood last; NULL: none yet */
    sk__batch *batch; /* that carries it, or NULL */
    uint64_t sequence;
    int64_t begun_us;
    int64_t time_ms; /* reserve, enqueue, refuse: created; poll, enqueue again: since when it waits; confirm: the end of its
                        token */
    sk__about about;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    uint32_t quantity;
    uint32_t place;  /* in its batch */
    uint8_t bytes[]; /* the user, then the order reference */
};

/* When a request was made that no item is to serve any more. */
enum { SK__ALWAYS_TOO_OLD = 1 };

/* What a public call wants of an op. `bytes` are copied. */
typedef struct {
    sk__op_kind kind;
    seckill_bytes user, order_ref;
    const uint8_t *id; /* NULL: zero */
    uint32_t quantity;
    int64_t time_ms;
    sk__about about;
    bool one_record;
    bool ordered;        /* confirm: its order stands */
    bool listed;         /* reserve, enqueue: its user is blacklisted */
    uint32_t timeout_ms; /* 0: the engine's */
    seckill_result_cb result_cb;
    seckill_lookup_cb lookup_cb;
    seckill_ticket_cb ticket_cb;
    void *user_data;
} sk__op_wish;

/* Starts an op. SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED: nothing was started. */
seckill_status sk__op_start(seckill_item *item, const sk__op_wish *wish, seckill_op **op_or_null);

/* Whether a reserve that was never sent before can be refused from memory; `status` gets how. */
bool sk__op_is_foreseen(seckill_item *item, uint32_t quantity, seckill_status *status);

/* Starts a reserve or an enqueue that is refused from memory, with the same errors. Of the two callbacks the other is NULL. */
seckill_status sk__op_start_refused(seckill_item *item, seckill_status status, seckill_result_cb result_cb,
                                    seckill_ticket_cb ticket_cb, void *user_data, seckill_op **op_or_null);

/* Whether the client follows the blacklist, and it has this user. */
bool sk__is_listed(const seckill_item *item, seckill_bytes user);

/* Calls back who was refused from memory. In a turn. */
void sk__ops_refuse(sk__engine *engine);

/* Its shard says that it has not the units; another may. */
void sk__op_short(seckill_op *op);

/* The end of an op without a record: calls back and frees it. */
void sk__op_fail(seckill_op *op, seckill_status status, const char *cause);

/* The end of an op with the answer of its script. */
void sk__op_answer(seckill_op *op, const sk__answer *answer);

/* The same for those of the queue; `shard` is its home, whose queue stood at `progress`. */
void sk__op_placed(seckill_op *op, const sk__answer *answer, const sk__shard *shard, const sk__progress *progress);

/* The end of a lookup. */
void sk__op_found(seckill_op *op, int64_t now_ms, const sk__record *records, size_t count);

/* The number of the shard that has its user; the item has its map. */
uint32_t sk__home_of(const seckill_op *op);

/* Whether it polls a request that waits in a queue of the shop's own. */
bool sk__op_is_outside(const seckill_op *op);

/* The ticket of a request that stands at `place`; the item has its map. */
void sk__ticket_make(const seckill_item *item, seckill_bytes user, const uint8_t id[SECKILL_RESERVATION_ID_SIZE],
                     uint32_t quantity, const sk__place *place, seckill_ticket *ticket);

seckill_bytes sk__op_user(const seckill_op *op);
seckill_bytes sk__op_order_ref(const seckill_op *op);

#endif
