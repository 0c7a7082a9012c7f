/* Views without a server: the commands that they write, the mapping list.
 *
 * SPDX-License-Identifier: MIT
 */
#include "view_fixture.h"

#include "script/ticket.h"

#include <stdlib.h>
#include <string.h>

static seckill_command *new_command(void) {
    seckill_command *command = NULL;

    assert_status(seckill_command_new(&command), SECKILL_OK);
    assert_int_equal(command->argc, 0);
    return command;
}

/* ---- commands ---- */

/* The same, read as a server reads it. */
static void assert_wire_is_argv(const seckill_command *command) {
    const char *at = command->data, *end = command->data + command->size;
    char *rest;

    assert_int_equal(*at, '*');
    assert_int_equal(strtoul(at + 1, &rest, 10), command->argc);
    at = rest + 2;
    for (uint32_t i = 0; i < command->argc; i++) {
        assert_int_equal(*at, '$');
        assert_int_equal(strtoul(at + 1, &rest, 10), command->sizes[i]);
        assert_memory_equal(rest, "\r\n", 2);
        at = rest + 2;
        assert_memory_equal(at, command->argv[i], command->sizes[i]);
        at += command->sizes[i];
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
    }
    assert_ptr_equal(at, end);
}

static void assert_argument(const seckill_command *command, uint32_t i, const char *text) {
    assert_true(i < command->argc);
    assert_int_equal(command->sizes[i], strlen(text));
    assert_memory_equal(command->argv[i], text, strlen(text));
}

static void a_command_is_shown_both_ways(void **state) {
    const sk__script *script = sk__script_of(SK__SCRIPT_items_list);
    seckill_command *command = new_command();

    (void)state;
    assert_status(seckill_view_ask_items(NULL, "sale", 0, command), SECKILL_OK);
    assert_int_equal(command->argc, 4);
    assert_argument(command, 0, "EVALSHA");
    assert_argument(command, 1, script->sha1);
    assert_argument(command, 2, "1");
    assert_argument(command, 3, "seckill:{sale}:items");
    assert_int_equal(command->slot, seckill_slot("sale", 4));
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_items("shop", "sale", SECKILL_WITH_TEXT, command), SECKILL_OK);
    assert_argument(command, 0, "EVAL");
    assert_argument(command, 1, script->text);
    assert_argument(command, 3, "shop:{sale}:items");
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_items(NULL, "sale", 0, command), SECKILL_OK); /* in memory that was longer */
    assert_wire_is_argv(command);
    seckill_command_free(command);
}

static void the_commands_of_a_shard_have_its_keys(void **state) {
    seckill_view *view = known_view();
    seckill_command *command = new_command();
    const seckill_ticket ticket = ticket_of(3, 9);
    char key[SECKILL_SHARD_KEY_SIZE];

    (void)state;
    assert_status(seckill_shard_key("seckill", "sale", "phone", "1.x", "stock", key), SECKILL_OK);
    assert_status(seckill_view_begin(view, 1), SECKILL_OK);
    assert_status(seckill_view_ask_shard(view, 1, 0, command), SECKILL_OK);
    assert_int_equal(command->argc, 3 + SK__SHARD_KEYS + 1);
    assert_argument(command, 3, key);
    assert_int_equal(command->slot, seckill_slot(key, strlen(key)));
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_ticket(view, &ticket, 0, command), SECKILL_OK);
    assert_int_equal(command->argc, 3 + SK__SHARD_KEYS + 3);
    assert_int_equal(command->sizes[10], SK__POLLED_SIZE);
    assert_argument(command, 11, "alice");
    assert_int_equal(command->round, 0);
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_user(view, "a\0b", 3, SECKILL_WITH_TEXT, command), SECKILL_OK);
    assert_int_equal(command->argc, 3 + SK__SHARD_KEYS + 2);
    assert_memory_equal(command->argv[10], "a\0b", 3);
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_item(view, 0, command), SECKILL_OK);
    assert_argument(command, 3, "seckill:{sale/phone}:map");
    seckill_command_free(command);
    seckill_view_free(view);
}

