/* The one door to memory: every allocation of a client goes through its seckill_allocator. */
#ifndef SK_BASE_MEMORY_H
#define SK_BASE_MEMORY_H

#include <seckill/client.h>

#include <stdbool.h>

/* malloc, realloc and free of C11: what a client uses whose options name no allocator. */
extern const seckill_allocator sk__default_allocator;

/* All of these return NULL when memory runs out or a size overflows; sk__calloc zeroes. */
void *sk__malloc(const seckill_allocator *allocator, size_t size);
void *sk__calloc(const seckill_allocator *allocator, size_t count, size_t size);
void *sk__realloc(const seckill_allocator *allocator, void *memory, size_t size);
char *sk__strdup(const seckill_allocator *allocator, const char *text);

/* Whether these bytes are all zero. */
bool sk__is_zero(const void *memory, size_t size);

/* NULL is allowed. */
void sk__free(const seckill_allocator *allocator, void *memory);

#endif
