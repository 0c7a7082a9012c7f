/* An allocator that fails when it is told to, and counts what is not given back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FAILING_MEMORY_H
#define SK_TESTS_FAILING_MEMORY_H

#include <seckill/client.h>
#include <stdbool.h>

typedef struct {
    size_t made;        /* allocations asked for, the failed ones included */
    size_t fail_at;     /* the one that fails, 1 the first; 0: none */
    size_t outstanding; /* blocks that are not given back */
    size_t fail_more;   /* that follow and fail too */
    bool fail_on;       /* all that follow fail too */
} failing_memory;

/* For a client's options; `memory` must outlive the client. */
seckill_allocator failing_memory_allocator(failing_memory *memory);

#endif
