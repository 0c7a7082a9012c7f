/* The manual; see settings.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "settings.h"

#include <stdio.h>

/* In parts: C99 compilers need not take longer ones. */
static const char what_to_do[] =
    "usage: seckill-worker --activity A [--activity B ...] --orders FILE.db [options]\n"
    "\n"
    "Decides the requests that wait in the queue, gives the units of expired reservations back, finishes what is half done\n"
    "between shards, and writes confirmed orders to the orders database, which also holds each item's real inventory. After\n"
    "a failover of Redis it is told again what it lost. Any number of workers may run at once, with one orders database\n"
    "between them; one killed at any moment loses nothing and repeats nothing.\n"
    "\n"
    "What to work on (at least one)\n"
    "  --activity A              an activity with all of its items; listed again and again; up to 64 times\n"
    "  --item A/I                one item; up to 1,024 times\n"
    "  --roles R[,R...]          what to do: decide, expire, orders, transfers; default: all. --orders is needed for orders\n"
    "                            only\n"
    "\n"
    "Queue\n"
    "  Users on the blacklist (seckill-ctl blacklist) are refused; nothing is decided before it was read once.\n"
    "  --blacklist-entries N     how many of its entries are kept in memory, 1 to 67,108,864; default 4,000,000. An\n"
    "                            entry takes 64 to 192 bytes; who has no room there gets through\n"
    "  --no-blacklist            nobody is refused for standing there\n"
    "\n"
    "Orders database (SQLite)\n"
    "  --orders FILE.db          the file, on a local disk; it is made only where --inventory says what is in it\n"
    "  --inventory A/I=UNITS     the real inventory of an item that has none in the file yet; up to 1,024 times. An order of\n"
    "                            an item without inventory is refused and refunded\n"
    "  --refund-unpaid-after T   refund orders that are not marked as paid so long after they were confirmed, 1s to 30d;\n"
    "                            default: never\n"
    "  --replay-window T         after a failover: which orders Redis is told again, those confirmed or refunded so long\n"
    "                            before the last order that came before it, or later, to 30d; 0: all; default 10m. Make it\n"
    "                            more than a replica may be behind, or a backup old\n"
    "\n";

static const char how[] =
    "Redis\n"
    "  --redis ADDRESS[,...]     host:port, host, [v6]:port or unix:/path; else SECKILL_REDIS, else 127.0.0.1:6379. Several:\n"
    "                            a server and its replicas, or nodes of a cluster\n"
    "  --redis-user NAME         ACL user; needs a password\n"
    "  --redis-password-file F   the first line of F is the password, up to 511 bytes; else SECKILL_REDIS_PASSWORD\n"
    "  --prefix P                of all keys; else SECKILL_PREFIX, else seckill\n"
    "  --timeout T               of each call, 1ms to 1h; default 3s\n"
    "  --replicas N              answers of Redis count when so many replicas have what they say, to 16; default 0\n"
    "\n"
    "Pace (durations: 5ms, 2s, 1m)\n"
    "  --batch N                 events read at once from a shard, 1 to 512; default 512\n"
    "  --batches N               batches between Redis and the database at once, over all shards, 1 to 1,024; default 64.\n"
    "                            Memory: about 340 bytes an event, so up to 340 x batch x batches\n"
    "  --decide-batch N          requests decided at once in a shard, 1 to 512; default 512\n"
    "  --decide-poll-max T       longest pause between two looks at an idle queue, 1ms to 1m; default 50ms; with more than\n"
    "                            50 shards longer: an idle worker makes 1,000 looks a second at most\n"
    "  --poll-min T              pause between two looks at a busy shard, 1ms to 1m; default 5ms\n"
    "  --poll-max T              it doubles up to this while a shard is idle, to 1m; default 200ms\n"
    "  --expire-interval T       longest pause between two looks for expired reservations, 1ms to 1m; default 200ms\n"
    "  --transfers-interval T    pause between two looks for what is half done between shards, 1ms to 1m; default 1s\n"
    "  --list-interval T         pause between two looks for new items and refunds left over, 10ms to 1h; default 5s\n"
    "  --busy-timeout T          how long to wait for another process's lock on the database before trying again, to 1m;\n"
    "                            default 1s\n"
    "  --stop-timeout T          how long to finish what is in hand once told to stop, to 1h; default 5s\n"
    "\n"
    "Output\n"
    "  --progress T              a status line on stderr this often, 10ms to 1h\n"
    "  --listen ADDRESS          GET /metrics (Prometheus) and /healthz there: host:port, [v6]:port or unix:/path; default:\n"
    "                            nowhere\n"
    "  --json                    the last line, on stdout, is one JSON object\n"
    "  --verbose                 log what an operator wants to see once; twice: everything\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM and SIGINT stop the worker: it finishes the decisions that are under way, writes and acknowledges what it has\n"
    "in hand, and ends. A second one ends it at once.\n"
    "\n"
    "Exit codes: 0 stopped, all in hand was written and acknowledged; 1 out of memory, or --listen cannot be had; 2 wrong\n"
    "usage, or a file that cannot be used; 3 the orders database cannot be used (missing, not writable, damaged, of another\n"
    "release): nothing was read or acknowledged; 4 stopped, but something in hand could not be written or acknowledged in\n"
    "time: it is not lost, the next worker gets it again.\n";

void settings_print_help(void) {
    (void)fputs(what_to_do, stdout);
    (void)fputs(how, stdout);
}
