/* Which byte ranges are text.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_UTF8_H
#define SK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are well-formed UTF-8 (no overlong form, no surrogate, nothing past U+10FFFF) without control characters
 * (U+0000 to U+001F, U+007F to U+009F). An empty range is. Source: The Unicode Standard, table 3-7. */
bool sk__utf8_printable(const void *data, size_t size);

#endif
