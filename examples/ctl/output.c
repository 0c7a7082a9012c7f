/* See output.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_because(ctl_output *output, const char *path, const char *why) {
    char text[512];
    snprintf(text, sizeof text, "%.400s: %s", *path ? path : "standard output", why);
    json_out_text(output->ctl->out, "status", "output");
    ctl_fault(output->ctl, text);
    return 0;
}

static int fail(ctl_output *output, const char *path) {
    return fail_because(output, path, strerror(errno));
}

/* Something else than a file: a device, a pipe, a folder. Where it is, no file takes its name: that would replace /dev/null. */
static int is_other(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode);
}

int ctl_output_check(ctl_run *ctl) {
    if (ctl->json && !ctl_value(ctl, "output")) {
        ctl_usage_error(ctl, "standard output is for one of the two: name a file with --output, or leave --json");
        return 0;
    }
    return 1;
}

int ctl_output_open(ctl_output *output, ctl_run *ctl) {
    output->ctl = ctl;
    output->path = ctl_value(ctl, "output");
    output->file = stdout;
    output->part[0] = '\0';
    if (!output->path) {
        return 1;
    }
    if (is_other(output->path)) {
        return fail_because(output, output->path, "it is there and no file");
    }
    if ((size_t)snprintf(output->part, sizeof output->part, "%s.part", output->path) >= sizeof output->part) {
        errno = ENAMETOOLONG;
        return fail(output, output->path);
    }
    output->file = fopen(output->part, "wb");
    return output->file ? 1 : fail(output, output->part);
}

void ctl_output_end(ctl_output *output) {
    ctl_run *ctl = output->ctl;
    int is_written = fflush(output->file) == 0 && !ferror(output->file);
    if (output->path) {
        is_written = is_written && fsync(fileno(output->file)) == 0;
        is_written = fclose(output->file) == 0 && is_written;
    }
    if (!is_written) {
        fail(output, output->part);
    } else if (output->path && ctl->exit_code == CTL_OK && rename(output->part, output->path) != 0) {
        fail(output, output->path);
    }
    json_out_text(ctl->out, "file", ctl->exit_code == CTL_OK ? output->path : output->part[0] ? output->part : NULL);
}
