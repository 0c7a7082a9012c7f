#include "client/client.h"

#include "base/memory.h"
#include "base/names.h"

#include <string.h>

enum { HOUR_MS = 3600000 };

/* No release adds more to a structure than this: what says that it is larger is none. */
enum { GROWTH_MAX = 4096 };

/* All have a size_t and are as large as several of it, so that no release's ends in the middle of a pointer. */
bool sk__struct_size_valid(size_t size, size_t known) {
    return size >= sizeof(size) && size % sizeof(size) == 0 && size <= known + GROWTH_MAX;
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
    if (!sk__struct_size_valid(size, out_size))
        return false;
    /* A newer caller may set options that this release does not know: it must not believe that they work. */
    if (size > out_size && !sk__is_zero((const uint8_t *)options + out_size, size - out_size))
        return false;
    memset(out, 0, out_size);
    memcpy(out, options, size < out_size ? size : out_size);
    memcpy(out, &out_size, sizeof(out_size));
    return true;
}

seckill_status sk__struct_fill(void *out, void *all, size_t all_size) {
    size_t size;

    if (out == NULL)
        return SECKILL_INVALID;
    memcpy(&size, out, sizeof(size));
    if (!sk__struct_size_valid(size, all_size))
        return SECKILL_INVALID;
    if (size > all_size)
        size = all_size;
    memcpy(all, &size, sizeof(size));
    memcpy(out, all, size);
    return SECKILL_OK;
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

/* What would have no effect is refused: somebody believes that it has. */
static bool tls_valid(const seckill_client_options *out) {
    bool any = out->tls_ca_file != NULL || out->tls_ca_folder != NULL || out->tls_certificate_file != NULL ||
               out->tls_key_file != NULL || out->tls_server_name != NULL;
    const char *name = out->tls_server_name != NULL ? out->tls_server_name : "any";

    /* To OpenSSL what begins with a dot is every name that ends so; a zone without its address is no name. */
    return out->tls <= 1 && (out->tls == 1 || !any) && strlen(name) <= SECKILL_SERVER_NAME_MAX && strchr(".%", *name) == NULL &&
           (out->tls_certificate_file == NULL) == (out->tls_key_file == NULL);
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
    if (!numbers_complete(out) || !tls_valid(out) || !sk__allocator_valid(out->allocator) || !sk__prefix_valid(out->prefix))
        return SECKILL_INVALID;
    if ((out->user != NULL && out->password == NULL) || (int)out->log_level < 0 || out->log_level > SECKILL_LOG_DEBUG)
        return SECKILL_INVALID;
    return SECKILL_OK;
}
