/* seckill-ctl reserve to refund, expire, events, keys, sessions, tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char keys[512], token[2048], id[64];

static int start(void **state) {
    if (ctl_start_redis(state) != 0) {
        return -1;
    }
    snprintf(keys, sizeof keys, "%s/keys", redis_server_folder(ctl_redis));
    ctl_json(0, "keys new --out %s", keys);
    return 0;
}

static void makes_keys(void **state) {
    (void)state;
    struct stat facts;
    char path[600], kid[128];
    assert_int_equal(stat(keys, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(ctl("keys new --out %s", keys)->code, 2); /* never over an old one */
    snprintf(kid, sizeof kid, "%s", ctl_text(ctl_json(0, "keys id %s", keys), "keys.0"));
    assert_memory_equal(kid, "k4.lid.", 7);
    assert_int_equal(ctl("keys public %s", keys)->code, 2);
    snprintf(path, sizeof path, "%s/pair", redis_server_folder(ctl_redis));
    assert_memory_equal(ctl_text(ctl_json(0, "keys new --public --out %s", path), "id"), "k4.sid.", 7);
    assert_memory_equal(ctl("keys public %s", path)->out, "k4.public.", 10);
    assert_memory_equal(ctl("keys new")->out, "k4.local.", 9);
    snprintf(path, sizeof path, "%s/captcha", redis_server_folder(ctl_redis));
    assert_string_equal(ctl_text(ctl_json(0, "keys captcha --out %s", path), "file"), path);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(facts.st_size, 64 + 1);
    assert_int_equal(ctl("keys captcha --out %s", path)->code, 2);
    assert_int_equal(strspn(ctl("keys captcha")->out, "0123456789abcdef"), 64);
    assert_int_equal(ctl("keys id /nowhere")->code, 2);
    assert_int_equal(ctl("keys id /dev/null")->code, 2);
}

static void issues_sessions(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "session ann --keys %s --for 1h", keys);
    snprintf(token, sizeof token, "%s", ctl_text(answer, "token"));
    assert_int_equal(ctl_int(answer, "valid_until_ms") - ctl_int(answer, "issued_ms"), 3600000);
    answer = ctl_json(0, "token verify %s --keys %s", token, keys);
    assert_string_equal(ctl_text(answer, "purpose"), "session");
    assert_string_equal(ctl_text(answer, "user"), "ann");
    token[40] = token[40] == 'A' ? 'B' : 'A';
    assert_string_equal(ctl_text(ctl_json(1, "token verify %s --keys %s", token, keys), "status"), "token_forged");
    assert_int_equal(ctl("session ann")->code, 2);
    assert_int_equal(ctl("token verify x --keys %s", keys)->code, 1);
    assert_int_equal(ctl("session ann --keys %s --for 31d", keys)->code, 2);
}

