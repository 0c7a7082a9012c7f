/* What the fuzz targets share. Each target is one C file with LLVMFuzzerTestOneInput; libFuzzer calls it, and so does replay.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FUZZ_H
#define SK_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input, or what is left of it. */
typedef struct {
    const uint8_t *data;
    size_t size;
} fuzz_input;

/* The next bytes, as many as there are; then zeros. */
fuzz_input fuzz_take(fuzz_input *input, size_t size);
uint8_t fuzz_u8(fuzz_input *input);
uint16_t fuzz_u16(fuzz_input *input);

/* In memory of exactly this size, to be freed, so that a sanitizer sees a step too far. */
char *fuzz_copy(fuzz_input input);

/* Reads every byte, so that a sanitizer sees what must not be read. */
void fuzz_read(const void *data, size_t size);

/* What must hold, whatever the input. */
#define fuzz_check(condition)                                                                                                  \
    do {                                                                                                                       \
        if (!(condition)) {                                                                                                    \
            (void)fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition);                          \
            abort();                                                                                                           \
        }                                                                                                                      \
    } while (0)

#endif
