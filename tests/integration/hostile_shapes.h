/* Requests that somebody made up to have two servers read them differently, to reach what is hidden, or to break something;
 * and some that look odd and are right.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_HOSTILE_SHAPES_H
#define SK_TESTS_HOSTILE_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *what, *text;
    size_t size; /* of the text, which may hold NULs */
    int status;  /* of the answer; from 400 on with `refused`: the connection is closed behind it */
    bool refused;
} hostile_shape;

extern const hostile_shape hostile_shapes[];
extern const size_t hostile_shape_count;

/* What stands behind each: a request of its own, which is answered with 404 `no_such_path`. */
extern const char hostile_marker[];

#endif
