/* The blacklist's import: u8 of how, then one line. What is an entry is one to the library too, and comes back from what an
 * export writes of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "base/subject.h"
#include "ctl/blacklist_lines.h"

static int read_line(uint8_t how, const char *text, size_t size, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]) {
    static const char *const kinds[] = {"user", "address", "card"};
    blacklist_line terms = {.reason = "a bot", .reason_size = 5, .until_ms = 1};

    if (how % 4 == 3)
        return blacklist_line_json(text, size, line, trouble);
    (void)snprintf(terms.kind, sizeof(terms.kind), "%s", kinds[how % 4]);
    return blacklist_line_plain(text, size, &terms, line, trouble);
}

static void check_same(const blacklist_line *one, const blacklist_line *other) {
    fuzz_check(strcmp(one->kind, other->kind) == 0);
    fuzz_check(one->value_size == other->value_size && memcmp(one->value, other->value, one->value_size) == 0);
    fuzz_check(one->reason_size == other->reason_size && memcmp(one->reason, other->reason, one->reason_size) == 0);
    fuzz_check(one->until_ms == other->until_ms);
}

static void check_entry(const blacklist_line *line) {
    seckill_blacklist_entry entry = blacklist_line_entry(line);
    json_t *object = blacklist_line_object(&entry);
    char *text = json_dumps(object, JSON_COMPACT), trouble[BLACKLIST_TROUBLE];
    blacklist_line again;
    sk__subject subject;

    fuzz_check(sk__subject_of(&entry.subject, &subject));
    fuzz_check(text != NULL && strlen(text) < BLACKLIST_LINE_MAX);
    fuzz_check(blacklist_line_json(text, strlen(text), &again, trouble) == BLACKLIST_LINE_ENTRY);
    check_same(line, &again);
    free(text);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t how = fuzz_u8(&input);
    char *text = fuzz_copy(input), trouble[BLACKLIST_TROUBLE] = "";
    blacklist_line line;
    int outcome = read_line(how, text, input.size, &line, trouble);

    if (outcome == BLACKLIST_LINE_ENTRY)
        check_entry(&line);
    if (outcome == BLACKLIST_LINE_FAULT)
        fuzz_check(trouble[0] != '\0' && strlen(trouble) < BLACKLIST_TROUBLE);
    free(text);
    return 0;
}
