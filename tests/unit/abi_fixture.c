#include "abi_fixture.h"

seckill_client *client;
seckill_item *item;
seckill_view *view;

const seckill_bytes user = {"alice", 5};
const seckill_reservation_ref ref = {
    .user = "alice", .user_size = 5, .activity = "sale", .item = "phone", .quantity = 1, .valid_until_ms = 1000};
const seckill_ticket ticket = {.user = "alice",
                               .user_size = 5,
                               .activity = "sale",
                               .item = "phone",
                               .quantity = 1,
                               .epoch = 1,
                               .n = 1,
                               .valid_until_ms = 1000};

seckill_client *open_nowhere(void) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_client *made;

    options.address = "unix:/nobody/is/there";
    assert_int_equal(seckill_client_open(&options, &made), SECKILL_OK);
    return made;
}

int abi_open(void **state) {
    const stock_says says = SOLD_OUT_STOCK;
    const reply stock = stock_reply(&says);

    (void)state;
    client = open_nowhere();
    assert_int_equal(seckill_item_open(client, "sale", "phone", &item), SECKILL_OK);
    view = known_view();
    assert_int_equal(seckill_view_begin(view, 1), SECKILL_OK);
    assert_int_equal(take_shard(view, 0, 1, &stock, stock.size), SECKILL_OK);
    return 0;
}

int abi_close(void **state) {
    (void)state;
    seckill_view_free(view);
    seckill_client_close(client, NULL, NULL);
    return 0;
}

void no_result(const seckill_result *result, void *user_data) {
    (void)result;
    (void)user_data;
}

void no_ticket(const seckill_ticket_result *result, void *user_data) {
    (void)result;
    (void)user_data;
}
