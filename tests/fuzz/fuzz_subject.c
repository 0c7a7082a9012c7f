/* Subjects of the blacklist: u8 size of a kind, the kind, the value; and the packed form, as Redis gives it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/subject.h"
#include "fuzz.h"

/* What a subject says of itself makes the same subject. */
static void check_told(const sk__subject *subject) {
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    seckill_subject said;
    sk__subject again;

    fuzz_check(sk__subject_tell((seckill_bytes){subject->bytes, subject->size}, kind, text, &said));
    fuzz_check(sk__subject_of(&said, &again));
    fuzz_check(again.size == subject->size && memcmp(again.bytes, subject->bytes, again.size) == 0);
}

static void shorten(sk__subject subject) {
    uint8_t prefix;

    if (!sk__subject_is_address(&subject, &prefix))
        return;
    fuzz_check(prefix <= SK__ADDRESS_BITS);
    while (prefix-- > 0) {
        sk__subject_shorten(&subject, prefix);
        check_told(&subject);
    }
}

static void read_given(fuzz_input input) {
    char kind[32] = "";
    fuzz_input name = fuzz_take(&input, fuzz_u8(&input) % sizeof(kind));
    char *value;
    seckill_subject given = {kind, {NULL, 0}};
    sk__subject subject;

    if (name.size != 0)
        memcpy(kind, name.data, name.size);
    value = fuzz_copy(input);
    given.value = (seckill_bytes){value, input.size};
    if (sk__subject_of(&given, &subject)) {
        check_told(&subject);
        shorten(subject);
    }
    free(value);
}

static void read_packed(fuzz_input input) {
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    char *bytes = fuzz_copy(input);
    seckill_subject said;

    if (sk__subject_tell((seckill_bytes){bytes, input.size}, kind, text, &said)) {
        fuzz_read(said.kind, strlen(said.kind));
        fuzz_read(said.value.data, said.value.size);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_given((fuzz_input){data, size});
    read_packed((fuzz_input){data, size});
    return 0;
}
