/* What belongs to no item, for hosts that ask Redis themselves: the items of an activity, the blacklist. */
#include "client/view.h"

#include "base/names.h"

#include <string.h>

/* ---- items ---- */

seckill_status seckill_view_ask_items(const char *prefix, const char *activity, uint32_t flags, seckill_command *command) {
    sk__writing *writing = sk__writing_begin(command, flags);

    prefix = sk__view_prefix(prefix);
    if (writing == NULL || prefix == NULL || !sk__id_valid(activity))
        return SECKILL_INVALID;
    sk__items_key_write(prefix, activity, writing->keys);
    sk__command_begin_key(&writing->written, SK__SCRIPT_items_list, flags != 0, writing->keys);
    return sk__writing_show_key(writing);
}

seckill_status seckill_view_take_items(const char *reply, size_t size, seckill_bytes *items, uint32_t max, uint32_t *count) {
    sk__reader reader = sk__reader_of(reply, size);
    seckill_bytes item;
    uint32_t found = 0;

    if (count != NULL)
        *count = 0;
    if (reply == NULL || (items == NULL && max != 0) || count == NULL)
        return SECKILL_INVALID;
    for (; sk__read_item(&reader, &item); found++) {
        if (found < max)
            items[found] = item;
    }
    if (!sk__reader_done(&reader))
        return SECKILL_PROTOCOL;
    if (found > max)
        return SECKILL_NO_SPACE;
    *count = found;
    return SECKILL_OK;
}

/* ---- the blacklist ---- */

/* False: one of them is none. */
static bool measure(const seckill_subject *subjects, size_t count, size_t *size) {
    sk__subject subject;

    *size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!sk__subject_of(&subjects[i], &subject))
            return false;
        *size += 1U + subject.size;
    }
    return true;
}

seckill_status seckill_view_ask_listed(const char *prefix, const seckill_subject *subjects, size_t count, uint32_t flags,
                                       seckill_command *command) {
    sk__writing *writing = sk__writing_begin(command, flags);
    sk__subject subject;
    sk__writer writer;
    size_t size;

    prefix = sk__view_prefix(prefix);
    if (writing == NULL || prefix == NULL || subjects == NULL || count < 1 || count > SECKILL_BLACKLIST_BATCH ||
        !measure(subjects, count, &size))
        return SECKILL_INVALID;
    sk__blacklist_encode_keys(prefix, SK__SCRIPT_blacklist_check, flags != 0, &writing->written);
    writer = sk__command_add_packed(&writing->written, size);
    for (size_t i = 0; i < count; i++) {
        (void)sk__subject_of(&subjects[i], &subject);
        sk__write_subject(&writer, &subject);
    }
    return sk__writing_show(writing, sk__blacklist_slot());
}

seckill_status seckill_view_take_listed(const char *reply, size_t size, seckill_blacklist_finding *findings, size_t count,
                                        int64_t *server_time_ms) {
    sk__reader reader = sk__reader_of(reply, size);
    int64_t now_ms;
    bool any = false;

    if (reply == NULL || findings == NULL || count < 1 || count > SECKILL_BLACKLIST_BATCH)
        return SECKILL_INVALID;
    now_ms = (int64_t)sk__read_u48(&reader);
    for (size_t i = 0; i < count; i++) {
        sk__read_finding(&reader, &findings[i]);
        any = any || findings[i].is_listed;
    }
    if (!sk__reader_done(&reader)) {
        memset(findings, 0, count * sizeof(findings[0]));
        now_ms = 0;
    }
    if (server_time_ms != NULL)
        *server_time_ms = now_ms;
    if (!sk__reader_done(&reader))
        return SECKILL_PROTOCOL;
    return any ? SECKILL_BLACKLISTED : SECKILL_OK;
}
