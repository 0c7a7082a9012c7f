/* What the tests of seckill-front under attack share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_HOSTILE_H
#define SK_TESTS_HOSTILE_H

#include "front_harness.h"

/* A normal request on a kept connection: true where it is answered as it should be. */
bool hostile_asks(int fd);

/* KiB of the front's own memory (VmRSS) now; 0 where that says nothing: with a sanitizer, or under another program. */
int64_t hostile_memory(const front *one);

/* Connects from another address of this machine, such as 127.0.0.2. */
int hostile_connect_from(const front *one, const char *address);

#endif
