/* The word that an error reply of Redis begins with.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_WORDS_H
#define SK_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether `text`, which need not be NUL-terminated, is this word, or begins with it and a blank. */
static inline bool sk__begins_with(const char *text, size_t size, const char *word) {
    size_t length = strlen(word);

    return size >= length && memcmp(text, word, length) == 0 && (size == length || text[length] == ' ');
}

#endif
