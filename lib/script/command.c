#include "script/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sk__command_begin_plain(sk__command *command) {
    command->argc = 0;
    command->failed = false;
    command->space = sk__writer_of(command->bytes, sizeof(command->bytes));
}

void sk__command_begin(sk__command *command, sk__script_id script, bool with_text, int key_count) {
    const sk__script *described = sk__script_of(script);

    sk__command_begin_plain(command);
    if (with_text) {
        sk__command_add_text(command, "EVAL");
        sk__command_add(command, described->text, *described->size);
    } else {
        sk__command_add_text(command, "EVALSHA");
        sk__command_add_text(command, described->sha1);
    }
    sk__command_add_number(command, key_count);
}

void sk__command_add(sk__command *command, const void *data, size_t size) {
    if (command->argc == SK__COMMAND_ARGUMENTS) {
        command->failed = true;
        return;
    }
    command->argv[command->argc] = size != 0 ? data : "";
    command->sizes[command->argc] = size;
    command->argc++;
}

void sk__command_add_text(sk__command *command, const char *text) {
    sk__command_add(command, text, strlen(text));
}

void sk__command_add_number(sk__command *command, int64_t number) {
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRId64, number);
    sk__writer writer = sk__command_add_packed(command, (size_t)size);

    sk__write_bytes(&writer, text, (size_t)size);
}

sk__writer sk__command_add_packed(sk__command *command, size_t size) {
    uint8_t *bytes = sk__write_space(&command->space, size);

    if (bytes == NULL) {
        command->failed = true;
        return sk__writer_of(NULL, 0);
    }
    sk__command_add(command, bytes, size);
    return sk__writer_of(bytes, size);
}
