/* What a user is told of the requests that he has made: what goes out to ask, and how the answers are read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_TICKET_H
#define SK_SCRIPT_TICKET_H

#include "script/record.h"

#include <seckill/queue.h>

enum { SK__POLLED_SIZE = 42 }; /* bytes of one ticket as poll takes it, its id included */

/* What poll takes of a ticket behind its id. */
void sk__write_polled(sk__writer *writer, uint32_t quantity, const sk__place *place);

/* Whether it can be an answer to a poll; `is_outside`: the request waits in a queue of the shop's own. */
bool sk__fits_poll(const sk__answer *answer, bool is_outside);

/* What an answer says of a request; 0: nothing is known of it, and the answer's status is why. `reason` gets why it was
 * refused, or SECKILL_OK. */
seckill_ticket_state sk__ticket_state(const sk__answer *answer, seckill_status *reason);

/* How many are decided until the request at `place` is, itself included; 0 for one that waits in a queue of the shop's own, of
 * which nothing is known. */
uint64_t sk__ticket_position(const sk__place *place, const sk__progress *progress);

/* What a reservation's token says: from the record alone, so that each issue of it says the same. The names are whole
 * arrays: they are copied once for each grant. */
void sk__record_ref(const sk__record *record, seckill_bytes user, const char activity[SECKILL_ID_MAX + 1],
                    const char item[SECKILL_ID_MAX + 1], seckill_reservation_ref *ref);

/* Checks a whole reply of lookup about `count` users, read from behind the header. */
bool sk__lookups_are_sound(sk__reader reader, uint32_t count);

/* Reads what it says of the next user; how many records. */
uint8_t sk__read_lookup(sk__reader *reader, sk__record records[SECKILL_USER_RECORDS_MAX]);

#endif
