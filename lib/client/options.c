#include "client/client.h"

#include "base/names.h"

#include <string.h>

enum { HOUR_MS = 3600000 };

static bool has_only_zeros(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

bool sk__options_copy(void *out, size_t out_size, const void *options) {
    size_t size;

    if (options == NULL)
        return false;
    memcpy(&size, options, sizeof(size));
    if (size == out_size) { /* of this release, as most are */
        memcpy(out, options, size);
        return true;
    }
    if (size < sizeof(size))
        return false;
    /* A newer caller may set options that this release does not know: it must not believe that they work. */
    if (size > out_size && (size > out_size + 4096 || !has_only_zeros((const uint8_t *)options + out_size, size - out_size)))
        return false;
    memset(out, 0, out_size);
    memcpy(out, options, size < out_size ? size : out_size);
    memcpy(out, &out_size, sizeof(out_size));
    return true;
}

bool sk__bytes_valid(seckill_bytes bytes, size_t max, bool may_be_empty) {
    if (bytes.size == 0)
        return may_be_empty;
    return bytes.size <= max && bytes.data != NULL;
}

bool sk__timeout_valid(uint32_t timeout_ms) {
    return timeout_ms <= HOUR_MS;
}

/* Fills in the default for 0; false: out of range. */
static bool complete(uint32_t *value, uint32_t otherwise, uint32_t max) {
    if (*value == 0)
        *value = otherwise;
    return *value <= max;
}

static bool numbers_complete(seckill_client_options *out) {
    return complete(&out->timeout_ms, 3000, HOUR_MS) && complete(&out->connect_timeout_ms, 1000, HOUR_MS) &&
           complete(&out->command_timeout_ms, 1000, HOUR_MS) && complete(&out->reconnect_min_ms, 20, HOUR_MS) &&
           complete(&out->reconnect_max_ms, out->reconnect_min_ms > 1000 ? out->reconnect_min_ms : 1000, HOUR_MS) &&
           complete(&out->max_operations, 65536, 16777216) && complete(&out->max_batches, 2, 64) &&
           complete(&out->max_batch, SECKILL_BATCH_MAX, SECKILL_BATCH_MAX) && complete(&out->max_repeats, 1000, 1000000) &&
           out->replicas <= SECKILL_REPLICAS_MAX && out->reconnect_min_ms <= out->reconnect_max_ms;
}

bool sk__allocator_valid(const seckill_allocator *allocator) {
    return allocator == NULL || (allocator->allocate != NULL && allocator->reallocate != NULL && allocator->release != NULL);
}

seckill_status sk__client_options_complete(const seckill_client_options *options, seckill_client_options *out) {
    if (!sk__options_copy(out, sizeof(*out), options))
        return SECKILL_INVALID;
    if (out->address == NULL)
        out->address = "127.0.0.1:6379";
    if (out->prefix == NULL)
        out->prefix = "seckill";
    if (out->allocator == NULL)
        out->allocator = &sk__default_allocator;
    if (!numbers_complete(out) || !sk__allocator_valid(out->allocator) || !sk__prefix_valid(out->prefix))
        return SECKILL_INVALID;
    if ((out->user != NULL && out->password == NULL) || (int)out->log_level < 0 || out->log_level > SECKILL_LOG_DEBUG)
        return SECKILL_INVALID;
    return SECKILL_OK;
}