static void reserves_and_confirms(void **state) {
    (void)state;
    ctl_json(0, "item define u/one --price 500 --shards 2");
    ctl_json(0, "stock load u/one 10 --operation in");
    const json_t *answer = ctl_json(0, "reserve u/one ann --request r --keys %s", keys);
    snprintf(token, sizeof token, "%s", ctl_text(answer, "token"));
    snprintf(id, sizeof id, "%s", ctl_text(answer, "reservation_id"));
    assert_string_equal(ctl_text(answer, "state"), "reserved");
    answer = ctl_json(0, "reserve u/one ann --request r");
    assert_true(json_is_true(json_object_get(answer, "replayed")));
    assert_string_equal(ctl_text(answer, "reservation_id"), id);
    assert_string_equal(ctl_text(ctl_json(1, "reserve u/one ann --request other"), "status"), "limit_reached");
    assert_string_equal(ctl_text(ctl_json(0, "token verify %s --keys %s", token, keys), "reservation_id"), id);
    answer = ctl_json(0, "confirm u/one --token %s --keys %s --order-ref no-7", token, keys);
    assert_string_equal(ctl_text(answer, "state"), "sold");
    answer = ctl_json(0, "confirm u/one --user ann --request r");
    assert_string_equal(ctl_text(answer, "reservation_id"), id);
    assert_string_equal(ctl_text(ctl_json(1, "cancel u/one ann --reservation %s", id), "status"), "sold");
    answer = ctl_json(0, "lookup u/one ann --request r");
    assert_string_equal(ctl_text(answer, "reservations.0.state"), "sold");
    assert_int_equal(ctl("confirm u/two --token %s --keys %s", token, keys)->code, 2);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Not on the command line, where everybody on the machine sees it. */
static void reads_tokens_from_elsewhere(void **state) {
    (void)state;
    char path[600], text[4096];
    snprintf(path, sizeof path, "%s/token", redis_server_folder(ctl_redis));
    snprintf(text, sizeof text, "%s\r\nmore\n", token);
    write_file(path, text);
    assert_string_equal(ctl_text(ctl_json(0, "token verify @%s --keys %s", path, keys), "reservation_id"), id);
    assert_string_equal(ctl_text(ctl_json(0, "confirm u/one --token @%s --keys %s", path, keys), "reservation_id"), id);
    int old = dup(STDIN_FILENO);
    assert_true(old >= 0 && freopen(path, "r", stdin) != NULL);
    assert_string_equal(ctl_text(ctl_json(0, "token verify - --keys %s", keys), "reservation_id"), id);
    assert_string_equal(ctl_text(ctl_json(0, "confirm u/one --token - --keys %s", keys), "reservation_id"), id);
    assert_non_null(freopen("/dev/null", "r", stdin));
    const ctl_outcome *none = ctl("confirm u/one --token - --keys %s", keys);
    assert_int_equal(none->code, 2);
    assert_non_null(strstr(none->err, "its first line must have"));
    dup2(old, STDIN_FILENO);
    close(old);
    assert_int_equal(ctl("token verify @/nowhere --keys %s", keys)->code, 2);
    assert_int_equal(ctl("token verify @ --keys %s", keys)->code, 2);
    write_file(path, "\nv4.local.second-line\n");
    assert_int_equal(ctl("token verify @%s --keys %s", path, keys)->code, 2);
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = 'x';
    text[sizeof text - 1] = '\0';
    write_file(path, text);
    assert_int_equal(ctl("token verify @%s --keys %s", path, keys)->code, 2);
}

static void peeks_at_events(void **state) {
    (void)state;
    int shard = (int)ctl_int(ctl_json(0, "shard of u/one ann"), "shard");
    const json_t *answer = ctl_json(0, "events read u/one");
    char path[64];
    snprintf(path, sizeof path, "shards.%d.events.0.reservation_id", shard);
    assert_string_equal(ctl_text(answer, path), id);
    snprintf(path, sizeof path, "shards.%d.events.0.order_ref", shard);
    assert_string_equal(ctl_text(answer, path), "no-7");
    assert_int_equal(ctl_int(ctl_json(0, "events read u/one --shard %d", shard), "shards.0.waiting"), 1);
    assert_non_null(strstr(ctl("events read u/one")->out, "1 of 1 waiting events"));
    assert_int_equal(ctl("events read u/one --shard 2")->code, 2);
}

static void refunds(void **state) {
    (void)state;
    assert_string_equal(ctl_text(ctl_json(0, "refund u/one ann --request r"), "state"), "refunded");
    assert_true(json_is_true(json_object_get(ctl_json(0, "refund u/one ann --reservation %s", id), "replayed")));
    assert_string_equal(ctl_text(ctl_json(1, "confirm u/one --user ann --request r"), "status"), "refunded");
    assert_string_equal(ctl_text(ctl_json(1, "refund u/one bob --request r"), "status"), "no_reservation");
}

static void cancels(void **state) {
    (void)state;
    ctl_json(0, "reserve u/one bob --request b");
    assert_string_equal(ctl_text(ctl_json(0, "cancel u/one bob --request b"), "state"), "cancelled");
    assert_string_equal(ctl_text(ctl_json(1, "reserve u/one bob --request b"), "status"), "cancelled");
    assert_string_equal(ctl_text(ctl_json(1, "confirm u/one --user bob --request b"), "status"), "cancelled");
    assert_int_equal(json_array_size(json_object_get(ctl_json(0, "lookup u/one carl"), "reservations")), 0);
    assert_int_equal(ctl("lookup u/one carl --request x")->code, 1);
    assert_int_equal(ctl("cancel u/one bob")->code, 2);
    assert_int_equal(ctl("cancel u/one bob --reservation 12")->code, 2);
    assert_int_equal(ctl("confirm u/one --user bob")->code, 2);
    assert_int_equal(ctl("reserve u/one bob --quantity 0")->code, 2);
}

static void expires(void **state) {
    (void)state;
    ctl_json(0, "item define u/short --hold 1ms --shards 2");
    ctl_json(0, "stock load u/short 10 --operation in");
    ctl_json(0, "reserve u/short dora --request d");
    /* Its end is a millisecond away; this process needs longer to start. */
    const json_t *answer = ctl_json(0, "expire u/short");
    assert_int_equal(ctl_int(answer, "reservations"), 1);
    assert_int_equal(ctl_int(answer, "units"), 1);
    assert_int_equal(ctl_int(ctl_json(0, "stock get u/short"), "total.expired"), 1);
    assert_string_equal(ctl_text(ctl_json(1, "confirm u/short --user dora --request d"), "status"), "expired");
}

static void issue_ticket(const seckill_ticket *ticket, char text[SECKILL_TOKEN_SIZE]) {
    char key[SECKILL_KEY_TEXT_SIZE] = "";
    seckill_keyring *ring = NULL;
    FILE *file = fopen(keys, "r");
    assert_non_null(file);
    assert_non_null(fgets(key, sizeof key, file));
    fclose(file);
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, key, strcspn(key, "\n")), SECKILL_OK);
    assert_int_equal(seckill_ticket_issue(ring, ticket, text, SECKILL_TOKEN_SIZE, NULL), SECKILL_OK);
    seckill_keyring_free(ring);
}

