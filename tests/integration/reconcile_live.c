/* Reconcile while everything goes on: users come and go, tables grow, answers are lost, servers are killed, others reconcile
 * too. What fits is never called a fault, and what does not fit is found.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "fault_proxy.h"
#include "rules_fixture.h"
#include "sale_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 2, USERS = 400, REFS = 512 };

typedef struct {
    rules *r;
    uint32_t users; /* that may ask: more and more */
    seckill_reservation_ref refs[REFS];
    size_t ref_count;
    sale_audit audit;
} live;

static void sell_once(live *l) {
    sale *seller = &l->r->sale;
    seckill_reservation_ref *ref = l->ref_count != 0 ? &l->refs[rules_below(l->r, (uint32_t)l->ref_count)] : NULL;
    uint32_t chance = ref != NULL ? rules_below(l->r, 10) : 0;
    char user[SECKILL_USER_MAX + 1], id[16];
    sale_answer answer;

    if (ref != NULL)
        (void)snprintf(user, sizeof(user), "%.*s", (int)ref->user_size, (const char *)ref->user);
    if (chance < 5) {
        (void)snprintf(user, sizeof(user), "u%u", rules_below(l->r, l->users));
        (void)snprintf(id, sizeof(id), "r%u", rules_below(l->r, 4));
        answer = sale_reserve(seller, user, id, 1 + rules_below(l->r, 2));
        if (answer.has_ref)
            l->refs[l->ref_count < REFS ? l->ref_count++ : rules_below(l->r, REFS)] = answer.ref;
    } else if (chance < 7) {
        (void)sale_confirm(seller, ref, "");
    } else if (chance < 9) {
        (void)sale_cancel(seller, user, ref->reservation_id);
    } else {
        (void)sale_refund(seller, user, ref->reservation_id);
    }
}

static live *begin(rules *r, uint32_t hold_ms) {
    live *l = calloc(1, sizeof(*l));

    assert_non_null(l);
    l->r = r;
    l->users = USERS;
    /* Tables that are walked step by step, however small. */
    redis_server_forget(redis_server_command(r->server, "CONFIG SET hash-max-listpack-entries 0"));
    rules_sell(r, SHARDS, 4, hold_ms, 0, 2000);
    for (int i = 0; i < 600; i++)
        sell_once(l);
    return l;
}

static void assert_clean(const sale_audit *audit) {
    if (audit->status != SECKILL_OK || audit->faults != 0) {
        sale_print_audit(audit);
        fail();
    }
}

/* Runs both loops until the audit is over, and sells meanwhile. */
static void sell_until(live *l, sale *auditor, const sale_audit *audit) {
    while (!audit->done) {
        (void)uv_run(&auditor->loop, UV_RUN_NOWAIT);
        sell_once(l);
    }
}

static void while_it_is_sold_nothing_is_called_a_fault(void **state) {
    rules *r = *state;
    live *l = begin(r, 5);
    sale auditor;

    rules_open_other(r, &auditor);
    for (uint32_t i = 0; i < rules_rounds(6, 100); i++) {
        l->users += 300; /* the tables grow, and are moved while they are walked */
        assert_status(sale_start_audit(&auditor, i % 2 != 0 ? SECKILL_RECONCILE_REPAIR : 0, 1 + rules_below(r, 20), &l->audit),
                      SECKILL_OK);
        sell_until(l, &auditor, &l->audit);
        assert_clean(&l->audit);
        assert_true(l->audit.shards[0].users > 100);
    }
    rules_check(r);
    sale_close(&auditor);
    free(l);
}

static void what_is_planted_while_it_is_sold_is_found(void **state) {
    static const char *const names[] = {"reserved", "sold", "refunded", "available"};
    rules *r = *state;
    live *l = begin(r, 60000);
    sale auditor;
    char key[SECKILL_SHARD_KEY_SIZE];

    rules_open_other(r, &auditor);
    for (uint32_t i = 0; i < 8; i++) {
        const char *name = names[i % 4];

        assert_status(sale_start_audit(&auditor, 0, 5, &l->audit), SECKILL_OK);
        for (uint32_t k = rules_below(r, 30); k > 0; k--) {
            (void)uv_run(&auditor.loop, UV_RUN_NOWAIT);
            sell_once(l);
        }
        redis_server_forget(redis_server_command(r->server, "HINCRBY %s %s 1", sale_key(&r->sale, 1, "stock", key), name));
        if (l->audit.done) /* it came too late */
            assert_status(sale_start_audit(&auditor, 0, 5, &l->audit), SECKILL_OK);
        sell_until(l, &auditor, &l->audit);
        sale_reconcile(&auditor, SECKILL_RECONCILE_REPAIR | SECKILL_RECONCILE_GIVE_BACK, 7, &l->audit);
        assert_status(l->audit.status, SECKILL_OK);
        assert_int_equal(l->audit.faults, 1);
        assert_int_equal(l->audit.repaired, 1);
        assert_string_equal(l->audit.list[0].what, name);
        assert_int_equal(l->audit.list[0].found - l->audit.list[0].expected, 1);
        sale_reconcile(&auditor, 0, 7, &l->audit);
        assert_clean(&l->audit);
    }
    rules_check(r);
    sale_close(&auditor);
    free(l);
}

