/* seckill-worker: expires reservations and writes orders. `seckill-worker --help` says how; README.md says why.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"
#include "metrics.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int run(settings *s) {
    worker_counts counts = {0};
    log_set_level(s->log_level);
    int exit_code = worker_run(s, &counts);
    metrics_last_line(&counts, s->json, exit_code);
    if (fflush(stdout) != 0 && exit_code == EXIT_CLEAN) {
        exit_code = EXIT_TROUBLE;
    }
    return exit_code;
}

int main(int argc, char **argv) {
    int exit_code;
    settings *s = malloc(sizeof *s);
    if (!s) {
        (void)fputs("seckill-worker: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    /* Whoever reads our output may go away; that is no reason to die. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error like a full disk */
    if (settings_read(s, argc, argv, &exit_code)) {
        exit_code = run(s);
    }
    options_wipe(s->password, sizeof s->password);
    free(s);
    return exit_code;
}