static void what_is_malformed_writes_nothing(void **state) {
    const seckill_subject nobody = {"user", {"", 0}};
    seckill_view *view = known_view(), *none = NULL;
    seckill_command *command = new_command();
    seckill_ticket ticket = ticket_of(3, 9);
    char long_user[SECKILL_USER_MAX + 1] = {0};

    (void)state;
    assert_status(seckill_view_ask_item(view, 0, command), SECKILL_OK);
    assert_status(seckill_view_ask_item(view, 2, command), SECKILL_INVALID);
    assert_int_equal(command->argc, 0);
    assert_status(seckill_view_ask_item(view, 0, command), SECKILL_OK);
    assert_status(seckill_view_ask_items("a{b}", "sale", 0, command), SECKILL_INVALID);
    assert_int_equal(command->argc, 0);
    assert_null(command->data);
    assert_status(seckill_view_ask_items(NULL, "sa/le", 0, command), SECKILL_INVALID);
    assert_status(seckill_view_ask_items(NULL, NULL, 0, command), SECKILL_INVALID);
    assert_status(seckill_view_ask_items(NULL, "sale", 0, NULL), SECKILL_INVALID);
    assert_status(seckill_view_ask_user(view, "", 0, 0, command), SECKILL_INVALID);
    assert_status(seckill_view_ask_user(view, long_user, sizeof(long_user), 0, command), SECKILL_INVALID);
    assert_status(seckill_view_ask_listed(NULL, &nobody, 1, 0, command), SECKILL_INVALID);
    assert_status(seckill_view_ask_listed(NULL, &nobody, 0, 0, command), SECKILL_INVALID);
    ticket.item[0] = 'x';
    assert_status(seckill_view_ask_ticket(view, &ticket, 0, command), SECKILL_INVALID);
    ticket = ticket_of(3, 0);
    assert_status(seckill_view_ask_ticket(view, &ticket, 0, command), SECKILL_INVALID);
    ticket = ticket_of(0, 0);
    assert_status(seckill_view_ask_ticket(view, &ticket, 0, command), SECKILL_OK);
    assert_status(seckill_view_new(NULL, "sale", "", &none), SECKILL_INVALID);
    assert_status(seckill_view_new("", "sale", "phone", &none), SECKILL_INVALID);
    assert_status(seckill_view_new(NULL, "sale", "phone", NULL), SECKILL_INVALID);
    seckill_command_free(command);
    seckill_command_free(NULL);
    seckill_view_free(view);
    seckill_view_free(NULL);
}

/* The longest there are: every subject, and the text of every script that is asked. */
static void the_largest_commands_fit(void **state) {
    seckill_subject subjects[SECKILL_BLACKLIST_BATCH + 1];
    seckill_command *command = new_command();
    char prefix[SECKILL_PREFIX_MAX + 1], value[SECKILL_SUBJECT_MAX];

    (void)state;
    memset(prefix, 'p', SECKILL_PREFIX_MAX);
    prefix[SECKILL_PREFIX_MAX] = '\0';
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i <= SECKILL_BLACKLIST_BATCH; i++)
        subjects[i] = (seckill_subject){"sixteen_letters_", {value, sizeof(value)}};
    assert_status(seckill_view_ask_listed(prefix, subjects, SECKILL_BLACKLIST_BATCH, SECKILL_WITH_TEXT, command), SECKILL_OK);
    assert_wire_is_argv(command);
    assert_status(seckill_view_ask_listed(prefix, subjects, SECKILL_BLACKLIST_BATCH + 1, 0, command), SECKILL_INVALID);
    seckill_command_free(command);
}

/* ---- out of memory ---- */

/* What could not be written shows nothing. */
static seckill_status wrote(const seckill_command *command, seckill_status status) {
    if (status != SECKILL_OK)
        assert_int_equal(command->argc, 0);
    return status;
}

