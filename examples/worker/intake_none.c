/* See intake.h: a worker that was built without librabbitmq.
 *
 * SPDX-License-Identifier: MIT
 */
#include "intake.h"

bool intake_check(const settings *s, char trouble[256]) {
    (void)s;
    (void)snprintf(trouble, 256, "this worker was built without librabbitmq and liburiparser");
    return false;
}

bool intake_open(struct worker *w) {
    (void)w;
    return false;
}

void intake_end(struct worker *w) {
    (void)w;
}

void intake_abort(struct worker *w) {
    (void)w;
}

bool intake_connected(const struct worker *w) {
    (void)w;
    return true;
}

void intake_write_metrics(const struct worker *w, FILE *out) {
    (void)w;
    (void)out;
}

intake *intake_start(struct item *it) {
    (void)it;
    return NULL;
}

void intake_close(intake *in) {
    (void)in;
}

queue_view intake_view(const intake *in) {
    (void)in;
    return (queue_view){0};
}
