#include "tally.h"

#include "bench.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* The code of a problem, or the state of a request and, where it was refused, why: "refused:blacklisted". */
static void read_code(const char *body, size_t size, char code[TALLY_ANSWER]) {
    json_t *object = json_loadb(body, size, 0, NULL);
    const char *reason = text_of(object, "reason");

    (void)snprintf(code, TALLY_ANSWER, "%.20s%.7s%s%.11s", text_of(object, "code"), text_of(object, "state"),
                   *reason != '\0' ? ":" : "", reason);
    json_decref(object);
}

static bool has_word(const char *words, const char *word) {
    size_t size = strlen(word);

    for (const char *at = words; size != 0 && (at = strstr(at, word)) != NULL; at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

static void count(tally *one, const char *answer) {
    size_t i = 0;

    while (i < TALLY_ANSWERS - 1 && one->answers[i].count != 0 && strcmp(one->answers[i].text, answer) != 0)
        i++;
    (void)snprintf(one->answers[i].text, TALLY_ANSWER, "%s", i < TALLY_ANSWERS - 1 ? answer : "others");
    one->answers[i].count++;
}

void tally_answer(tally *one, int status, const char *body, size_t size) {
    char code[TALLY_ANSWER], number[16] = "", answer[TALLY_ANSWER];

    (void)snprintf(code, sizeof(code), "%s", status == TALLY_CLOSED ? "closed" : "kept open");
    if (status > 0) {
        read_code(body, size, code);
        (void)snprintf(number, sizeof(number), "%d", status);
    }
    (void)snprintf(answer, sizeof(answer), "%.3s%s%.34s", number, *number != '\0' && *code != '\0' ? " " : "", code);
    one->answered++;
    count(one, answer);
    if (has_word(one->allowed, code) || has_word(one->allowed, number))
        return;
    if (one->wrong++ == 0)
        bench_say("NOT EXPECTED: %s was answered %s: %.*s", one->name, answer, (int)size, body);
}

uint64_t tally_of(const tally *one, const char *code) {
    for (size_t i = 0; i < TALLY_ANSWERS; i++) {
        const char *text = one->answers[i].text, *blank = strchr(text, ' ');

        if (strcmp(blank != NULL ? blank + 1 : text, code) == 0)
            return one->answers[i].count;
    }
    return 0;
}

void tally_print(const tally *kinds, size_t kind_count) {
    for (size_t i = 0; i < kind_count; i++) {
        printf("%-38s %9" PRIu64, kinds[i].name, kinds[i].attempts);
        for (size_t k = 0; k < TALLY_ANSWERS && kinds[i].answers[k].count != 0; k++)
            printf("%s %s: %" PRIu64, k == 0 ? " " : ",", kinds[i].answers[k].text, kinds[i].answers[k].count);
        printf("%s\n", kinds[i].wrong != 0 ? "   WRONG" : "");
    }
}
