/* Runs a program and kills it at one of its calls to the system: a crash at each step, in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_KILLED_AT_H
#define SK_TESTS_KILLED_AT_H

#include <stdbool.h>

/* Whether this machine lets one process follow another; where not, the calls below fail the test. */
bool killed_at_available(void);

/* Runs a program with a line of arguments, separated by single spaces, and kills it where it is about to make its n-th call
 * (from 1) that says or keeps something: write, send, connect, sync. False: it ended before; *code gets its exit code. */
bool killed_at(const char *program, const char *line, int n, int *code);

#endif
