/* Keys as text: whatever is taken for one is the same key when it is written and read again, and has an id that names it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"
#include "token/paserk.h"

#include <sodium.h>

static void check_key(const char *text, size_t size) {
    char again[SECKILL_KEY_TEXT_SIZE];
    sk__key key;

    if (!sk__paserk_read(text, size, &key))
        return;
    sk__paserk_write(&key, again);
    fuzz_check(strlen(again) == size && memcmp(again, text, size) == 0);
}

static void check_ring(const char *text, size_t size) {
    char kid[SECKILL_KEY_TEXT_SIZE], half[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;
    seckill_status added, named, halved;

    fuzz_check(seckill_keyring_new(&ring) == SECKILL_OK);
    added = seckill_keyring_add(ring, text, size);
    named = seckill_key_id(text, size, kid);
    halved = seckill_key_public(text, size, half);
    fuzz_check(added == SECKILL_OK || added == SECKILL_KEY_GARBAGE);
    fuzz_check(added != SECKILL_OK || named == SECKILL_OK);
    fuzz_check(halved != SECKILL_OK || added == SECKILL_OK);
    if (added == SECKILL_OK && strncmp(text, "k4.public.", 10) != 0)
        fuzz_check(seckill_keyring_issue_with(ring, kid) == SECKILL_OK);
    if (halved == SECKILL_OK)
        fuzz_check(seckill_keyring_add(ring, half, strlen(half)) == SECKILL_OK);
    seckill_keyring_free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy((fuzz_input){data, size});

    fuzz_check(sodium_init() >= 0);
    check_key(text, size);
    check_ring(text, size);
    free(text);
    return 0;
}
