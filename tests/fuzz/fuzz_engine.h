/* The real engine on a fake transport, for targets that answer its commands: calls, and events that an input describes.
 *
 * An input is a header (see fuzz_engine_open), then events of one byte and what belongs to it: low four bits the event, high
 * four bits which of the commands that wait for an answer. What is answered properly (PLAY, EDIT) follows fake_transport_play.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_FUZZ_ENGINE_H
#define SK_TESTS_FUZZ_ENGINE_H

#include "failing_memory.h"
#include "fake_transport.h"
#include "fuzz.h"

#include <seckill/item.h>

/* The corpus depends on these numbers: new ones go to the end. */
typedef enum {
    FUZZ_BYTES,   /* u16 size, bytes: the reply */
    FUZZ_PLAY,    /* the reply of a server that is well */
    FUZZ_EDIT,    /* the same with some bytes changed, cut off, or added: see edit() */
    FUZZ_ERROR,   /* u8 size, bytes: an error's text */
    FUZZ_LOST,    /* no reply */
    FUZZ_FEW,     /* executed, but with too few replicas */
    FUZZ_OTHER,   /* a reply of another type */
    FUZZ_ADVANCE, /* u8, in steps of 16 ms */
    FUZZ_CALL,    /* u8 call, u8 argument: see fuzz_calls.c */
    FUZZ_BREAK,   /* the connection */
    FUZZ_MEND,
    FUZZ_MOVED /* slots are served by other servers than before */
} fuzz_event;

enum { FUZZ_ASKS_MAX = 16 };

typedef struct fuzz_engine fuzz_engine;

/* A call that was started, and how often it was called back. */
typedef struct {
    bool started;
    int told;
} fuzz_ask;

struct fuzz_engine {
    fake_transport wire;
    failing_memory memory;
    seckill_allocator allocator;
    sk__log log;
    sk__engine *engine;
    seckill_item *item;
    bool raw_maps; /* replies of the mapping list's scripts come from the input too */
    fuzz_ask asks[FUZZ_ASKS_MAX];
    size_t count;
};

/* Reads the header: u8 with the bits below, u8 that is the number of the allocation that fails (0: none). */
enum { FUZZ_SHARDS = 3, FUZZ_LASTING = 4, FUZZ_RAW_MAPS = 8, FUZZ_NODES = 16, FUZZ_FAIL_ON = 32 };
void fuzz_engine_open(fuzz_engine *test, fuzz_input *input);

/* Does what the rest of the input says. */
void fuzz_engine_run(fuzz_engine *test, fuzz_input *input);

/* Closes it as a client does: then every call must have been called back once, and all memory be given back. */
void fuzz_engine_close(fuzz_engine *test);

/* Starts a call by its number; see fuzz_calls.c. */
void fuzz_engine_call(fuzz_engine *test, uint8_t number, uint8_t argument);

#endif
