/* TLS on the connections to Redis, by OpenSSL.
 *
 * OpenSSL keeps errors in a queue of the thread's that the host may use too: it is emptied before each call that looks at it,
 * and left empty.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io/tls.h"

#include "io/sigpipe.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_MAX_SIZE = 256 };

struct sk__tls {
    SSL_CTX *context;
    char *server_name;
    const seckill_allocator *allocator;
};

struct sk__tls_session {
    SSL *ssl;
    redisContextFuncs functions;
    bool waits_to_write;      /* the handshake or reading does */
    bool waits_to_read;       /* writing does */
    char name[NAME_MAX_SIZE]; /* that the certificate must be for */
    const seckill_allocator *allocator;
};

bool sk__tls_is_there(void) {
    return true;
}

/* ---- what a client trusts and shows */

static const char *reason(void) {
    unsigned long error = ERR_peek_error();
    const char *text = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

    return error != 0 && text != NULL ? text : "unknown error";
}

static seckill_status refuse(const sk__log *log, const char *path, const char *why) {
    sk__log_line(log, SECKILL_LOG_ERROR, "TLS: cannot use %s: %s", path, why);
    ERR_clear_error();
    return SECKILL_INVALID;
}

/* OpenSSL itself would ask at the terminal. */
static int no_passphrase(char *text, int size, int writing, void *user_data) {
    (void)text, (void)size, (void)writing, (void)user_data;
    return -1;
}

/* OpenSSL does not look whether the folder is there. */
static bool is_folder(const char *path) {
    struct stat about;

    if (stat(path, &about) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode);
}

static seckill_status load_trusted(SSL_CTX *context, const sk__tls_config *config, const sk__log *log) {
    if (config->ca_folder != NULL && !is_folder(config->ca_folder))
        return refuse(log, config->ca_folder, strerror(errno));
    if (config->ca_file != NULL && SSL_CTX_load_verify_file(context, config->ca_file) != 1)
        return refuse(log, config->ca_file, reason());
    if (config->ca_folder != NULL && SSL_CTX_load_verify_dir(context, config->ca_folder) != 1)
        return refuse(log, config->ca_folder, reason());
    if (config->ca_file == NULL && config->ca_folder == NULL && SSL_CTX_set_default_verify_paths(context) != 1)
        return refuse(log, "the system's certificates", reason());
    return SECKILL_OK;
}

static seckill_status load_own(SSL_CTX *context, const sk__tls_config *config, const sk__log *log) {
    if (config->certificate_file == NULL)
        return SECKILL_OK;
    if (SSL_CTX_use_certificate_chain_file(context, config->certificate_file) != 1)
        return refuse(log, config->certificate_file, reason());
    if (SSL_CTX_use_PrivateKey_file(context, config->key_file, SSL_FILETYPE_PEM) != 1)
        return refuse(log, config->key_file, reason());
    return SECKILL_OK;
}

static void set_rules(SSL_CTX *context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    /* The system's configuration may ask for more. */
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION)
        (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
}

static seckill_status fill(sk__tls *tls, const sk__tls_config *config, const sk__log *log) {
    seckill_status status;

    tls->context = SSL_CTX_new(TLS_client_method());
    tls->server_name = config->server_name != NULL ? sk__strdup(tls->allocator, config->server_name) : NULL;
    if (tls->context == NULL || (tls->server_name == NULL) != (config->server_name == NULL))
        return SECKILL_NO_MEMORY;
    set_rules(tls->context);
    status = load_trusted(tls->context, config, log);
    return status == SECKILL_OK ? load_own(tls->context, config, log) : status;
}

seckill_status sk__tls_new(const sk__tls_config *config, const seckill_allocator *allocator, const sk__log *log,
                           sk__tls **out) {
    sk__tls *tls = sk__calloc(allocator, 1, sizeof(*tls));
    seckill_status status;

    if (tls == NULL)
        return SECKILL_NO_MEMORY;
    tls->allocator = allocator;
    ERR_clear_error();
    status = fill(tls, config, log);
    ERR_clear_error();
    if (status == SECKILL_OK)
        *out = tls;
    else
        sk__tls_free(tls);
    return status;
}

void sk__tls_free(sk__tls *tls) {
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    sk__free(tls->allocator, tls->server_name);
    sk__free(tls->allocator, tls);
}

/* ---- why it does not work */

