/* See mariadb.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "mariadb.h"

#include "process.h"

#include <fcntl.h>
#include <ftw.h>
#include <mysql.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, START_MS = 60000 };

struct mariadb_server {
    char folder[200], socket[256];
    const char *const *lines;
    pid_t pid;   /* 0 while it does not run */
    MYSQL *root; /* NULL until it is used */
};

static const char *program(const char *name) {
    static const char *const folders[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"};
    static char path[128];
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

bool mariadb_available(void) {
    return program("mariadbd") && program("mariadb-install-db");
}

/* ---- processes ---- */

static pid_t spawn(const mariadb_server *s, const char *name, const char *const *options, const char *const *more) {
    char log[256];
    const char *arguments[ARGUMENTS_MAX] = {program(name)};
    size_t count = 1;
    for (; *options; options++) {
        arguments[count++] = *options;
    }
    for (; more && *more && count < ARGUMENTS_MAX - 1; more++) {
        arguments[count++] = *more;
    }
    (void)snprintf(log, sizeof log, "%s/log", s->folder);
    pid_t pid = fork();
    if (pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (out >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
            (void)execv(arguments[0], (char *const *)(void *)arguments);
        }
        _exit(127);
    }
    return pid;
}

static void show_log(const mariadb_server *s) {
    char path[256], line[512];
    (void)snprintf(path, sizeof path, "%s/log", s->folder);
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log)) {
        (void)fputs(line, stderr);
    }
    if (log) {
        (void)fclose(log);
    }
}

static bool make_data(mariadb_server *s) {
    char data[256], temporary[256], user[128];
    const struct passwd *self = getpwuid(geteuid());
    int status = -1;
    (void)snprintf(data, sizeof data, "--datadir=%s/data", s->folder);
    (void)snprintf(temporary, sizeof temporary, "--tmpdir=%s", s->folder);
    (void)snprintf(user, sizeof user, "--user=%s", self ? self->pw_name : "root");
    const char *const options[] = {"--no-defaults",  temporary, data, user, "--auth-root-authentication-method=normal",
                                   "--skip-test-db", NULL};
    pid_t pid = spawn(s, "mariadb-install-db", options, s->lines);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        show_log(s);
        return false;
    }
    return true;
}

static MYSQL *connect_as_root(const mariadb_server *s) {
    MYSQL *mysql = mysql_init(NULL);
    if (mysql && !mysql_real_connect(mysql, "localhost", "root", NULL, NULL, 0, s->socket, 0)) {
        mysql_close(mysql);
        return NULL;
    }
    /* A lock that a failed test has left behind must not make the next one wait for a day. */
    if (mysql) {
        (void)mysql_query(mysql, "SET SESSION lock_wait_timeout = 20");
    }
    return mysql;
}

