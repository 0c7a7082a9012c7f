/* Memory that runs out, for all public calls that need no client: each allocation fails in turn, alone, and with all that
 * follow. No call crashes or leaks; it says so, and once there is memory again it succeeds. What is said to need no memory asks
 * for none.
 *
 * The library's own allocator and libsodium's are replaced by the linker (--wrap, see CMakeLists.txt). With --calls it prints
 * which calls these are: see tests/package/memory.test.sh.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token_fixture.h"
#include "view_fixture.h"

#include <seckill/seckill.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static failing_memory memory;
static seckill_allocator failing;

/* What the library takes where no allocator is named, and where keys lie; the linker wants these names. */
extern seckill_allocator __wrap_sk__default_allocator;
seckill_allocator __wrap_sk__default_allocator;

void *__wrap_sodium_malloc(size_t size);
void __wrap_sodium_free(void *secret);
void *__real_sodium_malloc(size_t size);
void __real_sodium_free(void *secret);

void *__wrap_sodium_malloc(size_t size) {
    void *counted = failing.allocate(1, failing.user_data), *secret = counted != NULL ? __real_sodium_malloc(size) : NULL;

    if (counted != NULL)
        failing.release(counted, failing.user_data);
    memory.outstanding += secret != NULL;
    return secret;
}

void __wrap_sodium_free(void *secret) {
    memory.outstanding -= secret != NULL;
    __real_sodium_free(secret);
}

/* A call that finds no memory is made again when there is some. */
static bool is_first(seckill_status status) {
    if (status == SECKILL_OK)
        return false;
    assert_status(status, SECKILL_NO_MEMORY);
    assert_true(memory.fail_at != 0 && memory.made >= memory.fail_at);
    memory.fail_at = 0;
    memory.fail_on = false;
    return true;
}

#define SURVIVES(call)                                                                                                         \
    do {                                                                                                                       \
        if (is_first(call))                                                                                                    \
            assert_status(call, SECKILL_OK);                                                                                   \
    } while (0)

/* ---- keys and tokens ---- */

static void tokens(void) {
    const seckill_reservation_ref ref = token_usual_ref();
    const seckill_ticket ticket = token_usual_ticket();
    char key[SECKILL_KEY_TEXT_SIZE], half[SECKILL_KEY_TEXT_SIZE], id[SECKILL_KEY_TEXT_SIZE], token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref back;
    seckill_ticket ticket_back;
    seckill_keyring *ring = NULL;
    size_t made, size = 0;

    SURVIVES(seckill_keyring_new(&ring));
    made = memory.made;
    assert_status(seckill_key_generate(SECKILL_KEY_SECRET, key), SECKILL_OK);
    assert_status(seckill_key_public(key, strlen(key), half), SECKILL_OK);
    assert_status(seckill_key_id(key, strlen(key), id), SECKILL_OK);
    assert_status(seckill_keyring_add(ring, key, strlen(key)), SECKILL_OK);
    assert_status(seckill_keyring_issue_with(ring, id), SECKILL_OK);
    assert_status(seckill_token_issue(ring, SECKILL_TOKEN_RESERVATION, &ref, token, sizeof(token), &size), SECKILL_OK);
    assert_status(seckill_token_verify(ring, SECKILL_TOKEN_RESERVATION, token, size, TOKEN_ISSUED_MS, 0, &back), SECKILL_OK);
    assert_status(seckill_ticket_issue(ring, &ticket, token, sizeof(token), &size), SECKILL_OK);
    assert_status(seckill_ticket_verify(ring, token, size, TOKEN_ISSUED_MS, 0, &ticket_back), SECKILL_OK);
    assert_int_equal(memory.made, made);
    seckill_keyring_free(ring);
}

/* ---- the limiter ---- */

static void limiter(void) {
    const seckill_bytes key = {"alice", 5};
    seckill_limiter_options options = SECKILL_LIMITER_OPTIONS_INIT;
    seckill_limiter *limiter = NULL;
    size_t made;

    options.count = 1;
    options.refusals = 1;
    options.max_keys = 64;
    SURVIVES(seckill_limiter_new(&options, &limiter));
    made = memory.made;
    assert_status(seckill_limiter_take(limiter, key, 1, 1000, NULL), SECKILL_OK);
    assert_status(seckill_limiter_take(limiter, key, 1, 1000, NULL), SECKILL_RATE_LIMITED);
    seckill_limiter_forget(limiter, key);
    assert_status(seckill_limiter_take(limiter, key, 1, 1000, NULL), SECKILL_OK);
    assert_true(seckill_limiter_size(limiter) > 64 * sizeof(int64_t));
    assert_int_equal(memory.made, made);
    seckill_limiter_free(limiter);
}