static bool is_wrong_name(long verdict) {
    return verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* `kind` is SSL_get_error's. */
static void explain(const sk__tls_session *session, int kind, char *text, size_t size) {
    long verdict = SSL_get_verify_result(session->ssl);
    unsigned long error = ERR_peek_error();

    if (is_wrong_name(verdict))
        (void)snprintf(text, size, "TLS: the server's certificate is not for %s", session->name);
    else if (verdict != X509_V_OK)
        (void)snprintf(text, size, "TLS: the server's certificate: %s", X509_verify_cert_error_string(verdict));
    else if (kind == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
             (kind == SSL_ERROR_SYSCALL && errno == 0))
        (void)snprintf(text, size, "TLS: the server closed the connection");
    else if (kind == SSL_ERROR_SYSCALL)
        (void)snprintf(text, size, "TLS: %s", strerror(errno));
    else
        (void)snprintf(text, size, "TLS: %s%s", reason(),
                       SSL_is_init_finished(session->ssl) ? "" : " (in the handshake: does the server speak TLS there?)");
    ERR_clear_error();
}

/* ---- what hiredis calls */

static void prepare(void) {
    ERR_clear_error();
    errno = 0;
}

/* Reading and shaking hands may write, where nobody expects SIGPIPE. Returns SSL_get_error's. */
static int quietly(SSL *ssl, char *buffer, size_t size, size_t *count) {
    sk__sigpipe held;
    int kind;

    prepare();
    sk__sigpipe_hold(&held);
    kind = SSL_get_error(ssl, buffer != NULL ? SSL_read_ex(ssl, buffer, size, count) : SSL_connect(ssl));
    sk__sigpipe_release(&held, kind == SSL_ERROR_SYSCALL || kind == SSL_ERROR_SSL);
    return kind;
}

/* Reading or writing did not work: 0, since it is not the time for it, or -1. */
static ssize_t blocked_or_failed(const sk__tls_session *session, redisContext *context, int kind) {
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return 0;
    context->err = REDIS_ERR_IO;
    explain(session, kind, context->errstr, sizeof(context->errstr));
    return -1;
}

static ssize_t read_some(redisContext *context, char *buffer, size_t size) {
    sk__tls_session *session = context->privctx;
    size_t count = 0;
    int kind = quietly(session->ssl, buffer, size, &count);

    session->waits_to_write = kind == SSL_ERROR_WANT_WRITE; /* to answer a change of keys */
    session->waits_to_read = false;
    return kind == SSL_ERROR_NONE ? (ssize_t)count : blocked_or_failed(session, context, kind);
}

static ssize_t write_some(redisContext *context) {
    sk__tls_session *session = context->privctx;
    size_t size = sdslen(context->obuf), sent = 0, count = 0;
    int kind = SSL_ERROR_NONE;

    while (sent < size && kind == SSL_ERROR_NONE) {
        prepare();
        kind = SSL_get_error(session->ssl, SSL_write_ex(session->ssl, context->obuf + sent, size - sent, &count));
        if (kind == SSL_ERROR_NONE)
            sent += count;
    }
    session->waits_to_read = kind == SSL_ERROR_WANT_READ; /* for the rest of a message of TLS's own */
    if (kind != SSL_ERROR_NONE && blocked_or_failed(session, context, kind) < 0)
        return -1;
    return (ssize_t)sent;
}

/* ---- a connection */

/* Without the dot at the end of an absolute name, and the zone of an address: certificates have neither. */
static void set_name(sk__tls_session *session, const char *name) {
    size_t size;

    (void)snprintf(session->name, sizeof(session->name), "%s", name);
    size = strcspn(session->name, "%");
    if (size > 1 && session->name[size] == '\0' && session->name[size - 1] == '.')
        size--;
    session->name[size] = '\0';
}

/* Only names are told to the server; one that is no name and no address is nobody's. */
static bool expect_name(sk__tls_session *session) {
    SSL_set_hostflags(session->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session->ssl), session->name) == 1)
        return true;
    return SSL_set1_host(session->ssl, session->name) == 1 && SSL_set_tlsext_host_name(session->ssl, session->name) == 1;
}

sk__tls_session *sk__tls_begin(const sk__tls *tls, const char *host, redisContext *context) {
    sk__tls_session *session = sk__calloc(tls->allocator, 1, sizeof(*session));
    bool good;

    if (session == NULL)
        return NULL;
    session->allocator = tls->allocator;
    session->ssl = SSL_new(tls->context);
    set_name(session, tls->server_name != NULL ? tls->server_name : host);
    good = session->ssl != NULL && expect_name(session) && SSL_set_fd(session->ssl, (int)context->fd) == 1;
    ERR_clear_error();
    if (!good) {
        sk__tls_end(session);
        return NULL;
    }
    session->functions = *context->funcs;
    session->functions.read = read_some;
    session->functions.write = write_some;
    context->funcs = &session->functions;
    context->privctx = session;
    return session;
}

void sk__tls_end(sk__tls_session *session) {
    SSL_free(session->ssl);
    sk__free(session->allocator, session);
}

sk__tls_step sk__tls_shake_hands(sk__tls_session *session, char *cause, size_t size) {
    int kind = quietly(session->ssl, NULL, 0, NULL);

    session->waits_to_write = kind == SSL_ERROR_WANT_WRITE;
    if (kind == SSL_ERROR_NONE)
        return SK__TLS_DONE;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return SK__TLS_GOES_ON;
    explain(session, kind, cause, size);
    return SK__TLS_FAILED;
}

bool sk__tls_waits_to_write(const sk__tls_session *session) {
    return session->waits_to_write;
}

bool sk__tls_waits_to_read(const sk__tls_session *session) {
    return session->waits_to_read;
}

bool sk__tls_has_more(const sk__tls_session *session) {
    return SSL_pending(session->ssl) > 0;
}

uint64_t sk__tls_taken(const sk__tls_session *session) {
    return BIO_number_read(SSL_get_rbio(session->ssl));
}
