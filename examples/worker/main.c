/* seckill-worker: expires reservations and writes orders. `seckill-worker --help` says how; README.md says why.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"
#include "worker.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void print_json(const worker_counts *c, int exit_code) {
    (void)printf("{\"events_read\":%" PRIu64 ",\"orders_written\":%" PRIu64 ",\"orders_refunded\":%" PRIu64
                 ",\"refused\":%" PRIu64 ",\"not_recorded\":%" PRIu64 ",\"acknowledged\":%" PRIu64 ",\"refunds\":%" PRIu64
                 ",\"expired_reservations\":%" PRIu64 ",\"expired_units\":%" PRIu64 ",\"transactions\":%" PRIu64
                 ",\"exit_code\":%d}\n",
                 c->events_read, c->orders_written, c->orders_refunded, c->refused, c->not_recorded, c->acknowledged,
                 c->refunds, c->expired_reservations, c->expired_units, c->transactions, exit_code);
}

static void print_text(const worker_counts *c) {
    (void)printf("%" PRIu64 " events read, %" PRIu64 " orders written and %" PRIu64 " refunded in %" PRIu64
                 " transactions, %" PRIu64 " refused, %" PRIu64 " reservations expired (%" PRIu64 " units)\n",
                 c->events_read, c->orders_written, c->orders_refunded, c->transactions, c->refused, c->expired_reservations,
                 c->expired_units);
}

static int run(settings *s) {
    worker_counts counts = {0};
    log_set_level(s->log_level);
    int exit_code = worker_run(s, &counts);
    if (s->json) {
        print_json(&counts, exit_code);
    } else {
        print_text(&counts);
    }
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
