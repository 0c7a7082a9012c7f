/* The blacklist as lines of text: a line in, an entry or a fault out; and the way back. Pure: no clock, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_BLACKLIST_LINES_H
#define SECKILL_CTL_BLACKLIST_LINES_H

#include <jansson.h>
#include <seckill/seckill.h>

enum {
    BLACKLIST_LINE_MAX = 4096, /* bytes of a line */
    BLACKLIST_TROUBLE = 256    /* bytes that hold why a line is no entry */
};

typedef struct {
    char kind[SECKILL_KIND_MAX + 1];
    uint8_t value[SECKILL_SUBJECT_MAX], reason[SECKILL_REASON_MAX];
    size_t value_size, reason_size;
    int64_t until_ms; /* 0: without an end */
} blacklist_line;

enum { BLACKLIST_LINE_FAULT, BLACKLIST_LINE_EMPTY, BLACKLIST_LINE_ENTRY };

/* Reads a line of JSON, without its end:
 *     {"kind":"user","value":"alice","until":"2026-12-01T00:00:00Z","since":"2026-11-01T00:00:00Z","reason":"a bot"}
 * `value` and `reason` may be {"hex":"..."} instead: any bytes. Without `until` it has no end; `since` is ignored. Blanks
 * around it are skipped; nothing, or # and a comment, is BLACKLIST_LINE_EMPTY. A fault is told in `trouble`. */
int blacklist_line_json(const char *data, size_t size, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]);

/* The same of a line that is a value, byte for byte, without the blanks around it: gets the kind, reason and end of `terms`. */
int blacklist_line_plain(const char *data, size_t size, const blacklist_line *terms, blacklist_line *line,
                         char trouble[BLACKLIST_TROUBLE]);

/* Sets kind and value. An address is written in its one form, so that the same network is the same bytes. 0: it is no subject,
 * and `trouble` says why. */
int blacklist_line_name(blacklist_line *line, const char *kind, seckill_bytes value, char trouble[BLACKLIST_TROUBLE]);

/* What the library takes; points into the line. */
seckill_blacklist_entry blacklist_line_entry(const blacklist_line *line);

/* An entry as blacklist_line_json reads it; a new object. */
json_t *blacklist_line_object(const seckill_blacklist_entry *entry);

#endif
