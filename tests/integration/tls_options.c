/* The options of TLS: what is refused, and what the log says then; also by a library that has no TLS.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* mkdtemp, nftw */
#include "rules_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char log_text[1024];

static int begin(void **state) {
    const char *base = getenv("TMPDIR");
    int status;
    pid_t child;

    (void)state;
    (void)snprintf(folder, sizeof(folder), "%s/tls-XXXXXX", base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) != NULL)
            (void)execl(CERTIFICATES, "certificates", folder, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int end(void **state) {
    (void)state;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void on_line(seckill_log_level level, const char *line, void *user_data) {
    (void)user_data;
    assert_int_equal(level, SECKILL_LOG_ERROR);
    (void)snprintf(log_text + strlen(log_text), sizeof(log_text) - strlen(log_text), "%s\n", line);
}

static seckill_status open_once(seckill_client_options options) {
    seckill_client *client = NULL;
    seckill_status status;

    log_text[0] = '\0';
    options.log = on_line;
    status = seckill_client_open(&options, &client);
    seckill_client_close(client, NULL, NULL);
    return status;
}

static seckill_client_options with_tls(void) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.tls = 1;
    return options;
}

static void options_that_contradict(void **state) {
    static const char *const no_names[] = {"", ".test", ".", "%eth0"};
    char name[SECKILL_SERVER_NAME_MAX + 2];
    seckill_client_options options = with_tls();

    (void)state;
    options.tls = 2;
    assert_status(open_once(options), SECKILL_INVALID);
    options = with_tls();
    options.tls_certificate_file = "certificate without a key";
    assert_status(open_once(options), SECKILL_INVALID);
    options = with_tls();
    options.tls_key_file = "key without a certificate";
    assert_status(open_once(options), SECKILL_INVALID);
    for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
        options = with_tls();
        options.tls_server_name = no_names[i];
        assert_status(open_once(options), SECKILL_INVALID);
    }
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    options.tls_server_name = name;
    assert_status(open_once(options), SECKILL_INVALID);
    options = with_tls();
    options.address = "127.0.0.1,unix:/tmp/redis.sock";
    assert_status(open_once(options), SECKILL_INVALID);
    assert_non_null(strstr(log_text, "unix socket"));
}

/* Whoever names certificates and forgets `tls` must not get plain text. */
static void files_without_tls(void **state) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    (void)state;
    assert_status(open_once(options), SECKILL_OK);
    options.tls_ca_file = "ca.pem";
    assert_status(open_once(options), SECKILL_INVALID);
    options.tls_ca_file = NULL;
    options.tls_ca_folder = "/etc/ssl/certs";
    assert_status(open_once(options), SECKILL_INVALID);
    options.tls_ca_folder = NULL;
    options.tls_server_name = "redis.test";
    assert_status(open_once(options), SECKILL_INVALID);
}

/* A program that was built before there was TLS. */
static void options_of_an_older_program(void **state) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    (void)state;
    options.struct_size = offsetof(seckill_client_options, tls_ca_file);
    options.tls_ca_file = "not there yet";
    options.tls = 77;
    assert_status(open_once(options), SECKILL_OK);
}

static void a_library_without_tls(void **state) {
    (void)state;
    if (seckill_has_tls()) {
        assert_status(open_once(with_tls()), SECKILL_OK);
        return;
    }
    assert_status(open_once(with_tls()), SECKILL_INVALID);
    assert_string_equal(log_text, "TLS: this build of libseckill has none (it needs hiredis 1.0 and OpenSSL 3.0)\n");
}

/* The log has the file, and why it will not do; of a key's text it has nothing. */
static void is_refused(const char *ca_file, const char *ca_folder, const char *certificate, const char *key, const char *why) {
    seckill_client_options options = with_tls();
    char paths[4][96];
    const char *names[4] = {ca_file, ca_folder, certificate, key};

    for (int i = 0; i < 4; i++)
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i] != NULL ? names[i] : "");
    options.tls_ca_file = ca_file != NULL ? paths[0] : NULL;
    options.tls_ca_folder = ca_folder != NULL ? paths[1] : NULL;
    options.tls_certificate_file = certificate != NULL ? paths[2] : NULL;
    options.tls_key_file = key != NULL ? paths[3] : NULL;
    assert_status(open_once(options), SECKILL_INVALID);
    if (strstr(log_text, "TLS: cannot use ") == NULL || strstr(log_text, why) == NULL)
        fail_msg("\"%s\" was not said: %s", why, log_text);
}

static void files_that_cannot_be_used(void **state) {
    (void)state;
    if (!seckill_has_tls())
        skip();
    is_refused("nowhere.pem", NULL, NULL, NULL, "nowhere.pem: No such file or directory");
    is_refused("leaf.key", NULL, NULL, NULL, "leaf.key: ");
    is_refused("issued", NULL, NULL, NULL, "issued: ");
    is_refused("locked.key", NULL, NULL, NULL, "locked.key: ");
    is_refused(NULL, "nowhere", NULL, NULL, "nowhere: No such file or directory");
    is_refused(NULL, "ca.pem", NULL, NULL, "ca.pem: Not a directory");
    is_refused("ca.pem", NULL, "nowhere.pem", "leaf.key", "nowhere.pem: No such file or directory");
    is_refused("ca.pem", NULL, "leaf.key", "leaf.key", "leaf.key: ");
    is_refused("ca.pem", NULL, "client.pem", "nowhere.key", "nowhere.key: No such file or directory");
    is_refused("ca.pem", NULL, "client.pem", "ca.key", "ca.key: key values mismatch");
    is_refused("ca.pem", NULL, "client.pem", "locked.key", "locked.key: "); /* and nobody is asked for the passphrase */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_contradict),     cmocka_unit_test(files_without_tls),
        cmocka_unit_test(options_of_an_older_program), cmocka_unit_test(a_library_without_tls),
        cmocka_unit_test(files_that_cannot_be_used),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
