/* Redis loses the last of what it had said: stopped and started again with an older copy of its data, cut anywhere. Every
 * ticket that was handed out is decided all the same; nobody is refused by what is gone, nobody is granted twice by what is
 * left.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h, truncate */
#include "queue_support.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUESTS = 400, SHARDS = 2, BURST = 40, LIMIT = 2, ON_THEIR_WAY = 60 };

typedef struct {
    int user;
    bool asked;
    sale_ticket_answer first, polled;
} request;

typedef struct {
    rules r;
    request requests[REQUESTS];
    queue_worker workers[SHARDS];
    sale_ticket_answer newcomers[SHARDS]; /* of the new epoch */
    size_t next, answered;
    /* What the restarted server has of each shard; what it had before anything was done to it. */
    uint64_t decided[SHARDS], enqueued[SHARDS], epoch[SHARDS], survived[SHARDS];
    uint64_t first_epoch[SHARDS];
} life;

/* ---- the copy ---- */

/* The part of the append-only file that grows. */
static void find_log(const rules *r, char path[256]) {
    char pattern[256];
    glob_t found;

    (void)snprintf(pattern, sizeof(pattern), "%s/appendonlydir/*.incr.aof", redis_server_folder(r->server));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    (void)snprintf(path, 256, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static off_t log_size(const rules *r) {
    char path[256];
    struct stat info;

    find_log(r, path);
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* Kills the server and takes all of its log away that was written after some moment since `least`: at any byte. */
static void lose_tail(rules *r, off_t least) {
    char path[256];
    off_t most, kept;

    redis_server_kill(r->server);
    find_log(r, path);
    most = log_size(r);
    assert_true(most >= least);
    kept = least + (off_t)rules_below(r, (uint32_t)(most - least) + 1);
    (void)printf("kept %lld of %lld bytes\n", (long long)(kept - least), (long long)(most - least));
    assert_int_equal(truncate(path, kept), 0);
    assert_true(redis_server_restart(r->server));
}

/* ---- the first life ---- */

static void begin(life *l, bool log) {
    static const char *const log_lines[] = {"enable-debug-command yes", "appendonly yes", "appendfsync no", NULL};
    static const char *const lines[] = {"enable-debug-command yes", NULL};
    redis_server_options options = {false, false, log ? log_lines : lines};
    seckill_item_settings settings = rules_settings(LIMIT, 600000, 0);

    memset(l, 0, sizeof(*l));
    l->r.server = redis_server_start(&options);
    assert_non_null(l->r.server);
    rules_seed(&l->r);
    sale_open(&l->r.sale, redis_server_address(l->r.server));
    settings.window_ms = 300000;
    settings.remember_ms = 600000;
    assert_status(sale_define(&l->r.sale, SHARDS, &settings).status, SECKILL_OK);
    assert_status(sale_load(&l->r.sale, "load", 1 + (int64_t)rules_below(&l->r, REQUESTS)).status, SECKILL_OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        l->first_epoch[i] = (uint64_t)rules_field(&l->r, i, "epoch");
    for (uint32_t i = 0; i < SHARDS; i++)
        queue_worker_init(&l->workers[i], &l->r.sale, i, 1 + rules_below(&l->r, 60), NULL);
}

static void end(life *l) {
    sale_close(&l->r.sale);
    redis_server_free(l->r.server);
}

static void start_requests(life *l) {
    for (uint32_t i = rules_below(&l->r, BURST); i > 0 && l->next < REQUESTS; i--) {
        request *q = &l->requests[l->next];
        char user[16], id[16];

        q->user = (int)rules_below(&l->r, REQUESTS / 2);
        (void)snprintf(user, sizeof(user), "u%d", q->user);
        (void)snprintf(id, sizeof(id), "r%zu", l->next++);
        assert_status(sale_start_enqueue(&l->r.sale, user, id, 1, 0, &q->first), SECKILL_OK);
    }
}

static void start_workers(life *l) {
    for (uint32_t i = 0; i < SHARDS; i++) {
        if (!l->workers[i].busy && rules_below(&l->r, 3) == 0)
            queue_worker_start(&l->workers[i]);
    }
}

/* Requests and workers, until so many requests were made: some of them are still on their way then. */
static void live(life *l, size_t until) {
    while (l->next < until) {
        start_requests(l);
        start_workers(l);
        do {
            (void)uv_run(&l->r.sale.loop, UV_RUN_NOWAIT);
            while (l->answered < l->next && l->requests[l->answered].first.calls != 0)
                l->answered++;
        } while (l->next - l->answered > ON_THEIR_WAY);
    }
}

static void wait_for_all(life *l) {
    for (size_t i = 0; i < l->next; i++)
        sale_wait_tickets(&l->r.sale, &l->requests[i].first, 1);
    for (uint32_t i = 0; i < SHARDS; i++) {
        while (l->workers[i].busy)
            (void)uv_run(&l->r.sale.loop, UV_RUN_ONCE);
    }
}

/* ---- the next one ---- */

static void look_at_once(life *l) {
    for (uint32_t i = 0; i < SHARDS; i++)
        l->survived[i] = (uint64_t)rules_field(&l->r, i, "enqueued");
}

static void look(life *l) {
    for (uint32_t i = 0; i < SHARDS; i++) {
        l->decided[i] = (uint64_t)rules_field(&l->r, i, "decided");
        l->enqueued[i] = (uint64_t)rules_field(&l->r, i, "enqueued");
        l->epoch[i] = (uint64_t)rules_field(&l->r, i, "epoch");
        assert_true(l->epoch[i] > l->first_epoch[i]);
    }
}

/* What the first poll after the restart must say, by what is stored: its record; its place, if it stands where the ticket says;
 * else a new place behind all others. A refusal never: nothing was decided in this life. */
static void check_first_poll(life *l, request *q, const rules_record *record) {
    const seckill_ticket *ticket = &q->first.ticket;
    uint32_t shard = ticket->shard;
    bool stands = ticket->n > l->decided[shard] && ticket->n <= l->survived[shard];

    assert_status(q->polled.status, SECKILL_OK);
    if (record != NULL) {
        queue_assert_state(&q->polled, SECKILL_TICKET_GRANTED);
        return;
    }
    assert_int_equal(q->polled.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(q->polled.requeued, !stands);
    if (stands) {
        assert_memory_equal(&q->polled.ticket, ticket, sizeof(*ticket));
        assert_int_equal(q->polled.position, ticket->n - l->decided[shard]);
        return;
    }
    assert_true(q->polled.ticket.epoch > ticket->epoch);
    assert_true(q->polled.ticket.n > l->enqueued[shard]);
    assert_int_equal(q->polled.ticket.since_ms, ticket->since_ms);
    l->enqueued[shard] = q->polled.ticket.n;
}

static const rules_record *find_record(rules *r, const request *q, rules_record records[SECKILL_USER_RECORDS_MAX]) {
    char user[16];
    size_t count;

    (void)snprintf(user, sizeof(user), "u%d", q->user);
    count = rules_records(r, user, records);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(records[i].id, q->first.ticket.reservation_id, sizeof(records[i].id)) == 0)
            return &records[i];
    }
    return NULL;
}

static void poll_all(life *l) {
    rules_record records[SECKILL_USER_RECORDS_MAX];

    for (size_t i = 0; i < l->next; i++) {
        request *q = &l->requests[i];
        const rules_record *record;

        if (!q->first.has_ticket || q->first.ticket.epoch >= l->epoch[q->first.ticket.shard])
            continue;
        record = find_record(&l->r, q, records);
        q->polled = queue_poll(&l->r, &q->first);
        q->asked = true;
        check_first_poll(l, q, record);
    }
}

/* Each with the ticket that it had last. */
static void everybody_is_decided(life *l) {
    size_t granted = 0;

    assert_true(sale_decide_all(&l->r.sale) <= 2 * REQUESTS);
    for (uint32_t i = 0; i < SHARDS; i++)
        granted += queue_poll(&l->r, &l->newcomers[i]).state == SECKILL_TICKET_GRANTED;
    for (size_t i = 0; i < l->next; i++) {
        const request *q = &l->requests[i];
        sale_ticket_answer answer = q->asked && q->polled.has_ticket ? queue_poll(&l->r, &q->polled)
                                    : q->first.has_ticket            ? queue_poll(&l->r, &q->first)
                                                                     : q->first;

        if (answer.requeued) { /* it survived, and was refused under the ticket of another epoch: a decision of this one */
            assert_int_equal(sale_decide_all(&l->r.sale), 1);
            answer = queue_poll(&l->r, &answer);
        }
        granted += answer.state == SECKILL_TICKET_GRANTED;
        if (!q->first.has_ticket)
            continue;
        assert_true(answer.state == SECKILL_TICKET_GRANTED || answer.state == SECKILL_TICKET_REFUSED);
        if (answer.state == SECKILL_TICKET_REFUSED)
            assert_true(answer.reason == SECKILL_SOLD_OUT || answer.reason == SECKILL_LIMIT_REACHED);
    }
    assert_int_equal(sale_stock(&l->r.sale).total.reserved, granted);
    assert_int_equal(sale_stock(&l->r.sale).total.queued, 0);
    rules_check(&l->r);
}

/* No worker is at work while it is looked at; requests that were on their way have been sent again by now. */
static void check_after_restart(life *l) {
    char user[SECKILL_USER_MAX + 1];

    wait_for_all(l);
    assert_status(sale_expire(&l->r.sale).status, SECKILL_OK);
    rules_check(&l->r);
    for (uint32_t i = 0; i < SHARDS; i++) {
        rules_user_of(&l->r, i, 0, user);
        l->newcomers[i] = sale_enqueue(&l->r.sale, user, "r", 1);
    }
    look(l);
    poll_all(l);
    rules_check(&l->r);
    everybody_is_decided(l);
}

/* ---- the tests ---- */

static void a_log_that_is_cut_anywhere(void **state) {
    uint32_t cuts = rules_rounds(6, 300);

    (void)state;
    for (uint32_t i = 0; i < cuts; i++) {
        life *l = malloc(sizeof(*l));
        off_t least;

        assert_non_null(l);
        begin(l, true);
        least = log_size(&l->r);
        live(l, 1 + rules_below(&l->r, REQUESTS));
        wait_for_all(l);
        lose_tail(&l->r, least);
        look_at_once(l);
        check_after_restart(l);
        end(l);
        free(l);
    }
}

/* The answers of what is on its way are lost with it. */
static void a_kill_amid_everything(void **state) {
    uint32_t kills = rules_rounds(4, 100);

    (void)state;
    for (uint32_t i = 0; i < kills; i++) {
        life *l = malloc(sizeof(*l));
        off_t least;

        assert_non_null(l);
        begin(l, true);
        least = log_size(&l->r);
        live(l, 50 + rules_below(&l->r, REQUESTS - 50));
        lose_tail(&l->r, least);
        look_at_once(l);
        check_after_restart(l);
        end(l);
        free(l);
    }
}

/* Saved at some moment while requests go on; killed later. Twice: the second time what the first has left is lost again. */
static void a_copy_of_long_ago(void **state) {
    uint32_t rounds = rules_rounds(4, 200);

    (void)state;
    for (uint32_t i = 0; i < rounds; i++) {
        life *l = malloc(sizeof(*l));

        assert_non_null(l);
        begin(l, false);
        live(l, rules_below(&l->r, REQUESTS / 2));
        redis_server_forget(redis_server_command(l->r.server, "SAVE"));
        live(l, l->next + rules_below(&l->r, REQUESTS + 1 - (uint32_t)l->next));
        assert_true(redis_server_restart(l->r.server));
        live(l, l->next + rules_below(&l->r, REQUESTS + 1 - (uint32_t)l->next));
        assert_true(redis_server_restart(l->r.server));
        look_at_once(l);
        check_after_restart(l);
        end(l);
        free(l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_is_cut_anywhere),
        cmocka_unit_test(a_kill_amid_everything),
        cmocka_unit_test(a_copy_of_long_ago),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
