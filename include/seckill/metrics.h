/* SPDX-License-Identifier: MIT */
/** @defgroup metrics metrics.h: the numbers of clients as text that Prometheus reads
 *
 * @code
 * seckill_client_stats stats, total = {sizeof total};
 * stats.struct_size = sizeof stats;
 * seckill_client_get_stats(client, &stats);     // on the thread of each client
 * seckill_metrics_add(&total, &stats);          // wherever the program brings them together
 * seckill_metrics_write(&total, text, sizeof text);
 * @endcode
 *
 * Nothing here looks at a client: these calls may be made on any thread, on numbers that no other thread changes meanwhile.
 * They do no I/O.
 * @{
 */
#ifndef SECKILL_METRICS_H
#define SECKILL_METRICS_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Adds numbers: counters, gauges and histograms are summed; `connected` becomes the number of clients that are; `nodes` the
 * most that one of them knows.
 *
 * @param total  begins as zero with its struct_size set; what that leaves no room for is left out
 * @param one    of one client, or a sum
 * @retval SECKILL_OK       they are added
 * @retval SECKILL_INVALID  a NULL argument or an impossible size
 */
SECKILL_API seckill_status seckill_metrics_add(seckill_client_stats *total, const seckill_client_stats *one);

/** Writes all numbers of one client, or of a sum, in Prometheus' text format 0.0.4: each metric once with its HELP and TYPE,
 * named seckill_client_*, without labels but `kind` (of operations) and `le`. It can stand in a page with other metrics. Some
 * 15 KB.
 *
 * @param stats   as seckill_client_get_stats or seckill_metrics_add has filled it
 * @param buffer  gets up to `size` bytes, of which the last is 0; may be NULL where `size` is 0
 * @param size    of `buffer`
 * @return as snprintf, how long the whole text is without the final 0: where that is `size` or more, the text was cut off. 0:
 *     `stats` is NULL or has an impossible size; the buffer, if there is one, is made empty
 */
SECKILL_API size_t seckill_metrics_write(const seckill_client_stats *stats, char *buffer, size_t size);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
