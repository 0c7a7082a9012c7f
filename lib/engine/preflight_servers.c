/* What is found about servers, and what to do about it. */
#include "engine/preflight_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16384, SKEW_MS = 500, REDIS_VERSION = 700, VALKEY_VERSION = 702 };

/* ---- each server ---- */

/* "7.0.15" is 700. */
static int version_of(const char *text) {
    char *rest;
    long major = strtol(text, &rest, 10), minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;

    return (int)(major * 100 + minor);
}

static void judge_version(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    const char *name = server->is_valkey ? "Valkey" : "Redis";

    (void)all;
    if (version_of(server->version) < (server->is_valkey ? VALKEY_VERSION : REDIS_VERSION))
        SK__NOTE(out, VERSION, FAILED, server->address, "use Redis 7.0 or Valkey 7.2, or later", "this is %s %s", name,
                 server->version[0] != '\0' ? server->version : "of an unknown version");
    else
        SK__NOTE(out, VERSION, OK, server->address, "", "%s %s", name, server->version);
}

static void judge_eviction(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    static const char remedy[] = "CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration file";

    (void)all;
    if (server->policy[0] == '\0')
        SK__NOTE(out, EVICTION, WARNING, server->address,
                 "let the ACL allow INFO memory, or look by hand: CONFIG GET maxmemory-policy",
                 "the server does not say what it does when it is full");
    else if (strcmp(server->policy, "noeviction") == 0)
        SK__NOTE(out, EVICTION, OK, server->address, "", "maxmemory-policy is noeviction");
    else if (server->max_memory > 0)
        SK__NOTE(out, EVICTION, FAILED, server->address, remedy,
                 "maxmemory-policy is %s: when the server is full it deletes keys", server->policy);
    else
        SK__NOTE(out, EVICTION, WARNING, server->address, remedy,
                 "maxmemory-policy is %s; it deletes keys once maxmemory is set", server->policy);
}

static int64_t mebibytes(int64_t bytes) {
    return (bytes + (1 << 20) - 1) >> 20;
}

/* What the planned users of this server's shards take, besides those that it has. */
static int64_t planned_bytes(const sk__preflight *all, const sk__server *server) {
    double users = (double)all->options.users * server->shards / sk__shards_of(all) - (double)server->users;
    double bytes = users > 0 ? users * (double)SECKILL_USER_BYTES : 0;

    return bytes < (double)SECKILL_AMOUNT_MAX ? (int64_t)bytes : SECKILL_AMOUNT_MAX;
}

/* A server with no bound may take half of its machine: while it writes a snapshot it can need as much again. */
static void judge_memory(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    bool bounded = server->max_memory > 0;
    int64_t room = bounded ? server->max_memory : server->system_memory, wanted = planned_bytes(all, server);
    int64_t total = server->used_memory + wanted, comfortable = bounded ? room - room / 10 : room / 2;
    const char *what = bounded ? "maxmemory" : "memory of the machine, and no maxmemory";
    const char *remedy = bounded ? "raise maxmemory, move shards to other masters, or plan for fewer users"
                                 : "give the machine more memory and set maxmemory, or move shards to other masters";

    if (room <= 0)
        SK__NOTE(out, MEMORY, WARNING, server->address, "look by hand: INFO memory",
                 "the server does not say how much memory it has");
    else if (total > room)
        SK__NOTE(out, MEMORY, FAILED, server->address, remedy,
                 "%" PRId64 " MiB used and %" PRId64 " MiB for the planned users are more than the %" PRId64 " MiB of %s",
                 mebibytes(server->used_memory), mebibytes(wanted), mebibytes(room), what);
    else if (total > comfortable)
        SK__NOTE(out, MEMORY, WARNING, server->address, remedy,
                 "%" PRId64 " MiB used and %" PRId64 " MiB for the planned users come close to the %" PRId64 " MiB of %s",
                 mebibytes(server->used_memory), mebibytes(wanted), mebibytes(room), what);
    else
        SK__NOTE(out, MEMORY, OK, server->address, "",
                 "%" PRId64 " MiB used, %" PRId64 " MiB for the planned users, %" PRId64 " MiB %s",
                 mebibytes(server->used_memory), mebibytes(wanted), mebibytes(room), what);
}

