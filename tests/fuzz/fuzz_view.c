/* What a host that asks Redis itself gives to a view. The input is pieces of u8 kind, u8 argument, u16 size and a reply.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/view.h"
#include "failing_memory.h"
#include "fuzz.h"

enum { TAKE_ITEM, BEGIN, TAKE_SHARD, TAKE_TICKET, TAKE_USER, TAKE_ITEMS, TAKE_LISTED, READ_ERROR, KINDS };

/* Every byte of a range in `reply`, or in nothing. */
static void check_inside(seckill_bytes range, const char *reply, size_t size) {
    const char *data = range.data;

    fuzz_check(range.size == 0 || (data >= reply && range.size <= size && (size_t)(data - reply) <= size - range.size));
    fuzz_read(range.data, range.size);
}

static void check_text(const char *text, size_t size) {
    fuzz_check(memchr(text, '\0', size) != NULL);
}

static void check_known(const seckill_view *view) {
    seckill_view_sale sale = {.struct_size = sizeof(sale)};
    seckill_view_stock stock = {.struct_size = sizeof(stock)};
    seckill_item_settings settings;
    seckill_stock shard;

    if (seckill_view_get_sale(view, 0, &sale) != SECKILL_OK) {
        fuzz_check(seckill_view_get_stock(view, &stock) == SECKILL_NOT_DEFINED);
        return;
    }
    settings = *sale.settings;
    fuzz_check(sk__settings_complete(&settings) && sale.shards >= 1 && sale.shards <= SECKILL_SHARDS_MAX);
    for (uint32_t i = 0; i < sale.shards; i++)
        check_text(sale.tags[i], SECKILL_TAG_SIZE);
    fuzz_check(seckill_view_get_stock(view, &stock) == SECKILL_OK && stock.shards == sale.shards);
    fuzz_check(stock.missing <= stock.shards && stock.left >= 0 && (stock.is_proven || stock.left == 0));
    fuzz_check(seckill_view_get_shard(view, sale.shards - 1, &shard) == SECKILL_OK);
    fuzz_check(seckill_view_get_shard(view, sale.shards, &shard) == SECKILL_INVALID);
}

static void take_ticket(seckill_view *view, bool is_outside, const char *reply, size_t size) {
    seckill_ticket ticket = {
        .user = "alice", .user_size = 5, .activity = "sale", .item = "phone", .quantity = 1, .since_ms = 1};
    seckill_view_ticket told = {.struct_size = sizeof(told)};
    seckill_status status;

    ticket.epoch = is_outside ? 0 : 3;
    ticket.n = is_outside ? 0 : 17;
    status = seckill_view_take_ticket(view, &ticket, reply, size, &told);
    fuzz_check((status == SECKILL_OK) == (told.state != 0));
    fuzz_check(told.state >= 0 && told.state <= SECKILL_TICKET_LOST);
    fuzz_check((told.reason != SECKILL_OK) == (told.state == SECKILL_TICKET_REFUSED));
    fuzz_check(told.has_ref == (told.state == SECKILL_TICKET_GRANTED));
    fuzz_check(told.position == 0 || told.state == SECKILL_TICKET_QUEUED);
    fuzz_check(!told.has_ref || (told.ref.user_size == 5 && strcmp(told.ref.item, "phone") == 0));
}

static void take_user(seckill_view *view, const char *reply, size_t size) {
    seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
    uint32_t count;
    seckill_status status = seckill_view_take_user(view, "alice", 5, reply, size, reservations, refs, &count);

    fuzz_check(count <= SECKILL_USER_RECORDS_MAX && (status == SECKILL_OK || count == 0));
    for (uint32_t i = 0; i < count; i++)
        fuzz_check((refs[i].user_size != 0) == (reservations[i].state == SECKILL_RESERVED));
}

static void take_items(uint32_t max, const char *reply, size_t size) {
    seckill_bytes items[UINT8_MAX];
    uint32_t count;
    seckill_status status = seckill_view_take_items(reply, size, items, max, &count);

    fuzz_check(count <= max && (status == SECKILL_OK || count == 0));
    for (uint32_t i = 0; i < count; i++)
        check_inside(items[i], reply, size);
}

static void take_listed(size_t count, const char *reply, size_t size) {
    seckill_blacklist_finding findings[UINT8_MAX + 1];
    seckill_status status = seckill_view_take_listed(reply, size, findings, count, NULL);
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        check_inside(findings[i].reason, reply, size);
        any = any || findings[i].is_listed;
    }
    fuzz_check(any == (status == SECKILL_BLACKLISTED));
}

static void read_error(const char *reply, size_t size) {
    seckill_reply_error error = {.struct_size = sizeof(error)};

    fuzz_check(seckill_view_read_error(reply, size, &error) == SECKILL_OK);
    fuzz_check(error.then >= SECKILL_THEN_GIVE_UP && error.then <= SECKILL_THEN_TRY_LATER && error.status != SECKILL_OK);
    fuzz_check(error.slot < SECKILL_SLOTS && error.port <= UINT16_MAX);
    check_text(error.host, sizeof(error.host));
    check_text(error.message, sizeof(error.message));
}

static void feed(seckill_view *view, uint8_t kind, uint8_t argument, const char *reply, size_t size) {
    switch (kind % KINDS) {
    case TAKE_ITEM:
        (void)!seckill_view_take_item(view, reply, size);
        break;
    case BEGIN:
        (void)!seckill_view_begin(view, argument);
        break;
    case TAKE_SHARD:
        (void)!seckill_view_take_shard(view, argument, view->round, reply, size);
        break;
    case TAKE_TICKET:
        take_ticket(view, argument % 2 != 0, reply, size);
        break;
    case TAKE_USER:
        take_user(view, reply, size);
        break;
    case TAKE_ITEMS:
        take_items(argument, reply, size);
        break;
    case TAKE_LISTED:
        take_listed(argument + 1U, reply, size);
        break;
    default:
        read_error(reply, size);
    }
}

/* The first byte says which allocation fails. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    failing_memory memory = {.fail_at = fuzz_u8(&input)};
    const seckill_allocator allocator = failing_memory_allocator(&memory);
    seckill_view *view = NULL;

    if (sk__view_new(&allocator, NULL, "sale", "phone", &view) != SECKILL_OK)
        return 0;
    while (input.size != 0) {
        uint8_t kind = fuzz_u8(&input), argument = fuzz_u8(&input);
        fuzz_input piece = fuzz_take(&input, fuzz_u16(&input));
        char *reply = fuzz_copy(piece);

        feed(view, kind, argument, reply, piece.size);
        check_known(view);
        free(reply);
    }
    seckill_view_free(view);
    fuzz_check(memory.outstanding == 0);
    return 0;
}
