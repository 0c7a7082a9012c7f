/* The public client: the engine and its io, and how they close.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_CLIENT_CLIENT_H
#define SK_CLIENT_CLIENT_H

#include "engine/engine.h"
#include "engine/op.h"
#include "io/io.h"

struct seckill_client {
    seckill_allocator allocator;
    sk__log log;
    sk__io *io;
    sk__engine *engine;
    bool closing;     /* asked for; done in the next turn */
    bool io_closing;  /* under way */
    bool closed;      /* engine and io are gone */
    bool dispatching; /* by a host with a loop of its own */
    seckill_close_cb close_cb;
    void *close_user_data;
};

/* Copies what the caller's struct_size covers over the defaults, then checks. `out` keeps the caller's pointers. */
seckill_status sk__client_options_complete(const seckill_client_options *options, seckill_client_options *out);

/* Copies a caller's options of any release over `defaults`: what struct_size covers, if it is not larger than ours or has only
 * zeros beyond. False: NULL, or an impossible size. */
bool sk__options_copy(void *out, size_t out_size, const void *options);

/* Copies what is known to a caller's structure of any release, as far as its struct_size leaves room; that becomes the size
 * that was filled. SECKILL_INVALID: NULL, or an impossible size. */
seckill_status sk__struct_fill(void *out, void *all, size_t all_size);

/* Whether a caller's structure can have this size, where ours has `known`. */
bool sk__struct_size_valid(size_t size, size_t known);

/* Bytes of 1 to max, or from 0 where `may_be_empty`. */
bool sk__bytes_valid(seckill_bytes bytes, size_t max, bool may_be_empty);

/* NULL, or complete. */
bool sk__allocator_valid(const seckill_allocator *allocator);

/* A deadline that may be left to the client. */
bool sk__timeout_valid(uint32_t timeout_ms);

/* Whether a point in time, a number of units, and the names that a token gives are acceptable. */
bool sk__time_valid(int64_t time_ms);
bool sk__quantity_valid(uint32_t quantity);
bool sk__names_item(const char *activity, const char *item, const char given_activity[SECKILL_ID_MAX + 1],
                    const char given_item[SECKILL_ID_MAX + 1]);

/* Whether a caller's ticket is one, of this item. */
bool sk__ticket_valid(const seckill_ticket *ticket, const char *activity, const char *item);

/* Begins what an op is told, all else zero. */
void sk__wish_begin(sk__op_wish *wish, sk__op_kind kind, seckill_bytes user, uint32_t timeout_ms, void *user_data);

/* What reserve, enqueue and refuse have in common: copies and checks the options; false: SECKILL_INVALID. Then starts the op,
 * with its reservation's id. `wish` has the callback. */
bool sk__units_given(const seckill_item *item, const seckill_reserve_options *options, bool has_callback,
                     seckill_reserve_options *given);
uint32_t sk__units_quantity(const seckill_reserve_options *given);
int64_t sk__units_created(const seckill_item *item, const seckill_reserve_options *given);
seckill_status sk__units_start(seckill_item *item, const seckill_reserve_options *given, sk__op_wish *wish, seckill_op **op);

#endif
