/* Where things lie: slots, tags, keys, home shards, reservation ids.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seckill/shard.h"

#include "base/crc16.h"
#include "base/names.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test_run.h"

static uint32_t slot(const char *key) {
    return seckill_slot(key, strlen(key));
}

static void crc16_is_xmodem(void **state) {
    (void)state;
    assert_int_equal(sk__crc16(0, "123456789", 9), 0x31C3);
    assert_int_equal(sk__crc16(sk__crc16(0, "1234", 4), "56789", 5), 0x31C3);
    assert_int_equal(sk__crc16(0, "", 0), 0);
    assert_int_equal(sk__crc16(0, "\xff", 1), 0x1EF0);
}

/* The table against the definition. */
static void crc16_is_its_polynomial(void **state) {
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned crc = byte << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000U) != 0 ? (crc << 1 ^ 0x1021U) & 0xffffU : crc << 1;
        uint8_t data = (uint8_t)byte;
        assert_int_equal(sk__crc16(0, &data, 1), crc);
    }
}

/* The cases of the Cluster specification, and slots as Redis' CLUSTER KEYSLOT gives them. */
static void slots_and_hash_tags(void **state) {
    (void)state;
    assert_int_equal(slot("123456789"), 0x31C3);
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("bar"), 5061);
    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("{user1000}.following"), slot("{user1000}.followers"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("{a}{b}"), slot("a"));
    assert_int_equal(slot("}{a}"), slot("a"));
    assert_int_equal(slot("x{a"), sk__crc16(0, "x{a", 3) % 16384);
    assert_int_equal(slot("x}a{"), sk__crc16(0, "x}a{", 4) % 16384);
}

static void an_empty_tag_counts_for_nothing(void **state) {
    (void)state;
    assert_int_equal(slot("{}"), sk__crc16(0, "{}", 2) % 16384);
    assert_int_equal(slot("foo{}{bar}"), sk__crc16(0, "foo{}{bar}", 10) % 16384);
    assert_int_not_equal(slot("foo{}{bar}"), slot("bar"));
    assert_int_equal(seckill_slot(NULL, 0), 0);
    assert_int_equal(seckill_slot("a\0b{c\0d}e", 9), seckill_slot("c\0d", 3));
}

/* ---- tags */

/* The tag lies in its n-th of the slots, by the slot of a whole key of the shard. */
static void check_tag(const char *activity, const char *item, uint32_t shard, uint32_t shards) {
    char tag[SECKILL_TAG_SIZE], key[SECKILL_SHARD_KEY_SIZE];
    assert_int_equal(seckill_shard_tag(activity, item, shard, shards, tag), SECKILL_OK);
    assert_int_equal(seckill_shard_key("seckill", activity, item, tag, "stock", key), SECKILL_OK);
    assert_int_equal(slot(key) * shards / SECKILL_SLOTS, shard);
    char number[16];
    int size = snprintf(number, sizeof number, "%u", shard);
    assert_memory_equal(tag, number, (size_t)size);
    assert_true(tag[size] == '\0' || tag[size] == '.');
}

/* All n take over a minute under valgrind: by default, the small ones and some of the large. */
static void tags_are_spread_evenly_for_every_n(void **state) {
    (void)state;
    bool all = test_run_is_full();
    for (uint32_t shards = 1; shards <= SECKILL_SHARDS_MAX; shards++) {
        if (!all && shards > 70 && shards < 1023 && shards % 97 != 0)
            continue;
        for (uint32_t shard = 0; shard < shards; shard++)
            check_tag("618-2026", "10001", shard, shards);
    }
}

/* With the longest and the shortest names too. */
static void tags_of_other_names(void **state) {
    (void)state;
    char longest[SECKILL_ID_MAX + 1];
    memset(longest, 'z', SECKILL_ID_MAX);
    longest[SECKILL_ID_MAX] = '\0';
    for (uint32_t shard = 0; shard < 64; shard++) {
        check_tag("a", "b", shard, 64);
        check_tag(longest, longest, shard, 64);
        check_tag("._-", "0", shard, 1000);
    }
}

/* The order of candidates is part of the interface: k, k.0, k.1, ... and the first that fits. */
static void tags_are_the_first_candidate(void **state) {
    (void)state;
    for (uint32_t shard = 0; shard < 17; shard++) {
        char tag[SECKILL_TAG_SIZE], candidate[32], content[64];
        assert_int_equal(seckill_shard_tag("act", "item", shard, 17, tag), SECKILL_OK);
        for (int suffix = -1;; suffix++) {
            if (suffix < 0)
                snprintf(candidate, sizeof candidate, "%u", shard);
            else
                snprintf(candidate, sizeof candidate, "%u.%d", shard, suffix);
            snprintf(content, sizeof content, "act/item/%s", candidate);
            if (slot(content) * 17 / SECKILL_SLOTS == shard)
                break;
        }
        assert_string_equal(tag, candidate);
    }
    char tag[SECKILL_TAG_SIZE];
    assert_int_equal(seckill_shard_tag("act", "item", 0, 1, tag), SECKILL_OK);
    assert_string_equal(tag, "0");
}

