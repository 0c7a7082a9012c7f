/* Connecting to a MySQL server, and what its errors are to us; see orders_sql.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_mysql.h"

#include "url.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_S = 10, TIMEOUT_MAX_S = 600 };

/* Those that libmariadb's headers do not name, or name otherwise. */
enum {
    NO_SPACE = 28, /* of the system */
    EE_WRITE = 3,  /* could not write to a file */
    AUTHENTICATION_FAILED = 1698,
    READ_ONLY_MODE = 1836,
    CONNECTION_KILLED = 1927,
    IDLE_DISCONNECT = 4031
};

/* ---- errors ---- */

static bool is_about_space(const char *message) {
    return strstr(message, "No space left") || strstr(message, "errno: 28") || strstr(message, "Errcode: 28") ||
           strstr(message, "error 28");
}

static orders_db_status status_of(unsigned code, const char *message) {
    switch (code) {
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
        return ORDERS_DB_BUSY;
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_HOST_NOT_PRIVILEGED:
    case ER_NO_SUCH_USER: /* the definer of the triggers is gone */
    case AUTHENTICATION_FAILED:
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
        return ORDERS_DB_DENIED;
    case ER_BAD_DB_ERROR:
        return ORDERS_DB_MISSING;
    case ER_NO_SUCH_TABLE:
    case ER_BAD_FIELD_ERROR:
        return ORDERS_DB_SCHEMA;
    case ER_RECORD_FILE_FULL:
    case ER_DISK_FULL:
        return ORDERS_DB_FULL;
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
    case READ_ONLY_MODE:
        return ORDERS_DB_READONLY;
    case ER_NOT_KEYFILE:
    case ER_CRASHED_ON_USAGE:
    case ER_INDEX_CORRUPT:
        return ORDERS_DB_CORRUPT;
    case ER_OUTOFMEMORY:
    case ER_OUT_OF_RESOURCES:
    case CR_OUT_OF_MEMORY:
        return ORDERS_DB_NO_MEMORY;
    case ER_SERVER_SHUTDOWN:
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_HOST_IS_BLOCKED:
    case CONNECTION_KILLED:
    case IDLE_DISCONNECT:
    case CR_SERVER_LOST_EXTENDED:
        return ORDERS_DB_UNREACHABLE;
    default: /* the client library's own are 2000 and up: all of the connection, but for mistakes of ours */
        return is_about_space(message)       ? ORDERS_DB_FULL
               : code >= 2000 && code < 2030 ? ORDERS_DB_UNREACHABLE
                                             : ORDERS_DB_FAILED;
    }
}

orders_db_status orders_mysql_failed(orders_db *db, unsigned code, const char *message, const char *doing) {
    orders_mysql_connection *c = orders_mysql_of(db);
    orders_db_status status = status_of(code, message);
    c->failed = true;
    c->lost = c->lost || status == ORDERS_DB_UNREACHABLE;
    return orders_db__fail(db, status, "%s: %s (MySQL error %u)%s", doing, message, code,
                           code == ER_NO_SUCH_TABLE ? ": run `seckill-ctl orders migrate`" : "");
}

static orders_db_status failed(orders_db *db, const char *doing) {
    MYSQL *mysql = &orders_mysql_of(db)->mysql;
    return orders_mysql_failed(db, mysql_errno(mysql), mysql_error(mysql), doing);
}

/* ---- plain SQL ---- */

orders_db_status orders_mysql_exec(orders_db *db, const char *sql, const char *doing) {
    return mysql_query(&orders_mysql_of(db)->mysql, sql) == 0 ? ORDERS_DB_OK : failed(db, doing);
}

orders_db_status orders_mysql_number(orders_db *db, const char *sql, const char *doing, int64_t *number, bool *found) {
    MYSQL *mysql = &orders_mysql_of(db)->mysql;
    MYSQL_RES *result = mysql_query(mysql, sql) == 0 ? mysql_store_result(mysql) : NULL;
    if (!result) {
        return failed(db, doing);
    }
    MYSQL_ROW row = mysql_fetch_row(result);
    *found = row && row[0];
    *number = *found ? strtoll(row[0], NULL, 10) : 0;
    mysql_free_result(result);
    return ORDERS_DB_OK;
}

