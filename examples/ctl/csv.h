/* CSV as RFC 4180 says: cells one after another, then the end of the row.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_CSV_H
#define SECKILL_CTL_CSV_H

#include <seckill/seckill.h>
#include <stdio.h>

typedef struct {
    FILE *file;
    int cells; /* of this row; begin with 0 */
} csv_out;

void csv_text(csv_out *csv, const char *text);
void csv_number(csv_out *csv, int64_t number);
void csv_time(csv_out *csv, int64_t ms); /* ISO 8601, UTC; 0 is empty */

/* As text where every reader shows it as it is; else "hex:" and its bytes. */
void csv_user(csv_out *csv, seckill_bytes user);

void csv_end(csv_out *csv);

#endif