static bool wait_until_ready(mariadb_server *s) {
    for (int waited = 0; waited < START_MS; waited += 10) {
        s->root = connect_as_root(s);
        if (s->root) {
            return true;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            s->pid = 0;
            break;
        }
        (void)nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    show_log(s);
    return false;
}

static bool run(mariadb_server *s) {
    char data[256], temporary[256], socket[300], pid_file[256], user[128];
    const struct passwd *self = getpwuid(geteuid());
    (void)snprintf(data, sizeof data, "--datadir=%s/data", s->folder);
    /* Its own: a server that starts removes the temporary tables of all others there. */
    (void)snprintf(temporary, sizeof temporary, "--tmpdir=%s", s->folder);
    (void)snprintf(socket, sizeof socket, "--socket=%s", s->socket);
    (void)snprintf(pid_file, sizeof pid_file, "--pid-file=%s/pid", s->folder);
    (void)snprintf(user, sizeof user, "--user=%s", self ? self->pw_name : "root");
    const char *const options[] = {"--no-defaults",
                                   data,
                                   temporary,
                                   socket,
                                   pid_file,
                                   user,
                                   "--skip-networking",
                                   "--skip-ssl", /* from 11.4 on it would make a certificate by itself */
                                   "--innodb-flush-log-at-trx-commit=1",
                                   "--innodb-buffer-pool-size=32M",
                                   "--skip-log-bin",
                                   NULL};
    s->pid = spawn(s, "mariadbd", options, s->lines);
    return s->pid > 0 && wait_until_ready(s);
}

mariadb_server *mariadb_start(const mariadb_options *options) {
    const char *base = options && options->folder ? options->folder : getenv("TMPDIR");
    mariadb_server *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->lines = options ? options->lines : NULL;
    (void)snprintf(s->folder, sizeof s->folder, "%s/mariadb-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(s->folder)) {
        perror(s->folder);
        free(s);
        return NULL;
    }
    (void)snprintf(s->socket, sizeof s->socket, "%s/socket", s->folder);
    if (!make_data(s) || !run(s)) {
        mariadb_free(s);
        return NULL;
    }
    return s;
}

static void end(mariadb_server *s, int number) {
    if (s->root) {
        mysql_close(s->root);
        s->root = NULL;
    }
    if (s->pid > 0) {
        (void)kill(s->pid, number);
        (void)kill(s->pid, SIGCONT);
        (void)waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
}

void mariadb_kill(mariadb_server *s) {
    end(s, SIGKILL);
}

void mariadb_stop(mariadb_server *s) {
    end(s, SIGTERM);
}

void mariadb_pause(mariadb_server *s) {
    (void)process_pause(s->pid);
}

void mariadb_resume(mariadb_server *s) {
    (void)kill(s->pid, SIGCONT);
}

bool mariadb_restart(mariadb_server *s) {
    mariadb_kill(s);
    return run(s);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void mariadb_free(mariadb_server *s) {
    if (s) {
        mariadb_kill(s);
        (void)nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(s);
    }
}

/* ---- where it is, and what is in it ---- */

const char *mariadb_where_as(const mariadb_server *s, const char *user, const char *database) {
    static char text[1024];
    (void)snprintf(text, sizeof text, "mysql://%s@localhost/%s?socket=%s", user, database, s->socket);
    return text;
}

const char *mariadb_where(const mariadb_server *s, const char *database, const char *more) {
    static char text[1100];
    (void)snprintf(text, sizeof text, "%s%s%s", mariadb_where_as(s, "seckill", database), more ? "&" : "", more ? more : "");
    return text;
}

const char *mariadb_socket(const mariadb_server *s) {
    return s->socket;
}

pid_t mariadb_pid(const mariadb_server *s) {
    return s->pid;
}

static bool query(mariadb_server *s, const char *sql) {
    s->root = s->root ? s->root : connect_as_root(s);
    if (!s->root || mysql_query(s->root, sql) != 0) {
        (void)fprintf(stderr, "%s: %s\n", sql, s->root ? mysql_error(s->root) : "the server is not there");
        return false;
    }
    return true;
}

static char *format_sql(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static char *format_sql(const char *format, va_list arguments) {
    char *sql = NULL;
    return vasprintf(&sql, format, arguments) < 0 ? NULL : sql;
}

bool mariadb_sql(mariadb_server *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *sql = format_sql(format, arguments);
    va_end(arguments);
    bool done = sql && query(s, sql);
    if (done) {
        mysql_free_result(mysql_store_result(s->root));
    }
    free(sql);
    return done;
}

long long mariadb_integer(mariadb_server *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *sql = format_sql(format, arguments);
    va_end(arguments);
    MYSQL_RES *result = sql && query(s, sql) ? mysql_store_result(s->root) : NULL;
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    long long value = row && row[0] ? strtoll(row[0], NULL, 10) : -1;
    mysql_free_result(result);
    free(sql);
    return value;
}

bool mariadb_new_database(mariadb_server *s, const char *name) {
    return mariadb_sql(s, "DROP DATABASE IF EXISTS `%s`", name) &&
           mariadb_sql(s, "CREATE DATABASE `%s` CHARACTER SET utf8mb4", name) &&
           mariadb_sql(s, "CREATE USER IF NOT EXISTS seckill@localhost") &&
           mariadb_sql(s, "GRANT ALL ON `%s`.* TO seckill@localhost", name);
}
