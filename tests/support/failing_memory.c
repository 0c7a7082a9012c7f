#include "failing_memory.h"

#include <stdlib.h>

static bool fails(failing_memory *memory) {
    memory->made++;
    if (memory->fail_at == 0 || memory->made < memory->fail_at)
        return false;
    return memory->fail_on || memory->made <= memory->fail_at + memory->fail_more;
}

static void *allocate(size_t size, void *user_data) {
    failing_memory *memory = user_data;
    void *block = fails(memory) ? NULL : malloc(size);

    memory->outstanding += block != NULL;
    return block;
}

static void *reallocate(void *block, size_t size, void *user_data) {
    failing_memory *memory = user_data;
    void *moved = fails(memory) ? NULL : realloc(block, size);

    memory->outstanding += moved != NULL && block == NULL;
    return moved;
}

static void release(void *block, void *user_data) {
    ((failing_memory *)user_data)->outstanding--;
    free(block);
}

seckill_allocator failing_memory_allocator(failing_memory *memory) {
    seckill_allocator allocator = {allocate, reallocate, release, memory};

    return allocator;
}
