/* Reading and writing packed data with bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/wire.h"

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

/* An empty range needs no buffer behind it: adding to NULL would be undefined. */
seckill_bytes sk__read_bytes(sk__reader *reader, size_t size) {
    seckill_bytes none = {NULL, 0};
    if (size == 0)
        return none;
    const uint8_t *data = sk__read_space(reader, size);
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
