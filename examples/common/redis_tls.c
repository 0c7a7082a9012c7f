/* See redis_tls.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "redis_tls.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

void redis_tls_take(redis_tls *tls, const char *option, const char *value) {
    const struct {
        const char *name, **place;
    } texts[] = {
        {"redis-ca", &tls->ca},
        {"redis-cert", &tls->certificate},
        {"redis-key", &tls->key},
        {"redis-server-name", &tls->server_name},
    };
    if (strcmp(option, "redis-tls") == 0) {
        tls->on = 1;
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(option, texts[i].name) == 0) {
            *texts[i].place = value;
        }
    }
}

const char *redis_tls_wrong(const redis_tls *tls) {
    int any = tls->ca || tls->certificate || tls->key || tls->server_name;
    if (any && !tls->on) {
        return "--redis-ca, --redis-cert, --redis-key and --redis-server-name need --redis-tls";
    }
    if (tls->on && !seckill_has_tls()) {
        return "--redis-tls: this build of libseckill has no TLS (it needs hiredis 1.0 and OpenSSL 3.0)";
    }
    if (!tls->certificate != !tls->key) {
        return "--redis-cert and --redis-key need each other";
    }
    return NULL;
}

static int is_folder(const char *path) {
    struct stat about;
    return path && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

void redis_tls_apply(const redis_tls *tls, seckill_client_options *options) {
    int folder = is_folder(tls->ca);
    options->tls = tls->on ? 1 : 0;
    options->tls_ca_file = folder ? NULL : tls->ca;
    options->tls_ca_folder = folder ? tls->ca : NULL;
    options->tls_certificate_file = tls->certificate;
    options->tls_key_file = tls->key;
    options->tls_server_name = tls->server_name;
}
