/* What must hold at the end of every sale. */
#define _POSIX_C_SOURCE 200809L
#include "sale_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t sale_now_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void on_transfers(const seckill_transfers_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_transfers_answer *answer = wait->answer;

    answer->status = result->status;
    answer->transit = result->transit;
    answer->owed = result->owed;
    wait->done = true;
}

sale_transfers_answer sale_finish_transfers(sale *self) {
    sale_transfers_answer answer = {SECKILL_OK, 0, 0};
    sale_call wait = {&answer, false};

    answer.status = seckill_transfers_finish(self->item, 0, on_transfers, &wait);
    if (answer.status == SECKILL_OK)
        sale_run_until(self, &wait.done);
    return answer;
}

sale_stock_answer sale_check_account(sale *self, int64_t loaded) {
    sale_transfers_answer moves = sale_finish_transfers(self);
    sale_stock_answer stock;

    assert_status(moves.status, SECKILL_OK);
    assert_int_equal(moves.transit, 0);
    assert_int_equal(moves.owed, 0);
    stock = sale_stock(self);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.loaded, loaded);
    assert_int_equal(stock.total.available + stock.total.reserved + stock.total.sold, loaded);
    assert_int_equal(stock.total.transferred_in, stock.total.transferred_out);
    return stock;
}

/* A client may say for 200 ms that nothing is left, and units may have come back since. */
static void outlast_memory(sale *self) {
    int64_t until = sale_now_us() + 250000;

    while (sale_now_us() < until)
        (void)sale_stock(self);
}

void sale_check_rest(sale *self, const char *prefix, int64_t left) {
    outlast_memory(self);
    for (int64_t i = 0; i <= left; i++) {
        char user[SECKILL_USER_MAX + 1];

        (void)snprintf(user, sizeof(user), "%s%" PRId64, prefix, i);
        assert_status(sale_reserve(self, user, "the rest", 1).status, i < left ? SECKILL_OK : SECKILL_SOLD_OUT);
    }
}

bool sale_is_documented(seckill_status status) {
    return strcmp(seckill_status_name(status), "no_such_status") != 0 && status != SECKILL_PROTOCOL &&
           status != SECKILL_SERVER_ERROR;
}
