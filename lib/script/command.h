/* One command to Redis while it is put together: EVALSHA or EVAL of a script, its keys, its arguments.
 *
 * Arguments are ranges of bytes that must stay until the command is sent; small ones are made in the command's own space. The
 * capacity is fixed, so that nothing is allocated for a batch: it holds the largest batch and the largest mapping list.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_COMMAND_H
#define SK_SCRIPT_COMMAND_H

#include "base/wire.h"
#include "script/script.h"

enum {
    SK__COMMAND_ARGUMENTS = 3 + 6 + 2 + 2 * SECKILL_BATCH_MAX + 16,
    SK__COMMAND_SPACE = 80 * 1024 /* 512 requests for the queue of 28 bytes with users of 64, twice; the plan of 1024 shards;
                                     the settings' numbers */
};

typedef struct {
    int argc;
    bool failed; /* an argument did not fit; never happens within the documented limits */
    const char *argv[SK__COMMAND_ARGUMENTS];
    size_t sizes[SK__COMMAND_ARGUMENTS];
    sk__writer space;
    uint8_t bytes[SK__COMMAND_SPACE];
} sk__command;

/* Begins anew. with_text: EVAL with the script's text instead of its digest, for a server that does not know it. */
void sk__command_begin(sk__command *command, sk__script_id script, bool with_text, int key_count);

/* Begins anew, with a command that is no script's: its name is the first argument to be added. */
void sk__command_begin_plain(sk__command *command);

/* Adds a key or an argument that stays where it is. */
void sk__command_add(sk__command *command, const void *data, size_t size);
void sk__command_add_text(sk__command *command, const char *text);

/* Adds an integer in decimal. */
void sk__command_add_number(sk__command *command, int64_t number);

/* Adds an argument of `size` bytes to be written by the caller; a writer that has failed where it does not fit. */
sk__writer sk__command_add_packed(sk__command *command, size_t size);

#endif
