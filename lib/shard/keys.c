#include "shard/keys.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SK__SHARD_KEYS] = {"stock", "users", "expirations", "transfers", "queue", "events"};

bool sk__shard_keys_write(const char *prefix, const char *activity, const char *item, const char *tag, char *block,
                          char *keys[SK__SHARD_KEYS]) {
    for (int i = 0; i < SK__SHARD_KEYS; i++) {
        if (seckill_shard_key(prefix, activity, item, tag, names[i], block) != SECKILL_OK)
            return false;
        keys[i] = block;
        block += strlen(block) + 1;
    }
    return true;
}

void sk__map_key_write(const char *prefix, const char *activity, const char *item, char key[SECKILL_SHARD_KEY_SIZE]) {
    (void)snprintf(key, SECKILL_SHARD_KEY_SIZE, "%s:{%s/%s}:map", prefix, activity, item);
}

void sk__items_key_write(const char *prefix, const char *activity, char key[SECKILL_SHARD_KEY_SIZE]) {
    (void)snprintf(key, SECKILL_SHARD_KEY_SIZE, "%s:{%s}:items", prefix, activity);
}
