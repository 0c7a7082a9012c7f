/* What an error of Redis means: every word, and none that only begins or ends like one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    seckill_status status;
    sk__then then;
} known[] = {
    {"NOSCRIPT No matching script. Please use EVAL.", SECKILL_SERVER_BUSY, SK__THEN_SEND_TEXT},
    {"LOADING Redis is loading the dataset in memory", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"BUSY Redis is busy running a script.", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"TRYAGAIN Multiple keys request during rehashing of slot", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"CLUSTERDOWN The cluster is down", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"MASTERDOWN Link with MASTER is down", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"READONLY You can't write against a read only replica.", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"MOVED 3999 127.0.0.1:6381", SECKILL_SERVER_BUSY, SK__THEN_REPEAT},
    {"ASK 3999 127.0.0.1:6381", SECKILL_SERVER_BUSY, SK__THEN_ASK},
    {"UNBLOCKED force unblock from blocking operation", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"NOMASTERLINK Can't SYNC while not connected with my master", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"NOREPLICAS Not enough good replicas to write.", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"MISCONF Redis is configured to save RDB snapshots", SECKILL_SERVER_BUSY, SK__THEN_WAIT},
    {"OOM command not allowed when used memory > 'maxmemory'.", SECKILL_SERVER_MEMORY, SK__THEN_FINISH},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", SECKILL_DAMAGED, SK__THEN_FINISH},
    {"NOPERM this user has no permissions to run the 'evalsha' command", SECKILL_DENIED, SK__THEN_FINISH},
    {"NOAUTH Authentication required.", SECKILL_DENIED, SK__THEN_FINISH},
    {"WRONGPASS invalid username-password pair", SECKILL_DENIED, SK__THEN_FINISH},
    {"OLDER settings (key)", SECKILL_SERVER_BUSY, SK__THEN_UPDATE},
    {"AGAIN more is overdue", SECKILL_SERVER_BUSY, SK__THEN_GO_ON},
    {"DAMAGED a key is missing", SECKILL_DAMAGED, SK__THEN_FINISH},
    {"LAYOUT these keys have layout 2, this release knows layout 1 (seckill:{a/i}:map)", SECKILL_LAYOUT, SK__THEN_FINISH},
    {"RANGE the units of an item stay under 2^53", SECKILL_INVALID, SK__THEN_FINISH},
    {"CONFLICT this operation id was used for something else", SECKILL_CONFLICT, SK__THEN_FINISH},
    {"ENDED the sale has ended for good", SECKILL_ENDED, SK__THEN_FINISH},
    {"FULL the item has 1024 operations", SECKILL_BUSY, SK__THEN_FINISH},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

static void assert_verdict(const char *text, size_t size, seckill_status status, sk__then then) {
    sk__verdict verdict = sk__judge_error(text, size);

    assert_string_equal(seckill_status_name(verdict.status), seckill_status_name(status));
    assert_int_equal(verdict.then, then);
}

static void every_word_has_its_meaning(void **state) {
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        size_t word = strcspn(known[i].text, " ");

        assert_verdict(known[i].text, strlen(known[i].text), known[i].status, known[i].then);
        assert_verdict(known[i].text, word, known[i].status, known[i].then);     /* the word alone */
        assert_verdict(known[i].text, word + 1, known[i].status, known[i].then); /* with its space */
    }
}

static void words_that_begin_or_end_alike_do_not_match(void **state) {
    char text[300];

    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        int word = (int)strcspn(known[i].text, " ");
        int size = snprintf(text, sizeof(text), "%.*sX and more", word, known[i].text);

        assert_verdict(text, (size_t)size, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
        size = snprintf(text, sizeof(text), "X%s", known[i].text);
        assert_verdict(text, (size_t)size, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
        size = snprintf(text, sizeof(text), "ERR %s", known[i].text);
        assert_verdict(text, (size_t)size, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
        /* Cut short. */
        assert_verdict(known[i].text, (size_t)word - 1, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
    }
    /* BUSY has relatives. */
    assert_verdict("BUSYGROUP Consumer Group name already exists", 44, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
    assert_verdict("BUSYKEY Target key name already exists.", 39, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
    assert_verdict("loading", 7, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
}

static void anything_else_is_a_server_error(void **state) {
    static const char *const texts[] = {
        "", " ", "ERR unknown command", "ERR Error running script", "\xff\xfe", "ERR The user executing"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_verdict(texts[i], strlen(texts[i]), SECKILL_SERVER_ERROR, SK__THEN_FINISH);
    assert_verdict("", 0, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
}

static void what_a_script_is_forbidden_is_denied(void **state) {
    static const char *const texts[] = {"ERR The user executing the script can't run this command or subcommand",
                                        "ERR ACL failure in script: User app has no permissions to run the 'hmget' command"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_verdict(texts[i], strlen(texts[i]), SECKILL_DENIED, SK__THEN_FINISH);
}

/* Nothing is read behind `size`. */
static void the_text_needs_no_end(void **state) {
    static const char text[] = {'O', 'O', 'M'};

    (void)state;
    assert_verdict(text, 3, SECKILL_SERVER_MEMORY, SK__THEN_FINISH);
    assert_verdict(text, 2, SECKILL_SERVER_ERROR, SK__THEN_FINISH);
}

static void people_read_errors_without_our_words(void **state) {
    static const char *const pairs[][2] = {
        {"CONFLICT the id was used script: 0123, on @user_script:4.", "the id was used"},
        {"ERR ACL failure in script: No (HGET k) script: 0123, on @user_script:4.", "ERR ACL failure in script: No (HGET k)"},
        {"ENDED", "ENDED"},
        {"WRONGTYPE Operation against a key (HGET k)", "WRONGTYPE Operation against a key (HGET k)"},
        {"", ""},
    };
    char description[64];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        sk__describe_error(pairs[i][0], strlen(pairs[i][0]), description, sizeof(description));
        assert_string_equal(description, pairs[i][1]);
    }
    sk__describe_error("RANGE abcdef", 12, description, 4);
    assert_string_equal(description, "abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_errors_without_our_words),       cmocka_unit_test(every_word_has_its_meaning),
        cmocka_unit_test(words_that_begin_or_end_alike_do_not_match), cmocka_unit_test(anything_else_is_a_server_error),
        cmocka_unit_test(what_a_script_is_forbidden_is_denied),       cmocka_unit_test(the_text_needs_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
