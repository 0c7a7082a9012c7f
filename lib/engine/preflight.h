/* Judging what servers and shards say of themselves before a sale. Pure: no calls, no clock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_PREFLIGHT_H
#define SK_ENGINE_PREFLIGHT_H

#include <seckill/preflight.h>

#include <stdbool.h>

enum { SK__SERVER_TEXT = 272, SK__FOUND_TEXT = 320 };

/* A server, as it describes itself. */
typedef struct {
    char run_id[41];
    char address[SK__SERVER_TEXT]; /* "" where it is not known */
    char version[32];
    bool is_valkey;
    char policy[32]; /* "": not said */
    int64_t max_memory, used_memory, system_memory;
    bool has_log, log_fails, snapshot_fails;
    uint32_t replicas; /* in step */
    bool is_cluster;
    char cluster_state[16];  /* "": not said */
    uint32_t slots;          /* of the cluster that are served */
    uint32_t masters;        /* that serve any */
    char forbidden[256];     /* commands, with blanks between */
    int64_t low_ms, high_ms; /* its clock is ahead of ours by so much: at least, at most */
    uint32_t shards;         /* of the item */
    int64_t users;           /* in these */
} sk__server;

/* A shard, as its script describes it. */
typedef struct {
    seckill_status status; /* SECKILL_OK: it answered, and the rest is valid */
    uint32_t server;
    uint64_t settings;
    bool is_ours;                  /* has the item's seed */
    int64_t loaded, excess, users; /* excess: 0 where the account holds */
    char layout[16];
    char wrong_keys[160]; /* "": none */
} sk__shard_facts;

typedef struct {
    seckill_preflight_options options; /* complete */
    seckill_status status;             /* of the whole; SECKILL_OK: every shard answered */
    const char *cause;                 /* of that status, for a person */
    const seckill_item_info *info;     /* NULL: the mapping list was not read */
    int64_t server_time_ms;
    sk__server *servers;
    sk__shard_facts *shards; /* info->settings->shards of them */
    uint32_t server_count;
    char sync[16];            /* how seldom a server's log is synced at worst: appendfsync; "": not said */
    uint32_t scripts;         /* that every server knows now */
    const char *scripts_lack; /* why they could not be loaded; NULL: they were */
} sk__preflight;

/* A list of findings with room for all that can be found. */
typedef struct {
    seckill_finding *list;
    char (*texts)[SK__FOUND_TEXT];
    size_t count, capacity;
    seckill_level worst;
} sk__findings;

/* How many findings there can be. */
size_t sk__findings_max(const sk__preflight *all);

/* Reads INFO (all but the address, what is forbidden, the clock and the shards), and CLUSTER INFO (the state, slots, masters).
 */
void sk__server_read_info(sk__server *server, const char *text, size_t size);
void sk__server_read_cluster(sk__server *server, const char *text, size_t size);

/* Narrows what is known of its clock: it said `server_ms` at some moment between two of ours. */
void sk__server_read_clock(sk__server *server, int64_t sent_ms, int64_t server_ms, int64_t came_ms);

/* Takes a server's appendfsync in, where it is worse than what is known. */
void sk__preflight_read_sync(sk__preflight *all, const char *text, size_t size);

/* Fills `out`, whose list, texts and capacity are set, in the order of the checks. */
void sk__preflight_judge(const sk__preflight *all, sk__findings *out);

#endif