/* ---- where ---- */

typedef struct {
    url url;
    const char *socket, *defaults_file; /* NULL: not given */
    unsigned timeout_s;
    bool wants_tls;
} place;

static orders_db_status refuse(orders_db *db, const char *sentence, const char *what) {
    return orders_db__fail(db, ORDERS_DB_INVALID, "%s%s", sentence, what);
}

static bool read_timeout(place *at) {
    const char *text = url_query(&at->url, "timeout");
    char *end = NULL;
    unsigned long value = text ? strtoul(text, &end, 10) : TIMEOUT_S;
    at->timeout_s = (unsigned)value;
    return value >= 1 && value <= TIMEOUT_MAX_S && (!text || (*text >= '0' && *text <= '9' && !*end));
}

static bool is_this_machine(const place *at) {
    return at->socket || strcmp(at->url.host, "localhost") == 0 || strncmp(at->url.host, "127.", 4) == 0 ||
           strcmp(at->url.host, "::1") == 0;
}

/* Across a network nothing goes in plain text unless somebody says so. */
static bool read_tls(place *at) {
    const char *text = url_query(&at->url, "tls");
    at->wants_tls = text ? strcmp(text, "verify") == 0 : !is_this_machine(at);
    return !text || at->wants_tls || strcmp(text, "off") == 0;
}

static orders_db_status read_place(orders_db *db, const char *where, place *at) {
    static const char *const known[] = {"socket", "defaults-file", "timeout", "tls", NULL};
    char trouble[256];
    if (!url_parse(where, "the environment's SECKILL_ORDERS_PASSWORD or the option file of defaults-file=FILE", &at->url,
                   trouble)) {
        return refuse(db, trouble, "");
    }
    if (url_unknown_query(&at->url, known)) {
        return refuse(db, "the URL knows only socket=, defaults-file=, timeout= and tls=", "");
    }
    if (!*at->url.user || !*at->url.path || strchr(at->url.path, '/')) {
        return refuse(db, "the URL must name a user and a database: mysql://USER@HOST/DATABASE", "");
    }
    at->socket = url_query(&at->url, "socket");
    at->defaults_file = url_query(&at->url, "defaults-file");
    if (!*at->url.host && !at->socket) {
        return refuse(db, "the URL must name a host or ?socket=PATH", "");
    }
    if (!read_tls(at)) {
        return refuse(db, "tls= is verify or off", "");
    }
    return read_timeout(at) ? ORDERS_DB_OK : refuse(db, "timeout= is 1 to 600 seconds", "");
}

orders_db_status orders_mysql_check(orders_db *db, const char *where) {
    place at;
    return read_place(db, where, &at);
}

/* ---- connecting ---- */

/* libmariadb passes over an option file that it cannot read. */
static orders_db_status read_defaults(orders_db *db, MYSQL *mysql, const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "the option file %s: %s", path, strerror(errno));
    }
    (void)fclose(file);
    (void)mysql_options(mysql, MYSQL_READ_DEFAULT_FILE, path);
    (void)mysql_options(mysql, MYSQL_READ_DEFAULT_GROUP, "seckill");
    return ORDERS_DB_OK;
}

static orders_db_status set_options(orders_db *db, MYSQL *mysql, const place *at, unsigned lock_s) {
    unsigned answer_s = at->timeout_s + lock_s, tcp = MYSQL_PROTOCOL_TCP, no = 0;
    const my_bool yes = 1;
    orders_db_status status = at->defaults_file ? read_defaults(db, mysql, at->defaults_file) : ORDERS_DB_OK;
    (void)mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
    (void)mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &at->timeout_s);
    (void)mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    (void)mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &at->timeout_s);
    if (!at->socket && at->url.port) {
        (void)mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp); /* "localhost" would be a unix socket's */
    }
    if (at->wants_tls) {
        (void)mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
        (void)mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    }
    return status;
}

