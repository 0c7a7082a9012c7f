/* seckill-ctl blacklist: one subject by hand; whole lists, there and back; what ends in the middle.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[300], list_path[512], export_path[512];

static int set_up(void **state) {
    (void)state;
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHALL"));
    return 0;
}

static int start(void **state) {
    if (ctl_start_redis(state) != 0) {
        return -1;
    }
    snprintf(folder, sizeof folder, "%s", redis_server_folder(ctl_redis));
    snprintf(list_path, sizeof list_path, "%s/list", folder);
    snprintf(export_path, sizeof export_path, "%s/exported", folder);
    return 0;
}

static long long listed(void) {
    return redis_server_integer(ctl_redis, "HGET seckill:{blacklist}:head entries");
}

static int is_true(const json_t *object, const char *name) {
    return json_is_true(json_object_get(object, name));
}

static int check_code(const char *kind, const char *value) {
    return ctl("blacklist check %s %s", kind, value)->code;
}

static void write_list(const char *text, size_t size) {
    FILE *file = fopen(list_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *text) {
    write_list(text, strlen(text));
}

/* ---- one subject */

static void lists_and_removes_one(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "blacklist add user mallory --reason bot --for 1h");
    assert_true(is_true(answer, "changed"));
    assert_int_equal(ctl_int(answer, "listed"), 1);
    long long until = ctl_int(answer, "until_ms");
    answer = ctl_json(1, "blacklist check user mallory");
    assert_string_equal(ctl_text(answer, "status"), "blacklisted");
    assert_int_equal(ctl_int(answer, "until_ms"), until);
    assert_in_range(ctl_int(answer, "since_ms"), until - 3660000, until - 3540000);
    assert_string_equal(ctl_text(answer, "reason"), "bot");
    const ctl_outcome *told = ctl("blacklist check user mallory");
    assert_non_null(strstr(told->out, "until      20"));
    assert_non_null(strstr(told->out, "reason     bot"));
    assert_non_null(strstr(told->err, "(blacklisted)"));
    answer = ctl_json(0, "blacklist check user alice");
    assert_false(is_true(answer, "is_listed"));
    assert_int_equal(check_code("device", "mallory"), 0);
    assert_true(is_true(ctl_json(0, "blacklist remove user mallory"), "changed"));
    assert_false(is_true(ctl_json(0, "blacklist remove user mallory"), "changed"));
    assert_int_equal(check_code("user", "mallory"), 0);
}

static void ends_as_it_is_told(void **state) {
    (void)state;
    ctl_json(0, "blacklist add user x --until 2099-12-01T00:00:00.250Z");
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user x"), "until"), "2099-12-01T00:00:00.250Z");
    assert_false(is_true(ctl_json(0, "blacklist add user x --for 1h --lengthen"), "changed"));
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user x"), "until"), "2099-12-01T00:00:00.250Z");
    assert_true(is_true(ctl_json(0, "blacklist add user x --for 1h"), "changed"));
    ctl_json(0, "blacklist add user x --until never");
    assert_int_equal(ctl_int(ctl_json(1, "blacklist check user x"), "until_ms"), 0);
    ctl_json(0, "blacklist add user brief --for 1ms");
    while (check_code("user", "brief") != 0) { /* by the server's clock */
    }
}

static void knows_networks_and_bytes(void **state) {
    (void)state;
    assert_string_equal(ctl_text(ctl_json(0, "blacklist add address ::ffff:192.0.2.0/120"), "value"), "192.0.2.0/24");
    assert_int_equal(check_code("address", "192.0.2.99"), 1);
    assert_int_equal(check_code("address", "192.0.3.0"), 0);
    assert_false(is_true(ctl_json(0, "blacklist remove address 192.0.2.99"), "changed"));
    assert_true(is_true(ctl_json(0, "blacklist remove address 192.0.2.0/24"), "changed"));
    assert_string_equal(ctl_text(ctl_json(0, "blacklist add user \xff\xfe --reason \xfd"), "value.hex"), "fffe");
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user \xff\xfe"), "reason.hex"), "fd");
    assert_memory_equal(ctl("blacklist remove user \xff\xfe")->out, "user hex:fffe: removed", 22);
}

