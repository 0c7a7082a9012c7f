#include "script/scan.h"

#include <string.h>

enum { DAMAGED = 255 };

void sk__cursor_begin(char cursor[SK__CURSOR_SIZE]) {
    memset(cursor, 0, SK__CURSOR_SIZE);
    cursor[0] = '0';
}

bool sk__cursor_valid(const char cursor[SK__CURSOR_SIZE]) {
    return memchr(cursor, '\0', SK__CURSOR_SIZE) != NULL && cursor[strspn(cursor, "0123456789")] == '\0';
}

sk__walk_step sk__read_walk_step(sk__reader *reader) {
    sk__walk_step step;
    size_t size = sk__read_u8(reader);
    seckill_bytes cursor = sk__read_bytes(reader, size);

    memset(&step, 0, sizeof(step));
    if (size == 0 || size >= sizeof(step.cursor))
        reader->failed = true;
    step.count = sk__read_u32(reader);
    if (reader->failed)
        return step;
    memcpy(step.cursor, cursor.data, size);
    step.complete = strcmp(step.cursor, "0") == 0;
    return step;
}

sk__walked sk__read_walked(sk__reader *reader) {
    sk__walked walked;

    memset(&walked, 0, sizeof(walked));
    walked.user = sk__read_bytes(reader, sk__read_u8(reader));
    walked.count = sk__read_u8(reader);
    walked.damaged = walked.count == DAMAGED;
    if (walked.damaged)
        walked.count = 0;
    walked.records = sk__read_bytes(reader, (size_t)walked.count * SK__RECORD_SIZE);
    return walked;
}