static void tags_refuse_what_is_out_of_range(void **state) {
    (void)state;
    char tag[SECKILL_TAG_SIZE];
    assert_int_equal(seckill_shard_tag("a", "b", 0, 0, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag("a", "b", 1, 1, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag("a", "b", 0, SECKILL_SHARDS_MAX + 1, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag("", "b", 0, 1, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag("a", "b/c", 0, 1, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag(NULL, "b", 0, 1, tag), SECKILL_INVALID);
    assert_int_equal(seckill_shard_tag("a", "b", 0, 1, NULL), SECKILL_INVALID);
}

/* ---- names and keys */

static void ids_and_prefixes(void **state) {
    (void)state;
    char text[80];
    for (int c = 1; c < 256; c++) {
        char one[2] = {(char)c, '\0'};
        bool id = memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", c, 65) != NULL;
        assert_int_equal(sk__id_valid(one), id);
        assert_int_equal(sk__prefix_valid(one), id || c == ':');
    }
    memset(text, 'x', sizeof text);
    assert_false(sk__id_valid(text)); /* no NUL within 64 */
    text[SECKILL_ID_MAX] = '\0';
    assert_true(sk__id_valid(text) && sk__prefix_valid(text));
    assert_false(sk__tag_valid(text));
    text[SECKILL_TAG_SIZE - 1] = '\0';
    assert_true(sk__tag_valid(text));
    assert_false(sk__id_valid("") || sk__id_valid(NULL) || sk__prefix_valid("") || sk__prefix_valid(NULL));
}

static void keys(void **state) {
    (void)state;
    char key[SECKILL_SHARD_KEY_SIZE], longest[SECKILL_ID_MAX + 1];
    assert_int_equal(seckill_shard_key("seckill", "618", "10001", "0.7", "events", key), SECKILL_OK);
    assert_string_equal(key, "seckill:{618/10001/0.7}:events");
    memset(longest, 'z', SECKILL_ID_MAX);
    longest[SECKILL_ID_MAX] = '\0';
    assert_int_equal(seckill_shard_key(longest, longest, longest, "1023.1234567890", "expirations", key), SECKILL_OK);
    assert_int_equal(strlen(key), 64 + 2 + 64 + 1 + 64 + 1 + 15 + 2 + 11);
    assert_int_equal(seckill_shard_key("a{b", "618", "1", "0", "stock", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "6 18", "1", "0", "stock", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "618", "", "0", "stock", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "618", "1", "0}", "stock", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "618", "1", "0", "Stock", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "618", "1", "0", "", key), SECKILL_INVALID);
    assert_int_equal(seckill_shard_key("a", "618", "1", "0", "stock", NULL), SECKILL_INVALID);
}

/* ---- home shards */

/* The vector of the SipHash paper, appendix A: key 00 to 0f, message 00 to 0e, a129ca6149be45e5. */
static void home_shards_are_siphash_2_4(void **state) {
    (void)state;
    uint8_t seed[SECKILL_SEED_SIZE], message[15], hash[8];
    for (uint8_t i = 0; i < 16; i++)
        seed[i] = i;
    memcpy(message, seed, sizeof message);
    crypto_shorthash(hash, message, sizeof message, seed);
    assert_memory_equal(hash, "\xe5\x45\xbe\x49\x61\xca\x29\xa1", 8);
    seckill_bytes user = {message, sizeof message};
    const uint64_t upper = 0xa129ca61;
    assert_int_equal(seckill_shard_of(user, seed, 1024), upper * 1024 >> 32);
    assert_int_equal(seckill_shard_of(user, seed, 1000), upper * 1000 >> 32);
    assert_int_equal(seckill_shard_of(user, seed, 1), 0);
    assert_int_equal(seckill_shard_of(user, seed, 0), 0);
    seckill_bytes nobody = {NULL, 0};
    assert_true(seckill_shard_of(nobody, seed, 7) < 7);
}

/* Chi-square over the shards. Its mean is n - 1 and its variance 2 (n - 1): five deviations are far beyond chance, and with
 * fixed seeds the test always gives the same. */
static void check_even(uint8_t fill, uint32_t shards) {
    enum { USERS = 100000 };
    static uint32_t counts[SECKILL_SHARDS_MAX];
    memset(counts, 0, sizeof counts);
    uint8_t seed[SECKILL_SEED_SIZE];
    memset(seed, fill, sizeof seed);
    for (int i = 0; i < USERS; i++) {
        char name[16];
        seckill_bytes user = {name, (size_t)snprintf(name, sizeof name, "user-%d", i)};
        uint32_t shard = seckill_shard_of(user, seed, shards);
        assert_true(shard < shards);
        counts[shard]++;
    }
    double expected = (double)USERS / shards, chi_square = 0;
    for (uint32_t i = 0; i < shards; i++)
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    double freedom = shards - 1.0, beyond = chi_square - freedom;
    assert_true(beyond * beyond <= 25 * 2 * freedom);
}

static void home_shards_are_even(void **state) {
    (void)state;
    static const uint32_t shards[] = {2, 3, 5, 16, 64, 100, 1000, 1024};
    for (uint8_t seed = 0; seed < 3; seed++)
        for (size_t i = 0; i < sizeof shards / sizeof *shards; i++)
            check_even(seed, shards[i]);
}

/* ---- reservation ids */

static void id_of(const char *activity, const char *item, const char *user, const char *request, uint8_t id[16]) {
    seckill_bytes user_bytes = {user, strlen(user)}, request_bytes = {request, strlen(request)};
    assert_int_equal(seckill_reservation_id(activity, item, user_bytes, request_bytes, id), SECKILL_OK);
}

static void reservation_ids_are_blake2b_of_sized_fields(void **state) {
    (void)state;
    uint8_t id[16], expected[16];
    id_of("618", "10001", "alice", "r-1", id);
    static const char input[] = "\x03"
                                "618"
                                "\x05"
                                "10001"
                                "\x05"
                                "alice"
                                "\x03"
                                "r-1";
    crypto_generichash(expected, sizeof expected, (const uint8_t *)input, sizeof input - 1, NULL, 0);
    assert_memory_equal(id, expected, sizeof id);
}

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, SECKILL_RESERVATION_ID_SIZE);
}

/* No two of these sets of fields may give one id, least of all those that are equal when run together. */
static void reservation_ids_are_injective(void **state) {
    (void)state;
    static const char *const texts[] = {"a", "b", "aa", "ab", "ba", "bb", "aaa"};
    enum { TEXTS = sizeof texts / sizeof *texts, ALL = TEXTS * TEXTS * TEXTS * TEXTS };
    static uint8_t ids[ALL][16];
    for (size_t i = 0; i < ALL; i++)
        id_of(texts[i % TEXTS], texts[i / TEXTS % TEXTS], texts[i / TEXTS / TEXTS % TEXTS], texts[i / TEXTS / TEXTS / TEXTS],
              ids[i]);
    qsort(ids, ALL, sizeof *ids, compare_ids);
    for (size_t i = 1; i < ALL; i++)
        assert_memory_not_equal(ids[i - 1], ids[i], sizeof *ids);
}

static void reservation_ids_refuse_what_is_malformed(void **state) {
    (void)state;
    uint8_t id[16], bytes[65] = {0};
    seckill_bytes good = {bytes, 64}, empty = {bytes, 0}, longer = {bytes, 65}, none = {NULL, 4};
    assert_int_equal(seckill_reservation_id("a", "b", good, good, id), SECKILL_OK);
    assert_int_equal(seckill_reservation_id("", "b", good, good, id), SECKILL_INVALID);
    assert_int_equal(seckill_reservation_id("a", NULL, good, good, id), SECKILL_INVALID);
    assert_int_equal(seckill_reservation_id("a", "b", empty, good, id), SECKILL_INVALID);
    assert_int_equal(seckill_reservation_id("a", "b", good, longer, id), SECKILL_INVALID);
    assert_int_equal(seckill_reservation_id("a", "b", none, good, id), SECKILL_INVALID);
    assert_int_equal(seckill_reservation_id("a", "b", good, good, NULL), SECKILL_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc16_is_xmodem),
        cmocka_unit_test(crc16_is_its_polynomial),
        cmocka_unit_test(slots_and_hash_tags),
        cmocka_unit_test(an_empty_tag_counts_for_nothing),
        cmocka_unit_test(tags_are_spread_evenly_for_every_n),
        cmocka_unit_test(tags_of_other_names),
        cmocka_unit_test(tags_are_the_first_candidate),
        cmocka_unit_test(tags_refuse_what_is_out_of_range),
        cmocka_unit_test(ids_and_prefixes),
        cmocka_unit_test(keys),
        cmocka_unit_test(home_shards_are_siphash_2_4),
        cmocka_unit_test(home_shards_are_even),
        cmocka_unit_test(reservation_ids_are_blake2b_of_sized_fields),
        cmocka_unit_test(reservation_ids_are_injective),
        cmocka_unit_test(reservation_ids_refuse_what_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