#define X65 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void says_what_is_malformed(void **state) {
    (void)state;
    static const struct {
        const char *line, *why;
    } rows[] = {
        {"add a/b x", "a kind is 1 to 16"},
        {"add seventeen_letters x", "a kind is 1 to 16"},
        {"add user " X65, "1 to 64 bytes"},
        {"add address 192.0.2.7/24", "bits behind its prefix"},
        {"check address nowhere", "no address"},
        {"remove address 10.0.0.0/33", "no address"},
        {"add user x --for 0", "a duration from 1ms to 36500d"},
        {"add user x --for 40000d", "a duration from 1ms to 36500d"},
        {"add user x --until 2026-12-01", "is no time"},
        {"add user x --until 1970-01-01T00:00:00Z", "is over"},
        {"add user x --until -10m", "is over"},
        {"add user x --until never --for 1h", "one of the two"},
        {"add user x --reason " X65, "--reason: at most 64 bytes"},
        {"add user", "Usage:"},
        {"import /nowhere", "No such file"},
        {"import /", "Is a directory"},
        {"import x --reason y", "are for plain lines"},
        {"import x --kind a/b", "a kind is 1 to 16"},
        {"import x --max-entries 0", "--max-entries 0"},
        {"export --json", "standard output is for one of the two"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const ctl_outcome *told = ctl("blacklist %s", rows[i].line);
        if (told->code != 2 || (!strstr(told->err, rows[i].why) && !strstr(told->out, rows[i].why))) {
            fail_msg("%s: %d %s", rows[i].line, told->code, told->err);
        }
    }
    assert_int_equal(redis_server_integer(ctl_redis, "DBSIZE"), 0);
}

static void says_when_redis_is_not_there(void **state) {
    (void)state;
    write_text("x\n");
    assert_int_equal(ctl("blacklist add user x --redis unix:/nowhere --timeout 50ms")->code, 3);
    assert_int_equal(ctl("blacklist check user x --redis unix:/nowhere --timeout 50ms")->code, 3);
    assert_int_equal(ctl("blacklist export --redis unix:/nowhere --timeout 50ms")->code, 3);
    const json_t *answer = ctl_json(3, "blacklist import --kind user %s --redis unix:/nowhere --timeout 50ms", list_path);
    assert_string_equal(ctl_text(answer, "status"), "unreachable");
    assert_non_null(strstr(ctl_text(answer, "message"), "at least 0 of 1 entries are in: import it again"));
}

/* ---- small lists */

static void imports_plain_lines(void **state) {
    (void)state;
    static const char text[] = "# known bots\r\n\n  user-1 \r\nuser-3\nuser\0-9\nuser-3\nuser-0x";
    write_list(text, sizeof text - 1);
    const json_t *answer = ctl_json(0, "blacklist import --kind user --for 1h --reason bots %s", list_path);
    assert_int_equal(ctl_int(answer, "entries"), 5);
    assert_int_equal(ctl_int(answer, "sent"), 5);
    assert_int_equal(ctl_int(answer, "listed"), 4);
    answer = ctl_json(1, "blacklist check user user-1");
    assert_string_equal(ctl_text(answer, "reason"), "bots");
    assert_true(ctl_int(answer, "until_ms") > 0);
    assert_int_equal(check_code("user", "user-0x"), 1);
    assert_int_equal(check_code("user", "user"), 0);
    write_text("10.0.0.0/8\n2001:db8::/32\n");
    assert_non_null(strstr(ctl("blacklist import --kind address %s", list_path)->out, "2 entries of "));
    assert_int_equal(check_code("address", "10.1.2.3"), 1);
}

