/* What comes back from Redis to each call of the library: whatever the replies say, nothing breaks, each call is called back
 * once, and no memory is lost. The input begins with the engine's header; the calls are its events.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_engine test;
    fuzz_input input = {data, size};

    fuzz_engine_open(&test, &input);
    fuzz_engine_run(&test, &input);
    fuzz_engine_close(&test);
    return 0;
}
