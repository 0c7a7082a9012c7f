/* The binary interface: structures with a struct_size of programs that know an older or a newer release, in memory that ends
 * where they end.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "abi_fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- a place that ends where nothing may be read or written ---- */

enum { ROOM = 4 * 4096, BEYOND = 64 };

static unsigned char *room;

static int open_room(void **state) {
    assert_int_equal(ROOM % sysconf(_SC_PAGESIZE), 0);
    room = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + ROOM, ROOM, PROT_NONE), 0);
    return abi_open(state);
}

static int close_room(void **state) {
    assert_int_equal(munmap(room, 2 * ROOM), 0); /* nothing is read any more of what was given */
    return abi_close(state);
}

/* The first `size` bytes of a structure, all else 0, so that they end there. */
static unsigned char *place(const void *from, size_t known, size_t size) {
    unsigned char *at = room + ROOM - size;

    memset(room, 0, ROOM);
    if (known != 0)
        memcpy(at, from, size < known ? size : known);
    return at;
}

static void say_size(unsigned char *at, size_t size) {
    memcpy(at, &size, sizeof(size));
}

static const size_t impossible[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t) + 1, 4096 * 3, SIZE_MAX / 2, SIZE_MAX};

/* ---- options of other releases ---- */

static const seckill_bytes thing = {"thing", 5};

/* Callbacks that look at nothing. */
#define NOTHING(name, type)                                                                                                    \
    static void name(const type *result, void *user_data) {                                                                    \
        (void)result;                                                                                                          \
        (void)user_data;                                                                                                       \
    }

NOTHING(no_lookup, seckill_lookup_result)
NOTHING(no_queue, seckill_queue_result)
NOTHING(no_item, seckill_item_result)
NOTHING(no_preflight, seckill_preflight_result)
NOTHING(no_reconcile, seckill_reconcile_result)
NOTHING(no_once, seckill_once_result)

/* How each structure is given to a call. */
#define GIVEN(name, type, call)                                                                                                \
    static seckill_status give_##name(void *memory) {                                                                          \
        type *given = memory;                                                                                                  \
        return call;                                                                                                           \
    }

static seckill_status open_client(const seckill_client_options *options) {
    seckill_client *made;
    seckill_status status = seckill_client_open(options, &made);

    if (status == SECKILL_OK)
        seckill_client_close(made, NULL, NULL);
    return status;
}

static seckill_status make_limiter(const seckill_limiter_options *options) {
    seckill_limiter *made;
    seckill_status status = seckill_limiter_new(options, &made);

    seckill_limiter_free(made);
    return status;
}

/* A client follows the list once. */
static seckill_status follow(const seckill_blacklist_options *options) {
    seckill_client *other = open_nowhere();
    seckill_status status = seckill_blacklist_follow(other, options);
    seckill_client_close(other, NULL, NULL);
    return status;
}

/* A handle that does not know the item's settings says so, once the options are good. */
static seckill_status make_ticket(const seckill_reserve_options *options) {
    seckill_ticket made;
    seckill_status status = seckill_ticket_outside(item, options, &made);

    return status == SECKILL_NOT_DEFINED ? SECKILL_OK : status;
}

static seckill_status add_numbers(const seckill_client_stats *one) {
    static seckill_client_stats total;

    total.struct_size = sizeof(total);
    return seckill_metrics_add(&total, one);
}

