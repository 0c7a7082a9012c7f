/* The commands of the blacklist, in two files.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_BLACKLIST_H
#define SECKILL_CTL_BLACKLIST_H

#include "blacklist_lines.h"
#include "ctl.h"

/* The end and reason that --for, --until and --reason name; none without them. 0: malformed, and said so. */
int blacklist_take_terms(ctl_run *ctl, blacklist_line *line);

/* import, for the table of its group. */
extern const ctl_option blacklist_import_options[];
void blacklist_import(ctl_run *ctl);
void blacklist_show_import(json_t *out);

#endif
