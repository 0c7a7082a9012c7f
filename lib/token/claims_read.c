/* What a token says: reading the claims.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"
#include "base/names.h"
#include "base/utf8.h"
#include "token/claims.h"
#include "token/iso8601.h"
#include "token/json.h"

#include <string.h>

/* ---- one function for each claim; a member that is no string has size 0 */

static bool read_sub(const sk__member *member, sk__claims *claims) {
    seckill_reservation_ref *ref = &claims->ref;
    seckill_bytes text = member->text;
    if (text.size == 0 || text.size > SECKILL_USER_MAX || !sk__utf8_printable(text.data, text.size))
        return false;
    memcpy(ref->user, text.data, text.size);
    ref->user_size = text.size;
    return true;
}

/* A user that is printable has one form only, `sub`. */
static bool read_sub64(const sk__member *member, sk__claims *claims) {
    seckill_reservation_ref *ref = &claims->ref;
    seckill_bytes text = member->text;
    if (text.size == 0 || text.size > SK__BASE64_TEXT(SECKILL_USER_MAX))
        return false;
    if (sk__base64_decode(text.data, text.size, ref->user) != SK__BASE64_OK)
        return false;
    ref->user_size = SK__BASE64_BYTES(text.size);
    return !sk__utf8_printable(ref->user, ref->user_size);
}

static bool copy_id(const char *text, size_t size, char id[SECKILL_ID_MAX + 1]) {
    if (size > SECKILL_ID_MAX || memchr(text, '\0', size) != NULL)
        return false;
    memcpy(id, text, size);
    id[size] = '\0';
    return sk__id_valid(id);
}

static bool read_aud(const sk__member *member, sk__claims *claims) {
    seckill_reservation_ref *ref = &claims->ref;
    if (member->text.size == 0)
        return false;
    const char *text = member->text.data;
    const char *slash = memchr(text, '/', member->text.size);
    if (slash == NULL)
        return false;
    size_t activity = (size_t)(slash - text);
    return copy_id(text, activity, ref->activity) && copy_id(slash + 1, member->text.size - activity - 1, ref->item);
}

static unsigned hexadecimal_digit(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

static bool read_jti(const sk__member *member, sk__claims *claims) {
    seckill_reservation_ref *ref = &claims->ref;
    if (member->text.size != 2 * sizeof ref->reservation_id)
        return false;
    const char *text = member->text.data;
    for (size_t i = 0; i < sizeof ref->reservation_id; i++) {
        unsigned high = hexadecimal_digit(text[2 * i]), low = hexadecimal_digit(text[2 * i + 1]);
        if (high > 15 || low > 15)
            return false;
        ref->reservation_id[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_iat(const sk__member *member, sk__claims *claims) {
    return sk__iso8601_read(member->text.data, member->text.size, &claims->ref.issued_ms);
}

static bool read_hold(const sk__member *member, sk__claims *claims) {
    return sk__iso8601_read(member->text.data, member->text.size, &claims->ref.hold_until_ms);
}

static bool read_exp(const sk__member *member, sk__claims *claims) {
    return sk__iso8601_read(member->text.data, member->text.size, &claims->ref.valid_until_ms);
}

static bool read_qty(const sk__member *member, sk__claims *claims) {
    if (member->number < 1 || member->number > (int64_t)UINT32_MAX)
        return false;
    claims->ref.quantity = (uint32_t)member->number;
    return true;
}

static bool read_price(const sk__member *member, sk__claims *claims) {
    claims->ref.price = member->number;
    return member->number >= 0;
}

static bool read_shard(const sk__member *member, sk__claims *claims) {
    if (member->number < 0 || member->number >= SECKILL_SHARDS_MAX)
        return false;
    claims->shard = (uint32_t)member->number;
    return true;
}

static bool read_epoch(const sk__member *member, sk__claims *claims) {
    claims->epoch = (uint64_t)member->number;
    return member->number >= 0;
}

static bool read_n(const sk__member *member, sk__claims *claims) {
    claims->n = (uint64_t)member->number;
    return member->number >= 0;
}

/* ---- the whole */

enum {
    SUB = 1,
    SUB64 = 2,
    AUD = 4,
    JTI = 8,
    IAT = 16,
    HOLD = 32,
    EXP = 64,
    QTY = 128,
    PRICE = 256,
    SHARD = 512,
    EPOCH = 1024,
    N = 2048
};

typedef struct {
    const char *name;
    unsigned bit;
    bool (*read)(const sk__member *member, sk__claims *claims);
} claim;

/* clang-format off */
static const claim known[] = {
    {"sub", SUB, read_sub},    {"sub64", SUB64, read_sub64}, {"aud", AUD, read_aud},
    {"jti", JTI, read_jti},    {"iat", IAT, read_iat},       {"hold", HOLD, read_hold},
    {"exp", EXP, read_exp},    {"qty", QTY, read_qty},       {"price", PRICE, read_price},
    {"shard", SHARD, read_shard}, {"epoch", EPOCH, read_epoch}, {"n", N, read_n},
};
/* clang-format on */

typedef struct {
    sk__claims *claims;
    unsigned seen;
} reading;

static const claim *claim_of(seckill_bytes name) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == name.size && memcmp(known[i].name, name.data, name.size) == 0)
            return &known[i];
    return NULL;
}

static bool read_member(void *context, const sk__member *member) {
    reading *state = context;
    const claim *found = claim_of(member->name);
    if (found == NULL || (state->seen & found->bit) != 0)
        return false;
    state->seen |= found->bit;
    return found->read(member, state->claims);
}

static bool complete(seckill_token_purpose purpose, unsigned seen) {
    static const unsigned of_purpose[] = {
        [SECKILL_TOKEN_RESERVATION] = IAT | EXP | AUD | JTI | QTY | HOLD | PRICE,
        [SECKILL_TOKEN_TICKET] = IAT | EXP | AUD | JTI | QTY | SHARD | EPOCH | N,
        [SECKILL_TOKEN_SESSION] = IAT | EXP,
    };
    return seen == (of_purpose[purpose] | SUB) || seen == (of_purpose[purpose] | SUB64);
}

bool sk__claims_read(seckill_token_purpose purpose, const uint8_t *json, size_t size, sk__claims *claims) {
    memset(claims, 0, sizeof *claims);
    reading state = {claims, 0};
    if (sk__json_each(json, size, read_member, &state) && complete(purpose, state.seen) && sk__claims_valid(purpose, claims))
        return true;
    memset(claims, 0, sizeof *claims);
    return false;
}
