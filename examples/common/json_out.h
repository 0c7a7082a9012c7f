/* What the example programs print as JSON: the library's values, always under the same names.
 *
 * Sizes and times are numbers (milliseconds since 1970, `..._ms`); where a person may read it, a time stands beside its number
 * as ISO 8601 text. Out of memory ends the program: nothing is half printed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_JSON_OUT_H
#define SECKILL_EXAMPLES_JSON_OUT_H

#include <jansson.h>
#include <seckill/seckill.h>
#include <stdio.h>

/* New values. */
json_t *json_out_object(void);
json_t *json_out_array(void);

/* Each puts one member into an object. */
void json_out_int(json_t *object, const char *name, int64_t value);
void json_out_text(json_t *object, const char *name, const char *value); /* NULL: null */
void json_out_bool(json_t *object, const char *name, int value);
void json_out_real(json_t *object, const char *name, double value);
void json_out_value(json_t *object, const char *name, json_t *value); /* takes the value over */
void json_out_time(json_t *object, const char *name, int64_t ms);     /* "NAME_ms": number, "NAME": ISO 8601, or null for 0 */
void json_out_bytes(json_t *object, const char *name, seckill_bytes bytes); /* text; where it is no UTF-8, {"hex":"..."} */
void json_out_hex(json_t *object, const char *name, const uint8_t *bytes, size_t size);

/* "status", "class" and "message"; a NULL message is the status' own. */
void json_out_status(json_t *object, seckill_status status, const char *message);

/* Appends to an array; takes the value over. */
void json_out_append(json_t *array, json_t *value);

/* Prints a value and a newline, indented, members in the order in which they were put. */
void json_out_print(FILE *file, const json_t *value);

/* Prints one value inside another: "total.sold", "shards.0.available". Text is printed bare, other values as JSON. Returns 0
 * if there is no such value. */
int json_out_print_field(FILE *file, const json_t *value, const char *path);

#endif
