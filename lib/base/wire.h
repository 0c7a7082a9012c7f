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
#include <string.h>

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

/* The next `size` bytes, or NULL (and failed) where there are fewer. Compared by subtraction, so that no size can overflow. */
static inline const uint8_t *sk__read_space(sk__reader *reader, size_t size) {
    const uint8_t *bytes;

    if (reader->failed || size > reader->size - reader->at) {
        reader->failed = true;
        return NULL;
    }
    bytes = reader->data + reader->at;
    reader->at += size;
    return bytes;
}

/* Inline as the integers are, so that each is one load: they are most of what is read. */
static inline uint64_t sk__read_integer(sk__reader *reader, size_t width) {
    const uint8_t *bytes = sk__read_space(reader, width);
    uint64_t value = 0;

    for (size_t i = 0; bytes != NULL && i < width; i++)
        value = value << 8 | bytes[i];
    return value;
}

static inline uint8_t sk__read_u8(sk__reader *reader) {
    return (uint8_t)sk__read_integer(reader, 1);
}

static inline uint16_t sk__read_u16(sk__reader *reader) {
    return (uint16_t)sk__read_integer(reader, 2);
}

static inline uint32_t sk__read_u32(sk__reader *reader) {
    return (uint32_t)sk__read_integer(reader, 4);
}

static inline uint64_t sk__read_u48(sk__reader *reader) {
    return sk__read_integer(reader, 6);
}

static inline uint64_t sk__read_u56(sk__reader *reader) {
    return sk__read_integer(reader, 7);
}

static inline uint64_t sk__read_u64(sk__reader *reader) {
    return sk__read_integer(reader, 8);
}

/* The next `size` bytes, inside the reader's buffer. */
seckill_bytes sk__read_bytes(sk__reader *reader, size_t size);

/* Copies the next `size` bytes to `out`; fills it with zeros on failure. */
void sk__read_into(sk__reader *reader, void *out, size_t size);

/* A writer into `size` bytes; NULL only with 0. */
sk__writer sk__writer_of(void *data, size_t size);

/* What was written so far; after a failure, what was written before it. */
seckill_bytes sk__written(const sk__writer *writer);

/* The next `size` bytes to be filled by the caller, or NULL (and failed) where they do not fit. */
static inline uint8_t *sk__write_space(sk__writer *writer, size_t size) {
    uint8_t *space;

    if (writer->failed || writer->data == NULL || size > writer->size - writer->at) {
        writer->failed = true;
        return NULL;
    }
    space = writer->data + writer->at;
    writer->at += size;
    return space;
}

/* A value that does not fit fails. */
static inline void sk__write_integer(sk__writer *writer, uint64_t value, size_t width) {
    uint8_t *space;

    if (width < 8 && value >> (8 * width) != 0) {
        writer->failed = true;
        return;
    }
    space = sk__write_space(writer, width);
    for (size_t i = width; space != NULL && i > 0; i--, value >>= 8)
        space[i - 1] = (uint8_t)value;
}

static inline void sk__write_u8(sk__writer *writer, uint8_t value) {
    sk__write_integer(writer, value, 1);
}

static inline void sk__write_u16(sk__writer *writer, uint16_t value) {
    sk__write_integer(writer, value, 2);
}

static inline void sk__write_u32(sk__writer *writer, uint32_t value) {
    sk__write_integer(writer, value, 4);
}

static inline void sk__write_u48(sk__writer *writer, uint64_t value) {
    sk__write_integer(writer, value, 6);
}

static inline void sk__write_u56(sk__writer *writer, uint64_t value) {
    sk__write_integer(writer, value, 7);
}

static inline void sk__write_u64(sk__writer *writer, uint64_t value) {
    sk__write_integer(writer, value, 8);
}

/* Writes `size` bytes; all of them or none. */
static inline void sk__write_bytes(sk__writer *writer, const void *data, size_t size) {
    uint8_t *space = size != 0 ? sk__write_space(writer, size) : NULL;

    if (space != NULL)
        memcpy(space, data, size);
}

/* Writes a string without its NUL. */
void sk__write_text(sk__writer *writer, const char *text);

/* Writes an integer in decimal. */
void sk__write_decimal(sk__writer *writer, uint64_t value);

#endif
