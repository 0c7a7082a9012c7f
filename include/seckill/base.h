/* libseckill: what every other header needs: visibility, version, byte ranges, limits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BASE_H
#define SECKILL_BASE_H

#include <stddef.h>
#include <stdint.h>

#define SECKILL_VERSION_MAJOR 0
#define SECKILL_VERSION_MINOR 1
#define SECKILL_VERSION_PATCH 0
#define SECKILL_VERSION_STRING "0.1.0"

#if defined(SECKILL_STATIC)
#define SECKILL_API
#elif defined(__GNUC__)
#define SECKILL_API __attribute__((visibility("default")))
#else
#define SECKILL_API
#endif

#if defined(__GNUC__)
#define SECKILL_CHECKED __attribute__((warn_unused_result))
#else
#define SECKILL_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The limits that are part of the interface. Those that can be set are options; see client.h and item.h. And the layout of the
 * keys in Redis: its number stands in them, every call checks it, and refuses another (SECKILL_LAYOUT). Releases that know the
 * same one may work on the same keys at the same time. */
enum {
    SECKILL_ID_MAX = 64,              /* bytes of an activity or item id: 1 to 64 of A-Za-z0-9._- */
    SECKILL_USER_MAX = 64,            /* bytes of a user: 1 to 64, any value */
    SECKILL_REQUEST_ID_MAX = 64,      /* bytes of a request id: 1 to 64, any value */
    SECKILL_OPERATION_ID_MAX = 64,    /* bytes of a stock operation's id: 1 to 64 of A-Za-z0-9._- */
    SECKILL_ORDER_REF_MAX = 128,      /* bytes of an order reference: 0 to 128, any value */
    SECKILL_PREFIX_MAX = 64,          /* bytes of the key prefix: 1 to 64 of A-Za-z0-9._:- */
    SECKILL_RESERVATION_ID_SIZE = 16, /* bytes of a reservation's id */
    SECKILL_QUANTITY_MAX = 1000000,   /* units of one request */
    SECKILL_SHARDS_MAX = 1024,        /* shards of one item */
    SECKILL_BATCH_MAX = 512,          /* users or entries that one script handles */
    SECKILL_ITEMS_MAX = 1024,         /* items of one activity */
    SECKILL_OPERATIONS_MAX = 1024,    /* loads and withdrawals of one item, ever */
    SECKILL_USER_RECORDS_MAX = 64,    /* reservations of one user that one item keeps */
    SECKILL_USER_UNSETTLED_MAX = 16,  /* of these: reserved, and remembered after cancelling or expiring */
    SECKILL_KEY_LAYOUT = 1
};

/* Amounts of units and of money (minor units) are 0 to 2^53 - 1: every language's JSON reader holds them exactly. */
#define SECKILL_AMOUNT_MAX INT64_C(9007199254740991)

/* A range of bytes that the caller owns. `data` may be NULL only where `size` is 0. */
typedef struct {
    const void *data;
    size_t size;
} seckill_bytes;

/* The version of the library that runs, as "MAJOR.MINOR.PATCH"; a static string. Any thread. */
SECKILL_API const char *seckill_version(void);

#ifdef __cplusplus
}
#endif
#endif
