/* The binary interface: structures whose size must never change, and the room that some of them have. How structures may grow
 * is said in <seckill/base.h>; tests/package/abi.test.sh sees that each value is named here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "abi_fixture.h"

#include "script/record.h"

#include <string.h>

/* ---- what is laid out for good, where pointers have 64 bits ---- */

typedef struct {
    const char *name;
    size_t size, last, is_size, is_last; /* `last`: where the last field begins; of a value the last before its spare room */
    size_t spare, spare_size;            /* is that room at the end? */
} layout;

#define CLOSED(type, field, size, last)                                                                                        \
    { #type, size, last, sizeof(type), offsetof(type, field), 0, sizeof(type) }
#define VALUE(type, field, size, last)                                                                                         \
    { #type, size, last, sizeof(type), offsetof(type, field), offsetof(type, spare), sizeof(((type *)NULL)->spare) }

static const layout layouts[] = {
    CLOSED(seckill_bytes, size, 16, 8),
    CLOSED(seckill_subject, value, 24, 8),
    CLOSED(seckill_allocator, user_data, 32, 24),
    CLOSED(seckill_histogram, sum, 8 * (SECKILL_HISTOGRAM_BUCKETS + 1), 8 * SECKILL_HISTOGRAM_BUCKETS),
    CLOSED(seckill_event_id, n, 16, 8),
    CLOSED(seckill_event_ack, reservation_id, 32, 16),
    CLOSED(seckill_queue_id, n, 16, 8),
    CLOSED(seckill_blacklist_cursor, bytes, 40, 0),
    CLOSED(seckill_reservations_cursor, opaque, 32, 0),
    VALUE(seckill_reservation, reason, 72, 48),
    VALUE(seckill_reservation_ref, valid_until_ms, 288, 248),
    VALUE(seckill_ticket, valid_until_ms, 296, 256),
    VALUE(seckill_stock, node, 184, 144),
    VALUE(seckill_shard_outcome, epoch, 40, 16),
    VALUE(seckill_event, at_ms, 112, 88),
    VALUE(seckill_queue_entry, since_ms, 80, 56),
    VALUE(seckill_user_reservation, reservation, 104, 16),
    VALUE(seckill_finding, remedy, 64, 40),
    VALUE(seckill_account, repaired, 152, 112),
    VALUE(seckill_blacklist_entry, flags, 80, 56),
    VALUE(seckill_blacklist_finding, reason, 56, 24),
    VALUE(seckill_limit, keeps_on, 40, 16),
};

static void values_keep_their_size(void **state) {
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        const layout *one = &layouts[i];

        if (one->size != one->is_size || one->last != one->is_last)
            fail_msg("%s has %zu bytes, its last field stands at %zu", one->name, one->is_size, one->is_last);
        if (one->spare + one->spare_size != one->is_size)
            fail_msg("%s does not end with `spare`", one->name);
    }
}

/* ---- room for later releases ---- */

static void no_blacklist(const seckill_blacklist_result *result, void *user_data) {
    (void)result;
    (void)user_data;
}

#define EACH_SPARE(value, call, otherwise)                                                                                     \
    do {                                                                                                                       \
        assert_int_equal(call, otherwise);                                                                                     \
        for (size_t i = 0; i < COUNT_OF((value).spare); i++) {                                                                 \
            (value).spare[i] = UINT64_C(1) << 63;                                                                              \
            assert_int_equal(call, SECKILL_INVALID);                                                                           \
            (value).spare[i] = 0;                                                                                              \
        }                                                                                                                      \
    } while (0)

/* Whoever fills it may mean something that this release does not know. */
static void what_fills_spare_room_is_refused(void **state) {
    seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_poll_options poll = SECKILL_POLL_OPTIONS_INIT;
    seckill_reservation_ref given = ref;
    seckill_ticket waiting = ticket;
    seckill_blacklist_entry entry = {.subject = {SECKILL_KIND_USER, user}};
    char key[SECKILL_KEY_TEXT_SIZE], token[SECKILL_TOKEN_SIZE];
    seckill_command *command;
    seckill_keyring *ring;

    (void)state;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, key), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, key, strlen(key)), SECKILL_OK);
    assert_int_equal(seckill_command_new(&command), SECKILL_OK);
    confirm.ref = &given;
    poll.ticket = &waiting;
    EACH_SPARE(given, seckill_confirm(item, &confirm, NULL, no_result, NULL), SECKILL_OK);
    EACH_SPARE(given, seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &given, token, sizeof(token), NULL), SECKILL_OK);
    EACH_SPARE(waiting, seckill_poll(item, &poll, NULL, no_ticket, NULL), SECKILL_OK);
    EACH_SPARE(waiting, seckill_ticket_issue(ring, &waiting, token, sizeof(token), NULL), SECKILL_OK);
    EACH_SPARE(waiting, seckill_view_ask_ticket(view, &waiting, 0, command), SECKILL_OK);
    EACH_SPARE(entry, seckill_blacklist_add(client, &entry, 1, 0, no_blacklist, NULL), SECKILL_OK);
    seckill_command_free(command);
    seckill_keyring_free(ring);
}