static void peeks_at_the_queue(void **state) {
    (void)state;
    static sale shop;
    char ticket[SECKILL_TOKEN_SIZE];
    ctl_json(0, "item define sale/phone --shards 1 --max-queue 2");
    sale_open(&shop, redis_server_address(ctl_redis));
    sale_ticket_answer eve = sale_enqueue(&shop, "eve", "e", 1);
    assert_int_equal(sale_enqueue(&shop, "fay", "f", 1).position, 2);
    assert_int_equal(sale_enqueue(&shop, "gus", "g", 1).status, SECKILL_BUSY);
    sale_close(&shop);
    for (int again = 0; again < 2; again++) { /* reading decides nothing */
        const json_t *answer = ctl_json(0, "queue read sale/phone --max 1");
        assert_int_equal(ctl_int(answer, "shards.0.waiting"), 2);
        assert_string_equal(ctl_text(answer, "shards.0.requests.0.user"), "eve");
        assert_int_equal(ctl_int(answer, "shards.0.requests.0.n"), (long long)eve.ticket.n);
    }
    assert_non_null(strstr(ctl("queue read sale/phone")->out, "2 of 2 waiting requests shown"));
    assert_int_equal(ctl_int(ctl_json(0, "stock get sale/phone"), "total.queued"), 2);
    assert_int_equal(ctl("queue read sale/phone --shard 1")->code, 2);
    issue_ticket(&eve.ticket, ticket);
    const json_t *answer = ctl_json(0, "token verify %s --keys %s", ticket, keys);
    assert_string_equal(ctl_text(answer, "purpose"), "ticket");
    assert_int_equal(ctl_int(answer, "n"), (long long)eve.ticket.n);
    assert_string_equal(ctl_text(answer, "user"), "eve");
}

static void users_may_be_any_bytes(void **state) {
    (void)state;
    ctl_json(0, "reserve u/one \xff\xfe --request odd");
    assert_string_equal(ctl_text(ctl_json(0, "lookup u/one \xff\xfe"), "user.hex"), "fffe");
    assert_int_equal(ctl("reserve --request dash -- u/one -dash")->code, 0);
    assert_int_equal(ctl("reserve u/one %s", "12345678901234567890123456789012345678901234567890123456789012345")->code, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_keys),
        cmocka_unit_test(issues_sessions),
        cmocka_unit_test(reserves_and_confirms),
        cmocka_unit_test(reads_tokens_from_elsewhere),
        cmocka_unit_test(peeks_at_events),
        cmocka_unit_test(peeks_at_the_queue),
        cmocka_unit_test(refunds),
        cmocka_unit_test(cancels),
        cmocka_unit_test(expires),
        cmocka_unit_test(users_may_be_any_bytes),
    };
    unsetenv("SECKILL_PREFIX");
    unsetenv("SECKILL_KEYS");
    return cmocka_run_group_tests(tests, start, ctl_stop_redis);
}
