/* What an error reply of Redis means: in one place.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ERRORS_H
#define SK_ENGINE_ERRORS_H

#include <seckill/status.h>

typedef enum {
    SK__THEN_FINISH,    /* it is the answer */
    SK__THEN_SEND_TEXT, /* the server does not know the script: send its text */
    SK__THEN_UPDATE,    /* the shard has older settings than we, or none: bring it up to date, then ask again */
    SK__THEN_REPEAT,    /* ask again at once */
    SK__THEN_WAIT       /* it cannot serve now: ask again after a while */
} sk__then;

typedef struct {
    seckill_status status; /* what to answer, or what to answer if the deadline comes first */
    sk__then then;
} sk__verdict;

/* `text` need not be NUL-terminated. */
sk__verdict sk__judge_error(const char *text, size_t size);

/* What a person wants to read of an error: without the word that only our scripts and this table know, and without the place in
 * a script that Redis adds. */
void sk__describe_error(const char *text, size_t size, char *description, size_t description_size);

#endif
