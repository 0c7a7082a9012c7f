/* Our side of the exchange with a foreign implementation of PASETO, for paseto_ts.test.sh. Public calls only.
 *
 *   paseto_interop key local|secret                     a new key
 *   paseto_interop public KEY                           the public half of a secret key
 *   paseto_interop id KEY                               its PASERK id
 *   paseto_interop issue KEY PURPOSE USER ACTIVITY ITEM RESERVATION QUANTITY PRICE ISSUED HOLD VALID
 *   paseto_interop verify KEY PURPOSE NOW TOKEN         the status, and what the token says, one field a line
 *
 * USER and RESERVATION are hexadecimal, times milliseconds, PURPOSE reservation, ticket or session.
 *
 * SPDX-License-Identifier: MIT
 */
#include <seckill/token.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report(seckill_status status) {
    puts(seckill_status_name(status));
    return status == SECKILL_OK ? 0 : 1;
}

static int print_text(seckill_status status, const char *text) {
    if (status != SECKILL_OK)
        return report(status);
    puts(text);
    return 0;
}

static bool purpose_of(const char *name, seckill_token_purpose *purpose) {
    static const char *const names[] = {"reservation", "ticket", "session"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0) {
            *purpose = (seckill_token_purpose)(SECKILL_TOKEN_RESERVATION + i);
            return true;
        }
    return false;
}

static seckill_keyring *ring_of(const char *key) {
    seckill_keyring *ring = NULL;
    if (seckill_keyring_new(&ring) == SECKILL_OK && seckill_keyring_add(ring, key, strlen(key)) == SECKILL_OK)
        return ring;
    seckill_keyring_free(ring);
    return NULL;
}

static bool fill(char **arguments, seckill_reservation_ref *ref) {
    size_t id_size = 0;
    memset(ref, 0, sizeof *ref);
    if (sodium_hex2bin(ref->user, sizeof ref->user, arguments[0], strlen(arguments[0]), NULL, &ref->user_size, NULL) != 0)
        return false;
    if (sodium_hex2bin(ref->reservation_id, sizeof ref->reservation_id, arguments[3], strlen(arguments[3]), NULL, &id_size,
                       NULL) != 0 ||
        id_size != sizeof ref->reservation_id)
        return false;
    snprintf(ref->activity, sizeof ref->activity, "%s", arguments[1]);
    snprintf(ref->item, sizeof ref->item, "%s", arguments[2]);
    ref->quantity = (uint32_t)strtoul(arguments[4], NULL, 10);
    ref->price = strtoll(arguments[5], NULL, 10);
    ref->issued_ms = strtoll(arguments[6], NULL, 10);
    ref->hold_until_ms = strtoll(arguments[7], NULL, 10);
    ref->valid_until_ms = strtoll(arguments[8], NULL, 10);
    return true;
}

static int issue(char **arguments) {
    seckill_token_purpose purpose;
    seckill_reservation_ref ref;
    seckill_keyring *ring = ring_of(arguments[0]);
    char token[SECKILL_TOKEN_SIZE];
    if (ring == NULL || !purpose_of(arguments[1], &purpose) || !fill(arguments + 2, &ref)) {
        seckill_keyring_free(ring);
        return report(SECKILL_INVALID);
    }
    seckill_status status = seckill_token_issue(ring, purpose, &ref, token, sizeof token, NULL);
    seckill_keyring_free(ring);
    return print_text(status, token);
}

static void print_ref(const seckill_reservation_ref *ref) {
    char user[2 * SECKILL_USER_MAX + 1], id[2 * SECKILL_RESERVATION_ID_SIZE + 1];
    sodium_bin2hex(user, sizeof user, ref->user, ref->user_size);
    sodium_bin2hex(id, sizeof id, ref->reservation_id, sizeof ref->reservation_id);
    printf("%s\n%s\n%s\n%s\n%" PRIu32 "\n%" PRId64 "\n", user, ref->activity, ref->item, id, ref->quantity, ref->price);
    printf("%" PRId64 "\n%" PRId64 "\n%" PRId64 "\n", ref->issued_ms, ref->hold_until_ms, ref->valid_until_ms);
}

static int verify(char **arguments) {
    seckill_token_purpose purpose;
    seckill_reservation_ref ref;
    seckill_keyring *ring = ring_of(arguments[0]);
    if (ring == NULL || !purpose_of(arguments[1], &purpose)) {
        seckill_keyring_free(ring);
        return report(SECKILL_INVALID);
    }
    seckill_status status =
        seckill_token_verify(ring, purpose, arguments[3], strlen(arguments[3]), strtoll(arguments[2], NULL, 10), 0, &ref);
    seckill_keyring_free(ring);
    int result = report(status);
    if (status == SECKILL_OK)
        print_ref(&ref);
    return result;
}

int main(int count, char **arguments) {
    char text[SECKILL_KEY_TEXT_SIZE];
    const char *command = count > 1 ? arguments[1] : "";
    if (count == 3 && strcmp(command, "key") == 0) {
        seckill_key_kind kind = strcmp(arguments[2], "local") == 0 ? SECKILL_KEY_LOCAL : SECKILL_KEY_SECRET;
        return print_text(seckill_key_generate(kind, text), text);
    }
    if (count == 3 && strcmp(command, "public") == 0)
        return print_text(seckill_key_public(arguments[2], strlen(arguments[2]), text), text);
    if (count == 3 && strcmp(command, "id") == 0)
        return print_text(seckill_key_id(arguments[2], strlen(arguments[2]), text), text);
    if (count == 13 && strcmp(command, "issue") == 0)
        return issue(arguments + 2);
    if (count == 6 && strcmp(command, "verify") == 0)
        return verify(arguments + 2);
    fputs("usage: see the top of paseto_interop.c\n", stderr);
    return 2;
}
