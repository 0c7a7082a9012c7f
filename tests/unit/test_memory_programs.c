/* Memory that runs out in what the example programs share: each of their own allocations fails in turn, those of JSON too. What
 * could not be done says so and leaves nothing behind; done again, it succeeds.
 *
 * The linker puts what fails when it is told to in the place of malloc (--wrap, see CMakeLists.txt), for all that is linked
 * into this program. What ends the program when memory runs out, and says so (json_out.h, ctl's tables and sets), is not here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cache.h"
#include "common/http/request.h"
#include "common/json.h"
#include "common/message.h"
#include "common/orders_db.h"
#include "depths.h"
#include "session.h"
#include "unsettled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- in the place of malloc; the linker wants these names ---- */

static size_t made, fail_at;
static long outstanding;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);

static void *counted(void *block) {
    outstanding += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size) {
    return ++made == fail_at ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return ++made == fail_at ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size) {
    if (++made == fail_at)
        return NULL;
    return block == NULL ? counted(__real_malloc(size)) : __real_realloc(block, size);
}

void __wrap_free(void *block) {
    outstanding -= block != NULL;
    __real_free(block);
}

/* Whether it worked; if not it is to be done again, now with memory. */
static bool again(bool works) {
    if (!works)
        assert_true(fail_at != 0 && made >= fail_at);
    return !works;
}

#define SURVIVES(call)                                                                                                         \
    do {                                                                                                                       \
        if (again(call))                                                                                                       \
            assert_true(call);                                                                                                 \
    } while (0)

/* ---- what is tried ---- */

static void messages(void) {
    request_message one = {.activity = "618", .item = "phone", .quantity = 1, .created_ms = 1}, back;
    char text[MESSAGE_MAX], trouble[MESSAGE_TROUBLE];
    size_t size = 0;

    memcpy(one.user, "\xff", 1);
    memcpy(one.request_id, "r-1", 3);
    one.user_size = 1;
    one.request_id_size = 3;
    SURVIVES((size = message_encode(&one, text)) != 0);
    SURVIVES(message_decode(text, size, &back, trouble));
    assert_int_equal(back.request_id_size, 3);
}

static void wishes(void) {
    static const char text[] = "{\"quantity\":2,\"request_id\":\"r-1\"}";
    char trouble[JSON_TROUBLE];
    json_t *object = NULL;

    SURVIVES((object = json_read_object(text, sizeof(text) - 1, trouble)) != NULL);
    json_decref(object);
}

static bool add_field(http_request *request, const char *name, const char *value) {
    return http_request_add_field(request) &&
           http_request_append(request, &request->fields[request->field_count - 1].name, name, strlen(name)) &&
           http_request_append(request, &request->fields[request->field_count - 1].value, value, strlen(value));
}

static bool read_request(http_request *request, const char *token) {
    http_request_clear(request);
    for (int i = 0; i < 20; i++) {
        if (!add_field(request, "X-Other", "a value that takes some room"))
            return false;
    }
    return add_field(request, "Authorization", token);
}

static void requests(void) {
    http_request request = {0};

    SURVIVES(read_request(&request, "Bearer x"));
    assert_int_equal(http_request_find(&request, "authorization", NULL), 1);
    http_request_clear(&request);
}

/* A token that could not be remembered is verified all the same. */
static void users(void) {
    seckill_reservation_ref ref = {.user = "alice", .user_size = 5, .valid_until_ms = 1000000};
    char key[SECKILL_KEY_TEXT_SIZE], field[SECKILL_TOKEN_SIZE + 8] = "Bearer ";
    seckill_keyring *ring = NULL;
    http_request request = {0};
    session_user user;
    sessions *all = NULL;
    const char *detail;

    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, key), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, key, strlen(key)), SECKILL_OK);
    assert_int_equal(seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &ref, field + strlen(field), SECKILL_TOKEN_SIZE, NULL),
                     SECKILL_OK);
    SURVIVES((all = sessions_new(ring, 64, 0)) != NULL);
    SURVIVES(read_request(&request, field));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sessions_identify(all, &request, NULL, 1000, &user, &detail), CODE_OK);
        assert_true(session_is(&user, (const uint8_t *)"alice", 5));
    }
    http_request_clear(&request);
    sessions_free(all);
    seckill_keyring_free(ring);
}

