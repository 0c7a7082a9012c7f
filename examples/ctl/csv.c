/* See csv.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "csv.h"

#include "../common/options.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static void begin_cell(csv_out *csv) {
    if (csv->cells++ > 0) {
        fputc(',', csv->file);
    }
}

/* Quoted where it has to be. */
static void put(csv_out *csv, const char *text, size_t size) {
    int quoted = memchr(text, ',', size) || memchr(text, '"', size) || memchr(text, '\n', size) || memchr(text, '\r', size);
    begin_cell(csv);
    if (!quoted) {
        fwrite(text, 1, size, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            fputc('"', csv->file);
        }
        fputc(text[i], csv->file);
    }
    fputc('"', csv->file);
}

void csv_text(csv_out *csv, const char *text) {
    put(csv, text, strlen(text));
}

void csv_number(csv_out *csv, int64_t number) {
    begin_cell(csv);
    fprintf(csv->file, "%" PRId64, number);
}

void csv_time(csv_out *csv, int64_t ms) {
    char text[OPTIONS_TEXT] = "";
    if (ms != 0) {
        options_format_time(ms, text);
    }
    csv_text(csv, text);
}

/* Those of ASCII, and U+0080 to U+009F. */
static int has_controls(const unsigned char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f || (text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0)) {
            return 1;
        }
    }
    return 0;
}

static int is_utf8(const char *text, size_t size) {
    json_t *value = json_stringn(text, size);
    json_decref(value);
    return value != NULL;
}

/* A spreadsheet computes what begins like a formula; spaces before it or behind it are lost on the way. */
static int is_plain(const char *text, size_t size) {
    return size > 0 && !strchr("=+-@ ", text[0]) && text[size - 1] != ' ' && (size < 4 || memcmp(text, "hex:", 4) != 0) &&
           !has_controls((const unsigned char *)text, size) && is_utf8(text, size);
}

void csv_user(csv_out *csv, seckill_bytes user) {
    const unsigned char *bytes = user.data;
    if (is_plain(user.data, user.size)) {
        put(csv, user.data, user.size);
        return;
    }
    begin_cell(csv);
    fputs("hex:", csv->file);
    for (size_t i = 0; i < user.size; i++) {
        fprintf(csv->file, "%02x", bytes[i]);
    }
}

void csv_end(csv_out *csv) {
    fputs("\r\n", csv->file);
    csv->cells = 0;
}
