/* What a token says: the ranges of its fields, and writing them as JSON.
 *
 * Written piece by piece: the form is fixed, and a tree of nodes would take longer than the cryptography.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/claims.h"

#include "base/base64.h"
#include "base/names.h"
#include "base/utf8.h"
#include "token/iso8601.h"

/* ---- ranges */

static bool session_valid(const seckill_reservation_ref *ref) {
    if (ref->user_size == 0 || ref->user_size > SECKILL_USER_MAX)
        return false;
    return ref->issued_ms >= 0 && ref->issued_ms < ref->valid_until_ms && ref->valid_until_ms <= SK__ISO8601_MAX;
}

static bool reservation_valid(const seckill_reservation_ref *ref) {
    return ref->price >= 0 && ref->price <= SECKILL_AMOUNT_MAX && ref->hold_until_ms >= ref->issued_ms &&
           ref->hold_until_ms <= ref->valid_until_ms;
}

static bool ticket_valid(const sk__claims *claims) {
    return claims->shard < SECKILL_SHARDS_MAX && sk__place_valid(claims->epoch, claims->n);
}

bool sk__claims_valid(seckill_token_purpose purpose, const sk__claims *claims) {
    const seckill_reservation_ref *ref = &claims->ref;
    if (!session_valid(ref))
        return false;
    if (purpose == SECKILL_TOKEN_SESSION)
        return true;
    if (!sk__id_valid(ref->activity) || !sk__id_valid(ref->item) || ref->quantity == 0)
        return false;
    return purpose == SECKILL_TOKEN_TICKET ? ticket_valid(claims) : reservation_valid(ref);
}

/* ---- writing */

/* In printable UTF-8 only these two need an escape. */
static void write_escaped(sk__writer *writer, const uint8_t *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            sk__write_u8(writer, '\\');
        sk__write_u8(writer, text[i]);
    }
}

static void write_user(sk__writer *writer, const seckill_reservation_ref *ref) {
    if (sk__utf8_printable(ref->user, ref->user_size)) {
        sk__write_text(writer, "{\"sub\":\"");
        write_escaped(writer, ref->user, ref->user_size);
    } else {
        sk__write_text(writer, "{\"sub64\":\"");
        uint8_t *space = sk__write_space(writer, SK__BASE64_TEXT(ref->user_size));
        if (space != NULL)
            sk__base64_encode(ref->user, ref->user_size, (char *)space);
    }
    sk__write_u8(writer, '"');
}

static void write_time(sk__writer *writer, const char *name, int64_t milliseconds) {
    sk__write_text(writer, name);
    sk__write_u8(writer, '"');
    uint8_t *space = sk__write_space(writer, SK__ISO8601_SIZE);
    if (space != NULL && !sk__iso8601_write(milliseconds, (char *)space))
        writer->failed = true;
    sk__write_u8(writer, '"');
}

static void write_hexadecimal(sk__writer *writer, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        sk__write_u8(writer, (uint8_t)digits[bytes[i] >> 4]);
        sk__write_u8(writer, (uint8_t)digits[bytes[i] & 15U]);
    }
}

static void write_number(sk__writer *writer, const char *name, uint64_t number) {
    sk__write_text(writer, name);
    sk__write_decimal(writer, number);
}

/* What reservations and tickets say alike: whose it is, and what. */
static void write_subject(sk__writer *writer, const seckill_reservation_ref *ref) {
    sk__write_text(writer, ",\"aud\":\"");
    sk__write_text(writer, ref->activity);
    sk__write_text(writer, "/");
    sk__write_text(writer, ref->item);
    sk__write_text(writer, "\",\"jti\":\"");
    write_hexadecimal(writer, ref->reservation_id, sizeof ref->reservation_id);
    write_number(writer, "\",\"qty\":", ref->quantity);
}

static void write_reservation(sk__writer *writer, const seckill_reservation_ref *ref) {
    write_subject(writer, ref);
    write_number(writer, ",\"price\":", (uint64_t)ref->price);
    write_time(writer, ",\"hold\":", ref->hold_until_ms);
}

static void write_ticket(sk__writer *writer, const sk__claims *claims) {
    write_subject(writer, &claims->ref);
    write_number(writer, ",\"shard\":", claims->shard);
    write_number(writer, ",\"epoch\":", claims->epoch);
    write_number(writer, ",\"n\":", claims->n);
}

void sk__claims_write(seckill_token_purpose purpose, const sk__claims *claims, sk__writer *writer) {
    const seckill_reservation_ref *ref = &claims->ref;
    write_user(writer, ref);
    if (purpose == SECKILL_TOKEN_RESERVATION)
        write_reservation(writer, ref);
    if (purpose == SECKILL_TOKEN_TICKET)
        write_ticket(writer, claims);
    write_time(writer, ",\"iat\":", ref->issued_ms);
    write_time(writer, ",\"exp\":", ref->valid_until_ms);
    sk__write_u8(writer, '}');
}
