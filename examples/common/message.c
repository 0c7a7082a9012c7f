/* See message.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "message.h"

#include "json.h"
#include "options.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { BYTES_MAX = 64, BASE64_MAX = 88, QUANTITY_MAX = 1000000 };

/* What seckill_reserve takes: a message that it never took would be tried for ever. */
#define CREATED_MAX_MS ((INT64_C(1) << 47) - 1)

_Static_assert((int)SECKILL_USER_MAX <= (int)BYTES_MAX && (int)SECKILL_REQUEST_ID_MAX <= (int)BYTES_MAX, "they fit");
_Static_assert(sodium_base64_ENCODED_LEN(BYTES_MAX, sodium_base64_VARIANT_ORIGINAL) <= BASE64_MAX + 1, "it fits");

/* ---- writing */

static int add_bytes(json_t *object, const char *name, const char *name64, const uint8_t *bytes, size_t size) {
    char text[BASE64_MAX + 1];
    json_t *value = memchr(bytes, '\0', size) == NULL ? json_stringn((const char *)bytes, size) : NULL;
    if (value != NULL)
        return json_object_set_new(object, name, value);
    sodium_bin2base64(text, sizeof text, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    return json_object_set_new(object, name64, json_string(text));
}

size_t message_encode(const request_message *one, char out[MESSAGE_MAX]) {
    json_t *object = json_pack("{s:i,s:s,s:s}", "version", (int)MESSAGE_VERSION, "activity", one->activity, "item", one->item);
    int failed = object == NULL || add_bytes(object, "user", "user64", one->user, one->user_size) != 0 ||
                 add_bytes(object, "request_id", "request_id64", one->request_id, one->request_id_size) != 0 ||
                 json_object_set_new(object, "quantity", json_integer(one->quantity)) != 0 ||
                 json_object_set_new(object, "created_ms", json_integer(one->created_ms)) != 0;
    size_t size = failed ? 0 : json_dumpb(object, out, MESSAGE_MAX, JSON_COMPACT);
    json_decref(object);
    return size <= MESSAGE_MAX ? size : 0;
}

/* ---- reading */

typedef struct {
    const char *data;
    size_t size;
} text;

static bool complain(char trouble[MESSAGE_TROUBLE], const char *what, const char *why) {
    snprintf(trouble, MESSAGE_TROUBLE, "%s: %s", what, why);
    return false;
}

static bool take_id(const char *name, text value, char out[SECKILL_ID_MAX + 1], char trouble[MESSAGE_TROUBLE]) {
    if (value.data == NULL || !options_is_id(value.data))
        return complain(trouble, name, "1 to 64 of A-Za-z0-9._- are expected");
    memcpy(out, value.data, value.size + 1);
    return true;
}

/* One of the two is there. */
static bool take_bytes(const char *name, text plain, text base64, uint8_t out[BYTES_MAX], size_t *size,
                       char trouble[MESSAGE_TROUBLE]) {
    if ((plain.data != NULL) == (base64.data != NULL))
        return complain(trouble, name, "it must be there as text or as base64");
    if (plain.data != NULL) {
        memcpy(out, plain.data, plain.size);
        *size = plain.size;
        return true;
    }
    if (sodium_base642bin(out, BYTES_MAX, base64.data, base64.size, NULL, size, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *size == 0)
        return complain(trouble, name, "1 to 64 bytes as base64 are expected");
    return true;
}

static bool take_members(json_t *object, request_message *one, char trouble[MESSAGE_TROUBLE]) {
    text activity = {NULL, 0}, item = {NULL, 0}, user = {NULL, 0}, user64 = {NULL, 0}, id = {NULL, 0}, id64 = {NULL, 0};
    int64_t version = 0, quantity = 0;
    const json_field fields[] = {
        {"version", JSON_FIELD_WHOLE, 1, MESSAGE_VERSION, MESSAGE_VERSION, {.whole = &version}},
        {"activity", JSON_FIELD_TEXT, 1, 1, SECKILL_ID_MAX, {.text = {&activity.data, &activity.size}}},
        {"item", JSON_FIELD_TEXT, 1, 1, SECKILL_ID_MAX, {.text = {&item.data, &item.size}}},
        {"user", JSON_FIELD_TEXT, 0, 1, SECKILL_USER_MAX, {.text = {&user.data, &user.size}}},
        {"user64", JSON_FIELD_TEXT, 0, 4, BASE64_MAX, {.text = {&user64.data, &user64.size}}},
        {"request_id", JSON_FIELD_TEXT, 0, 1, SECKILL_REQUEST_ID_MAX, {.text = {&id.data, &id.size}}},
        {"request_id64", JSON_FIELD_TEXT, 0, 4, BASE64_MAX, {.text = {&id64.data, &id64.size}}},
        {"quantity", JSON_FIELD_WHOLE, 1, 1, QUANTITY_MAX, {.whole = &quantity}},
        {"created_ms", JSON_FIELD_WHOLE, 1, 1, CREATED_MAX_MS, {.whole = &one->created_ms}},
    };
    if (!json_read_fields(object, fields, sizeof fields / sizeof *fields, trouble))
        return false;
    one->quantity = (uint32_t)quantity;
    return take_id("activity", activity, one->activity, trouble) && take_id("item", item, one->item, trouble) &&
           take_bytes("user", user, user64, one->user, &one->user_size, trouble) &&
           take_bytes("request_id", id, id64, one->request_id, &one->request_id_size, trouble);
}

bool message_decode(const void *data, size_t size, request_message *one, char trouble[MESSAGE_TROUBLE]) {
    if (size > MESSAGE_MAX)
        return complain(trouble, "the message", "it is too long");
    memset(one, 0, sizeof *one);
    json_t *object = json_read_object(data, size, trouble);
    if (object == NULL)
        return false;
    bool good = take_members(object, one, trouble);
    json_decref(object);
    return good;
}