#define assert_unused(value) assert_true(sk__is_zero((value).spare, sizeof((value).spare)))

/* A program that is newer than the library finds nothing there either. */
static void spare_room_is_given_empty(void **state) {
    struct {
        seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
        seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
        seckill_reservation_ref verified;
        seckill_ticket ticket;
        seckill_stock stock[SHARDS];
        seckill_blacklist_finding finding;
        seckill_limit limit;
        sk__record record;
        seckill_event event;
    } got;
    sk__reader nothing = sk__reader_of("", 0);
    seckill_limiter_options options = SECKILL_LIMITER_OPTIONS_INIT;
    seckill_limiter *limiter;
    seckill_keyring *ring;
    uint32_t count;
    reply says = {0};
    sk__writer writer = sk__writer_of(says.bytes, sizeof(says.bytes));

    (void)state;
    memset(&got, 0xee, sizeof(got));
    write_header(&writer, MAP_VERSION);
    sk__write_u8(&writer, 1);
    write_record(&writer, SECKILL_RESERVED);
    assert_int_equal(
        seckill_view_take_user(view, "alice", 5, (const char *)says.bytes, writer.at, got.reservations, got.refs, &count),
        SECKILL_OK);
    assert_unused(got.reservations[0]);
    assert_unused(got.refs[0]);
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_int_equal(seckill_view_get_shard(view, i, &got.stock[i]), SECKILL_OK);
        assert_unused(got.stock[i]);
    }
    assert_int_equal(seckill_view_take_listed("\0\0\0\0\0\1"
                                              "\0\0\0\0\0\2"
                                              "\0\0\0\0\0\1\0",
                                              19, &got.finding, 1, NULL),
                     SECKILL_BLACKLISTED);
    assert_unused(got.finding);
    sk__read_record(&nothing, &got.record); /* what all that callbacks give comes from */
    sk__read_event(&nothing, &got.event);
    assert_unused(got.record.shown);
    assert_unused(got.event);
    options.count = 1;
    assert_int_equal(seckill_limiter_new(&options, &limiter), SECKILL_OK);
    assert_int_equal(seckill_limiter_take(limiter, user, 1, 0, &got.limit), SECKILL_OK);
    assert_unused(got.limit);
    seckill_limiter_free(limiter);
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_not_equal(seckill_token_verify(ring, SECKILL_TOKEN_SESSION, "no", 2, 0, 0, &got.verified), SECKILL_OK);
    assert_int_not_equal(seckill_ticket_verify(ring, "no", 2, 0, 0, &got.ticket), SECKILL_OK);
    assert_unused(got.verified);
    assert_unused(got.ticket);
    seckill_keyring_free(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_their_size),
        cmocka_unit_test(what_fills_spare_room_is_refused),
        cmocka_unit_test(spare_room_is_given_empty),
    };

    return cmocka_run_group_tests(tests, abi_open, abi_close);
}
