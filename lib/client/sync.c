#include "client/sync.h"

/* ---- on the loop's thread ---- */

static void run(sk__errand *errand, void *owner) {
    seckill_sync_call *call = (seckill_sync_call *)(void *)errand;
    seckill_sync *sync = owner;
    seckill_status status = call->start(sync->client, call, call->user_data);

    if (status != SECKILL_OK)
        seckill_sync_done(call, status);
}

static void stop(void *owner) {
    seckill_sync *sync = owner;

    seckill_client_close(sync->client, NULL, NULL);
}

void seckill_sync_done(seckill_sync_call *call, seckill_status status) {
    sk__background_over(call->sync->background, &call->errand, status);
}

/* ---- opening and closing ---- */

static void release(seckill_sync *sync) {
    seckill_allocator allocator = sync->allocator;

    sk__background_free(sync->background);
    while (!sk__list_is_empty(&sync->items)) {
        seckill_sync_item *item = SK__CONTAINER(sync->items.next, seckill_sync_item, link);

        sk__list_remove(&item->link);
        sk__free(&allocator, item);
    }
    sk__free(&allocator, sync);
}

static seckill_status start(seckill_sync *sync, seckill_client_options *options) {
    sk__background_config config = {&sync->allocator, "seckill-sync", run, stop, sync};
    seckill_status status = sk__background_new(&config, &sync->background);

    if (status != SECKILL_OK) {
        sk__free(options->allocator, sync);
        return status;
    }
    options->loop = sk__background_loop(sync->background);
    status = seckill_client_open(options, &sync->client);
    if (status == SECKILL_OK)
        status = sk__background_start(sync->background);
    if (status != SECKILL_OK)
        release(sync);
    return status;
}

seckill_status seckill_sync_open(const seckill_client_options *options, seckill_sync **out) {
    seckill_client_options complete;
    seckill_status status = out != NULL ? sk__client_options_complete(options, &complete) : SECKILL_INVALID;
    seckill_sync *sync;

    if (status != SECKILL_OK || complete.loop != NULL)
        return SECKILL_INVALID;
    sync = sk__calloc(complete.allocator, 1, sizeof(*sync));
    if (sync == NULL)
        return SECKILL_NO_MEMORY;
    sync->allocator = *complete.allocator;
    sk__list_init(&sync->items);
    status = start(sync, &complete);
    if (status == SECKILL_OK)
        *out = sync;
    return status;
}

void seckill_sync_stop(seckill_sync *sync) {
    if (sync != NULL)
        sk__background_stop(sync->background);
}

seckill_status seckill_sync_close(seckill_sync *sync) {
    if (sync == NULL)
        return SECKILL_OK;
    if (sk__background_is_here(sync->background))
        return SECKILL_INVALID;
    release(sync);
    return SECKILL_OK;
}

/* ---- running ---- */

seckill_status seckill_sync_run(seckill_sync *sync, seckill_sync_start_cb start_cb, void *user_data) {
    seckill_sync_call call;

    if (sync == NULL || start_cb == NULL)
        return SECKILL_INVALID;
    call.sync = sync;
    call.start = start_cb;
    call.user_data = user_data;
    return sk__background_do(sync->background, &call.errand);
}

static seckill_status get_stats(seckill_client *client, seckill_sync_call *call, void *stats) {
    seckill_status status = seckill_client_get_stats(client, stats);

    seckill_sync_done(call, status);
    return SECKILL_OK;
}

seckill_status seckill_sync_get_stats(seckill_sync *sync, seckill_client_stats *stats) {
    return seckill_sync_run(sync, get_stats, stats);
}

/* ---- items ---- */

typedef struct {
    const char *activity, *name;
    seckill_sync_item *item;
} opening;

static seckill_status open_item(seckill_client *client, seckill_sync_call *call, void *user_data) {
    seckill_sync *sync = call->sync;
    opening *asked = user_data;
    seckill_sync_item *item = sk__calloc(&sync->allocator, 1, sizeof(*item));
    seckill_status status =
        item != NULL ? seckill_item_open(client, asked->activity, asked->name, &item->item) : SECKILL_NO_MEMORY;

    if (status != SECKILL_OK) {
        sk__free(&sync->allocator, item);
        return status;
    }
    item->sync = sync;
    sk__list_append(&sync->items, &item->link);
    asked->item = item;
    seckill_sync_done(call, SECKILL_OK);
    return SECKILL_OK;
}

seckill_status seckill_sync_item_open(seckill_sync *sync, const char *activity, const char *item, seckill_sync_item **handle) {
    opening asked = {activity, item, NULL};
    seckill_status status = handle != NULL ? seckill_sync_run(sync, open_item, &asked) : SECKILL_INVALID;

    if (status == SECKILL_OK)
        *handle = asked.item;
    return status;
}

static seckill_status close_item(seckill_client *client, seckill_sync_call *call, void *user_data) {
    seckill_sync_item *item = user_data;

    (void)client;
    seckill_item_close(item->item);
    sk__list_remove(&item->link);
    sk__free(&call->sync->allocator, item);
    seckill_sync_done(call, SECKILL_OK);
    return SECKILL_OK;
}

void seckill_sync_item_close(seckill_sync_item *item) {
    /* Where it does not run, seckill_sync_close frees it. */
    seckill_status status = item != NULL ? seckill_sync_run(item->sync, close_item, item) : SECKILL_OK;

    (void)status;
}

seckill_item *seckill_sync_item_handle(const seckill_sync_item *item) {
    return item->item;
}
