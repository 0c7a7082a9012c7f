/* SPDX-License-Identifier: MIT */
/** @defgroup base base.h: what every other header needs
 *
 * Visibility, the version, ranges of bytes, limits. Everything here is constant or pure: any thread.
 * @{
 */
#ifndef SECKILL_BASE_H
#define SECKILL_BASE_H

#include <stddef.h>
#include <stdint.h>

/** Changes that break what was built against the library. (The version of the interface that a program was built with; what it
 * runs with says seckill_version.) */
#define SECKILL_VERSION_MAJOR 0
/** Additions; before 1.0 also changes that break something. */
#define SECKILL_VERSION_MINOR 1
/** Mended bugs. */
#define SECKILL_VERSION_PATCH 0
/** The three with points between. */
#define SECKILL_VERSION_STRING "0.1.0"

/** @def SECKILL_API
 * Stands before what the library exports. Define `SECKILL_STATIC` before including a header to link the static library into a
 * shared one that does not offer these calls itself.
 */
#if defined(SECKILL_STATIC)
#define SECKILL_API
#elif defined(__GNUC__)
#define SECKILL_API __attribute__((visibility("default")))
#else
#define SECKILL_API
#endif

/** @def SECKILL_CHECKED
 * The compiler warns where the returned status is not looked at.
 */
#if defined(__GNUC__)
#define SECKILL_CHECKED __attribute__((warn_unused_result))
#else
#define SECKILL_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The limits that are part of the interface. Those that can be set are options; see client.h and item.h. And the layout of the
 * keys in Redis: its number stands in them, every call checks it, and refuses another (SECKILL_LAYOUT). Releases that know the
 * same one may work on the same keys at the same time. */
enum {
    SECKILL_ID_MAX = 64,              /**< bytes of an activity or item id: 1 to 64 of A-Za-z0-9._- */
    SECKILL_USER_MAX = 64,            /**< bytes of a user: 1 to 64, any value */
    SECKILL_REQUEST_ID_MAX = 64,      /**< bytes of a request id: 1 to 64, any value */
    SECKILL_OPERATION_ID_MAX = 64,    /**< bytes of a stock operation's id: 1 to 64 of A-Za-z0-9._- */
    SECKILL_ORDER_REF_MAX = 128,      /**< bytes of an order reference: 0 to 128, any value */
    SECKILL_PREFIX_MAX = 64,          /**< bytes of the key prefix: 1 to 64 of A-Za-z0-9._:- */
    SECKILL_RESERVATION_ID_SIZE = 16, /**< bytes of a reservation's id */
    SECKILL_QUANTITY_MAX = 1000000,   /**< units of one request */
    SECKILL_SHARDS_MAX = 1024,        /**< shards of one item */
    SECKILL_BATCH_MAX = 512,          /**< users or entries that one script handles */
    SECKILL_ITEMS_MAX = 1024,         /**< items of one activity */
    SECKILL_OPERATIONS_MAX = 1024,    /**< loads and withdrawals of one item, ever */
    SECKILL_USER_RECORDS_MAX = 64,    /**< reservations of one user that one item keeps */
    SECKILL_USER_UNSETTLED_MAX = 16,  /**< of these: reserved, and remembered after cancelling, expiring or refusing */
    SECKILL_MESSAGE_SIZE = 256,       /**< bytes of a sentence for a person, with its NUL */
    SECKILL_KEY_LAYOUT = 1            /**< the layout of the keys, see above */
};

/** Amounts of units and of money (minor units) are 0 to 2^53 - 1: every language's JSON reader holds them exactly. */
#define SECKILL_AMOUNT_MAX INT64_C(9007199254740991)

/** @defgroup growth How structures grow
 *
 * A program goes on working with every later release of the library that has the same soname, as each structure is one of
 * these:
 * - It begins with struct_size: options, and what the caller gives to be filled. Fields are added behind its end. The caller
 *   says how large it is for him (for options by the _INIT macro): what lies beyond is neither read nor written, and an option
 *   that is not there has its default. One that is larger than the library knows may come from a newer program: it is taken if
 *   it is zero there, else SECKILL_INVALID; one to be filled is filled as far as it is known, and struct_size becomes that
 *   size. 0, what is no multiple of sizeof(size_t), or more than 4096 bytes beyond what is known is an impossible size.
 * - A callback or another call gives a pointer to it, as to all results. Fields are added behind its end. Nobody but the
 *   library makes one, and there are no arrays of it.
 * - It ends with `spare`: values, of which there are arrays, and which stand in others. A field that is added takes of that, so
 *   that the size stays. It is zero in what the library gives. In what the caller gives it must be zero, else SECKILL_INVALID:
 *   begin with {0} (in C++ {}), or with what the library gave, so that nothing is there which a later release might take for a
 *   field.
 * - All others (seckill_bytes, ids, subjects, cursors, histograms, allocators) stay as they are.
 *
 * To enums and to flags later releases add values: have a default case, and do not count on bits that you do not know.
 */

/** A range of bytes that the caller owns. `data` may be NULL only where `size` is 0. */
typedef struct {
    const void *data; /**< NULL only where `size` is 0 */
    size_t size;      /**< how many bytes */
} seckill_bytes;

/** The version of the library that runs.
 *
 * @return "MAJOR.MINOR.PATCH", a static string
 */
SECKILL_API const char *seckill_version(void);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