static seckill_status use_all(const seckill_allocator *allocator) {
    const map_says says = USUAL_MAP;
    const reply map = map_reply(&says);
    seckill_command *command = NULL;
    seckill_view *view = NULL;
    seckill_status status = sk__view_new(allocator, NULL, "sale", "phone", &view);

    if (status == SECKILL_OK)
        status = sk__writing_new(allocator, &command);
    if (status == SECKILL_OK)
        status = wrote(command, seckill_view_ask_item(view, 0, command));
    if (status == SECKILL_OK)
        status = take_item(view, &map, map.size);
    if (status == SECKILL_OK)
        status = wrote(command, seckill_view_ask_user(view, "alice", 5, SECKILL_WITH_TEXT, command));
    seckill_command_free(command);
    seckill_view_free(view);
    return status;
}

static void each_allocation_may_fail(void **state) {
    failing_memory memory = {0};
    const seckill_allocator allocator = failing_memory_allocator(&memory);
    size_t needed;

    (void)state;
    assert_status(use_all(&allocator), SECKILL_OK);
    needed = memory.made;
    assert_true(needed >= 5);
    for (size_t i = 1; i <= needed; i++) {
        memory = (failing_memory){.fail_at = i};
        assert_status(use_all(&allocator), SECKILL_NO_MEMORY);
        assert_int_equal(memory.outstanding, 0);
    }
}

static void without_memory_for_new_shards_the_former_stay(void **state) {
    map_says says = USUAL_MAP;
    failing_memory memory = {0};
    const seckill_allocator allocator = failing_memory_allocator(&memory);
    seckill_view_sale sale = {.struct_size = sizeof(sale)};
    seckill_view *view = NULL;
    reply map = map_reply(&says);

    (void)state;
    assert_status(sk__view_new(&allocator, NULL, "sale", "phone", &view), SECKILL_OK);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    says.seed = "fedcba9876543210";
    map = map_reply(&says);
    memory.fail_at = memory.made + 2;
    assert_status(take_item(view, &map, map.size), SECKILL_NO_MEMORY);
    assert_status(seckill_view_get_sale(view, 1, &sale), SECKILL_OK);
    assert_memory_equal(sale.seed, "0123456789abcdef", SECKILL_SEED_SIZE);
    seckill_view_free(view);
    assert_int_equal(memory.outstanding, 0);
}

/* ---- the mapping list ---- */

static seckill_view_sale sale_at(const seckill_view *view, int64_t now_ms) {
    seckill_view_sale sale = {.struct_size = sizeof(sale)};

    assert_status(seckill_view_get_sale(view, now_ms, &sale), SECKILL_OK);
    return sale;
}

static void a_list_says_what_is_sold(void **state) {
    seckill_view *view = known_view();
    seckill_view_sale sale = sale_at(view, START_MS);

    (void)state;
    assert_int_equal(sale.settings->price, 4990);
    assert_int_equal(sale.settings->shards, SHARDS);
    assert_int_equal(sale.settings->hold_ms, HOLD_MS);
    assert_int_equal(sale.shards, SHARDS);
    assert_int_equal(sale.version, MAP_VERSION);
    assert_memory_equal(sale.seed, "0123456789abcdef", SECKILL_SEED_SIZE);
    assert_string_equal(sale.tags[0], "0");
    assert_string_equal(sale.tags[1], "1.x");
    seckill_view_free(view);
}

static void a_sale_is_on_between_its_ends(void **state) {
    map_says says = USUAL_MAP;
    seckill_view *view = known_view();
    reply map;

    (void)state;
    assert_status(sale_at(view, START_MS - 1).sale, SECKILL_NOT_STARTED);
    assert_int_equal(sale_at(view, START_MS - 250).wait_ms, 250);
    assert_status(sale_at(view, START_MS).sale, SECKILL_OK);
    assert_int_equal(sale_at(view, START_MS).wait_ms, 0);
    assert_status(sale_at(view, END_MS - 1).sale, SECKILL_OK);
    assert_status(sale_at(view, END_MS).sale, SECKILL_ENDED);
    says.state = SECKILL_ITEM_PAUSED;
    map = map_reply(&says);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    assert_status(sale_at(view, START_MS - 1).sale, SECKILL_NOT_STARTED);
    assert_status(sale_at(view, START_MS).sale, SECKILL_PAUSED);
    assert_int_equal(sale_at(view, START_MS).state, SECKILL_ITEM_PAUSED);
    assert_status(sale_at(view, END_MS).sale, SECKILL_ENDED);
    says.state = SECKILL_ITEM_ENDED;
    map = map_reply(&says);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    assert_status(sale_at(view, START_MS - 1).sale, SECKILL_ENDED);
    seckill_view_free(view);
}

