/* A set of reservation ids. It takes 16 bytes for each place, and a quarter to a half of the places are in use.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_ID_SET_H
#define SECKILL_CTL_ID_SET_H

#include <seckill/seckill.h>

typedef struct id_set id_set;

/* Out of memory ends the program. */
id_set *id_set_new(void);
void id_set_free(id_set *set);

/* 1: it is new, and in it now. */
int id_set_add(id_set *set, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

#endif
