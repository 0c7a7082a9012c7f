/* seckill-front: every outcome that an answer can name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "codes.h"

/* Which HTTP status says best what a status of the library's says:
 *   403  it is about this user, and asking again does not help
 *   409  it is about the state of the sale or of the reservation, which may change
 *   410  the sale is over for good
 *   422  the request id was used for something else, as the Idempotency-Key draft has it
 *   429  a limit of this front or of the user's records: come back later
 *   502  Redis answered with something unusable
 *   503  it could not be asked, nothing was done
 *   504  it was asked, and what it did is not known
 *
 * Without a default, so that the compiler names a status that is missing. */
static int http_of(seckill_status status) {
    switch (status) {
    case SECKILL_OK:
        return 200;
    case SECKILL_INVALID:
    case SECKILL_TOKEN_GARBAGE:
    case SECKILL_TOKEN_TRUNCATED:
        return 400;
    case SECKILL_LIMIT_REACHED:
    case SECKILL_BLACKLISTED:
    case SECKILL_TOKEN_FORGED:
    case SECKILL_TOKEN_PURPOSE:
    case SECKILL_TOKEN_KEY:
    case SECKILL_TOKEN_CLAIMS:
        return 403;
    case SECKILL_NOT_DEFINED:
    case SECKILL_NO_RESERVATION:
        return 404;
    case SECKILL_SOLD_OUT:
    case SECKILL_NOT_ENOUGH:
    case SECKILL_NOT_STARTED:
    case SECKILL_PAUSED:
    case SECKILL_CANCELLED:
    case SECKILL_EXPIRED:
    case SECKILL_SOLD:
    case SECKILL_REFUNDED:
    case SECKILL_TOO_OLD:
    case SECKILL_TOKEN_EXPIRED:
        return 409;
    case SECKILL_ENDED:
        return 410;
    case SECKILL_CONFLICT:
        return 422;
    case SECKILL_BUSY:
    case SECKILL_RATE_LIMITED:
        return 429;
    case SECKILL_DENIED:
    case SECKILL_DAMAGED:
    case SECKILL_LAYOUT:
    case SECKILL_NO_SPACE:
    case SECKILL_KEY_GARBAGE:
        return 500;
    case SECKILL_SERVER_ERROR:
    case SECKILL_PROTOCOL:
        return 502;
    case SECKILL_CLOSED:
    case SECKILL_NO_MEMORY:
    case SECKILL_UNREACHABLE:
    case SECKILL_SERVER_BUSY:
    case SECKILL_SERVER_MEMORY:
        return 503;
    case SECKILL_UNKNOWN:
        return 504;
    }
    return 504;
}

int front_code_http(front_code code) {
    switch (code) {
#define LIBRARY(name, number, status_class, text, message)                                                                     \
    case CODE_##name:                                                                                                          \
        return http_of(SECKILL_##name);
        SECKILL_STATUS_MAP(LIBRARY)
#undef LIBRARY
#define OWN(name, number, status_class, text, message)                                                                         \
    case CODE_##name:                                                                                                          \
        return number;
        FRONT_CODE_MAP(OWN)
#undef OWN
    case CODE_COUNT:
        break;
    }
    return 500;
}

const front_code_info *front_code_of(front_code code) {
    static const front_code_info infos[CODE_COUNT] = {
#define INFO(name, number, status_class, text, message) [CODE_##name] = {text, message, SECKILL_CLASS_##status_class},
        SECKILL_STATUS_MAP(INFO) FRONT_CODE_MAP(INFO)
#undef INFO
    };
    return &infos[code];
}

front_code front_code_from(seckill_status status) {
    switch (status) {
#define CASE(name, number, status_class, text, message)                                                                        \
    case SECKILL_##name:                                                                                                       \
        return CODE_##name;
        SECKILL_STATUS_MAP(CASE)
#undef CASE
    }
    return CODE_UNKNOWN;
}

front_code front_code_from_http(int http) {
    switch (http) {
#define CASE(name, number, status_class, text, message)                                                                        \
    case number:                                                                                                               \
        return CODE_##name;
        FRONT_UNSEEN_MAP(CASE)
#undef CASE
    default:
        return CODE_BAD_REQUEST;
    }
}
