/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

fuzz_input fuzz_take(fuzz_input *input, size_t size) {
    fuzz_input taken = {input->data, size < input->size ? size : input->size};

    if (taken.size != 0)
        input->data += taken.size;
    input->size -= taken.size;
    return taken;
}

uint8_t fuzz_u8(fuzz_input *input) {
    fuzz_input taken = fuzz_take(input, 1);

    return taken.size != 0 ? taken.data[0] : 0;
}

uint16_t fuzz_u16(fuzz_input *input) {
    uint8_t high = fuzz_u8(input);

    return (uint16_t)(high << 8 | fuzz_u8(input));
}

char *fuzz_copy(fuzz_input input) {
    char *copy = malloc(input.size != 0 ? input.size : 1);

    fuzz_check(copy != NULL);
    if (input.size != 0)
        memcpy(copy, input.data, input.size);
    return copy;
}

void fuzz_read(const void *data, size_t size) {
    static volatile uint8_t sum;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
}
