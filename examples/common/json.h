/* Reading JSON that a stranger sent: an object with known members and nothing else, each of its kind and in its range.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_JSON_H
#define SECKILL_EXAMPLES_JSON_H

#include <jansson.h>
#include <stdint.h>

enum { JSON_TROUBLE = 192 }; /* bytes that hold any sentence of `trouble` */

/* Parses an object. Members that stand twice are refused, and so is what comes behind it. NULL, with a sentence in `trouble`
 * that says where: the text itself is not repeated, as it may hold secrets. */
json_t *json_read_object(const char *text, size_t size, char trouble[JSON_TROUBLE]);

typedef enum { JSON_FIELD_TEXT, JSON_FIELD_WHOLE, JSON_FIELD_BOOL } json_field_kind;

/* A member that may be there. `low` and `high` are the range of a number, or of the bytes of a text. */
typedef struct {
    const char *name;
    json_field_kind kind;
    int required;
    int64_t low, high;
    union { /* gets the value; is left alone where the member is missing */
        struct {
            const char **at; /* valid as long as the object; may hold any UTF-8 but NUL */
            size_t *size;    /* may be NULL */
        } text;
        int64_t *whole;
        int *truth;
    } to;
} json_field;

/* Reads the members. Returns 1, or 0 with a sentence in `trouble`: one is unknown, missing, of another kind or out of range. */
int json_read_fields(json_t *object, const json_field *fields, size_t count, char trouble[JSON_TROUBLE]);

#endif