/* ---- views ---- */

/* A command is made anew each time, so that it has to grow. */
static seckill_command *write(seckill_command *former) {
    seckill_command *command = NULL;

    seckill_command_free(former);
    SURVIVES(seckill_command_new(&command));
    return command;
}

static void asking(void) {
    const map_says says = USUAL_MAP;
    const reply map = map_reply(&says);
    const seckill_ticket ticket = ticket_of(3, 9);
    const seckill_subject subject = {SECKILL_KIND_USER, {"alice", 5}};
    seckill_command *command = write(NULL);
    seckill_view *view = NULL;

    SURVIVES(seckill_view_ask_items(NULL, "sale", SECKILL_WITH_TEXT, command));
    command = write(command);
    SURVIVES(seckill_view_ask_listed(NULL, &subject, 1, SECKILL_WITH_TEXT, command));
    SURVIVES(seckill_view_new(NULL, "sale", "phone", &view));
    command = write(command);
    SURVIVES(seckill_view_ask_item(view, SECKILL_WITH_TEXT, command));
    SURVIVES(seckill_view_take_item(view, (const char *)map.bytes, map.size));
    assert_status(seckill_view_begin(view, 1), SECKILL_OK);
    command = write(command);
    SURVIVES(seckill_view_ask_shard(view, 0, SECKILL_WITH_TEXT, command));
    command = write(command);
    SURVIVES(seckill_view_ask_ticket(view, &ticket, SECKILL_WITH_TEXT, command));
    command = write(command);
    SURVIVES(seckill_view_ask_user(view, "alice", 5, SECKILL_WITH_TEXT, command));
    assert_true(command->argc > 0);
    seckill_command_free(command);
    seckill_view_free(view);
}

static void take_stock(seckill_view *view) {
    const stock_says says = SOLD_OUT_STOCK;
    const reply shard = stock_reply(&says);
    seckill_view_sale sale = {.struct_size = sizeof(sale)};
    seckill_view_stock stock = {.struct_size = sizeof(stock)};
    seckill_stock one;
    seckill_command *command = write(NULL);
    size_t made;

    assert_status(seckill_view_begin(view, 1), SECKILL_OK);
    SURVIVES(seckill_view_ask_shard(view, 0, 0, command));
    made = memory.made;
    assert_status(take_shard(view, 0, command->round, &shard, shard.size), SECKILL_OK);
    assert_status(seckill_view_get_sale(view, START_MS, &sale), SECKILL_OK);
    assert_status(seckill_view_get_stock(view, &stock), SECKILL_OK);
    memset(&one, 0, sizeof(one));
    assert_status(seckill_view_get_shard(view, 0, &one), SECKILL_OK);
    assert_int_equal(seckill_view_is_stale(view), 0);
    assert_int_equal(memory.made, made);
    seckill_command_free(command);
}

static void taking(void) {
    const map_says map_says_what = USUAL_MAP;
    const poll_says polled = {MAP_VERSION, 10, 20, 0, ANSWER_RECORD, SECKILL_RESERVED, 0, 0};
    const reply map = map_reply(&map_says_what), poll = poll_reply(&polled);
    const seckill_ticket ticket = ticket_of(3, 9);
    seckill_blacklist_finding finding;
    seckill_reply_error error = {.struct_size = sizeof(error)};
    seckill_view_ticket answer;
    seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
    seckill_view *view = NULL;
    seckill_bytes item;
    uint32_t count = 0;
    size_t made;

    SURVIVES(seckill_view_new(NULL, "sale", "phone", &view));
    SURVIVES(seckill_view_take_item(view, (const char *)map.bytes, map.size));
    SURVIVES(seckill_view_take_item(view, (const char *)map.bytes, map.size));
    take_stock(view);
    made = memory.made;
    assert_status(take_ticket(view, &ticket, &poll, poll.size, &answer), SECKILL_OK);
    assert_status(seckill_view_take_user(view, "alice", 5, "", 0, reservations, refs, &count), SECKILL_PROTOCOL);
    assert_status(seckill_view_take_items("phone\n", 6, &item, 1, &count), SECKILL_OK);
    assert_status(seckill_view_take_listed("", 0, &finding, 1, NULL), SECKILL_PROTOCOL);
    assert_status(seckill_view_read_error("LOADING", 7, &error), SECKILL_OK);
    assert_int_equal(memory.made, made);
    seckill_view_free(view);
}

