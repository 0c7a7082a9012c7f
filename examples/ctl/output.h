/* Where --output says: a file that has its name only when it is whole, or standard output.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_OUTPUT_H
#define SECKILL_CTL_OUTPUT_H

#include "ctl.h"

typedef struct {
    ctl_run *ctl;
    const char *path; /* NULL: standard output */
    FILE *file;
    char part[4096]; /* FILE.part, which is written; "" on standard output */
} ctl_output;

/* Whether standard output is wanted for two things. 0: it is, and that was said. */
int ctl_output_check(ctl_run *ctl);

/* 0: it cannot be written, and that was said. */
int ctl_output_open(ctl_output *output, ctl_run *ctl);

/* Gives the file its name if all has gone well so far. Puts "file", where it stands now, into what is said. */
void ctl_output_end(ctl_output *output);

#endif
