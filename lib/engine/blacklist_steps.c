/* What the scripts of the blacklist take and say. */
#include "engine/blacklist.h"

#include <string.h>

enum { LOG_ENTRIES = 4 };

/* ---- a step of who follows, or reads */

static void add_position(const sk__log_position *at, sk__command *command) {
    sk__writer writer;

    if (at == NULL) {
        sk__command_add_text(command, "");
        return;
    }
    writer = sk__command_add_packed(command, sizeof(at->n) + sizeof(at->tag));
    sk__write_u64(&writer, at->n);
    sk__write_bytes(&writer, at->tag, sizeof(at->tag));
}

void sk__blacklist_encode_step(const sk__engine *engine, const sk__log_position *at, const sk__blacklist_walk *walk,
                               uint32_t max, bool with_text, sk__command *command) {
    sk__writer writer;

    sk__command_begin(command, SK__SCRIPT_blacklist_follow, with_text, walk != NULL ? 3 : 2);
    sk__blacklist_add_key(engine->prefix, "head", -1, command);
    sk__blacklist_add_key(engine->prefix, "log", -1, command);
    if (walk != NULL)
        sk__blacklist_add_key(engine->prefix, "entries", (int)walk->part, command);
    add_position(at, command);
    sk__command_add_number(command, LOG_ENTRIES);
    sk__command_add_text(command, walk != NULL ? walk->cursor : "");
    sk__command_add_number(command, max);
    writer = sk__command_add_packed(command, sizeof(walk->server));
    sk__write_u64(&writer, walk != NULL ? walk->server : 0);
}

sk__blacklist_step sk__blacklist_read_step(sk__reader *reader) {
    sk__blacklist_step step;

    memset(&step, 0, sizeof(step));
    step.now_ms = (int64_t)sk__read_u48(reader);
    (void)sk__read_u64(reader); /* entries in the list */
    step.is_lost = sk__read_u8(reader) != 0;
    step.at.n = sk__read_u64(reader);
    sk__read_into(reader, step.at.tag, sizeof(step.at.tag));
    step.has_more = sk__read_u8(reader) != 0;
    step.changes = sk__read_u32(reader);
    return step;
}

bool sk__subject_from(seckill_bytes bytes, sk__subject *out) {
    if (bytes.size == 0 || bytes.size > sizeof(out->bytes))
        return false;
    out->size = (uint8_t)bytes.size;
    memcpy(out->bytes, bytes.data, bytes.size);
    return true;
}

bool sk__blacklist_read_change(sk__reader *reader, sk__subject *subject, uint64_t *ends) {
    *ends = sk__read_u48(reader);
    return sk__subject_from(sk__read_bytes(reader, sk__read_u8(reader)), subject);
}

uint32_t sk__blacklist_read_page(sk__reader *reader, sk__blacklist_walk *walk, bool *restarted) {
    sk__walk_step step;

    walk->server = sk__read_u64(reader);
    *restarted = sk__read_u8(reader) != 0;
    step = sk__read_walk_step(reader);
    if (reader->failed)
        return 0;
    memcpy(walk->cursor, step.cursor, sizeof(walk->cursor));
    if (step.complete) {
        walk->part++;
        walk->at_end = walk->part == SK__BLACKLIST_PARTS;
    }
    return step.count;
}

sk__blacklist_found sk__blacklist_read_found(sk__reader *reader) {
    sk__blacklist_found found;

    found.subject = sk__read_bytes(reader, sk__read_u8(reader));
    found.ends = sk__read_u48(reader);
    found.since = sk__read_u48(reader);
    found.reason = sk__read_bytes(reader, sk__read_u8(reader));
    return found;
}
