/* The blacklist: how a client follows it, and the tasks that change and ask it. What its keys hold stands in
 * script/blacklist.lua.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_BLACKLIST_H
#define SK_ENGINE_BLACKLIST_H

#include "engine/blacklist_copy.h"
#include "engine/core.h"
#include "script/reading.h"
#include "script/scan.h"

typedef struct sk__blacklist sk__blacklist;

/* How the log and the entries are looked at: what blacklist_follow.lua takes and says, for the copy and for a page. */
enum { SK__TAG_SIZE = 8 };

typedef struct {
    char cursor[SK__CURSOR_SIZE];
    uint64_t server;
    uint32_t part;
    bool at_end; /* no part is left */
} sk__blacklist_walk;

typedef struct {
    uint64_t n;
    uint8_t tag[SK__TAG_SIZE];
} sk__log_position;

/* What a step said, but for the changes and the page, which `reader` goes on with. */
typedef struct {
    int64_t now_ms;
    bool is_lost, has_more;
    sk__log_position at;
    uint32_t changes;
} sk__blacklist_step;

typedef struct {
    seckill_bytes subject, reason; /* in the reply */
    uint64_t ends, since;
} sk__blacklist_found;

/* `at`: NULL: the client has no position. `walk`: NULL: no page is wanted. */
void sk__blacklist_encode_step(const sk__engine *engine, const sk__log_position *at, const sk__blacklist_walk *walk,
                               uint32_t max, bool with_text, sk__command *command);
sk__blacklist_step sk__blacklist_read_step(sk__reader *reader);
/* One change of `changes`: where it ends 0, it was removed. False: malformed. */
bool sk__blacklist_read_change(sk__reader *reader, sk__subject *subject, uint64_t *ends);
/* The head of a page: the walk goes on behind it; how many entries follow. */
uint32_t sk__blacklist_read_page(sk__reader *reader, sk__blacklist_walk *walk, bool *restarted);
sk__blacklist_found sk__blacklist_read_found(sk__reader *reader);
bool sk__subject_from(seckill_bytes bytes, sk__subject *out);

/* Begins to follow; engine->blacklist is set. */
seckill_status sk__blacklist_follow(sk__engine *engine, uint32_t poll_ms, uint32_t max_entries);
void sk__blacklist_free(sk__blacklist *self);

/* Both may be asked where nothing is followed: then nobody is listed. */
uint64_t sk__blacklist_find(const sk__blacklist *self, const sk__subject *subject);
bool sk__blacklist_has_user(const sk__blacklist *self, seckill_bytes user);
void sk__blacklist_look(const sk__blacklist *self, seckill_blacklist_state *state);

/* The tasks; the caller has checked all arguments but the subjects, which are checked here. */
seckill_status sk__blacklist_add_start(sk__engine *engine, const seckill_blacklist_entry *entries, size_t count,
                                       uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data);
seckill_status sk__blacklist_remove_start(sk__engine *engine, const seckill_subject *subjects, size_t count,
                                          uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data);
seckill_status sk__blacklist_check_start(sk__engine *engine, const seckill_subject *subjects, size_t count, uint32_t timeout_ms,
                                         seckill_blacklist_check_cb cb, void *user_data);
seckill_status sk__blacklist_read_start(sk__engine *engine, const seckill_blacklist_cursor *cursor, uint32_t max,
                                        uint32_t timeout_ms, seckill_blacklist_read_cb cb, void *user_data);

#endif
