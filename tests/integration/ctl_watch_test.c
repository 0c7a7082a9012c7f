/* What seckill-ctl makes of samples and users: the picture of `watch`, CSV, the set of ids. No server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "csv.h"
#include "id_set.h"
#include "watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 40 };

static seckill_stock shards[SHARDS];

static void begin(void) {
    memset(shards, 0, sizeof shards);
    for (int i = 0; i < SHARDS; i++) {
        shards[i].shard = (uint32_t)i;
        shards[i].available = 100;
        shards[i].epoch = 1;
        shards[i].node = i % 2 ? "host-b:6379" : "host-a:6379";
    }
}

static char *text_of(const watch *self, int columns, int rows, int ascii) {
    const watch_screen screen = {columns, rows, ascii};
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    if (rows > 0) {
        watch_draw(self, &screen, memory);
    } else {
        watch_line(self, memory);
    }
    fclose(memory);
    return text;
}

static int has(const watch *self, int columns, int rows, int ascii, const char *part) {
    char *text = text_of(self, columns, rows, ascii);
    int found = strstr(text, part) != NULL;
    free(text);
    return found;
}

static int near_to(double value, double expected) {
    return value > expected - 0.01 && value < expected + 0.01;
}

static void rates_are_units_in_a_second(void **state) {
    watch seen = {0};
    (void)state;
    begin();
    watch_take(&seen, 1000, shards, SHARDS);
    assert_true(near_to(watch_last(&seen, WATCH_GRANTED), 0));
    shards[3].reserved = 30;
    shards[3].available = 70;
    shards[4].sold = 10;
    shards[4].expired = 5;
    shards[5].queued = 7;
    watch_take(&seen, 3000, shards, SHARDS);
    assert_true(near_to(watch_last(&seen, WATCH_GRANTED), 22.5));
    assert_true(near_to(watch_last(&seen, WATCH_SOLD), 5));
    assert_true(near_to(watch_last(&seen, WATCH_RETURNED), 2.5));
    assert_true(near_to(watch_last(&seen, WATCH_QUEUE), 7));
    assert_true(has(&seen, 80, 24, 0, "reserved 30"));
    /* A refund is no sale taken back: what was sold was sold. */
    shards[4].sold = 8;
    shards[4].refunded = 2;
    watch_take(&seen, 4000, shards, SHARDS);
    assert_true(near_to(watch_last(&seen, WATCH_SOLD), 0));
    assert_true(near_to(watch_last(&seen, WATCH_RETURNED), 2));
    /* A failover takes counters back. */
    shards[3].reserved = 0;
    watch_take(&seen, 5000, shards, SHARDS);
    assert_true(near_to(watch_last(&seen, WATCH_GRANTED), 0));
    watch_free(&seen);
}

/* What was not read keeps its numbers; when it is back its rate is over the whole time. */
static void what_is_away_keeps_its_numbers(void **state) {
    watch seen = {0};
    (void)state;
    begin();
    shards[2].sold = 40;
    watch_take(&seen, 1000, shards, SHARDS);
    shards[2].sold = 0;
    shards[2].status = SECKILL_UNREACHABLE;
    snprintf(seen.trouble, sizeof seen.trouble, "it is gone");
    watch_take(&seen, 2000, shards, SHARDS);
    assert_int_equal(seen.unread, 1);
    assert_int_equal(seen.total.sold, 40);
    assert_true(has(&seen, 100, 60, 0, "TROUBLE: it is gone"));
    assert_true(has(&seen, 100, 60, 0, "unreachable host-a:6379"));
    watch_take(&seen, 3000, NULL, 0);
    assert_int_equal(seen.unread, SHARDS);
    assert_int_equal(seen.total.sold, 40);
    shards[2].status = SECKILL_OK;
    shards[2].sold = 70;
    watch_take(&seen, 4000, shards, SHARDS);
    assert_true(near_to(watch_last(&seen, WATCH_SOLD), 10));
    assert_int_equal(seen.unread, 0);
    watch_free(&seen);
}

static size_t width_of(const char *line, size_t size) {
    size_t width = 0;
    for (size_t i = 0; i < size; i++) {
        width += ((unsigned char)line[i] & 0xc0) != 0x80;
    }
    return width;
}

static void it_fits_the_screen(void **state) {
    watch seen = {0};
    (void)state;
    begin();
    snprintf(seen.name, sizeof seen.name, "618/phone");
    for (int i = 1; i <= 100; i++) {
        shards[i % SHARDS].sold += i;
        shards[7].status = SECKILL_UNREACHABLE;
        watch_take(&seen, i * 1000, shards, SHARDS);
    }
    for (int rows = 1; rows < 60; rows++) {
        for (int columns = 1; columns < 130; columns += 3) {
            char *text = text_of(&seen, columns, rows, columns % 2), *line = text;
            int lines = 0;
            for (; *line; lines++) {
                size_t size = strcspn(line, "\n");
                assert_true(width_of(line, size) <= (size_t)columns);
                line += size + 1;
            }
            assert_true(lines <= rows);
            if (rows > 55) {
                assert_true(lines == 8 + 1 + SHARDS + 1 || lines == 8 + 1 + SHARDS);
            }
            free(text);
        }
    }
    watch_free(&seen);
}

