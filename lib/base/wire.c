/* Reading and writing packed data with bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/wire.h"

#include <string.h>

sk__reader sk__reader_of(const void *data, size_t size) {
    sk__reader reader = {data, size, 0, data == NULL && size != 0};
    return reader;
}

size_t sk__reader_left(const sk__reader *reader) {
    return reader->failed ? 0 : reader->size - reader->at;
}

bool sk__reader_done(const sk__reader *reader) {
    return !reader->failed && reader->at == reader->size;
}

/* The next bytes, or NULL and failed. Compared by subtraction, so that no size can overflow. */
static const uint8_t *take(sk__reader *reader, size_t size) {
    if (reader->failed || size > reader->size - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->data + reader->at;
    reader->at += size;
    return bytes;
}

static uint64_t read_integer(sk__reader *reader, size_t width) {
    const uint8_t *bytes = take(reader, width);
    if (bytes == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t sk__read_u8(sk__reader *reader) {
    return (uint8_t)read_integer(reader, 1);
}

uint16_t sk__read_u16(sk__reader *reader) {
    return (uint16_t)read_integer(reader, 2);
}

uint32_t sk__read_u32(sk__reader *reader) {
    return (uint32_t)read_integer(reader, 4);
}

uint64_t sk__read_u48(sk__reader *reader) {
    return read_integer(reader, 6);
}

uint64_t sk__read_u56(sk__reader *reader) {
    return read_integer(reader, 7);
}

uint64_t sk__read_u64(sk__reader *reader) {
    return read_integer(reader, 8);
}

/* An empty range needs no buffer behind it: adding to NULL would be undefined. */
seckill_bytes sk__read_bytes(sk__reader *reader, size_t size) {
    seckill_bytes none = {NULL, 0};
    if (size == 0)
        return none;
    const uint8_t *data = take(reader, size);
    if (data == NULL)
        return none;
    seckill_bytes bytes = {data, size};
    return bytes;
}

void sk__read_into(sk__reader *reader, void *out, size_t size) {
    seckill_bytes bytes = sk__read_bytes(reader, size);
    if (size == 0)
        return;
    if (bytes.data == NULL)
        memset(out, 0, size);
    else
        memcpy(out, bytes.data, size);
}

sk__writer sk__writer_of(void *data, size_t size) {
    sk__writer writer = {data, size, 0, data == NULL && size != 0};
    return writer;
}

seckill_bytes sk__written(const sk__writer *writer) {
    seckill_bytes bytes = {writer->data, writer->at};
    return bytes;
}

uint8_t *sk__write_space(sk__writer *writer, size_t size) {
    if (writer->failed || writer->data == NULL || size > writer->size - writer->at) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *space = writer->data + writer->at;
    writer->at += size;
    return space;
}

static void write_integer(sk__writer *writer, uint64_t value, size_t width) {
    if (width < 8 && value >> (8 * width) != 0) {
        writer->failed = true;
        return;
    }
    uint8_t *space = sk__write_space(writer, width);
    if (space == NULL)
        return;
    for (size_t i = width; i > 0; i--, value >>= 8)
        space[i - 1] = (uint8_t)value;
}

void sk__write_u8(sk__writer *writer, uint8_t value) {
    write_integer(writer, value, 1);
}

void sk__write_u16(sk__writer *writer, uint16_t value) {
    write_integer(writer, value, 2);
}

void sk__write_u32(sk__writer *writer, uint32_t value) {
    write_integer(writer, value, 4);
}

void sk__write_u48(sk__writer *writer, uint64_t value) {
    write_integer(writer, value, 6);
}

void sk__write_u56(sk__writer *writer, uint64_t value) {
    write_integer(writer, value, 7);
}

void sk__write_u64(sk__writer *writer, uint64_t value) {
    write_integer(writer, value, 8);
}

void sk__write_bytes(sk__writer *writer, const void *data, size_t size) {
    if (size == 0)
        return;
    uint8_t *space = sk__write_space(writer, size);
    if (space != NULL)
        memcpy(space, data, size);
}

void sk__write_text(sk__writer *writer, const char *text) {
    sk__write_bytes(writer, text, strlen(text));
}

void sk__write_decimal(sk__writer *writer, uint64_t value) {
    char digits[20]; /* 2^64 - 1 has 20 */
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    sk__write_bytes(writer, digits + at, sizeof digits - at);
}
