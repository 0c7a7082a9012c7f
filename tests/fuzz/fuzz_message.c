/* Requests out of a shop's own queue: whatever is delivered is read or refused; what is read is written and read the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    char *copy = fuzz_copy(input), trouble[MESSAGE_TROUBLE] = "", text[MESSAGE_MAX];
    request_message one, again;

    if (message_decode(copy, size, &one, trouble)) {
        size_t written = message_encode(&one, text);
        fuzz_check(size <= MESSAGE_MAX && written != 0);
        fuzz_check(one.user_size >= 1 && one.user_size <= SECKILL_USER_MAX);
        fuzz_check(one.request_id_size >= 1 && one.request_id_size <= SECKILL_REQUEST_ID_MAX);
        fuzz_check(message_decode(text, written, &again, trouble) && memcmp(&one, &again, sizeof(one)) == 0);
    } else {
        fuzz_check(trouble[0] != '\0' && strlen(trouble) < MESSAGE_TROUBLE);
    }
    free(copy);
    return 0;
}
