/* A loop with a thread of its own, to which any thread hands errands, and waits until they are over.
 *
 * An errand stands on the stack of who waits, so that handing it over allocates nothing. What was handed over while the thread
 * was busy is taken up together. What is over is told at the end of the turn, when whatever it made room for has been sent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_BACKGROUND_H
#define SK_IO_BACKGROUND_H

#include "base/list.h"
#include "base/memory.h"

#include <semaphore.h>

struct uv_loop_s;

typedef struct sk__background sk__background;

/* The first member of what the owner knows of it. */
typedef struct {
    sk__link link;
    sem_t over;
    seckill_status status;
} sk__errand;

typedef struct {
    const seckill_allocator *allocator; /* outlives it */
    const char *name;                   /* of the thread, up to 15 bytes; static */
    /* Both run on the thread. `run` begins an errand; `stop`, once, makes everything that the owner has on the loop go away:
     * the thread ends when the loop is empty. What is under way then, or never began, is SECKILL_CLOSED. */
    void (*run)(sk__errand *errand, void *owner);
    void (*stop)(void *owner);
    void *owner;
} sk__background_config;

/* Makes the loop; what is put onto it before the start need not be locked. SECKILL_NO_MEMORY: also out of descriptors. */
seckill_status sk__background_new(const sk__background_config *config, sk__background **out);
struct uv_loop_s *sk__background_loop(sk__background *self);

/* SECKILL_NO_MEMORY: no thread could be made. */
seckill_status sk__background_start(sk__background *self);

/* Hands an errand over and waits; any thread. Its status, or SECKILL_CLOSED: it was stopped. SECKILL_INVALID: on its own
 * thread. */
seckill_status sk__background_do(sk__background *self, sk__errand *errand);

/* On its thread: an errand is over. */
void sk__background_over(sk__background *self, sk__errand *errand, seckill_status status);

bool sk__background_is_here(const sk__background *self); /* whether this is its thread */

/* Stops, from any thread, and does not wait. */
void sk__background_stop(sk__background *self);

/* Stops, waits until the thread has ended, and frees it. One that never started runs the loop to its end here. */
void sk__background_free(sk__background *self);

#endif