/* One transaction after the other is all that is needed, so each statement may see what was committed before it. A session
 * that dies in a transaction lets go of the lock when the server finds out; one that stands still, on MariaDB only. */
static orders_db_status set_session(orders_db *db, unsigned timeout_s, unsigned lock_s) {
    orders_mysql_connection *c = orders_mysql_of(db);
    char sql[256];
    (void)snprintf(
        sql, sizeof sql,
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, completion_type = 'NO_CHAIN', "
        "innodb_lock_wait_timeout = %u, lock_wait_timeout = %u",
        lock_s, lock_s);
    orders_db_status status = orders_mysql_exec(db, sql, "setting up the session");
    if (status == ORDERS_DB_OK && c->is_mariadb) {
        (void)snprintf(sql, sizeof sql, "SET SESSION idle_transaction_timeout = %u", timeout_s + lock_s);
        status = orders_mysql_exec(db, sql, "setting up the session");
    }
    (void)snprintf(sql, sizeof sql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ %s",
                   c->read_only ? "ONLY" : "WRITE");
    return status == ORDERS_DB_OK ? orders_mysql_exec(db, sql, "setting up the session") : status;
}

static orders_db_status connect_to(orders_db *db, const place *at) {
    orders_mysql_connection *c = orders_mysql_of(db);
    const char *password = getenv("SECKILL_ORDERS_PASSWORD");
    const my_bool no = 0, yes = 1;
    char doing[URL_PART_SIZE + URL_VALUE_SIZE + 32];
    (void)snprintf(doing, sizeof doing, "connecting to %s", at->socket ? at->socket : at->url.host);
    /* Met rows are counted, changed or not, as everywhere else. */
    if (!mysql_real_connect(&c->mysql, at->socket ? "localhost" : at->url.host, at->url.user,
                            password && *password ? password : NULL, at->url.path, at->url.port, at->socket,
                            CLIENT_FOUND_ROWS)) {
        return failed(db, doing);
    }
    /* Only now, since connecting reads the option file, which may say otherwise: a session that is made behind our back would
     * not be set up, and a value that was cut would be taken for whole. */
    (void)mysql_options(&c->mysql, MYSQL_OPT_RECONNECT, &no);
    (void)mysql_options(&c->mysql, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    c->is_mariadb = strstr(mysql_get_server_info(&c->mysql), "MariaDB") != NULL;
    if (at->wants_tls && !mysql_get_ssl_cipher(&c->mysql)) {
        return orders_db__fail(db, ORDERS_DB_DENIED, "%s: the connection is not encrypted; tls=off in the URL allows that",
                               doing);
    }
    return ORDERS_DB_OK;
}

orders_db_status orders_mysql_connect(orders_db *db, const char *where, unsigned flags, uint32_t busy_timeout_ms) {
    unsigned lock_s = busy_timeout_ms <= 1000 ? 1 : (busy_timeout_ms + 999) / 1000;
    place at;
    orders_mysql_connection *c = db->connection = calloc(1, sizeof *c);
    if (!c || !mysql_init(&c->mysql)) {
        free(c);
        db->connection = NULL;
        return orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    c->read_only = (flags & ORDERS_DB_READ_ONLY) != 0;
    orders_db_status status = read_place(db, where, &at);
    if (status == ORDERS_DB_OK) {
        status = set_options(db, &c->mysql, &at, lock_s);
    }
    if (status == ORDERS_DB_OK) {
        status = connect_to(db, &at);
    }
    return status == ORDERS_DB_OK ? set_session(db, at.timeout_s, lock_s) : status;
}

void orders_mysql_disconnect(orders_db *db) {
    orders_mysql_connection *c = orders_mysql_of(db);
    if (c) { /* not where it was only checked */
        mysql_close(&c->mysql);
        free(c);
    }
}
