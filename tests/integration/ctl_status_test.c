/* seckill-ctl status, watch, item purge, reservations export.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "sale.h"
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARDS = 8, USERS = 20000, ROUND = 1000 };

/* ---- status ---- */

static void status_shows_the_shards_of_an_item(void **state) {
    (void)state;
    ctl_json(0, "item define t/one --shards 3 --price 500");
    ctl_json(0, "stock load t/one 30 --operation first");
    ctl_json(0, "reserve t/one ann");
    const json_t *answer = ctl_json(0, "status t/one");
    assert_string_equal(ctl_text(answer, "phase"), "on sale");
    assert_int_equal(ctl_int(answer, "price"), 500);
    assert_int_equal(ctl_int(answer, "total.available"), 29);
    assert_int_equal(ctl_int(answer, "total.in_transit"), 0);
    assert_string_equal(ctl_text(answer, "shards.2.node"), redis_server_address(ctl_redis));
    assert_int_equal(ctl_int(answer, "shards.2.settings_version"), 1);
    const ctl_outcome *shown = ctl("status t/one");
    assert_int_equal(shown->code, 0);
    assert_non_null(strstr(shown->out, "29 of 30 units left"));
    assert_non_null(strstr(shown->out, redis_server_address(ctl_redis)));
    assert_non_null(strstr(shown->out, "epoch since"));
    assert_int_equal(ctl_int(ctl_json(0, "status t"), "items.0.total.available"), 29);
    assert_int_equal(ctl("status t/none")->code, 1);
}

/* ---- watch ---- */

static void watch_writes_a_line_for_each_sample(void **state) {
    (void)state;
    ctl_json(0, "item define w/one --shards 2");
    ctl_json(0, "stock load w/one 30 --operation first");
    const ctl_outcome *lines = ctl("watch w/one --interval 100ms --count 3");
    int count = 0;
    assert_int_equal(lines->code, 0);
    for (const char *at = lines->out; (at = strchr(at, '\n')); at++) {
        count++;
    }
    assert_int_equal(count, 3);
    assert_non_null(strstr(lines->out, " w/one left=30 reserved=0 sold=0 "));
    assert_null(strchr(lines->out, '\033'));
    lines = ctl("watch w/one --interval 100ms --count 2 --json");
    const char *second = strchr(lines->out, '\n') + 1;
    json_t *object = json_loads(second, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(object);
    assert_int_equal(ctl_int(object, "available"), 30);
    assert_string_equal(ctl_text(object, "status"), "ok");
    json_decref(object);
    assert_int_equal(strchr(second, '\n')[1], '\0');
    assert_int_equal(ctl("watch w/none --count 1")->code, 1);
    assert_int_equal(ctl("watch w/one --interval 5ms")->code, 2);
    lines = ctl("watch w/one --interval 100ms --count 2 --redis unix:/nowhere/at.all");
    assert_int_equal(lines->code, 3);
    assert_non_null(strstr(lines->out, "(unreachable)"));
    char command[512];
    snprintf(command, sizeof command, "%s watch w/one --interval 100ms --count 100 --redis %s >/dev/full 2>&1", SECKILL_CTL,
             redis_server_address(ctl_redis));
    assert_int_equal(WEXITSTATUS(system(command)), 4);
}

/* ---- purge ---- */

static void purge_asks_and_says_what_is_in_the_way(void **state) {
    (void)state;
    ctl_json(0, "item define p/one --shards 3");
    ctl_json(0, "stock load p/one 30 --operation first");
    ctl_json(0, "reserve p/one ann");
    assert_int_equal(ctl("item purge p/one")->code, 2);
    const json_t *answer = ctl_json(1, "item purge p/one --yes");
    assert_string_equal(ctl_text(answer, "status"), "conflict");
    assert_non_null(strstr(ctl_text(answer, "message"), "not ended"));
    ctl_json(0, "item end p/one");
    assert_non_null(strstr(ctl_text(ctl_json(1, "item purge p/one --yes"), "message"), "1 units are reserved"));
    const json_t *found = ctl_json(0, "lookup p/one ann");
    char id[64];
    snprintf(id, sizeof id, "%s", ctl_text(found, "reservations.0.reservation_id"));
    ctl_json(0, "cancel p/one ann --reservation %s", id);
    ctl_json(0, "item purge p/one --yes");
    assert_int_equal(ctl("item get p/one")->code, 1);
    assert_int_equal(json_array_size(json_object_get(ctl_json(0, "item list p"), "items")), 0);
    assert_int_equal(ctl("item purge p/one --yes")->code, 1);
}

/* ---- export ---- */

static char folder[] = "/tmp/seckill-export-XXXXXX";

static const char *file_named(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static char *contents(const char *path) {
    struct stat facts;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &facts), 0);
    char *text = calloc(1, (size_t)facts.st_size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)facts.st_size, file), facts.st_size);
    fclose(file);
    return text;
}

