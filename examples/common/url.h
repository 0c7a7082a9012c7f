/* URLs that name a server: scheme://USER@HOST:PORT/PATH?NAME=VALUE&..., read by liburiparser.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_URL_H
#define SECKILL_EXAMPLES_URL_H

#include <stdbool.h>

enum {
    URL_PART_SIZE = 256,  /* bytes that hold the user, the host or the path with its NUL */
    URL_NAME_SIZE = 32,   /* the scheme, or a name of the query */
    URL_VALUE_SIZE = 512, /* a value of the query */
    URL_QUERY_MAX = 8     /* names of the query */
};

/* All of it is percent-decoded, and "" where there is none. */
typedef struct {
    char scheme[URL_NAME_SIZE]; /* as it was written */
    char user[URL_PART_SIZE];
    char host[URL_PART_SIZE]; /* an IPv6 address without its brackets */
    unsigned port;            /* 1 to 65,535; 0: none */
    bool has_path;            /* "scheme://host/" has an empty path, "scheme://host" has none */
    char path[URL_PART_SIZE]; /* without its first slash */
    unsigned queries;
    struct {
        char name[URL_NAME_SIZE], value[URL_VALUE_SIZE];
    } query[URL_QUERY_MAX];
} url;

/* Whether a text begins with a scheme and "://". */
bool url_has_scheme(const char *text, const char *scheme);

/* Reads a URL. A password in it is refused: others see the command lines of this machine.
 *   secrets   where a password belongs instead, for the sentence: "the environment's SECKILL_X_PASSWORD"
 *   trouble   gets a sentence where it fails, never with anything of the URL in it
 * 1, or 0. */
int url_parse(const char *text, const char *secrets, url *parsed, char trouble[256]);

/* The value of a name of the query; NULL: it is not there. */
const char *url_query(const url *parsed, const char *name);

/* A name of the query that is none of `known`, which ends with NULL; NULL: all are known. */
const char *url_unknown_query(const url *parsed, const char *const *known);

#endif
