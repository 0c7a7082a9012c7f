/* Subjects of the blacklist as scripts and the copy have them: size of the kind, kind, value. An address' value is its 16 bytes
 * (IPv4 as ::ffff:a.b.c.d) and the length of its prefix.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_SUBJECT_H
#define SK_BASE_SUBJECT_H

#include <seckill/blacklist.h>
#include <stdbool.h>

enum {
    SK__ADDRESS_SIZE = 16,
    SK__ADDRESS_BITS = 128,
    SK__NETWORK_TEXT_SIZE = 64, /* bytes that hold the text of any network, with its NUL */
    SK__SUBJECT_SIZE = 1 + SECKILL_KIND_MAX + SECKILL_SUBJECT_MAX
};

#define SK__FOREVER (UINT64_C(0x0000ffffffffffff)) /* ends never: as scripts have it */

typedef struct {
    uint8_t size;
    uint8_t bytes[SK__SUBJECT_SIZE];
} sk__subject;

/* False: no kind, no value, or one that is too long; no address, or one with bits behind its prefix. */
bool sk__subject_of(const seckill_subject *given, sk__subject *out);

/* Whether it is an address; `prefix` gets the length of its prefix. */
bool sk__subject_is_address(const sk__subject *subject, uint8_t *prefix);

/* Makes an address the network of a shorter prefix that it is in. */
void sk__subject_shorten(sk__subject *address, uint8_t prefix);

/* What a subject says, for a caller. `kind` and `text` must outlive `out`; the value points into `bytes`, or to `text`. False:
 * this is no subject. */
bool sk__subject_tell(seckill_bytes bytes, char kind[SECKILL_KIND_MAX + 1], char text[SK__NETWORK_TEXT_SIZE],
                      seckill_subject *out);

#endif
