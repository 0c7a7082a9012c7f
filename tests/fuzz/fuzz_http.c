/* HTTP requests as a connection reads them: u8 how many sizes, that many sizes of what is read at once, then what the peer
 * sends. However it is cut, the same requests are read from it, and the same is refused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"
#include "http/parser.h"

enum { REQUESTS_MAX = 8, SIZES_MAX = 16 };

static const http_limits limits = {.target_bytes = 100, .header_bytes = 600, .body_bytes = 200};

/* What was read, as text; requests one behind the other. */
typedef struct {
    char *text;
    size_t size;
    unsigned requests;
    bool refused;
} reading;

static void put(reading *all, const void *data, size_t size) {
    all->text = realloc(all->text, all->size + size + sizeof(size));
    fuzz_check(all->text != NULL);
    memcpy(all->text + all->size, &size, sizeof(size));
    if (size != 0)
        memcpy(all->text + all->size + sizeof(size), data, size);
    all->size += size + sizeof(size);
}

static void put_span(reading *all, const http_request *request, http_span span) {
    http_text text = http_request_text(request, span);

    put(all, text.data, text.size);
}

static void put_request(reading *all, const http_request *request) {
    uint8_t about[] = {(uint8_t)request->verb, request->keep_alive, request->version_10, (uint8_t)request->segment_count,
                       (uint8_t)request->field_count};
    char value[16];

    fuzz_check(request->target.size <= limits.target_bytes && request->body.size <= limits.body_bytes);
    fuzz_check(request->field_count <= HTTP_FIELDS_MAX && request->segment_count <= HTTP_SEGMENTS_MAX);
    put(all, about, sizeof(about));
    put_span(all, request, request->target);
    put_span(all, request, request->body);
    for (uint32_t i = 0; i < request->segment_count; i++)
        put_span(all, request, request->segments[i]);
    for (uint32_t i = 0; i < request->field_count; i++) {
        put_span(all, request, request->fields[i].name);
        put_span(all, request, request->fields[i].value);
    }
    fuzz_check(http_request_query(request, "item", value, sizeof(value)) <= request->target.size);
    put(all, value, strlen(value));
    all->requests++;
}

/* One feeding of all that has come; what is left belongs to the next request. True: go on. */
static bool feed(reading *all, http_parser *parser, http_request *request, const char *data, size_t size, size_t *used) {
    http_feed outcome = http_parser_feed(parser, data, size, used);

    fuzz_check(*used <= size && parser->header_bytes <= limits.header_bytes);
    if (outcome == HTTP_FEED_DONE) {
        put_request(all, request);
        http_request_clear(request);
        http_parser_begin(parser, &limits, request);
    }
    if (outcome == HTTP_FEED_REFUSED) {
        fuzz_check(parser->refusal.status >= 400 && parser->refusal.status < 600 && parser->refusal.detail != NULL);
        all->refused = true;
    }
    if (outcome == HTTP_FEED_MORE)
        fuzz_check(*used == size);
    return !all->refused && all->requests < REQUESTS_MAX && (outcome == HTTP_FEED_HEADER || *used < size);
}

/* Reads it in pieces of these sizes, one after the other and again from the first; 0: all that is left. */
static reading read_all(fuzz_input input, const uint8_t *sizes, size_t count) {
    reading all = {NULL, 0, 0, false};
    http_request request = {0};
    http_parser parser;

    http_parser_begin(&parser, &limits, &request);
    for (size_t i = 0; input.size != 0 && !all.refused && all.requests < REQUESTS_MAX; i++) {
        uint8_t size = count != 0 ? sizes[i % count] : 0;
        fuzz_input piece = fuzz_take(&input, size != 0 ? size : input.size);
        char *copy = fuzz_copy(piece);
        size_t at = 0, used = 0;

        while (feed(&all, &parser, &request, copy + at, piece.size - at, &used))
            at += used;
        free(copy);
    }
    http_request_clear(&request);
    return all;
}

static void check_same(const reading *one, const reading *other) {
    fuzz_check(one->requests == other->requests && one->refused == other->refused);
    fuzz_check(one->size == other->size && (one->size == 0 || memcmp(one->text, other->text, one->size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t one_byte = 1;
    fuzz_input input = {data, size}, sizes = fuzz_take(&input, fuzz_u8(&input) % SIZES_MAX);
    reading whole = read_all(input, NULL, 0), cut = read_all(input, sizes.data, sizes.size),
            bytes = read_all(input, &one_byte, 1);

    check_same(&whole, &cut);
    check_same(&whole, &bytes);
    free(whole.text);
    free(cut.text);
    free(bytes.text);
    return 0;
}
