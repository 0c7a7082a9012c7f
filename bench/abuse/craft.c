#include "craft.h"

#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HOUR_MS = 3600000 };

static int64_t now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- keys ---- */

static void write_file(char path[128], const char *folder, const char *name, const char *line) {
    FILE *file;

    (void)snprintf(path, 128, "%s/%s", folder, name);
    file = fopen(path, "we");
    if (file == NULL || fprintf(file, "%s\n", line) < 0 || fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static seckill_keyring *make_ring(char text[SECKILL_KEY_TEXT_SIZE]) {
    seckill_keyring *ring;

    if (seckill_key_generate(SECKILL_KEY_LOCAL, text) != SECKILL_OK || seckill_keyring_new(&ring) != SECKILL_OK ||
        seckill_keyring_add(ring, text, strlen(text)) != SECKILL_OK)
        bench_fail("no key could be made");
    return ring;
}

static void make_captcha_key(altcha_keys *keys, char text[ALTCHA_HEX]) {
    uint8_t random[(ALTCHA_HEX - 1) / 2];

    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(text, ALTCHA_HEX, random, sizeof(random));
    if (!altcha_keys_add(keys, text, strlen(text)))
        bench_fail("no key for captchas could be made");
}

void craft_open(craft *self, const char *folder) {
    char text[SECKILL_KEY_TEXT_SIZE], hex[ALTCHA_HEX];

    memset(self, 0, sizeof(*self));
    self->other_ring = make_ring(text);
    self->ring = make_ring(text);
    write_file(self->keys, folder, "keys", text);
    make_captcha_key(&self->other_captchas, hex);
    make_captcha_key(&self->captchas, hex);
    write_file(self->captcha_key, folder, "captcha-key", hex);
}

void craft_close(craft *self) {
    seckill_keyring_free(self->ring);
    seckill_keyring_free(self->other_ring);
}

/* ---- tokens ---- */

/* The caller spoils a good token in the middle of what is signed. */
static void spoil(char *token, craft_fault fault) {
    char *middle = token + strlen(token) / 3;

    if (fault == CRAFT_GARBAGE)
        (void)snprintf(token, SECKILL_TOKEN_SIZE, "let-me-in");
    else if (fault == CRAFT_TRUNCATED)
        *middle = '\0';
    else if (fault == CRAFT_FORGED)
        *middle = *middle == 'A' ? 'B' : 'A';
    else if (fault == CRAFT_NONE)
        *token = '\0';
}

static seckill_reservation_ref ref_of(const char *user, craft_fault fault) {
    seckill_reservation_ref ref = {.activity = "sale", .item = "phone", .quantity = 1, .price = 129900};

    ref.user_size = strlen(user);
    memcpy(ref.user, user, ref.user_size);
    randombytes_buf(ref.reservation_id, sizeof(ref.reservation_id));
    ref.issued_ms = now_ms() - (fault == CRAFT_EXPIRED ? 2 * HOUR_MS : 0);
    ref.hold_until_ms = ref.valid_until_ms = ref.issued_ms + HOUR_MS;
    return ref;
}

static void issue(const craft *self, seckill_token_purpose purpose, const char *user, craft_fault fault, char *token) {
    const seckill_keyring *ring = fault == CRAFT_OTHER_KEY ? self->other_ring : self->ring;
    seckill_reservation_ref ref = ref_of(user, fault);

    if (seckill_token_issue(ring, purpose, &ref, token, SECKILL_TOKEN_SIZE, NULL) != SECKILL_OK)
        bench_fail("no token could be issued");
    spoil(token, fault);
}

void craft_session(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]) {
    issue(self, fault == CRAFT_OTHER ? SECKILL_TOKEN_RESERVATION : SECKILL_TOKEN_SESSION, user, fault, token);
}

void craft_reservation(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]) {
    issue(self, fault == CRAFT_OTHER ? SECKILL_TOKEN_SESSION : SECKILL_TOKEN_RESERVATION, user, fault, token);
}

void craft_ticket(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]) {
    const seckill_keyring *ring = fault == CRAFT_OTHER_KEY ? self->other_ring : self->ring;
    seckill_ticket ticket = {.activity = "sale", .item = "phone", .quantity = 1, .epoch = 1, .n = 1};

    ticket.user_size = strlen(user);
    memcpy(ticket.user, user, ticket.user_size);
    ticket.since_ms = now_ms() - (fault == CRAFT_EXPIRED ? 2 * HOUR_MS : 0);
    ticket.valid_until_ms = ticket.since_ms + HOUR_MS;
    if (seckill_ticket_issue(ring, &ticket, token, SECKILL_TOKEN_SIZE, NULL) != SECKILL_OK)
        bench_fail("no ticket could be issued");
    spoil(token, fault);
}

