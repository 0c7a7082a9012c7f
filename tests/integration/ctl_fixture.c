/* See ctl_fixture.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 32 };

redis_server *ctl_redis;

static ctl_outcome outcome;
static json_t *answer;

int ctl_start_redis(void **state) {
    (void)state;
    ctl_redis = redis_server_start(NULL);
    return ctl_redis && setenv("SECKILL_REDIS", redis_server_address(ctl_redis), 1) == 0 ? 0 : -1;
}

int ctl_stop_redis(void **state) {
    (void)state;
    redis_server_free(ctl_redis);
    json_decref(answer);
    answer = NULL;
    return 0;
}

static void read_back(FILE *file, char *text, size_t room) {
    rewind(file);
    size_t size = fread(text, 1, room - 1, file);
    text[size] = '\0';
    fclose(file);
}

static void run(char *line) {
    char name[] = "seckill-ctl", *arguments[ARGUMENTS + 1] = {name}, *rest = NULL;
    FILE *out = tmpfile(), *err = tmpfile();
    int count = 1, status = 0;
    assert_true(out && err);
    for (char *word = strtok_r(line, " ", &rest); word && count < ARGUMENTS; word = strtok_r(NULL, " ", &rest)) {
        arguments[count++] = word;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        execv(SECKILL_CTL, arguments);
        _exit(127);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    read_back(out, outcome.out, sizeof outcome.out);
    read_back(err, outcome.err, sizeof outcome.err);
}

const ctl_outcome *ctl(const char *format, ...) {
    char line[8192];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    run(line);
    return &outcome;
}

const json_t *ctl_json(int code, const char *format, ...) {
    char line[8192];
    json_error_t error;
    va_list list;
    va_start(list, format);
    int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    snprintf(line + size, sizeof line - (size_t)size, " --json");
    run(line);
    json_decref(answer);
    answer = json_loads(outcome.out, JSON_REJECT_DUPLICATES, &error);
    if (outcome.code != code || !json_is_object(answer)) {
        fail_msg("%s: exit code %d, wanted %d\n%s\n%s", line, outcome.code, code, outcome.out, outcome.err);
    }
    return answer;
}

static const json_t *find(const json_t *value, const char *path) {
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok_r(copy, ".", &rest); name && value; name = strtok_r(NULL, ".", &rest)) {
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10)) : json_object_get(value, name);
    }
    if (!value) {
        fail_msg("no %s in %s", path, outcome.out);
    }
    return value;
}

long long ctl_int(const json_t *object, const char *path) {
    const json_t *value = find(object, path);
    assert_true(json_is_integer(value));
    return (long long)json_integer_value(value);
}

const char *ctl_text(const json_t *object, const char *path) {
    const json_t *value = find(object, path);
    assert_true(json_is_string(value));
    return json_string_value(value);
}
