/* A load of simple commands.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_load.h"

#include "base/crc16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with(const sk__reply *reply, const char *word) {
    return reply->size >= strlen(word) && memcmp(reply->bytes, word, strlen(word)) == 0;
}

uint32_t io_load_slot(const char *key) {
    const char *open = strchr(key, '{');
    const char *close = open != NULL ? strchr(open, '}') : NULL;

    if (open == NULL || close == NULL)
        return sk__crc16(0, key, strlen(key)) % 16384U;
    return sk__crc16(0, open + 1, (size_t)(close - open - 1)) % 16384U;
}

static void on_error(io_job *job, const sk__reply *reply) {
    io_load *load = job->load;

    (void)snprintf(job->trouble, sizeof(job->trouble), "%.*s", (int)reply->size, reply->bytes);
    load->asked_again++;
    if (begins_with(reply, "MOVED "))
        load->moved++;
    else if (begins_with(reply, "ASK ")) {
        load->asks++;
        job->asking = true;
    } else if (begins_with(reply, "TRYAGAIN"))
        load->try_agains++;
    else if (begins_with(reply, "CLUSTERDOWN") || begins_with(reply, "LOADING") || begins_with(reply, "READONLY"))
        load->downs++;
    else
        fail_msg("an error that nobody expects: %s", job->trouble);
}

static void on_reply(void *context, const sk__reply *reply) {
    io_job *job = context;

    job->outstanding = false;
    job->asking = false;
    switch (reply->kind) {
    case SK__REPLY_BYTES:
        job->done++;
        job->counted = strtoll(reply->bytes, NULL, 10);
        break;
    case SK__REPLY_ERROR:
        on_error(job, reply);
        break;
    case SK__REPLY_LOST:
        job->unknown++;
        job->load->lost++;
        (void)snprintf(job->trouble, sizeof(job->trouble), "%.*s", (int)reply->size, reply->bytes);
        break;
    case SK__REPLY_UNREPLICATED:
        job->unknown++;
        job->load->unreplicated++;
        (void)snprintf(job->trouble, sizeof(job->trouble), "%.*s", (int)reply->size, reply->bytes);
        break;
    case SK__REPLY_OTHER:
        fail_msg("a reply of an odd kind");
    }
}

/* A script, as ours are, so that its answer is a text. With two keys it is refused while only one of them has moved. */
static bool send_job(io_job *job) {
    static const char script[] =
        "if KEYS[2] then redis.call('SET', KEYS[2], 1) end return tostring(redis.call('INCR', KEYS[1]))";
    sk__transport *transport = sk__io_transport(job->load->test->io);
    const char *argv[] = {"EVAL", script, job->keys[1][0] != '\0' ? "2" : "1", job->keys[0], job->keys[1]};
    const size_t sizes[] = {4, sizeof(script) - 1, 1, strlen(job->keys[0]), strlen(job->keys[1])};
    const sk__sending sending = {job->slot, job->asking, job->lasting, job->keys[1][0] != '\0' ? 5 : 4, argv, sizes};

    return transport->send(transport, &sending, on_reply, job) == SECKILL_OK;
}

void io_load_push(io_load *load) {
    for (int i = 0; i < load->count && !load->stopped; i++) {
        io_job *job = &load->jobs[i];

        if (!job->outstanding && send_job(job))
            job->outstanding = true;
    }
}

void io_load_begin(io_load *load, io_test *test, int jobs, bool pairs) {
    memset(load, 0, sizeof(*load));
    load->test = test;
    load->count = jobs;
    for (int i = 0; i < jobs; i++) {
        io_job *job = &load->jobs[i];

        job->load = load;
        (void)snprintf(job->keys[0], sizeof(job->keys[0]), "{tag-%d}a", i);
        if (pairs)
            (void)snprintf(job->keys[1], sizeof(job->keys[1]), "{tag-%d}b", i);
        job->slot = io_load_slot(job->keys[0]);
    }
}

int io_load_least(const io_load *load) {
    int least = load->jobs[0].done;

    for (int i = 1; i < load->count; i++)
        least = load->jobs[i].done < least ? load->jobs[i].done : least;
    return least;
}

/* Once in each round of the loop: the fixture's guard ticks, so it goes on even where nothing is outstanding. */
static bool step(io_load *load) {
    io_load_push(load);
    io_test_run_once(load->test);
    return true;
}

void io_load_run_others(io_load *load, int more, int held_up) {
    int goals[JOBS_MAX], open = 1;

    io_test_more_time(load->test);
    for (int i = 0; i < load->count; i++)
        goals[i] = i == held_up ? 0 : load->jobs[i].done + more;
    while (open > 0 && step(load)) {
        open = 0;
        for (int i = 0; i < load->count; i++) {
            if (load->jobs[i].done < goals[i]) {
                open++;
                if (load->test->late)
                    fail_msg("job %d in vain (%s; down because: %s)", i, load->jobs[i].trouble, load->test->cause);
            }
        }
    }
}

void io_load_run(io_load *load, int more) {
    io_load_run_others(load, more, -1);
}

void io_load_stop(io_load *load) {
    bool any = true;

    load->stopped = true;
    while (any && step(load)) {
        any = false;
        for (int i = 0; i < load->count; i++)
            any = any || load->jobs[i].outstanding;
        if (load->test->late)
            fail_msg("outstanding for ever");
    }
}