static int lines_in(const char *text) {
    int count = 0;
    for (; (text = strstr(text, "\r\n")); text += 2) {
        count++;
    }
    return count;
}

static void reserve_round(sale *self, int first, sale_answer *answers) {
    memset(answers, 0, ROUND * sizeof *answers);
    for (int i = 0; i < ROUND; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%05d", first + i);
        assert_int_equal(sale_start_reserve(self, user, "r", 1, &answers[i]), SECKILL_OK);
    }
    sale_wait(self, answers, ROUND);
}

/* Each of the first USERS stands in it once. */
static void assert_each_once(const char *text) {
    int *seen = calloc(2 * USERS, sizeof *seen);
    assert_non_null(seen);
    for (const char *at = strstr(text, "\r\n") + 2; *at; at = strchr(at, '\n') + 1) {
        char number[6] = {0};
        assert_int_equal(*at, 'u');
        memcpy(number, at + 1, sizeof number - 1); /* alone: sanitizers measure the whole text behind a number */
        seen[atoi(number)]++;
    }
    for (int i = 0; i < 2 * USERS; i++) {
        assert_true(i < USERS ? seen[i] == 1 : seen[i] <= 1);
    }
    free(seen);
}

/* While others come, and the hash tables of the shards grow and move. */
static void everybody_is_exported_once_while_the_sale_goes_on(void **state) {
    static sale_answer answers[ROUND];
    char command[512], *text;
    sale self;
    (void)state;
    sale_open(&self, redis_server_address(ctl_redis));
    assert_int_equal(sale_define(&self, SHARDS, NULL).status, SECKILL_OK);
    assert_int_equal(sale_load(&self, "load", 2 * USERS).status, SECKILL_OK);
    for (int i = 0; i < USERS; i += ROUND) {
        reserve_round(&self, i, answers);
    }
    snprintf(command, sizeof command, "%s reservations export sale/phone >%s/during.csv 2>%s/err; echo $? >%s/code",
             SECKILL_CTL, folder, folder, folder);
    FILE *running = popen(command, "r");
    assert_non_null(running);
    for (int i = USERS; i < USERS + 10 * ROUND; i += ROUND) {
        reserve_round(&self, i, answers);
    }
    pclose(running);
    text = contents(file_named("code"));
    assert_string_equal(text, "0\n");
    free(text);
    text = contents(file_named("during.csv"));
    assert_each_once(text);
    free(text);
    sale_close(&self);
    const json_t *answer = ctl_json(0, "reservations export sale/phone --output %s", file_named("all.csv"));
    assert_int_equal(ctl_int(answer, "reservations"), USERS + 10 * ROUND);
    text = contents(file_named("all.csv"));
    assert_int_equal(lines_in(text), 1 + USERS + 10 * ROUND);
    assert_each_once(text);
    free(text);
    assert_int_equal(access(file_named("all.csv.part"), F_OK), -1);
}

