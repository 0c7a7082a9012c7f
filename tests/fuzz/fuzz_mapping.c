/* The mapping list of an item as Redis gives it: the input is one reply; then the item is used as the list says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_engine.h"

#include "script/map_codec.h"

/* What was read is what could have been defined. */
static void read_alone(const char *bytes, size_t size) {
    sk__reader reader = sk__reader_of(bytes, size);
    sk__map map;

    if (!sk__read_map(&reader, &map))
        return;
    fuzz_check(sk__settings_complete(&map.settings));
    fuzz_read(map.tags.data, map.tags.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t header[] = {FUZZ_RAW_MAPS, 0};
    static const uint8_t calls[] = {9, 0, 15, 0};
    static fuzz_engine test;
    fuzz_input input = {header, sizeof(header)};
    char *bytes = fuzz_copy((fuzz_input){data, size});
    size_t index;

    read_alone(bytes, size);
    fuzz_engine_open(&test, &input);
    for (size_t i = 0; i < sizeof(calls); i += 2) { /* get, then the stock of every shard */
        fuzz_engine_call(&test, calls[i], calls[i + 1]);
        fake_transport_turn(&test.wire);
        while ((index = fake_transport_oldest(&test.wire)) < test.wire.count &&
               test.wire.sent[index].script == SK__SCRIPT_map_get)
            fake_transport_answer(&test.wire, index, bytes, size);
    }
    fuzz_engine_close(&test);
    free(bytes);
    return 0;
}
