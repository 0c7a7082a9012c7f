/* The first example: reserve one unit for a user.
 *
 *     seckill-minimal ACTIVITY ITEM USER REQUEST_ID
 *
 * Run it twice with the same REQUEST_ID: it is the same reservation. With another one the item's limit for each user decides.
 *
 * SPDX-License-Identifier: MIT
 */
#include <seckill/seckill.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct {
    seckill_client *client;
    int exit_code;
} program;

/* Runs once for each reserve that was started, on the loop's thread. `result` is valid only here: copy what you keep. */
static void on_reserved(const seckill_result *result, void *user_data) {
    program *p = user_data;
    printf("%s: %s\n", seckill_status_name(result->status), result->message);
    if (result->status == SECKILL_OK) {
        printf("%" PRIu32 " unit(s) at %" PRId64 " each%s\n", result->reservation.quantity, result->reservation.price,
               result->replayed ? ", granted to this request before" : "");
        p->exit_code = EXIT_SUCCESS;
    } else if (seckill_status_class(result->status) != SECKILL_CLASS_FINAL) {
        /* Nothing is lost: ask again with the same request id, and a grant that stands is found. */
        printf("ask again in %" PRIu32 " ms\n", result->retry_after_ms);
    }
    /* The loop ends when the client is closed; until then the client keeps it alive. */
    seckill_client_close(p->client, NULL, NULL);
}

static seckill_status reserve(seckill_item *item, const char *user, const char *request_id, program *p) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    options.user = (seckill_bytes){user, strlen(user)};
    /* The caller's own id, kept before it is sent: whoever asks again after a timeout or a crash must still know it. */
    options.request_id = (seckill_bytes){request_id, strlen(request_id)};
    return seckill_reserve(item, &options, NULL, on_reserved, p);
}

static seckill_status start(uv_loop_t *loop, char **arguments, program *p) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_item *item;
    const char *address = getenv("SECKILL_REDIS");
    options.loop = loop;
    options.address = address && *address ? address : NULL; /* NULL: 127.0.0.1:6379 */

    seckill_status status = seckill_client_open(&options, &p->client);
    if (status != SECKILL_OK) {
        return status;
    }
    /* No connection yet: what is started now waits for it, at most until its deadline. */
    status = seckill_item_open(p->client, arguments[1], arguments[2], &item);
    if (status == SECKILL_OK) {
        status = reserve(item, arguments[3], arguments[4], p);
    }
    if (status != SECKILL_OK) {
        seckill_client_close(p->client, NULL, NULL); /* on_reserved will not run */
    }
    return status; /* the item is closed with its client */
}

int main(int argc, char **argv) {
    program p = {NULL, EXIT_FAILURE};
    uv_loop_t loop;
    if (argc != 5) {
        fprintf(stderr, "usage: %s ACTIVITY ITEM USER REQUEST_ID\n", argv[0]);
        return 2;
    }
    if (uv_loop_init(&loop) != 0) {
        return EXIT_FAILURE;
    }
    seckill_status status = start(&loop, argv, &p);
    if (status != SECKILL_OK) {
        fprintf(stderr, "%s: %s\n", seckill_status_name(status), seckill_status_message(status));
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return p.exit_code;
}
