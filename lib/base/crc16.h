/* CRC16 as Redis Cluster uses it for its slots.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_CRC16_H
#define SK_BASE_CRC16_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at the start) over `size` bytes. CRC-16/XMODEM: polynomial 0x1021, initially 0, nothing reflected or
 * inverted; of "123456789" it is 0x31C3. So crc(a then b) = sk__crc16(sk__crc16(0, a), b). */
uint16_t sk__crc16(uint16_t crc, const void *data, size_t size);

#endif