/* How often the log is synced was asked of all servers together. */
static void judge_log(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    static const char remedy[] = "CONFIG SET appendfsync everysec (or always), and the same in its configuration file";

    if (all->sync[0] == '\0')
        SK__NOTE(out, PERSISTENCE, WARNING, server->address,
                 "look by hand: CONFIG GET appendfsync; it should be always or everysec",
                 "append-only log; how often it is synced could not be read");
    else if (strcmp(all->sync, "always") == 0)
        SK__NOTE(out, PERSISTENCE, OK, server->address, "", "append-only log, synced at every write");
    else if (strcmp(all->sync, "everysec") == 0)
        SK__NOTE(out, PERSISTENCE, OK, server->address, "",
                 "append-only log, synced every second: a crash of the machine can cost the last one or two");
    else
        SK__NOTE(out, PERSISTENCE, WARNING, server->address, remedy,
                 "append-only log, appendfsync %s on some server: a crash of the machine can cost half a minute", all->sync);
}

static void judge_persistence(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    if (server->log_fails || server->snapshot_fails)
        SK__NOTE(out, PERSISTENCE, FAILED, server->address,
                 "free space on its disk, see its log, then BGSAVE or BGREWRITEAOF; until it succeeds it may refuse writes",
                 "its last %s failed", server->log_fails ? "write to the log" : "snapshot");
    else if (server->has_log)
        judge_log(all, server, out);
    else if ((all->options.flags & SECKILL_PREFLIGHT_VOLATILE) != 0)
        SK__NOTE(out, PERSISTENCE, OK, server->address, "", "no append-only log, as was allowed");
    else
        SK__NOTE(out, PERSISTENCE, FAILED, server->address,
                 "CONFIG SET appendonly yes, and the same in its configuration file; or allow it to lose what it holds",
                 "no append-only log: a crash loses reservations");
}

static void judge_replicas(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    if (server->replicas < all->options.replicas)
        SK__NOTE(out, REPLICAS, FAILED, server->address, "start the replicas that are missing, or wait for fewer",
                 "%" PRIu32 " of the %" PRIu32 " replicas that are wanted are in step", server->replicas,
                 all->options.replicas);
    else
        SK__NOTE(out, REPLICAS, OK, server->address, "", "%" PRIu32 " in step, %" PRIu32 " wanted", server->replicas,
                 all->options.replicas);
}

static void judge_acl(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    (void)all;
    if (server->forbidden[0] != '\0')
        SK__NOTE(out, ACL, FAILED, server->address,
                 "ACL SETUSER NAME +COMMAND for each of these, on all keys of the prefix; on every server, and in its ACL file",
                 "the login may not use %s", server->forbidden);
    else
        SK__NOTE(out, ACL, OK, server->address, "", "every command that the scripts use is allowed");
}

static void judge_cluster(const sk__preflight *all, const sk__server *server, sk__findings *out) {
    (void)all;
    if (!server->is_cluster)
        SK__NOTE(out, CLUSTER, OK, server->address, "", "one server, no cluster");
    else if (server->cluster_state[0] == '\0')
        SK__NOTE(out, CLUSTER, WARNING, server->address, "let the ACL allow +cluster|info, or look by hand",
                 "the server may not say how the cluster is");
    else if (strcmp(server->cluster_state, "ok") != 0 || server->slots != SLOTS)
        SK__NOTE(out, CLUSTER, FAILED, server->address,
                 "bring back the masters that are gone, or their replicas; then redis-cli --cluster check",
                 "the cluster's state is %s, and %" PRIu32 " of its %d slots are served", server->cluster_state, server->slots,
                 SLOTS);
    else
        SK__NOTE(out, CLUSTER, OK, server->address, "", "all slots are served, by %" PRIu32 " masters", server->masters);
}

typedef void (*judge_server)(const sk__preflight *all, const sk__server *server, sk__findings *out);

void sk__judge_servers(const sk__preflight *all, seckill_check check, sk__findings *out) {
    static const struct {
        seckill_check check;
        judge_server judge;
    } judges[] = {
        {SECKILL_CHECK_VERSION, judge_version},   {SECKILL_CHECK_EVICTION, judge_eviction},
        {SECKILL_CHECK_MEMORY, judge_memory},     {SECKILL_CHECK_PERSISTENCE, judge_persistence},
        {SECKILL_CHECK_REPLICAS, judge_replicas}, {SECKILL_CHECK_ACL, judge_acl},
        {SECKILL_CHECK_CLUSTER, judge_cluster},
    };

    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        for (uint32_t at = 0; judges[i].check == check && at < all->server_count; at++)
            judges[i].judge(all, &all->servers[at], out);
    }
}

/* ---- the servers beside each other ---- */