/* Which editors write in front: it is no part of the first user's name, and no fault of the first line. */
static void skips_a_byte_order_mark(void **state) {
    (void)state;
    write_text("\xef\xbb\xbf"
               "user-1\n\xef\xbb\xbfuser-2\n");
    assert_int_equal(ctl_int(ctl_json(0, "blacklist import --kind user %s", list_path), "listed"), 2);
    assert_int_equal(check_code("user", "user-1"), 1);
    assert_int_equal(check_code("user", "user-2"), 0);
    write_text("\xef\xbb\xbf{\"kind\":\"user\",\"value\":\"user-3\"}\n");
    ctl_json(0, "blacklist import %s", list_path);
    assert_int_equal(check_code("user", "user-3"), 1);
    write_text("\xef\xbb\xbf");
    assert_int_equal(ctl_int(ctl_json(0, "blacklist import %s", list_path), "entries"), 0);
}

static void imports_nothing_with_a_fault(void **state) {
    (void)state;
    write_text(
        "{\"kind\":\"user\",\"value\":\"a\"}\n# x\n{\"kind\":\"user\"}\n{\"kind\":\"user\",\"value\":\"b\"}\nnonsense\n");
    const json_t *answer = ctl_json(2, "blacklist import %s", list_path);
    assert_string_equal(ctl_text(answer, "status"), "invalid");
    assert_int_equal(json_array_size(json_object_get(answer, "faults")), 2);
    assert_int_equal(ctl_int(answer, "faults.0.line"), 3);
    assert_string_equal(ctl_text(answer, "faults.0.message"), "a value has 1 to 64 bytes");
    assert_int_equal(ctl_int(answer, "faults.1.line"), 5);
    const ctl_outcome *told = ctl("blacklist import %s", list_path);
    assert_non_null(strstr(told->err, "line 3: a value has 1 to 64 bytes\n"));
    assert_non_null(strstr(told->err, "2 lines of "));
    assert_int_equal(redis_server_integer(ctl_redis, "DBSIZE"), 0);
}

static void tells_the_first_faults_only(void **state) {
    (void)state;
    char text[8000];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < 40; i++) {
        text[i * 70 + 69] = '\n'; /* 69 bytes each; and what is left is longer than any line may be */
    }
    write_list(text, sizeof text);
    const json_t *answer = ctl_json(2, "blacklist import --kind user %s", list_path);
    assert_int_equal(json_array_size(json_object_get(answer, "faults")), 10);
    assert_non_null(strstr(ctl_text(answer, "message"), "41 lines of"));
    write_list(text + 2800, 4097);
    assert_non_null(strstr(ctl("blacklist import --kind user %s", list_path)->err, "a line has at most 4096 bytes"));
    write_list(text + 2800, 4096);
    assert_non_null(strstr(ctl("blacklist import --kind user %s", list_path)->err, "a value has 1 to 64 bytes"));
}

static void bounds_what_it_takes(void **state) {
    (void)state;
    write_text("a\nb\n\n# c\nc\n");
    const ctl_outcome *told = ctl("blacklist import --kind user --max-entries 2 %s", list_path);
    assert_int_equal(told->code, 2);
    assert_non_null(strstr(told->err, "more than 2 entries: --max-entries allows more"));
    assert_int_equal(redis_server_integer(ctl_redis, "DBSIZE"), 0);
    assert_int_equal(ctl("blacklist import --kind user --max-entries 3 %s", list_path)->code, 0);
    assert_int_equal(listed(), 3);
}