static void the_busiest_are_shown_and_the_rest_is_counted(void **state) {
    watch seen = {0};
    (void)state;
    begin();
    watch_take(&seen, 1000, shards, SHARDS);
    shards[31].reserved = 77;
    shards[17].status = SECKILL_UNREACHABLE;
    shards[9].queued = 1234;
    watch_take(&seen, 2000, shards, SHARDS);
    char *text = text_of(&seen, 100, 14, 0);
    assert_non_null(strstr(text, "\n   31 "));
    assert_non_null(strstr(text, "\n   17 "));
    assert_non_null(strstr(text, "\n    9 "));
    assert_non_null(strstr(text, "and 37 quieter shards"));
    assert_true(strstr(text, "\n    9 ") < strstr(text, "\n   17 "));
    free(text);
    watch_free(&seen);
}

static void sparklines_follow_the_samples(void **state) {
    watch seen = {0};
    (void)state;
    begin();
    for (int i = 1; i <= 4; i++) {
        shards[0].queued = 10 * (i - 1);
        watch_take(&seen, i * 1000, shards, 1);
    }
    assert_true(has(&seen, 80, 24, 0, "queued              30  ▁▃▆█\n"));
    assert_true(has(&seen, 80, 24, 1, "queued              30  _-+#\n"));
    watch_take(&seen, 5000, NULL, 0);
    assert_true(has(&seen, 80, 24, 1, "_-+# \n"));
    for (int i = 0; i < 200; i++) {
        watch_take(&seen, 6000 + i, shards, 1);
    }
    assert_int_equal(seen.samples, WATCH_SAMPLES);
    snprintf(seen.time, sizeof seen.time, "now");
    assert_true(has(&seen, 0, 0, 0, "now  left=100 reserved=0 sold=0 queued=30 "));
    watch_free(&seen);
}

/* ---- CSV ---- */

static void assert_user(const char *user, size_t size, const char *expected) {
    char *text = NULL;
    size_t written;
    csv_out csv = {open_memstream(&text, &written), 0};
    seckill_bytes bytes = {user, size};
    csv_user(&csv, bytes);
    csv_number(&csv, -5);
    csv_time(&csv, 0);
    csv_time(&csv, 1000);
    csv_end(&csv);
    fclose(csv.file);
    size_t cell = strlen(text) - strlen(",-5,,1970-01-01T00:00:01Z\r\n");
    assert_int_equal(cell, strlen(expected));
    assert_memory_equal(text, expected, cell);
    free(text);
}

static void users_are_written_so_that_every_reader_sees_them(void **state) {
    (void)state;
    assert_user("alice", 5, "alice");
    assert_user("a,b", 3, "\"a,b\"");
    assert_user("say \"x\"", 7, "\"say \"\"x\"\"\"");
    assert_user("l\xc3\xa9o", 4, "l\xc3\xa9o");
    assert_user("a\nb", 3, "hex:610a62");
    assert_user("\x00\xff", 2, "hex:00ff");
    assert_user("a\xc2\x85", 3, "hex:61c285");
    assert_user("\xc0\xaf", 2, "hex:c0af");
    assert_user("=1+1", 4, "hex:3d312b31");
    assert_user("-1", 2, "hex:2d31");
    assert_user("@x", 2, "hex:4078");
    assert_user("+x", 2, "hex:2b78");
    assert_user(" x", 2, "hex:2078");
    assert_user("x ", 2, "hex:7820");
    assert_user("hex:00", 6, "hex:6865783a3030");
}

/* ---- ids ---- */

static void an_id_is_new_once(void **state) {
    id_set *set = id_set_new();
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 100000; i++) {
            memset(id, 0, sizeof id);
            memcpy(id + (i % 2 ? 0 : 8), &i, sizeof i); /* also such that begin alike */
            assert_int_equal(id_set_add(set, id), round == 0);
            i += i % 2 ? 0 : 15; /* few of them: they stand in one row */
        }
    }
    id_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_units_in_a_second),
        cmocka_unit_test(what_is_away_keeps_its_numbers),
        cmocka_unit_test(it_fits_the_screen),
        cmocka_unit_test(the_busiest_are_shown_and_the_rest_is_counted),
        cmocka_unit_test(sparklines_follow_the_samples),
        cmocka_unit_test(users_are_written_so_that_every_reader_sees_them),
        cmocka_unit_test(an_id_is_new_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
