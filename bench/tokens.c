/* How much does a token cost more than its cryptography?
 *
 * Ours: seckill_token_issue and seckill_token_verify of a reservation's token. The other: the libsodium calls that PASETO
 * demands for a message, footer and assertion of the same sizes, on buffers that are ready: no claims are written or read, no
 * key is found, nothing is looked at. v4.local: a random nonce (issue), BLAKE2b twice for the keys, XChaCha20, BLAKE2b for the
 * tag, compared in constant time (verify); v4.public: Ed25519; both: base64url of the body. Rows without a goal leave base64
 * out: libsodium's takes constant time, ours, of what is no secret, does not.
 */
#include "bench.h"

#include <seckill/token.h>
#include <sodium.h>
#include <string.h>

enum {
    OVERHEAD = 64, /* nonce and tag, or the signature */
    FOOTER = 61,   /* {"kid":"..."} */
    KEY = 32,
    NONCE = 32,
    /* What is authenticated beside the message: a count, the sizes of four parts, the header, the footer, "reservation". */
    PARTS = 8 + 4 * 8 + 9 + FOOTER + 11
};

/* What one kind of token is made with. */
typedef struct {
    seckill_keyring *ring;
    seckill_reservation_ref ref;
    char token[SECKILL_TOKEN_SIZE];
    size_t size, header, body_size;
    /* The other's: what is authenticated, as long as ours; the message is within it. */
    uint8_t text[SECKILL_TOKEN_SIZE], out[SECKILL_TOKEN_SIZE];
    size_t text_size, message_size;
    uint8_t key[KEY], public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    uint8_t tag[crypto_sign_BYTES];
} subject;

/* ---- ours ---- */

static void issue(subject *self) {
    if (seckill_token_issue(self->ring, SECKILL_TOKEN_RESERVATION, &self->ref, self->token, sizeof(self->token), &self->size) !=
        SECKILL_OK)
        bench_fail("issue failed");
}

static void verify(subject *self) {
    seckill_reservation_ref ref;

    if (seckill_token_verify(self->ring, SECKILL_TOKEN_RESERVATION, self->token, self->size, self->ref.issued_ms, 0, &ref) !=
        SECKILL_OK)
        bench_fail("verify failed");
}

/* ---- the other: v4.local ---- */

static void derive(const subject *self, const uint8_t nonce[NONCE], size_t label, uint8_t *out, size_t size) {
    uint8_t input[24 + NONCE] = "paseto-auth-key-for-aead";

    memcpy(input + label, nonce, NONCE);
    (void)crypto_generichash(out, size, input, label + NONCE, self->key, KEY);
}

static void encryption(const subject *self, const uint8_t nonce[NONCE], uint8_t *out) {
    uint8_t keys[56];

    derive(self, nonce, 21, keys, sizeof(keys));
    (void)crypto_stream_xchacha20_xor(out, self->text, self->message_size, keys + KEY, keys);
}

static void authentication(const subject *self, const uint8_t nonce[NONCE], uint8_t tag[32]) {
    uint8_t key[KEY];

    derive(self, nonce, 24, key, sizeof(key));
    (void)crypto_generichash(tag, 32, self->text, self->text_size, key, KEY);
}

static void encrypt(subject *self) {
    uint8_t nonce[NONCE];

    randombytes_buf(nonce, sizeof(nonce));
    encryption(self, nonce, self->out);
    authentication(self, nonce, self->tag);
}

static void decrypt(subject *self) {
    static const uint8_t nonce[NONCE];
    uint8_t tag[32];

    authentication(self, nonce, tag);
    if (sodium_memcmp(tag, tag, sizeof(tag)) != 0)
        bench_fail("a tag is not itself");
    encryption(self, nonce, self->out);
}

/* ---- the other: v4.public ---- */

static void sign(subject *self) {
    if (crypto_sign_detached(self->tag, NULL, self->text, self->text_size, self->secret) != 0)
        bench_fail("signing failed");
}

static void check(subject *self) {
    if (crypto_sign_verify_detached(self->tag, self->text, self->text_size, self->public_key) != 0)
        bench_fail("a signature is not genuine");
}

/* ---- the other: with its text ---- */

