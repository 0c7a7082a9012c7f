/* Our side of the exchange with a foreign implementation of PASETO, for paseto_ts.test.sh. Public calls only.
 *
 *   paseto_interop key local|secret                     a new key
 *   paseto_interop public KEY                           the public half of a secret key
 *   paseto_interop id KEY                               its PASERK id
 *   paseto_interop issue KEY PURPOSE USER ACTIVITY ITEM RESERVATION QUANTITY PRICE ISSUED HOLD VALID
 *   paseto_interop ticket KEY USER ACTIVITY ITEM RESERVATION QUANTITY SHARD EPOCH N SINCE VALID
 *   paseto_interop verify KEY PURPOSE NOW TOKEN         the status, and what the token says, one field a line
 *
 * USER and RESERVATION are hexadecimal, times milliseconds, PURPOSE reservation or session, and ticket to verify.
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

/* user, activity, item, reservation id: what reservations and tickets say alike. */
static bool fill_subject(char **arguments, uint8_t user[SECKILL_USER_MAX], size_t *user_size, char activity[SECKILL_ID_MAX + 1],
                         char item[SECKILL_ID_MAX + 1], uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    size_t id_size = 0;
    if (sodium_hex2bin(user, SECKILL_USER_MAX, arguments[0], strlen(arguments[0]), NULL, user_size, NULL) != 0)
        return false;
    if (sodium_hex2bin(id, SECKILL_RESERVATION_ID_SIZE, arguments[3], strlen(arguments[3]), NULL, &id_size, NULL) != 0 ||
        id_size != SECKILL_RESERVATION_ID_SIZE)
        return false;
    snprintf(activity, SECKILL_ID_MAX + 1, "%s", arguments[1]);
    snprintf(item, SECKILL_ID_MAX + 1, "%s", arguments[2]);
    return true;
}

static bool fill(char **arguments, seckill_reservation_ref *ref) {
    memset(ref, 0, sizeof *ref);
    if (!fill_subject(arguments, ref->user, &ref->user_size, ref->activity, ref->item, ref->reservation_id))
        return false;
    ref->quantity = (uint32_t)strtoul(arguments[4], NULL, 10);
    ref->price = strtoll(arguments[5], NULL, 10);
    ref->issued_ms = strtoll(arguments[6], NULL, 10);
    ref->hold_until_ms = strtoll(arguments[7], NULL, 10);
    ref->valid_until_ms = strtoll(arguments[8], NULL, 10);
    return true;
}

static bool fill_ticket(char **arguments, seckill_ticket *ticket) {
    memset(ticket, 0, sizeof *ticket);
    if (!fill_subject(arguments, ticket->user, &ticket->user_size, ticket->activity, ticket->item, ticket->reservation_id))
        return false;
    ticket->quantity = (uint32_t)strtoul(arguments[4], NULL, 10);
    ticket->shard = (uint32_t)strtoul(arguments[5], NULL, 10);
    ticket->epoch = strtoull(arguments[6], NULL, 10);
    ticket->n = strtoull(arguments[7], NULL, 10);
    ticket->since_ms = strtoll(arguments[8], NULL, 10);
    ticket->valid_until_ms = strtoll(arguments[9], NULL, 10);
    return true;
}

static int issue_ticket(char **arguments) {
    seckill_ticket ticket;
    seckill_keyring *ring = ring_of(arguments[0]);
    char token[SECKILL_TOKEN_SIZE];
    seckill_status status = SECKILL_INVALID;
    if (ring != NULL && fill_ticket(arguments + 1, &ticket))
        status = seckill_ticket_issue(ring, &ticket, token, sizeof token, NULL);
    seckill_keyring_free(ring);
    return status == SECKILL_OK ? print_text(status, token) : report(status);
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

static void print_subject(const uint8_t *user, size_t user_size, const char *activity, const char *item, const uint8_t *id) {
    char user_text[2 * SECKILL_USER_MAX + 1], id_text[2 * SECKILL_RESERVATION_ID_SIZE + 1];
    sodium_bin2hex(user_text, sizeof user_text, user, user_size);
    sodium_bin2hex(id_text, sizeof id_text, id, SECKILL_RESERVATION_ID_SIZE);
    printf("%s\n%s\n%s\n%s\n", user_text, activity, item, id_text);
}

static void print_ref(const seckill_reservation_ref *ref) {
    print_subject(ref->user, ref->user_size, ref->activity, ref->item, ref->reservation_id);
    printf("%" PRIu32 "\n%" PRId64 "\n", ref->quantity, ref->price);
    printf("%" PRId64 "\n%" PRId64 "\n%" PRId64 "\n", ref->issued_ms, ref->hold_until_ms, ref->valid_until_ms);
}

static void print_ticket(const seckill_ticket *ticket) {
    print_subject(ticket->user, ticket->user_size, ticket->activity, ticket->item, ticket->reservation_id);
    printf("%" PRIu32 "\n%" PRIu32 "\n%" PRIu64 "\n%" PRIu64 "\n", ticket->quantity, ticket->shard, ticket->epoch, ticket->n);
    printf("%" PRId64 "\n%" PRId64 "\n", ticket->since_ms, ticket->valid_until_ms);
}

static int verify_with(const seckill_keyring *ring, seckill_token_purpose purpose, int64_t now_ms, const char *token) {
    seckill_reservation_ref ref;
    seckill_ticket ticket;
    bool is_ticket = purpose == SECKILL_TOKEN_TICKET;
    seckill_status status = is_ticket ? seckill_ticket_verify(ring, token, strlen(token), now_ms, 0, &ticket)
                                      : seckill_token_verify(ring, purpose, token, strlen(token), now_ms, 0, &ref);
    int result = report(status);
    if (status == SECKILL_OK && is_ticket)
        print_ticket(&ticket);
    else if (status == SECKILL_OK)
        print_ref(&ref);
    return result;
}

static int verify(char **arguments) {
    seckill_token_purpose purpose;
    seckill_keyring *ring = ring_of(arguments[0]);
    int result = ring != NULL && purpose_of(arguments[1], &purpose)
                     ? verify_with(ring, purpose, strtoll(arguments[2], NULL, 10), arguments[3])
                     : report(SECKILL_INVALID);
    seckill_keyring_free(ring);
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
    if (count == 13 && strcmp(command, "ticket") == 0)
        return issue_ticket(arguments + 2);
    if (count == 6 && strcmp(command, "verify") == 0)
        return verify(arguments + 2);
    fputs("usage: see the top of paseto_interop.c\n", stderr);
    return 2;
}