/* ---- what is pure ---- */

static void names(void) {
    assert_string_equal(seckill_version(), SECKILL_VERSION_STRING);
    assert_in_range(seckill_has_tls(), 0, 1);
    assert_string_equal(seckill_status_name(SECKILL_NO_MEMORY), "no_memory");
    assert_int_equal(seckill_status_class(SECKILL_NO_MEMORY), SECKILL_CLASS_RETRYABLE);
    assert_true(seckill_status_message(SECKILL_NO_MEMORY)[0] != '\0');
    assert_true(seckill_fault_name((seckill_fault_kind)0)[0] != '\0');
    assert_true(seckill_fault_message((seckill_fault_kind)0)[0] != '\0');
}

static void places(void) {
    const seckill_bytes user = {"alice", 5};
    uint8_t seed[SECKILL_SEED_SIZE] = {0}, id[SECKILL_RESERVATION_ID_SIZE];
    char tag[SECKILL_TAG_SIZE], key[SECKILL_SHARD_KEY_SIZE];

    assert_true(seckill_slot("alice", 5) < SECKILL_SLOTS);
    assert_true(seckill_shard_of(user, seed, 8) < 8);
    assert_status(seckill_shard_tag("sale", "phone", 1, 8, tag), SECKILL_OK);
    assert_status(seckill_shard_key("seckill", "sale", "phone", tag, "stock", key), SECKILL_OK);
    assert_status(seckill_reservation_id("sale", "phone", user, user, id), SECKILL_OK);
}

static void numbers(void) {
    static seckill_client_stats one, total;
    char text[32];

    one.struct_size = total.struct_size = sizeof(total);
    assert_status(seckill_metrics_add(&total, &one), SECKILL_OK);
    assert_true(seckill_metrics_write(&total, text, sizeof(text)) > sizeof(text));
}

/* ---- all of them ---- */

static const struct {
    const char *names; /* of the public calls */
    void (*run)(void);
} calls[] = {
    {"seckill_keyring_new seckill_keyring_free seckill_keyring_add seckill_keyring_issue_with seckill_key_generate "
     "seckill_key_public seckill_key_id seckill_token_issue seckill_token_verify seckill_ticket_issue seckill_ticket_verify",
     tokens},
    {"seckill_limiter_new seckill_limiter_free seckill_limiter_take seckill_limiter_forget seckill_limiter_size", limiter},
    {"seckill_command_new seckill_command_free seckill_view_new seckill_view_free seckill_view_begin seckill_view_ask_items "
     "seckill_view_ask_listed seckill_view_ask_item seckill_view_ask_shard seckill_view_ask_ticket seckill_view_ask_user",
     asking},
    {"seckill_view_take_items seckill_view_take_listed seckill_view_take_item seckill_view_take_shard seckill_view_take_ticket "
     "seckill_view_take_user seckill_view_read_error seckill_view_is_stale seckill_view_get_sale seckill_view_get_stock "
     "seckill_view_get_shard",
     taking},
    {"seckill_version seckill_has_tls seckill_status_name seckill_status_message seckill_status_class seckill_fault_name "
     "seckill_fault_message",
     names},
    {"seckill_slot seckill_shard_tag seckill_shard_key seckill_shard_of seckill_reservation_id", places},
    {"seckill_metrics_add seckill_metrics_write", numbers},
};

static void each_allocation_fails(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (int fail_on = 0; fail_on < 2; fail_on++) {
            size_t fail_at = 0, made;

            do {
                memory = (failing_memory){.fail_at = ++fail_at, .fail_on = fail_on != 0};
                calls[i].run();
                made = memory.made;
                assert_int_equal(memory.outstanding, 0);
            } while (made >= fail_at);
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};

    if (argc == 2 && strcmp(argv[1], "--calls") == 0) {
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
            (void)puts(calls[i].names);
        return 0;
    }
    failing = __wrap_sk__default_allocator = failing_memory_allocator(&memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