static void write_text(subject *self) {
    (void)sodium_bin2base64(self->token, sizeof(self->token), self->out, self->message_size + OVERHEAD,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void read_text(subject *self) {
    if (sodium_base642bin(self->out, sizeof(self->out), self->token + self->header, self->body_size, NULL, NULL, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        bench_fail("a text is none");
}

static void encrypt_text(subject *self) {
    encrypt(self);
    write_text(self);
}

static void decrypt_text(subject *self) {
    read_text(self);
    decrypt(self);
}

static void sign_text(subject *self) {
    sign(self);
    write_text(self);
}

static void check_text(subject *self) {
    read_text(self);
    check(self);
}

/* ---- both ---- */

static void prepare(subject *self, seckill_key_kind kind) {
    char text[SECKILL_KEY_TEXT_SIZE];

    *self = (subject){.ref = {.user = "user000000000001",
                              .user_size = 16,
                              .activity = "sale",
                              .item = "phone",
                              .reservation_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                              .quantity = 1,
                              .price = 129900,
                              .issued_ms = INT64_C(1795000000000),
                              .hold_until_ms = INT64_C(1795000300000),
                              .valid_until_ms = INT64_C(1795000360000)}};
    if (sodium_init() < 0 || seckill_keyring_new(&self->ring) != SECKILL_OK || seckill_key_generate(kind, text) != SECKILL_OK ||
        seckill_keyring_add(self->ring, text, strlen(text)) != SECKILL_OK)
        bench_fail("no keys");
    issue(self);
    self->header = kind == SECKILL_KEY_LOCAL ? strlen("v4.local.") : strlen("v4.public.");
    self->body_size = strcspn(self->token + self->header, ".");
    self->message_size = self->body_size * 3 / 4 - OVERHEAD;
    self->text_size = self->message_size + PARTS + (kind == SECKILL_KEY_LOCAL ? 8 + NONCE : 1);
    (void)crypto_sign_keypair(self->public_key, self->secret);
    sign(self);
}

/* In a second of processor time. */
static double rate_of(void (*call)(subject *), subject *self, uint64_t times) {
    double start = bench_cpu_time(0);

    for (uint64_t i = 0; i < times; i++)
        call(self);
    return (double)times / (bench_cpu_time(0) - start);
}

typedef struct {
    const char *id, *question, *against;
    void (*ours)(subject *), (*other)(subject *);
    uint64_t times;
    seckill_key_kind kind;
    bool has_goal;
} race;

static void run(const race *self, const bench_options *options) {
    bench_series ours = {0}, other = {0};
    subject both;

    prepare(&both, self->kind);
    for (int i = 0; i < options->rounds; i++) {
        uint64_t times = bench_size(options, self->times, self->times / 100);

        bench_add(&ours, rate_of(self->ours, &both, times));
        bench_add(&other, rate_of(self->other, &both, times));
    }
    seckill_keyring_free(both.ring);
    bench_say("%s: %.0f/s, other %.0f/s", self->question, bench_median(&ours), bench_median(&other));
    bench_row_print(&(bench_row){.id = self->id,
                                 .question = self->question,
                                 .unit = "1/s",
                                 .ours = &ours,
                                 .other = &other,
                                 .against = self->against,
                                 .goal = self->has_goal ? BENCH_RATIO_AT_LEAST : BENCH_NO_GOAL,
                                 .limit = 0.7,
                                 .note = "processor time of one thread; a reservation's token, whose user has 16 bytes"});
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 15);
    static const race races[] = {
        {"13a", "v4.local tokens issued", "libsodium: random nonce, BLAKE2b three times, XChaCha20, base64", issue,
         encrypt_text, 30000, SECKILL_KEY_LOCAL, true},
        {"13b", "v4.local tokens verified", "libsodium: base64, BLAKE2b three times, XChaCha20", verify, decrypt_text, 30000,
         SECKILL_KEY_LOCAL, true},
        {"13c", "v4.public tokens issued", "libsodium: Ed25519 signing, base64", issue, sign_text, 1500, SECKILL_KEY_SECRET,
         true},
        {"13d", "v4.public tokens verified", "libsodium: base64, Ed25519 verifying", verify, check_text, 600,
         SECKILL_KEY_SECRET, true},
        {"13e", "v4.local tokens issued", "the same without base64", issue, encrypt, 30000, SECKILL_KEY_LOCAL, false},
        {"13f", "v4.local tokens verified", "the same without base64", verify, decrypt, 30000, SECKILL_KEY_LOCAL, false}};

    bench_pin_to_load();
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
        run(&races[i], &options);
    return 0;
}