static int64_t allowed_skew(const sk__preflight *all) {
    int64_t of_item = all->info->settings->max_skew_ms;

    if (all->options.max_skew_ms != 0)
        return all->options.max_skew_ms;
    return of_item > SKEW_MS ? of_item : SKEW_MS;
}

/* Ours: so far it is off for certain, ahead of the servers above 0. */
static void judge_own_clock(const sk__preflight *all, int64_t ahead, int64_t blur, sk__findings *out) {
    static const char remedy[] = "set the clocks of this machine and of the servers right: run chrony or ntpd on all";
    const seckill_item_settings *settings = all->info->settings;

    if (-ahead >= settings->window_ms || ahead >= (int64_t)settings->remember_ms - settings->window_ms)
        SK__NOTE(out, CLOCK, FAILED, "", remedy,
                 "this machine's clock is %" PRId64 " ms or more %s the servers': its requests would be refused as too old",
                 ahead > 0 ? ahead : -ahead, ahead > 0 ? "ahead of" : "behind");
    else if (ahead > allowed_skew(all) || -ahead > allowed_skew(all))
        SK__NOTE(out, CLOCK, WARNING, "", remedy, "this machine's clock is %" PRId64 " ms or more %s the servers'",
                 ahead > 0 ? ahead : -ahead, ahead > 0 ? "ahead of" : "behind");
    else
        SK__NOTE(out, CLOCK, OK, "", "", "this machine's clock agrees with the servers' (seen to %" PRId64 " ms)", blur);
}

/* What is certain: the one that is ahead is so by its least, the other by its most. */
void sk__judge_clocks(const sk__preflight *all, sk__findings *out) {
    const sk__server *ahead = all->servers, *behind = all->servers;
    int64_t apart, own = 0, blur = 0;

    if (all->server_count == 0)
        return;
    for (const sk__server *one = all->servers; one < all->servers + all->server_count; one++) {
        ahead = one->low_ms > ahead->low_ms ? one : ahead;
        behind = one->high_ms < behind->high_ms ? one : behind;
        blur = one->high_ms - one->low_ms > blur ? one->high_ms - one->low_ms : blur;
    }
    apart = ahead->low_ms - behind->high_ms;
    if (apart > allowed_skew(all)) { /* and no telling which of them is right, so nor whether this machine is */
        SK__NOTE(out, CLOCK, FAILED, ahead->address,
                 "set the clocks of the servers right: run chrony or ntpd on all; or raise the item's max_skew",
                 "its clock is %" PRId64 " ms or more ahead of that of %s; %" PRId64 " ms are allowed", apart, behind->address,
                 allowed_skew(all));
        return;
    }
    if (all->server_count > 1)
        SK__NOTE(out, CLOCK, OK, "", "", "the servers' clocks agree (seen to %" PRId64 " ms)", blur);
    if (behind->high_ms < 0)
        own = -behind->high_ms;
    if (ahead->low_ms > own)
        own = -ahead->low_ms;
    judge_own_clock(all, own, blur, out);
}

void sk__judge_spread(const sk__preflight *all, sk__findings *out) {
    uint32_t masters = all->server_count, least = UINT32_MAX, most = 0, shards = sk__shards_of(all);
    uint64_t slack = shards / 10; /* of all masters: slots that redis-cli has spread evenly are so to some hundredths */
    const char *at = "";

    if (all->server_count == 0 || all->status != SECKILL_OK)
        return;
    for (uint32_t i = 0; i < all->server_count; i++) {
        const sk__server *one = &all->servers[i];

        masters = one->masters > masters ? one->masters : masters;
        least = one->shards < least ? one->shards : least;
        at = one->shards > most ? one->address : at;
        most = one->shards > most ? one->shards : most;
    }
    if (masters > all->server_count)
        least = 0;
    if ((uint64_t)most * masters > (uint64_t)shards + masters + slack || ((uint64_t)least + 1) * masters + slack < shards)
        SK__NOTE(out, SPREAD, WARNING, at,
                 "move slots from the masters with many to those with few: redis-cli --cluster rebalance",
                 "%" PRIu32 " to %" PRIu32 " shards on each of %" PRIu32 " masters: the fullest does most of the work", least,
                 most, masters);
    else if (masters == 1)
        SK__NOTE(out, SPREAD, OK, "", "", "one server has all %" PRIu32 " shards", shards);
    else
        SK__NOTE(out, SPREAD, OK, "", "", "%" PRIu32 " shards on %" PRIu32 " masters, %" PRIu32 " to %" PRIu32 " on each",
                 shards, masters, least, most);
}
