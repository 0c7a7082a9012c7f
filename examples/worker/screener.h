/* The list of refused users that the deciders ask: read at the start, and again on SIGHUP. Loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_SCREENER_H
#define SECKILL_WORKER_SCREENER_H

#include "screening.h"

#include <uv.h>

typedef struct {
    const char *path; /* NULL: nobody is refused, and SIGHUP does what it always does */
    screening *list;  /* replaced from one turn of the loop to another */
    uv_signal_t signal;
    uv_work_t work;
    bool reading, again, stopped;
    screening *fresh; /* what was read, or NULL and why */
    char trouble[SCREENING_TROUBLE];
} screener;

/* Reads the file and begins to watch for SIGHUP. False: the file cannot be used; it is logged. Call screener_stop in any case.
 */
bool screener_start(screener *screener, uv_loop_t *loop, const char *path);

/* Closes what keeps the loop alive. */
void screener_stop(screener *screener);

/* After the loop has ended. */
void screener_free(screener *screener);

#endif
