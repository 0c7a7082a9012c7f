#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void *default_allocate(size_t size, void *user_data) {
    (void)user_data;
    return malloc(size);
}

static void *default_reallocate(void *memory, size_t size, void *user_data) {
    (void)user_data;
    return realloc(memory, size);
}

static void default_release(void *memory, void *user_data) {
    (void)user_data;
    free(memory);
}

const seckill_allocator sk__default_allocator = {default_allocate, default_reallocate, default_release, NULL};

void *sk__malloc(const seckill_allocator *allocator, size_t size) {
    return allocator->allocate(size != 0 ? size : 1, allocator->user_data);
}

void *sk__calloc(const seckill_allocator *allocator, size_t count, size_t size) {
    void *memory;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    memory = sk__malloc(allocator, count * size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

void *sk__realloc(const seckill_allocator *allocator, void *memory, size_t size) {
    return allocator->reallocate(memory, size != 0 ? size : 1, allocator->user_data);
}

char *sk__strdup(const seckill_allocator *allocator, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = sk__malloc(allocator, size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void sk__free(const seckill_allocator *allocator, void *memory) {
    if (memory != NULL)
        allocator->release(memory, allocator->user_data);
}

bool sk__is_zero(const void *memory, size_t size) {
    const uint8_t *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}
