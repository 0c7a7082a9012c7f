/* Reading and writing packed data with bounds: big-endian integers and byte ranges.
 *
 * Both have a sticky `failed`: a step past the end (or a value that does not fit) sets it, does nothing else, and so does
 * every step after it. Callers write a whole record without checks and look once, at the end; a failed reader gives zeros and
 * empty ranges, so that nothing is read uninitialised.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_WIRE_H
#define SK_BASE_WIRE_H

#include "seckill/base.h"

#include <stdbool.h>

typedef struct {
    const uint8_t *data;
    size_t size;
    size_t at; /* at <= size always */
    bool failed;
} sk__reader;

typedef struct {
    uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
} sk__writer;

/* A reader of `size` bytes; NULL only with 0. The bytes must outlive it and what sk__read_bytes gives. */
sk__reader sk__reader_of(const void *data, size_t size);

/* The bytes not yet read; 0 after a failure. */
size_t sk__reader_left(const sk__reader *reader);

/* Whether every step succeeded and every byte was read: a record with something behind it is no good record. */
bool sk__reader_done(const sk__reader *reader);

uint8_t sk__read_u8(sk__reader *reader);
uint16_t sk__read_u16(sk__reader *reader);
uint32_t sk__read_u32(sk__reader *reader);
uint64_t sk__read_u48(sk__reader *reader);
uint64_t sk__read_u56(sk__reader *reader);
uint64_t sk__read_u64(sk__reader *reader);

/* The next `size` bytes, inside the reader's buffer. */
seckill_bytes sk__read_bytes(sk__reader *reader, size_t size);

/* Copies the next `size` bytes to `out`; fills it with zeros on failure. */
void sk__read_into(sk__reader *reader, void *out, size_t size);

/* A writer into `size` bytes; NULL only with 0. */
sk__writer sk__writer_of(void *data, size_t size);

/* What was written so far; after a failure, what was written before it. */
seckill_bytes sk__written(const sk__writer *writer);

void sk__write_u8(sk__writer *writer, uint8_t value);
void sk__write_u16(sk__writer *writer, uint16_t value);
void sk__write_u32(sk__writer *writer, uint32_t value);
void sk__write_u48(sk__writer *writer, uint64_t value); /* fails from 2^48 on */
void sk__write_u56(sk__writer *writer, uint64_t value); /* fails from 2^56 on */
void sk__write_u64(sk__writer *writer, uint64_t value);

/* Writes `size` bytes; all of them or none. */
void sk__write_bytes(sk__writer *writer, const void *data, size_t size);

/* Writes a string without its NUL. */
void sk__write_text(sk__writer *writer, const char *text);

/* Writes an integer in decimal. */
void sk__write_decimal(sk__writer *writer, uint64_t value);

/* The next `size` bytes to be filled by the caller, or NULL (and failed) where they do not fit. */
uint8_t *sk__write_space(sk__writer *writer, size_t size);

#endif
