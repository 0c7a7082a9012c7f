/* See json_out.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "json_out.h"

#include "options.h"

#include <stdlib.h>
#include <string.h>

static json_t *made(json_t *value) {
    if (!value) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return value;
}

json_t *json_out_object(void) {
    return made(json_object());
}

json_t *json_out_array(void) {
    return made(json_array());
}

void json_out_value(json_t *object, const char *name, json_t *value) {
    if (json_object_set_new(object, name, made(value)) != 0) {
        made(NULL);
    }
}

void json_out_append(json_t *array, json_t *value) {
    if (json_array_append_new(array, made(value)) != 0) {
        made(NULL);
    }
}

void json_out_int(json_t *object, const char *name, int64_t value) {
    json_out_value(object, name, json_integer((json_int_t)value));
}

void json_out_text(json_t *object, const char *name, const char *value) {
    json_out_value(object, name, value ? json_string(value) : json_null());
}

void json_out_bool(json_t *object, const char *name, int value) {
    json_out_value(object, name, json_boolean(value));
}

void json_out_real(json_t *object, const char *name, double value) {
    json_out_value(object, name, json_real(value));
}

void json_out_time(json_t *object, const char *name, int64_t ms) {
    char key[64], text[OPTIONS_TEXT];
    snprintf(key, sizeof key, "%s_ms", name);
    json_out_int(object, key, ms);
    options_format_time(ms, text);
    json_out_text(object, name, ms ? text : NULL);
}

void json_out_hex(json_t *object, const char *name, const uint8_t *bytes, size_t size) {
    char text[2 * 512 + 1];
    for (size_t i = 0; i < size && i < 512; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    json_out_value(object, name, json_stringn(text, 2 * (size < 512 ? size : 512)));
}

void json_out_bytes(json_t *object, const char *name, seckill_bytes bytes) {
    json_t *text = json_stringn(bytes.size ? bytes.data : "", bytes.size); /* NULL where it is no UTF-8 */
    if (text) {
        json_out_value(object, name, text);
        return;
    }
    json_t *raw = json_out_object();
    json_out_hex(raw, "hex", bytes.data, bytes.size);
    json_out_value(object, name, raw);
}

static const char *class_name(seckill_class status_class) {
    switch (status_class) {
    case SECKILL_CLASS_FINAL:
        return "final";
    case SECKILL_CLASS_RETRYABLE:
        return "retryable";
    case SECKILL_CLASS_UNKNOWN:
        break;
    }
    return "unknown";
}

void json_out_status(json_t *object, seckill_status status, const char *message) {
    json_out_text(object, "status", seckill_status_name(status));
    json_out_text(object, "class", class_name(seckill_status_class(status)));
    json_out_text(object, "message", message ? message : seckill_status_message(status));
}

void json_out_print(FILE *file, const json_t *value) {
    json_dumpf(value, file, JSON_INDENT(2));
    fputc('\n', file);
}

/* One step of a path: an object's member, or an array's element by its number. */
static const json_t *step(const json_t *value, const char *name, size_t size) {
    char key[64];
    char *end;
    if (size == 0 || size >= sizeof key) {
        return NULL;
    }
    memcpy(key, name, size);
    key[size] = '\0';
    if (!json_is_array(value)) {
        return json_object_get(value, key);
    }
    unsigned long index = strtoul(key, &end, 10);
    return *end || key[0] == '-' ? NULL : json_array_get(value, index);
}

int json_out_print_field(FILE *file, const json_t *value, const char *path) {
    for (const char *at = path; value;) {
        size_t size = strcspn(at, ".");
        value = step(value, at, size);
        if (!at[size]) {
            break;
        }
        at += size + 1;
    }
    if (!value) {
        return 0;
    }
    if (json_is_string(value)) {
        fprintf(file, "%s\n", json_string_value(value));
    } else {
        json_dumpf(value, file, JSON_ENCODE_ANY);
        fputc('\n', file);
    }
    return 1;
}