static void states_and_odd_users(void **state) {
    static const struct {
        const char *user;
        size_t size;
        const char *cell;
    } odd[] = {
        {"a,b", 3, "\"a,b\","},       {"q\"q", 3, "\"q\"\"q\","},   {"n\nn", 3, "hex:6e0a6e,"},
        {"\xff\x00", 2, "hex:ff00,"}, {"=SUM", 4, "hex:3d53554d,"}, {"plain", 5, "plain,"},
    };
    (void)state;
    sale self;
    static sale_answer answers[6];
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHDB"));
    sale_open(&self, redis_server_address(ctl_redis));
    assert_int_equal(sale_define(&self, 2, NULL).status, SECKILL_OK);
    assert_int_equal(sale_load(&self, "load", 10).status, SECKILL_OK);
    for (size_t i = 0; i < 6; i++) {
        seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
        options.user = (seckill_bytes){odd[i].user, odd[i].size};
        options.request_id = (seckill_bytes){"r", 1};
        assert_int_equal(seckill_reserve(self.item, &options, NULL, sale_on_result, &answers[i]), SECKILL_OK);
    }
    sale_wait(&self, answers, 6);
    assert_int_equal(sale_cancel(&self, "plain", answers[5].reservation.id).status, SECKILL_OK);
    assert_int_equal(sale_refuse(&self, "late", "r", 1, 0, SECKILL_SOLD_OUT).status, SECKILL_OK);
    sale_close(&self);
    const ctl_outcome *all = ctl("reservations export sale/phone");
    assert_int_equal(all->code, 0);
    assert_int_equal(lines_in(all->out), 8);
    assert_non_null(strstr(all->out, ",refused,no,1,0,"));
    assert_non_null(strstr(all->out, ",sold_out\r\n"));
    assert_int_equal(strncmp(all->out, "user,reservation_id,shard,state,overdue,quantity,price,since,ends,reason\r\n", 74), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_non_null(strstr(all->out, odd[i].cell));
    }
    assert_int_equal(lines_in(ctl("reservations export sale/phone --state cancelled,sold")->out), 2);
    assert_int_equal(lines_in(ctl("reservations export sale/phone --state reserved")->out), 6);
    assert_int_equal(lines_in(ctl("reservations export sale/phone --state refused")->out), 2);
    assert_int_equal(ctl("reservations export sale/phone --state nonsense")->code, 2);
    assert_int_equal(ctl("reservations export sale/phone --output /nowhere/at/all")->code, 4);
    assert_int_equal(ctl("reservations export sale/none --output %s", file_named("none.csv"))->code, 1);
    assert_int_equal(access(file_named("none.csv"), F_OK), -1);
}

/* What is not whole has not the name that was asked for. */
static void a_shard_that_cannot_be_read_fails_the_export(void **state) {
    (void)state;
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHDB"));
    ctl_json(0, "item define x/one --shards 2 --limit 9");
    ctl_json(0, "stock load x/one 10 --operation first");
    char tag[64];
    snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get x/one"), "tags.1"));
    redis_server_forget(redis_server_command(ctl_redis, "DEL seckill:{x/one/%s}:events", tag));
    const json_t *answer = ctl_json(4, "reservations export x/one --output %s", file_named("x.csv"));
    assert_int_equal(ctl_int(answer, "failed.0.shard"), 1);
    assert_int_equal(access(file_named("x.csv"), F_OK), -1);
    assert_int_equal(access(file_named("x.csv.part"), F_OK), 0);
}

static int start(void **state) {
    return mkdtemp(folder) ? ctl_start_redis(state) : -1;
}

static int stop(void **state) {
    static const char *const names[] = {"during.csv", "err", "code", "all.csv", "x.csv.part"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(file_named(names[i]));
    }
    rmdir(folder);
    return ctl_stop_redis(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_shows_the_shards_of_an_item),
        cmocka_unit_test(watch_writes_a_line_for_each_sample),
        cmocka_unit_test(purge_asks_and_says_what_is_in_the_way),
        cmocka_unit_test(everybody_is_exported_once_while_the_sale_goes_on),
        cmocka_unit_test(states_and_odd_users),
        cmocka_unit_test(a_shard_that_cannot_be_read_fails_the_export),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, start, stop) : 77;
}
