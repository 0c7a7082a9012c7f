/* Calls on the blacklist, made to wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_BLACKLIST_SUPPORT_H
#define SK_TESTS_BLACKLIST_SUPPORT_H

#include "rules_fixture.h"

enum { LISTED_MAX = 8192 };

typedef struct {
    seckill_status status;
    char message[256];
    uint32_t changed;
    uint64_t entries;
    int64_t now_ms;
    bool done;
} blacklist_answer;

/* What a check said of its first subject. */
typedef struct {
    seckill_status status;
    bool is_listed, done;
    int64_t until_ms, since_ms;
    char reason[256];
} blacklist_found;

seckill_subject subject(const char *kind, const char *value);

/* Lists one subject; reason may be NULL; until 0: for ever. */
blacklist_answer blacklist_list(sale *self, const char *kind, const char *value, const char *reason, int64_t until_ms,
                                uint32_t flags);
blacklist_answer blacklist_unlist(sale *self, const char *kind, const char *value);
blacklist_answer blacklist_add_many(sale *self, const seckill_blacklist_entry *entries, size_t count);
blacklist_found blacklist_ask(sale *self, const char *kind, const char *value);

/* Lists the users STEM0 ... in batches, for ever. */
void blacklist_list_users(sale *self, const char *stem, unsigned count);

/* Reads all of it: how many; `each` (may be NULL) gets every entry. */
size_t blacklist_read_all(sale *self, uint32_t max, void (*each)(const seckill_blacklist_entry *entry, void *context),
                          void *context);

/* The server's clock. */
int64_t blacklist_now(sale *self);

/* Begins to follow, and waits until the copy is loaded. */
void blacklist_follow(sale *self);
seckill_blacklist_state blacklist_state(const sale *self);

/* Runs the loop until the copy says so of a subject; the test fails where that takes more than ten seconds. */
void blacklist_await(sale *self, const char *kind, const char *value, seckill_status status);

/* Runs the loop until the copy has all that is listed now. */
void blacklist_catch_up(sale *self);

seckill_status blacklist_local(const sale *self, const char *kind, const char *value);

#endif
