/* The status table in words, generated from SECKILL_STATUS_MAP, and the version.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seckill/status.h"

/* The switches have no default, so that the compiler names a status that is missing. */

const char *seckill_status_name(seckill_status status) {
    switch (status) {
#define CASE(name, number, status_class, text, message)                                                                        \
    case SECKILL_##name:                                                                                                       \
        return text;
        SECKILL_STATUS_MAP(CASE)
#undef CASE
    }
    return "no_such_status";
}

const char *seckill_status_message(seckill_status status) {
    switch (status) {
#define CASE(name, number, status_class, text, message)                                                                        \
    case SECKILL_##name:                                                                                                       \
        return message;
        SECKILL_STATUS_MAP(CASE)
#undef CASE
    }
    return "this number is no status of this release";
}

seckill_class seckill_status_class(seckill_status status) {
    switch (status) {
#define CASE(name, number, status_class, text, message)                                                                        \
    case SECKILL_##name:                                                                                                       \
        return SECKILL_CLASS_##status_class;
        SECKILL_STATUS_MAP(CASE)
#undef CASE
    }
    return SECKILL_CLASS_UNKNOWN;
}

const char *seckill_version(void) {
    return SECKILL_VERSION_STRING;
}