static void a_list_that_is_none_changes_nothing(void **state) {
    static const map_says bad[] = {
        {MAP_VERSION, SECKILL_ITEM_ENDED + 1, SHARDS, "fedcba9876543210", "0,1.x"},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, 0, "fedcba9876543210", ""},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, SECKILL_SHARDS_MAX + 1, "fedcba9876543210", "0,1.x"},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0"},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0,1.x,2"},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0,{1}"},
        {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0,"},
    };
    const map_says good = {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0,1.x"};
    const reply map = map_reply(&good);
    seckill_view *view = known_view();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const reply none = map_reply(&bad[i]);

        assert_status(take_item(view, &none, none.size), SECKILL_PROTOCOL);
    }
    for (size_t size = 1; size < map.size - 2; size++)
        assert_status(take_item(view, &map, size), SECKILL_PROTOCOL);
    assert_memory_equal(sale_at(view, 1).seed, "0123456789abcdef", SECKILL_SEED_SIZE);
    assert_status(seckill_view_take_item(view, NULL, 0), SECKILL_INVALID);
    seckill_view_free(view);
}

static void an_item_that_is_gone_is_forgotten(void **state) {
    const seckill_ticket ticket = ticket_of(3, 9);
    seckill_view_sale sale = {.struct_size = sizeof(sale)};
    seckill_view *view = known_view();
    seckill_command *command = new_command();

    (void)state;
    assert_status(seckill_view_take_item(view, "", 0), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_get_sale(view, 1, &sale), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_ask_ticket(view, &ticket, 0, command), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_ask_user(view, "alice", 5, 0, command), SECKILL_NOT_DEFINED);
    assert_int_equal(seckill_view_is_stale(view), 0);
    assert_status(seckill_view_ask_item(view, 0, command), SECKILL_OK);
    seckill_command_free(command);
    seckill_view_free(view);
}

/* A caller that was compiled with an older header, and one with a newer. */
static void only_what_there_is_room_for_is_filled(void **state) {
    struct {
        seckill_view_sale sale;
        uint8_t beyond[8];
    } later;
    seckill_view *view = known_view();
    seckill_view_sale sale;

    (void)state;
    memset(&later, 0x5a, sizeof(later));
    later.sale.struct_size = sizeof(later);
    assert_status(seckill_view_get_sale(view, START_MS, &later.sale), SECKILL_OK);
    assert_int_equal(later.sale.struct_size, sizeof(later.sale));
    assert_int_equal(later.beyond[0], 0x5a);
    memset(&sale, 0x5a, sizeof(sale));
    sale.struct_size = offsetof(seckill_view_sale, version);
    assert_status(seckill_view_get_sale(view, START_MS, &sale), SECKILL_OK);
    assert_string_equal(sale.tags[0], "0");
    assert_int_equal(*(uint8_t *)&sale.version, 0x5a);
    sale.struct_size = sizeof(size_t) - 1;
    assert_status(seckill_view_get_sale(view, START_MS, &sale), SECKILL_INVALID);
    seckill_view_free(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_shown_both_ways),
        cmocka_unit_test(the_commands_of_a_shard_have_its_keys),
        cmocka_unit_test(what_is_malformed_writes_nothing),
        cmocka_unit_test(the_largest_commands_fit),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(without_memory_for_new_shards_the_former_stay),
        cmocka_unit_test(a_list_says_what_is_sold),
        cmocka_unit_test(a_sale_is_on_between_its_ends),
        cmocka_unit_test(a_list_that_is_none_changes_nothing),
        cmocka_unit_test(an_item_that_is_gone_is_forgotten),
        cmocka_unit_test(only_what_there_is_room_for_is_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
