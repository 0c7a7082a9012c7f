/* See json.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *cause(enum json_error_code code) {
    switch (code) {
    case json_error_duplicate_key:
        return "a member stands twice";
    case json_error_invalid_utf8:
        return "this is not UTF-8";
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "the object is over, but more text follows";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL is not taken";
    case json_error_stack_overflow:
        return "it is nested too deeply";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return "this is not well-formed JSON";
    }
}

json_t *json_read_object(const char *text, size_t size, char trouble[JSON_TROUBLE]) {
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        snprintf(trouble, JSON_TROUBLE, "line %d, column %d: %s", error.line, error.column, cause(json_error_code(&error)));
        return NULL;
    }
    if (!json_is_object(value)) {
        snprintf(trouble, JSON_TROUBLE, "line 1, column 1: an object is wanted");
        json_decref(value);
        return NULL;
    }
    return value;
}

/* The member's name is the sender's; it is repeated only if it is short and plain. */
static int refuse_unknown(const char *name, char trouble[JSON_TROUBLE]) {
    int plain = strlen(name) <= 32;
    for (const char *at = name; *at != '\0'; at++)
        plain = plain && ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z' ? 1 : *at == '_');
    if (plain)
        snprintf(trouble, JSON_TROUBLE, "there is no member \"%s\"", name);
    else
        snprintf(trouble, JSON_TROUBLE, "there is a member of an unknown name");
    return 0;
}

static int all_known(json_t *object, const json_field *fields, size_t count, char trouble[JSON_TROUBLE]) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        size_t i = 0;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        if (i == count)
            return refuse_unknown(name, trouble);
    }
    return 1;
}

static int read_text(const json_field *field, const json_t *value, char trouble[JSON_TROUBLE]) {
    size_t size = json_string_length(value);
    if (!json_is_string(value) || (int64_t)size < field->low || (int64_t)size > field->high) {
        snprintf(trouble, JSON_TROUBLE, "\"%s\" must be a text of %" PRId64 " to %" PRId64 " bytes", field->name, field->low,
                 field->high);
        return 0;
    }
    *field->to.text.at = json_string_value(value);
    if (field->to.text.size != NULL)
        *field->to.text.size = size;
    return 1;
}

static int read_whole(const json_field *field, const json_t *value, char trouble[JSON_TROUBLE]) {
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < field->low || number > field->high) {
        snprintf(trouble, JSON_TROUBLE, "\"%s\" must be a whole number, %" PRId64 " to %" PRId64, field->name, field->low,
                 field->high);
        return 0;
    }
    *field->to.whole = number;
    return 1;
}

static int read_bool(const json_field *field, const json_t *value, char trouble[JSON_TROUBLE]) {
    if (!json_is_boolean(value)) {
        snprintf(trouble, JSON_TROUBLE, "\"%s\" must be true or false", field->name);
        return 0;
    }
    *field->to.truth = json_is_true(value);
    return 1;
}

static int read_field(const json_field *field, const json_t *value, char trouble[JSON_TROUBLE]) {
    switch (field->kind) {
    case JSON_FIELD_TEXT:
        return read_text(field, value, trouble);
    case JSON_FIELD_WHOLE:
        return read_whole(field, value, trouble);
    case JSON_FIELD_BOOL:
        return read_bool(field, value, trouble);
    }
    return 0;
}

int json_read_fields(json_t *object, const json_field *fields, size_t count, char trouble[JSON_TROUBLE]) {
    if (!all_known(object, fields, count, trouble))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);
        if (value == NULL && fields[i].required) {
            snprintf(trouble, JSON_TROUBLE, "\"%s\" is missing", fields[i].name);
            return 0;
        }
        if (value != NULL && !read_field(&fields[i], value, trouble))
            return 0;
    }
    return 1;
}
