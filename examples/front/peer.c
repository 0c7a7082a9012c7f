/* seckill-front: the address that a request comes from.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peer.h"

#include <arpa/inet.h>
#include <string.h>

enum { NETWORK_BYTES = 8 };

static bool is_mapped(const uint8_t bytes[16]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(bytes, mapped, sizeof mapped) == 0;
}

bool peer_read(http_text text, peer *one) {
    char copy[PEER_TEXT];
    *one = (peer){.size = 0};
    if (text.size >= sizeof copy || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, one->bytes) == 1)
        one->size = 4;
    else if (inet_pton(AF_INET6, copy, one->bytes) == 1)
        one->size = 16;
    if (one->size == 16 && is_mapped(one->bytes)) {
        memmove(one->bytes, one->bytes + 12, 4);
        one->size = 4;
    }
    return one->size != 0 && inet_ntop(one->size == 4 ? AF_INET : AF_INET6, one->bytes, one->text, sizeof one->text) != NULL;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static http_text last_of_list(http_text list) {
    const char *comma = memrchr(list.data, ',', list.size);
    const char *end = list.data + list.size, *begin = comma != NULL ? comma + 1 : list.data;
    while (begin != end && is_blank(*begin))
        begin++;
    while (begin != end && is_blank(end[-1]))
        end--;
    return (http_text){begin, (size_t)(end - begin)};
}

const char *peer_read_field(const http_request *request, const char *name, peer *one) {
    for (uint32_t i = request->field_count; i-- != 0;) {
        const http_field *field = &request->fields[i];
        if (!http_text_is(http_request_text(request, field->name), name))
            continue;
        bool good = peer_read(last_of_list(http_request_text(request, field->value)), one);
        return good ? NULL : "what the gateway says of where the request comes from does not end in an address";
    }
    return "the gateway did not say which address the request comes from";
}

seckill_bytes peer_network(const peer *one) {
    return (seckill_bytes){one->bytes, one->size == 16 ? NETWORK_BYTES : one->size};
}

void peer_network_text(const peer *one, char text[PEER_NETWORK_TEXT]) {
    uint8_t network[16] = {0};
    if (one->size != 16) {
        memcpy(text, one->text, sizeof one->text);
        return;
    }
    memcpy(network, one->bytes, NETWORK_BYTES);
    inet_ntop(AF_INET6, network, text, PEER_TEXT);
    memcpy(text + strlen(text), "/64", sizeof "/64");
}