static void several_may_reconcile_at_once(void **state) {
    rules *r = *state;
    live *l = begin(r, 5);
    sale auditors[3];
    static sale_audit audits[3];

    for (int i = 0; i < 3; i++)
        rules_open_other(r, &auditors[i]);
    for (uint32_t round = 0; round < rules_rounds(4, 60); round++) {
        bool all_done = false;

        for (int i = 0; i < 3; i++)
            assert_status(sale_start_audit(&auditors[i], 0, 1 + rules_below(r, 30), &audits[i]), SECKILL_OK);
        while (!all_done) {
            uint32_t which = rules_below(r, 3);

            (void)uv_run(&auditors[which].loop, UV_RUN_NOWAIT);
            if (rules_below(r, 3) == 0)
                sell_once(l);
            all_done = audits[0].done && audits[1].done && audits[2].done;
        }
        for (int i = 0; i < 3; i++)
            assert_clean(&audits[i]);
    }
    rules_check(r);
    for (int i = 0; i < 3; i++)
        sale_close(&auditors[i]);
    free(l);
}

/* The answer to each single step is lost once: it is asked again, counts nothing twice, and what was repaired is still told. */
static void an_answer_that_is_lost_changes_nothing(void **state) {
    rules *r = *state;
    live *l = begin(r, 60000);
    fault_proxy *proxy = fault_proxy_start(redis_server_address(r->server));
    sale auditor;
    bool stopped = true;
    uint64_t k = 1;

    assert_non_null(proxy);
    sale_open(&auditor, fault_proxy_address(proxy));
    sale_reconcile(&auditor, 0, 60, &l->audit); /* connected, and its scripts are loaded */
    assert_clean(&l->audit);
    for (; stopped; k++) {
        char key[SECKILL_SHARD_KEY_SIZE];

        redis_server_forget(redis_server_command(r->server, "HINCRBY %s sold -1", sale_key(&r->sale, 0, "stock", key)));
        fault_proxy_stop_at(proxy, NULL, k, FAULT_AFTER, NULL, NULL);
        assert_status(sale_start_audit(&auditor, SECKILL_RECONCILE_REPAIR, 60, &l->audit), SECKILL_OK);
        while (!l->audit.done && !fault_proxy_has_stopped(proxy)) {
            (void)uv_run(&auditor.loop, UV_RUN_NOWAIT);
            sell_once(l);
        }
        stopped = fault_proxy_has_stopped(proxy);
        fault_proxy_stop_at(proxy, NULL, 0, FAULT_AFTER, NULL, NULL);
        fault_proxy_heal(proxy);
        sell_until(l, &auditor, &l->audit);
        assert_status(l->audit.status, SECKILL_OK);
        assert_int_equal(l->audit.faults, 1);
        assert_int_equal(l->audit.repaired, 1);
        sale_reconcile(&auditor, 0, 60, &l->audit);
        assert_clean(&l->audit);
    }
    assert_true(k > 10);
    rules_check(r);
    sale_close(&auditor);
    fault_proxy_free(proxy);
    free(l);
}

static void cut(void *context) {
    (void)context;
}

/* Killed in the middle of a walk it has another table order and another epoch: the walk begins again, on the sums that stand.
 */
static void a_server_that_is_killed_is_walked_anew(void **state) {
    static const char *const lines[] = {"hash-max-listpack-entries 0", NULL};
    redis_server_options options = {false, true, lines};
    rules *r = *state;
    redis_server *other = redis_server_start(&options), *kept = r->server;
    live *l;
    fault_proxy *proxy;
    sale auditor;

    assert_non_null(other);
    sale_close(&r->sale);
    r->server = other;
    sale_open(&r->sale, redis_server_address(other));
    l = begin(r, 60000);
    proxy = fault_proxy_start(redis_server_address(other));
    assert_non_null(proxy);
    sale_open(&auditor, fault_proxy_address(proxy));
    for (uint32_t i = 0; i < rules_rounds(6, 40); i++) {
        fault_proxy_stop_at(proxy, NULL, 3 + rules_below(r, 20), FAULT_AFTER, cut, NULL);
        assert_status(sale_start_audit(&auditor, 0, 20, &l->audit), SECKILL_OK);
        while (!l->audit.done && !fault_proxy_has_stopped(proxy)) {
            (void)uv_run(&auditor.loop, UV_RUN_NOWAIT);
            sell_once(l);
        }
        fault_proxy_stop_at(proxy, NULL, 0, FAULT_AFTER, NULL, NULL);
        redis_server_kill(other);
        assert_true(redis_server_restart(other));
        fault_proxy_heal(proxy);
        sell_until(l, &auditor, &l->audit);
        assert_clean(&l->audit);
    }
    rules_check(r);
    sale_close(&auditor);
    fault_proxy_free(proxy);
    sale_close(&r->sale);
    redis_server_free(other);
    r->server = kept;
    sale_open(&r->sale, redis_server_address(kept));
    free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(while_it_is_sold_nothing_is_called_a_fault),
        RULES_TEST(what_is_planted_while_it_is_sold_is_found),
        RULES_TEST(several_may_reconcile_at_once),
        RULES_TEST(an_answer_that_is_lost_changes_nothing),
        RULES_TEST(a_server_that_is_killed_is_walked_anew),
    };

    return RULES_RUN(tests);
}
