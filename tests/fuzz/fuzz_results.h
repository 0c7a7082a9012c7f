/* What the calls of fuzz_calls.c are called back with: each reads all that it is given, and counts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FUZZ_RESULTS_H
#define SK_TESTS_FUZZ_RESULTS_H

#include <seckill/seckill.h>

void fuzz_on_result(const seckill_result *result, void *user_data);
void fuzz_on_lookup(const seckill_lookup_result *result, void *user_data);
void fuzz_on_ticket(const seckill_ticket_result *result, void *user_data);
void fuzz_on_queue(const seckill_queue_result *result, void *user_data);
void fuzz_on_item(const seckill_item_result *result, void *user_data);
void fuzz_on_list(const seckill_list_result *result, void *user_data);
void fuzz_on_stock(const seckill_stock_result *result, void *user_data);
void fuzz_on_expire(const seckill_expire_result *result, void *user_data);
void fuzz_on_transfers(const seckill_transfers_result *result, void *user_data);
void fuzz_on_fault(const seckill_fault *fault, void *user_data);
void fuzz_on_seen_reservation(uint32_t shard, const seckill_user_reservation *seen, void *user_data);
void fuzz_on_seen_event(uint32_t shard, const seckill_event *event, void *user_data);
void fuzz_on_reconcile(const seckill_reconcile_result *result, void *user_data);
void fuzz_on_reservations(const seckill_reservations_result *result, void *user_data);
void fuzz_on_events(const seckill_events_result *result, void *user_data);
void fuzz_on_preflight(const seckill_preflight_result *result, void *user_data);
void fuzz_on_blacklist(const seckill_blacklist_result *result, void *user_data);
void fuzz_on_blacklist_check(const seckill_blacklist_check_result *result, void *user_data);
void fuzz_on_blacklist_read(const seckill_blacklist_read_result *result, void *user_data);
void fuzz_on_once(const seckill_once_result *result, void *user_data);

#endif