static void of_two_lines_the_last_counts(void **state) {
    (void)state;
    static const char text[] = "{\"kind\":\"user\",\"value\":\"a\",\"until\":\"2099-01-01T00:00:00Z\",\"reason\":\"first\"}\n"
                               "{\"kind\":\"address\",\"value\":\"192.0.2.7\"}\n"
                               "{\"kind\":\"address\",\"value\":\"::ffff:192.0.2.7\",\"reason\":\"again\"}\n"
                               "{\"kind\":\"user\",\"value\":\"a\",\"until\":\"2098-01-01T00:00:00Z\",\"reason\":\"last\"}\n";
    write_text(text);
    ctl_json(0, "blacklist import %s", list_path);
    assert_int_equal(listed(), 2);
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user a"), "reason"), "last");
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user a"), "until"), "2098-01-01T00:00:00Z");
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check address 192.0.2.7"), "reason"), "again");
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHALL"));
    ctl_json(0, "blacklist import --lengthen %s", list_path);
    assert_string_equal(ctl_text(ctl_json(1, "blacklist check user a"), "until"), "2099-01-01T00:00:00Z");
}

static void exports_to_where_it_is_told(void **state) {
    (void)state;
    char other[600];
    struct stat about;
    snprintf(other, sizeof other, "%s.part", export_path);
    (void)unlink(export_path);
    ctl_json(0, "blacklist add user a --until 2099-01-01T00:00:00Z --reason why");
    ctl_json(0, "blacklist add device b");
    const ctl_outcome *told = ctl("blacklist export --kind user");
    assert_memory_equal(told->out, "{\"kind\":\"user\",\"value\":\"a\",\"until\":\"2099-01-01T00:00:00Z\",\"since\":\"20", 69);
    assert_null(strstr(told->out, "device"));
    assert_non_null(strstr(told->err, "1 entries in standard output"));
    const json_t *answer = ctl_json(0, "blacklist export --output %s", export_path);
    assert_int_equal(ctl_int(answer, "entries"), 2);
    assert_string_equal(ctl_text(answer, "file"), export_path);
    assert_int_equal(access(export_path, F_OK), 0);
    assert_int_equal(access(other, F_OK), -1);
    assert_string_equal(ctl_text(ctl_json(4, "blacklist export --output /nowhere/x"), "status"), "output");

    /* What is no file (/dev/null) is not replaced by one. */
    (void)unlink(export_path);
    assert_int_equal(mkfifo(export_path, 0600), 0);
    answer = ctl_json(4, "blacklist export --output %s", export_path);
    assert_string_equal(ctl_text(answer, "status"), "output");
    assert_non_null(strstr(ctl_text(answer, "message"), "it is there and no file"));
    assert_int_equal(stat(export_path, &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(unlink(export_path), 0);
    ctl_json(0, "blacklist export --output %s", export_path);

    /* What is not whole keeps its other name, and leaves the old list alone. */
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHALL"));
    redis_server_forget(redis_server_command(ctl_redis, "SET seckill:{blacklist}:head x"));
    answer = ctl_json(4, "blacklist export --output %s", export_path);
    assert_string_equal(ctl_text(answer, "status"), "damaged");
    assert_string_equal(ctl_text(answer, "file"), other);
    FILE *file = fopen(export_path, "rb");
    assert_non_null(file);
    assert_int_equal(fgetc(file), '{');
    fclose(file);
}

/* ---- large lists */

static unsigned list_size(void) {
    return getenv("SECKILL_TESTS_FULL") ? 1000000 : 100000;
}

/* The line of entry i as export writes it, but for `since`: users, text of all kinds, bytes, addresses. */
static void make_line(unsigned i, char line[256]) {
    static const char *const ends[] = {"", ",\"until\":\"2099-12-01T00:00:00.250Z\"", ",\"until\":\"2098-12-01T00:00:00Z\""};
    char subject[128];
    switch (i % 4) {
    case 0:
        snprintf(subject, sizeof subject, "\"user\",\"value\":\"user-%u\"", i);
        break;
    case 1:
        snprintf(subject, sizeof subject, "\"user\",\"value\":\"\xc3\xa9 \\\"%u\\\"\"", i);
        break;
    case 2:
        snprintf(subject, sizeof subject, "\"device\",\"value\":{\"hex\":\"ff00%08x\"}", i);
        break;
    default:
        snprintf(subject, sizeof subject, "\"address\",\"value\":\"10.%u.%u.%u\"", i >> 16, (i >> 8) & 255, i & 255);
    }
    snprintf(line, 256, "{\"kind\":%s%s,\"reason\":\"%u\"}\n", subject, ends[i % 3], i);
}

static void make_list(unsigned count) {
    FILE *file = fopen(list_path, "wb");
    char line[256];
    assert_non_null(file);
    for (unsigned i = 0; i < count; i++) {
        make_line(i, line);
        assert_true(fputs(line, file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
}

/* Takes ,"since":"..." out of a line. */
static void drop_since(char *line) {
    char *at = strstr(line, ",\"since\":\""), *end = at ? strchr(at + 10, '"') : NULL;
    if (!end) {
        fail_msg("no since: %s", line);
        return;
    }
    memmove(at, end + 1, strlen(end + 1) + 1);
}

/* Every entry stands there once, as it was imported. */
static void expect_exported(unsigned count) {
    FILE *file = fopen(export_path, "rb");
    char *seen = calloc(count, 1), line[512], expected[256];
    unsigned lines = 0;
    assert_true(file && seen);
    while (fgets(line, sizeof line, file)) {
        drop_since(line);
        const char *reason = strstr(line, "\"reason\":\"");
        unsigned long i = reason ? strtoul(reason + 10, NULL, 10) : count;
        assert_true(i < count && !seen[i]);
        make_line((unsigned)i, expected);
        assert_string_equal(line, expected);
        seen[i] = 1;
        lines++;
    }
    assert_int_equal(lines, count);
    fclose(file);
    free(seen);
}

/* What a file holds, from a pipe as standard input. The writer's pid. */
static pid_t feed(const char *path, int *saved) {
    int ends[2], file = open(path, O_RDONLY);
    char buffer[65536];
    assert_true(file >= 0 && pipe(ends) == 0);
    pid_t writer = fork();
    if (writer == 0) {
        ssize_t size;
        close(ends[0]);
        while ((size = read(file, buffer, sizeof buffer)) > 0 && write(ends[1], buffer, (size_t)size) == size) {
        }
        _exit(0);
    }
    close(file);
    close(ends[1]);
    *saved = dup(0);
    assert_int_equal(dup2(ends[0], 0), 0);
    close(ends[0]);
    return writer;
}

static void a_list_goes_out_and_in(void **state) {
    (void)state;
    unsigned count = list_size();
    int saved;
    make_list(count);
    const json_t *answer = ctl_json(0, "blacklist import %s", list_path);
    assert_int_equal(ctl_int(answer, "changed"), count);
    assert_int_equal(ctl_int(answer, "listed"), count);
    answer = ctl_json(0, "blacklist import %s", list_path);
    assert_int_equal(ctl_int(answer, "same"), count);
    assert_int_equal(ctl_int(answer, "changed"), 0);
    assert_int_equal(ctl_int(ctl_json(0, "blacklist export --output %s", export_path), "entries"), count);
    expect_exported(count);

    redis_server_forget(redis_server_command(ctl_redis, "FLUSHALL"));
    pid_t writer = feed(export_path, &saved);
    answer = ctl_json(0, "blacklist import -");
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_int_equal(dup2(saved, 0), 0);
    close(saved);
    assert_int_equal(ctl_int(answer, "changed"), count);
    assert_string_equal(ctl_text(answer, "file"), "standard input");
    ctl_json(0, "blacklist export --output %s", export_path);
    expect_exported(count);
}

/* ---- what ends in the middle */

static pid_t begin_import(FILE *out) {
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(out), 1);
        execl(SECKILL_CTL, "seckill-ctl", "blacklist", "import", list_path, "--json", "--timeout", "500ms", (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void await_some(void) {
    const struct timespec while_away = {0, 1000000};
    for (int i = 0; i < 20000; i++) {
        if (redis_server_integer(ctl_redis, "EXISTS seckill:{blacklist}:head") == 1 && listed() >= 1000) {
            return;
        }
        nanosleep(&while_away, NULL);
    }
    fail_msg("nothing is imported");
}

/* It ended with this exit code; what it said. */
static json_t *end_import_with(int code, pid_t pid, FILE *out) {
    int status = 0;
    json_error_t error;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    rewind(out);
    json_t *answer = json_loadf(out, 0, &error);
    assert_non_null(answer);
    fclose(out);
    return answer;
}

static json_t *end_import(pid_t pid, FILE *out) {
    return end_import_with(3, pid, out);
}

static void an_import_that_is_interrupted_can_be_repeated(void **state) {
    (void)state;
    unsigned count = 100000;
    FILE *out = tmpfile();
    make_list(count);
    pid_t pid = begin_import(out);
    await_some();
    assert_int_equal(kill(pid, SIGINT), 0);
    json_t *answer = end_import(pid, out);
    assert_string_equal(ctl_text(answer, "status"), "interrupted");
    assert_true(ctl_int(answer, "sent") >= 768 && ctl_int(answer, "sent") < count);
    assert_int_equal(ctl_int(answer, "sent"), listed());
    assert_non_null(strstr(ctl_text(answer, "message"), " of 100000 entries are in: import it again"));
    long long sent = ctl_int(answer, "sent");
    json_decref(answer);
    const json_t *again = ctl_json(0, "blacklist import %s", list_path);
    assert_int_equal(ctl_int(again, "same"), sent);
    assert_int_equal(listed(), count);
}

/* What whoever started it ignores (nohup) it ignores too. */
static void an_import_outlives_its_terminal(void **state) {
    (void)state;
    FILE *out = tmpfile();
    make_list(100000);
    signal(SIGHUP, SIG_IGN);
    pid_t pid = begin_import(out);
    signal(SIGHUP, SIG_DFL);
    await_some();
    assert_int_equal(kill(pid, SIGHUP), 0);
    json_decref(end_import_with(0, pid, out));
    assert_int_equal(listed(), 100000);
}

static void an_import_that_loses_redis_says_so(void **state) {
    (void)state;
    FILE *out = tmpfile();
    make_list(100000);
    pid_t pid = begin_import(out);
    await_some();
    redis_server_kill(ctl_redis);
    json_t *answer = end_import(pid, out);
    const char *status = ctl_text(answer, "status");
    assert_true(strcmp(status, "unknown") == 0 || strcmp(status, "unreachable") == 0);
    assert_true(ctl_int(answer, "sent") >= 768 && ctl_int(answer, "sent") < 100000);
    json_decref(answer);
    assert_true(redis_server_restart(ctl_redis));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lists_and_removes_one, set_up),
        cmocka_unit_test_setup(ends_as_it_is_told, set_up),
        cmocka_unit_test_setup(knows_networks_and_bytes, set_up),
        cmocka_unit_test_setup(says_what_is_malformed, set_up),
        cmocka_unit_test_setup(says_when_redis_is_not_there, set_up),
        cmocka_unit_test_setup(imports_plain_lines, set_up),
        cmocka_unit_test_setup(skips_a_byte_order_mark, set_up),
        cmocka_unit_test_setup(imports_nothing_with_a_fault, set_up),
        cmocka_unit_test_setup(tells_the_first_faults_only, set_up),
        cmocka_unit_test_setup(bounds_what_it_takes, set_up),
        cmocka_unit_test_setup(of_two_lines_the_last_counts, set_up),
        cmocka_unit_test_setup(exports_to_where_it_is_told, set_up),
        cmocka_unit_test_setup(a_list_goes_out_and_in, set_up),
        cmocka_unit_test_setup(an_import_that_is_interrupted_can_be_repeated, set_up),
        cmocka_unit_test_setup(an_import_outlives_its_terminal, set_up),
        cmocka_unit_test_setup(an_import_that_loses_redis_says_so, set_up),
    };
    if (!redis_server_available()) {
        return 77;
    }
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests_name("ctl_blacklist", tests, start, ctl_stop_redis);
}