/* ---- captchas ---- */

static void write_answer(const char *challenge, const char *salt, const char *signature, uint64_t number, char *answer) {
    char text[768];
    int size = snprintf(text, sizeof(text),
                        "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":%" PRIu64
                        ",\"salt\":\"%s\",\"signature\":\"%s\",\"took\":1}",
                        challenge, number, salt, signature);

    if (size < 0 || (size_t)size >= sizeof(text))
        bench_fail("a captcha's answer has no room");
    sodium_bin2base64(answer, CRAFT_CAPTCHA, (const unsigned char *)text, (size_t)size, sodium_base64_VARIANT_ORIGINAL);
}

/* What comes before the number is hashed once. */
static bool find_number(const char *challenge, const char *salt, uint64_t most, uint64_t *number) {
    crypto_hash_sha256_state begun, state;
    uint8_t wanted[crypto_hash_sha256_BYTES], hash[crypto_hash_sha256_BYTES];
    char text[24];

    if (sodium_hex2bin(wanted, sizeof(wanted), challenge, strlen(challenge), NULL, NULL, NULL) != 0)
        return false;
    crypto_hash_sha256_init(&begun);
    crypto_hash_sha256_update(&begun, (const unsigned char *)salt, strlen(salt));
    for (*number = 0; *number <= most; ++*number) {
        int digits = snprintf(text, sizeof(text), "%" PRIu64, *number);

        state = begun;
        crypto_hash_sha256_update(&state, (const unsigned char *)text, (unsigned long long)digits);
        crypto_hash_sha256_final(&state, hash);
        if (memcmp(hash, wanted, sizeof(hash)) == 0)
            return true;
    }
    return false;
}

bool craft_solve(const char *challenge, size_t size, char answer[CRAFT_CAPTCHA]) {
    const char *text, *salt, *signature;
    json_t *object = json_loadb(challenge, size, 0, NULL);
    json_int_t most;
    uint64_t number;
    bool good;

    good = json_unpack(object, "{s:s,s:s,s:s,s:I}", "challenge", &text, "salt", &salt, "signature", &signature, "maxnumber",
                       &most) == 0 &&
           find_number(text, salt, (uint64_t)most, &number);
    if (good)
        write_answer(text, salt, signature, number, answer);
    json_decref(object);
    return good;
}

/* Of a challenge whose highest number is 0 that is the answer. */
void craft_captcha(const craft *self, const char *user, craft_fault fault, char answer[CRAFT_CAPTCHA]) {
    altcha_purpose purpose = {fault == CRAFT_OTHER ? "another" : "sale", user, strlen(user)};
    int64_t expires = now_ms() / 1000 + (fault == CRAFT_EXPIRED ? -60 : 600);
    uint8_t random[ALTCHA_RANDOM];
    altcha_challenge one;

    randombytes_buf(random, sizeof(random));
    altcha_make(fault == CRAFT_OTHER_KEY ? &self->other_captchas : &self->captchas, &purpose, expires, 0, random, &one);
    if (fault == CRAFT_NONE)
        *answer = '\0';
    else if (fault == CRAFT_GARBAGE)
        (void)snprintf(answer, CRAFT_CAPTCHA, "bGV0IG1lIGlu");
    else
        write_answer(one.challenge, one.salt, one.signature, fault == CRAFT_FORGED, answer);
}

/* ---- requests ---- */

size_t craft_request(char text[CRAFT_REQUEST], const char *method, const char *path, const char *session, const char *body) {
    char length[96] = "";
    int size;

    if (body != NULL)
        (void)snprintf(length, sizeof(length), "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    size = snprintf(text, CRAFT_REQUEST, "%s %s HTTP/1.1\r\nHost: shop.example\r\n%s%s%s%s\r\n%s", method, path,
                    *session != '\0' ? "Authorization: Bearer " : "", session, *session != '\0' ? "\r\n" : "", length,
                    body != NULL ? body : "");
    if (size < 0 || size >= CRAFT_REQUEST)
        bench_fail("a request has no room");
    return (size_t)size;
}