GIVEN(client, seckill_client_options, open_client(given))
GIVEN(limiter, seckill_limiter_options, make_limiter(given))
GIVEN(blacklist, seckill_blacklist_options, follow(given))
GIVEN(once, seckill_once_options, seckill_once(client, given, no_once, NULL))
GIVEN(settings, seckill_item_settings, seckill_item_define(item, given, 0, no_item, NULL))
GIVEN(preflight, seckill_preflight_options, seckill_preflight(item, given, no_preflight, NULL))
GIVEN(reconcile, seckill_reconcile_options, seckill_reconcile(item, given, no_reconcile, NULL))
GIVEN(reserve, seckill_reserve_options, seckill_reserve(item, given, NULL, no_result, NULL))
GIVEN(enqueue, seckill_reserve_options, seckill_enqueue(item, given, NULL, no_ticket, NULL))
GIVEN(outside, seckill_reserve_options, make_ticket(given))
GIVEN(confirm, seckill_confirm_options, seckill_confirm(item, given, NULL, no_result, NULL))
GIVEN(cancel, seckill_release_options, seckill_cancel(item, given, NULL, no_result, NULL))
GIVEN(refund, seckill_release_options, seckill_refund(item, given, NULL, no_result, NULL))
GIVEN(repeat, seckill_release_options, seckill_event_repeat(item, given, no_item, NULL))
GIVEN(lookup, seckill_lookup_options, seckill_lookup(item, given, NULL, no_lookup, NULL))
GIVEN(poll, seckill_poll_options, seckill_poll(item, given, NULL, no_ticket, NULL))
GIVEN(refuse, seckill_refuse_options, seckill_refuse(item, given, NULL, no_ticket, NULL))
GIVEN(process, seckill_queue_process_options, seckill_queue_process(item, given, no_queue, NULL))
GIVEN(numbers, seckill_client_stats, add_numbers(given))
GIVEN(text, seckill_client_stats, seckill_metrics_write(given, NULL, 0) != 0 ? SECKILL_OK : SECKILL_INVALID)

/* Of each a good one of this release, and how much of it there must be, as its other fields have no default. */
typedef struct {
    const char *name;
    seckill_status (*give)(void *memory);
    const void *good;
    size_t size, enough;
} options_case;