static void queues(void) {
    depths *all = NULL;

    SURVIVES((all = depths_new(4)) != NULL);
    SURVIVES(depths_of(all, "618", "phone", 1) != NULL);
    SURVIVES(depths_of(all, "618", "watch", 1) != NULL);
    assert_non_null(depths_find(all, "618", "phone"));
    depths_free(all);
}

static void deliveries(void) {
    unsettled all = {0};
    uint64_t tag = 0;
    bool multiple = false;

    for (unsigned i = 0; i < 200; i++)
        SURVIVES(unsettled_add(&all) != 0);
    for (unsigned i = 1; i <= 200; i++)
        unsettled_ready(&all, i);
    assert_true(unsettled_next(&all, &tag, &multiple));
    assert_int_equal(tag, 200);
    unsettled_free(&all);
}

static void never_begins(cached *entry, void *owner) {
    (void)owner;
    entry->failure = SECKILL_NO_MEMORY;
}

static void drops_nothing(cached *entry, void *owner) {
    (void)entry;
    (void)owner;
}

static void readings(void) {
    uv_loop_t loop;
    const cache_kind kind = {&loop, sizeof(cached), never_begins, drops_nothing, NULL};
    cache *all = NULL;

    assert_int_equal(uv_loop_init(&loop), 0);
    SURVIVES((all = cache_new(&kind, 16)) != NULL);
    SURVIVES(cache_entry(all, "618/phone") != NULL);
    SURVIVES(cache_entry(all, "618/watch") != NULL);
    assert_non_null(cache_find(all, "618/phone"));
    cache_free(all);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static char folder[256];

/* What is refused for want of memory is as if it had not been asked for. */
static void orders(void) {
    orders_db_event event = {.activity = "618", .item = "phone"};
    orders_db_outcome outcome = 0;
    orders_db_item_account said;
    char error[ORDERS_DB_ERROR_SIZE];
    char path[sizeof(folder) + 16];
    orders_db *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/orders.db", folder);
    event.event.kind = SECKILL_EVENT_CONFIRMED;
    event.event.user = (seckill_bytes){"u", 1};
    event.event.quantity = 2;
    event.event.at_ms = 1000;
    SURVIVES(orders_db_open(path, ORDERS_DB_CREATE, 1000, &db, error) == ORDERS_DB_OK);
    SURVIVES(orders_db_set_inventory(db, "618", "phone", 10, ORDERS_DB_EXACTLY) == ORDERS_DB_OK);
    SURVIVES(orders_db_apply(db, &event, 1, &outcome) == ORDERS_DB_OK);
    SURVIVES(orders_db_account(db, "618", "phone", &said) == ORDERS_DB_OK);
    assert_int_equal(said.orders[ORDERS_DB_CONFIRMED], 1);
    assert_true(orders_db_adds_up(&said));
    orders_db_close(db);
    assert_int_equal(remove(path), 0);
}

static void each_allocation_fails(void **state) {
    static void (*const pieces[])(void) = {messages, wishes, requests, users, queues, deliveries, readings, orders};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        fail_at = 0;
        do {
            long before = outstanding;

            fail_at++;
            made = 0;
            pieces[i]();
            assert_int_equal(outstanding, before);
        } while (made >= fail_at);
        assert_true(fail_at > 1);
    }
    fail_at = 0;
}

static int set_up(void **state) {
    const char *temporary = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof(folder), "%s/memory-XXXXXX", temporary != NULL ? temporary : "/tmp");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};

    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
