/* How many requests can a front decide in a second, with one core for it and for Redis?
 *
 * Ours: seckill-front --direct: each request with a session of its own, which is checked, granted a unit, and answered with the
 * reservation's token. The other: nginx with Lua that takes the user from the query and calls the common script for one user
 * over kept connections. Each has one core together with Redis; the load has the other.
 */
#define _GNU_SOURCE

#include "child.h"
#include "front_shop.h"
#include "one_user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 512 };

/* Requests a second. The first tenth warms up. */
static double drive(const char *name, uint16_t port, const http_load_requests *requests, pid_t web, pid_t redis) {
    http_load *load = http_load_open(port, CONNECTIONS);
    http_load_plan plan = {.requests = requests, .count = requests->count / 10};
    http_load_outcome outcome;
    double rate, web_us, redis_us;

    (void)http_load_run(load, &plan);
    plan.status = 200;
    plan.first = plan.count;
    plan.count = requests->count - plan.count;
    web_us = bench_cpu_time(web);
    redis_us = bench_cpu_time(redis);
    outcome = http_load_run(load, &plan);
    web_us = (bench_cpu_time(web) - web_us) / (double)plan.count * 1e6;
    redis_us = (bench_cpu_time(redis) - redis_us) / (double)plan.count * 1e6;
    rate = (double)outcome.good / outcome.seconds;
    bench_say(
        "%s: %.0f/s, p50 %.0f us, p99 %.0f us; processor time of a request: %.1f us, and Redis %.1f us; the load had %.0f %%"
        " of its processor",
        name, rate, outcome.p50_us, outcome.p99_us, web_us, redis_us, 100 * outcome.busy);
    http_load_close(load);
    return rate;
}

static double ours(uint64_t users) {
    front_shop front;
    http_load_requests requests;
    double rate;

    front_shop_open(&front, &(front_shop_options){.direct = true, .units = users, .connections = 2 * CONNECTIONS});
    requests = front_shop_requests(&front, 0, users);
    rate = drive("front", front.port, &requests, front.front, redis_server_pid(front.redis));
    free(requests.text);
    front_shop_close(&front);
    return rate;
}

/* ---- nginx ---- */

/* In the folder of the server, which goes with it. */
static void write_config(const char *path, const redis_server *server, const char *sha, int port) {
    const char *folder = redis_server_folder(server);
    FILE *file = fopen(path, "we");

    if (file == NULL)
        bench_fail("%s: %s", path, strerror(errno));
    fprintf(file,
            "load_module /usr/lib/nginx/modules/ndk_http_module.so;\n"
            "load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\n"
            "daemon off; master_process off; pid %s/nginx.pid;\n"
            "events { worker_connections 4096; }\n"
            "http {\n"
            "access_log off; keepalive_requests 1000000000;\n"
            "client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/fastcgi;\n"
            "uwsgi_temp_path %s/uwsgi; scgi_temp_path %s/scgi;\n"
            "lua_package_path '/usr/share/lua/5.1/?.lua;;';\n"
            "init_by_lua_block { redis = require 'nginx.redis' }\n"
            "server { listen 127.0.0.1:%d; location / { content_by_lua_block {\n",
            folder, folder, folder, folder, folder, folder, port);
    fprintf(file,
            "local connection = redis:new()\n"
            "local ok, err = connection:connect('unix:%s')\n"
            "if not ok then ngx.log(ngx.ERR, err) return ngx.exit(503) end\n"
            "local granted, err = connection:evalsha('%s', 2, '%s', '%s', ngx.var.arg_user)\n"
            "if not granted then ngx.log(ngx.ERR, err) return ngx.exit(503) end\n"
            "connection:set_keepalive(60000, %d)\n"
            "local body = granted == 1 and '{\"state\":\"granted\"}' or '{\"state\":\"refused\"}'\n"
            "ngx.status = granted == 1 and 200 or 409\n"
            "ngx.header['Content-Type'] = 'application/json'\n"
            "ngx.header['Content-Length'] = #body\n"
            "ngx.print(body)\n"
            "} } } }\n",
            redis_server_socket(server), sha, ONE_USER_STOCK, ONE_USER_USERS, CONNECTIONS);
    if (fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static void wait_until_listening(pid_t pid, int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            bench_fail("nginx ended at once: are nginx, libnginx-mod-http-lua and lua-nginx-redis installed?");
        (void)usleep(10000);
    }
    close(fd);
}

static pid_t start_nginx(const redis_server *server, const char *sha, int port) {
    char config[256], log[256];
    const char *arguments[] = {"nginx", "-c", config, "-e", log, NULL};
    pid_t pid;

    (void)snprintf(config, sizeof(config), "%s/nginx.conf", redis_server_folder(server));
    (void)snprintf(log, sizeof(log), "%s/nginx.log", redis_server_folder(server));
    write_config(config, server, sha, port);
    pid = child_start(arguments, NULL);
    wait_until_listening(pid, port);
    return pid;
}

static http_load_requests user_requests(int port, uint64_t count) {
    static const char format[] = "POST /requests?user=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 0\r\n\r\n";
    char user[SHOP_USER + 1], text[256];
    http_load_requests all = {.count = count};

    shop_user(0, user);
    all.size = (size_t)snprintf(text, sizeof(text), format, user, port);
    all.text = malloc(count * all.size + 1);
    if (all.text == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; i < count; i++) {
        shop_user(i, user);
        (void)snprintf(all.text + i * all.size, all.size + 1, format, user, port);
    }
    return all;
}

static double others(uint64_t users) {
    redis_server *server = shop_server(shop_everysec);
    int port = redis_server_free_port();
    http_load_requests requests = user_requests(port, users);
    double rate;
    char sha[41];
    pid_t nginx;

    one_user_prepare(server, users, sha);
    nginx = start_nginx(server, sha, port);
    rate = drive("nginx", (uint16_t)port, &requests, nginx, redis_server_pid(server));
    child_stop(nginx);
    free(requests.text);
    redis_server_free(server);
    return rate;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 3);
    bench_series mine = {0}, nginx = {0};

    for (int i = 0; i < options.rounds; i++) {
        bench_add(&mine, ours(bench_size(&options, 120000, 4000)));
        bench_add(&nginx, others(bench_size(&options, 40000, 2000)));
    }
    bench_row_print(
        &(bench_row){.id = "14",
                     .question = "front, direct mode, requests on one core with Redis",
                     .unit = "1/s",
                     .ours = &mine,
                     .other = &nginx,
                     .against = "nginx with Lua and the one-user script, kept connections",
                     .goal = BENCH_RATIO_AT_LEAST,
                     .limit = 3,
                     .note = "closed loop, 512 connections of TCP; users, request ids of 16 bytes; ours with a session of "
                             "his own for each user, checked, and 8 shards; AOF everysec"});
    return 0;
}