#define UP_TO(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))
#define CASE(name, type, enough, ...)                                                                                          \
    { #name, give_##name, &(const type){__VA_ARGS__ }, sizeof(type), enough }

/* Below this size it is refused; from it on it is taken, also by an older program's whole structure. */
static void options_of_another_size(const options_case *one) {
    for (size_t size = sizeof(size_t); size <= one->size + BEYOND; size += sizeof(size_t)) {
        unsigned char *at = place(one->good, one->size, size);
        seckill_status status;

        say_size(at, size);
        assert_int_equal(mprotect(room, ROOM, PROT_READ), 0); /* options are only read */
        status = one->give(at);
        assert_int_equal(mprotect(room, ROOM, PROT_READ | PROT_WRITE), 0);
        if (status != (size < one->enough ? SECKILL_INVALID : SECKILL_OK))
            fail_msg("%s with %zu of %zu bytes: %s", one->name, size, one->size, seckill_status_name(status));
        if (size <= one->size)
            continue;
        room[ROOM - 1] = 1;
        if (one->give(at) != SECKILL_INVALID)
            fail_msg("%s: something unknown at %zu is taken for granted", one->name, size - 1);
    }
    for (size_t i = 0; i < COUNT_OF(impossible); i++) {
        unsigned char *at = place(one->good, one->size, one->size);

        say_size(at, impossible[i]);
        if (one->give(at) != SECKILL_INVALID)
            fail_msg("%s of %zu bytes is taken", one->name, impossible[i]);
    }
}

static void options_of_other_releases(void **state) {
    seckill_allocator memory = {sk__default_allocator.allocate, sk__default_allocator.reallocate, sk__default_allocator.release,
                                NULL};
    const options_case cases[] = {
        CASE(client, seckill_client_options, 8, .address = "unix:/nobody/is/there", .prefix = "shop", .timeout_ms = 1000,
             .max_batches = 3, .replicas = 1, .allocator = &memory, .log_level = SECKILL_LOG_INFO),
        CASE(limiter, seckill_limiter_options, UP_TO(seckill_limiter_options, period_ms), .count = 5, .period_ms = 1000,
             .max_keys = 64, .refusals = 3, .refusals_period_ms = 9, .allocator = &memory),
        CASE(blacklist, seckill_blacklist_options, 8, .poll_ms = 50, .max_entries = 10),
        CASE(once, seckill_once_options, UP_TO(seckill_once_options, until_ms), .id = thing, .holder = user, .until_ms = 1,
             .timeout_ms = 5),
        CASE(settings, seckill_item_settings, 8, .shards = 3, .limit = 2, .price = 499, .hold_ms = 1000, .max_queue = 7),
        CASE(preflight, seckill_preflight_options, 8, .users = 9, .timeout_ms = 5, .flags = SECKILL_PREFLIGHT_VOLATILE),
        CASE(reconcile, seckill_reconcile_options, 8, .timeout_ms = 5, .flags = SECKILL_RECONCILE_REPAIR, .step = 9),
        CASE(reserve, seckill_reserve_options, UP_TO(seckill_reserve_options, request_id), .user = user, .request_id = thing,
             .quantity = 2, .timeout_ms = 5, .flags = SECKILL_FIRST_ATTEMPT, .created_ms = 1),
        CASE(enqueue, seckill_reserve_options, UP_TO(seckill_reserve_options, request_id), .user = user, .request_id = thing,
             .created_ms = 1),
        CASE(outside, seckill_reserve_options, UP_TO(seckill_reserve_options, request_id), .user = user, .request_id = thing,
             .created_ms = 1),
        CASE(confirm, seckill_confirm_options, UP_TO(seckill_confirm_options, ref), .ref = &ref, .order_ref = thing,
             .timeout_ms = 5, .flags = SECKILL_CONFIRM_ORDERED),
        CASE(cancel, seckill_release_options, UP_TO(seckill_release_options, user), .user = user, .timeout_ms = 5),
        CASE(refund, seckill_release_options, UP_TO(seckill_release_options, user), .user = user, .timeout_ms = 5),
        CASE(repeat, seckill_release_options, UP_TO(seckill_release_options, user), .user = user, .timeout_ms = 5),
        CASE(lookup, seckill_lookup_options, UP_TO(seckill_lookup_options, user), .user = user, .request_id = thing,
             .timeout_ms = 5),
        CASE(poll, seckill_poll_options, UP_TO(seckill_poll_options, ticket), .ticket = &ticket, .timeout_ms = 5),
        CASE(refuse, seckill_refuse_options, UP_TO(seckill_refuse_options, reason), .user = user, .request_id = thing,
             .reason = SECKILL_SOLD_OUT),
        CASE(process, seckill_queue_process_options, 8, .shard = 1, .max = 9, .timeout_ms = 5),
        CASE(numbers, seckill_client_stats, 8, .granted = 3, .nodes = 2, .batch_sizes = {{1}, 1}),
        CASE(text, seckill_client_stats, 8, .granted = 3, .nodes = 2, .batch_sizes = {{1}, 1}),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        options_of_another_size(&cases[i]);
}

/* ---- structures of other releases that are filled ---- */

GIVEN(stats, seckill_client_stats, seckill_client_get_stats(client, given))
GIVEN(state, seckill_blacklist_state, seckill_blacklist_get_state(client, given))
GIVEN(error, seckill_reply_error, seckill_view_read_error("MOVED 3999 [::1]:6381", 21, given))
GIVEN(sale, seckill_view_sale, seckill_view_get_sale(view, START_MS - 5, given))
GIVEN(stock, seckill_view_stock, seckill_view_get_stock(view, given))

static seckill_status give_answer(void *memory) {
    const poll_says says = {MAP_VERSION, 3, 9, SECKILL_OK, ANSWER_QUEUED, 0, 4, 7};
    const reply queued = poll_reply(&says);

    return seckill_view_take_ticket(view, &ticket, (const char *)queued.bytes, queued.size, memory);
}

static seckill_status give_sum(void *memory) {
    const seckill_client_stats one = {.struct_size = sizeof(one), .granted = 3, .nodes = 2, .batch_sizes = {{1}, 1}};

    return seckill_metrics_add(memory, &one);
}

static const seckill_reserve_options wish = {.struct_size = sizeof(wish), .user = {"alice", 5}, .request_id = {"thing", 5}};
static const seckill_lookup_options whose = {.struct_size = sizeof(whose), .user = {"alice", 5}};

/* A call that comes when it is too late for all calls is told so at once, and its answer is filled. */
static seckill_sync_item *stopped;

static seckill_status late(seckill_status status) {
    return status == SECKILL_CLOSED ? SECKILL_OK : status;
}

GIVEN(sync, seckill_sync_answer, late(seckill_sync_reserve(stopped, &wish, given)))
GIVEN(sync_lookup, seckill_sync_lookup_answer, late(seckill_sync_lookup(stopped, &whose, given)))
GIVEN(sync_ticket, seckill_sync_ticket_answer, late(seckill_sync_enqueue(stopped, &wish, given)))
GIVEN(sync_item, seckill_sync_item_answer, late(seckill_sync_item_get(stopped, 0, given)))
GIVEN(sync_stock, seckill_sync_stock_answer, late(seckill_sync_stock_get(stopped, 0, given)))

typedef struct {
    const char *name;
    seckill_status (*give)(void *memory);
    size_t size;
    unsigned char beyond; /* what lies behind what is known; 0 where it is also read */
} filled_case;

static void filled(const filled_case *one, unsigned char *at, size_t size) {
    say_size(at, size);
    if (one->give(at) != SECKILL_OK)
        fail_msg("%s with %zu of %zu bytes is not filled", one->name, size, one->size);
}

static void assert_size(const filled_case *one, const unsigned char *at, size_t expected) {
    size_t size;

    memcpy(&size, at, sizeof(size));
    if (size != expected)
        fail_msg("%s says that %zu bytes are filled, not %zu", one->name, size, expected);
}

static void filled_of_another_size(const filled_case *one) {
    static unsigned char whole[ROOM], beyond[BEYOND];
    unsigned char *at = place(NULL, 0, one->size);

    filled(one, at, one->size);
    memcpy(whole, at, one->size);
    for (size_t size = sizeof(size_t); size <= one->size; size += sizeof(size_t)) {
        at = place(NULL, 0, size);
        filled(one, at, size);
        assert_size(one, at, size);
        assert_memory_equal(at + sizeof(size_t), whole + sizeof(size_t), size - sizeof(size_t));
    }
    at = place(NULL, 0, one->size + BEYOND);
    memset(beyond, one->beyond, BEYOND);
    memset(at + one->size, one->beyond, BEYOND);
    filled(one, at, one->size + BEYOND);
    assert_size(one, at, one->size);
    assert_memory_equal(at, whole, one->size);
    assert_memory_equal(at + one->size, beyond, BEYOND);
    for (size_t i = 0; i < COUNT_OF(impossible); i++) {
        at = place(NULL, 0, one->size);
        say_size(at, impossible[i]);
        if (one->give(at) != SECKILL_INVALID || !sk__is_zero(at + sizeof(size_t), one->size - sizeof(size_t)))
            fail_msg("%s of %zu bytes is filled", one->name, impossible[i]);
    }
}

static void filled_of_other_releases(void **state) {
    static const filled_case cases[] = {
        {"stats", give_stats, sizeof(seckill_client_stats), 0xee},
        {"sum", give_sum, sizeof(seckill_client_stats), 0},
        {"state", give_state, sizeof(seckill_blacklist_state), 0xee},
        {"error", give_error, sizeof(seckill_reply_error), 0xee},
        {"sale", give_sale, sizeof(seckill_view_sale), 0xee},
        {"stock", give_stock, sizeof(seckill_view_stock), 0xee},
        {"answer", give_answer, sizeof(seckill_view_ticket), 0xee},
        {"sync", give_sync, sizeof(seckill_sync_answer), 0xee},
        {"sync_lookup", give_sync_lookup, sizeof(seckill_sync_lookup_answer), 0xee},
        {"sync_ticket", give_sync_ticket, sizeof(seckill_sync_ticket_answer), 0xee},
        {"sync_item", give_sync_item, sizeof(seckill_sync_item_answer), 0xee},
        {"sync_stock", give_sync_stock, sizeof(seckill_sync_stock_answer), 0xee},
    };

    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_sync *sync;

    (void)state;
    options.address = "unix:/nobody/is/there";
    assert_int_equal(seckill_sync_open(&options, &sync), SECKILL_OK);
    assert_int_equal(seckill_sync_item_open(sync, "sale", "phone", &stopped), SECKILL_OK);
    seckill_sync_stop(sync);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        filled_of_another_size(&cases[i]);
    assert_int_equal(seckill_sync_close(sync), SECKILL_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_other_releases),
        cmocka_unit_test(filled_of_other_releases),
    };

    return cmocka_run_group_tests(tests, open_room, close_room);
}
