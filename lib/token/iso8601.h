/* Times as PASETO's claims write them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_ISO8601_H
#define SK_TOKEN_ISO8601_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SK__ISO8601_SIZE = 24 }; /* "2026-11-22T17:11:21.123Z" */

/* The last millisecond that fits: 9999-12-31T23:59:59.999Z. The first is 0, 1970-01-01T00:00:00.000Z. */
#define SK__ISO8601_MAX INT64_C(253402300799999)

/* Writes a time as "YYYY-MM-DDThh:mm:ss.mmmZ", without a NUL. False, and nothing written: out of range. */
bool sk__iso8601_write(int64_t milliseconds, char text[SK__ISO8601_SIZE]);

/* Reads exactly that form and no other; a date that the calendar has not, or a leap second, is refused. */
bool sk__iso8601_read(const char *text, size_t size, int64_t *milliseconds);

#endif
