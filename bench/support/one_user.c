#define _GNU_SOURCE

#include "one_user.h"

#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char one_user_script[] = "if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return -1 end "
                               "if tonumber(redis.call('GET', KEYS[1])) <= 0 then return 0 end "
                               "redis.call('DECR', KEYS[1]) "
                               "redis.call('SADD', KEYS[2], ARGV[1]) "
                               "return 1";

void one_user_prepare(redis_server *server, uint64_t units, char sha[41]) {
    redisReply *reply = redis_server_command(server, "SCRIPT LOAD %s", one_user_script);

    if (reply == NULL || reply->type != REDIS_REPLY_STRING || reply->len != 40)
        bench_fail("SCRIPT LOAD failed");
    memcpy(sha, reply->str, 41);
    redis_server_forget(reply);
    redis_server_forget(redis_server_command(server, "DEL %s %s", ONE_USER_STOCK, ONE_USER_USERS));
    redis_server_forget(redis_server_command(server, "SET %s %llu", ONE_USER_STOCK, (unsigned long long)units));
}

/* The first line of `--csv` is a heading; the second "EVALSHA ...","rps",... */
static double read_rate(FILE *output) {
    char line[512];
    double rate = 0;

    while (fgets(line, sizeof(line), output) != NULL) {
        const char *comma = strstr(line, "\",\"");

        if (comma != NULL && strtod(comma + 3, NULL) > 0)
            rate = strtod(comma + 3, NULL);
    }
    return rate;
}

double one_user_tool(redis_server *server, uint64_t requests, int connections, int pipeline, const char *redis_command) {
    const char *tools[] = {"redis-benchmark", "valkey-benchmark"};
    double rate = 0;

    for (size_t i = 0; i < 2 && rate <= 0; i++) {
        char command[1024];
        FILE *output;

        (void)snprintf(command, sizeof(command),
                       "command -v %s >/dev/null && exec %s -s %s -c %d -P %d -n %llu -r 2000000000 --csv %s", tools[i],
                       tools[i], redis_server_socket(server), connections, pipeline, (unsigned long long)requests,
                       redis_command);
        output = popen(command, "re");
        if (output == NULL)
            bench_fail("cannot run %s", tools[i]);
        rate = read_rate(output);
        (void)pclose(output);
    }
    if (rate <= 0)
        bench_fail("neither redis-benchmark nor valkey-benchmark gave a rate");
    return rate;
}

double one_user_benchmark(redis_server *server, const char *sha, uint64_t requests, int connections, int pipeline) {
    char command[256];

    (void)snprintf(command, sizeof(command), "EVALSHA %s 2 %s %s user__rand_int__", sha, ONE_USER_STOCK, ONE_USER_USERS);
    return one_user_tool(server, requests, connections, pipeline, command);
}

double one_user_rate(const char *const *lines, uint64_t users, int connections, int pipeline) {
    redis_server *server = shop_server(lines);
    char sha[41];
    double rate;

    one_user_prepare(server, users, sha);
    rate = one_user_benchmark(server, sha, users, connections, pipeline);
    bench_say("one-user script, %d connections, pipeline of %d: %.0f/s", connections, pipeline, rate);
    redis_server_free(server);
    return rate;
}
