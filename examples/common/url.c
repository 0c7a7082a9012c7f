/* See url.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uriparser/Uri.h>

bool url_has_scheme(const char *text, const char *scheme) {
    size_t size = strlen(scheme);
    return strncasecmp(text, scheme, size) == 0 && strncmp(text + size, "://", 3) == 0;
}

static int refuse(char trouble[256], const char *sentence, const char *what) {
    (void)snprintf(trouble, 256, "%s%s", sentence, what);
    return 0;
}

/* Copies a part and decodes it in its place, where it never grows. */
static int decode(const char *first, const char *after, char *out, size_t room, const char *what, char trouble[256]) {
    size_t size = first ? (size_t)(after - first) : 0;
    if (size >= room) {
        return refuse(trouble, what, " of the URL is too long");
    }
    if (size > 0) {
        memcpy(out, first, size);
    }
    out[size] = '\0';
    out[uriUnescapeInPlaceA(out) - out] = '\0';
    return 1;
}

static int read_user(const UriTextRangeA *info, const char *secrets, url *parsed, char trouble[256]) {
    if (info->first && memchr(info->first, ':', (size_t)(info->afterLast - info->first))) {
        return refuse(trouble, "a password does not belong into a URL, where others see it: put it into ", secrets);
    }
    return decode(info->first, info->afterLast, parsed->user, sizeof parsed->user, "the user", trouble);
}

static int read_port(const UriTextRangeA *text, url *parsed, char trouble[256]) {
    size_t size = text->first ? (size_t)(text->afterLast - text->first) : 0;
    if (size == 0) {
        return 1;
    }
    unsigned long port = size <= 5 ? strtoul(text->first, NULL, 10) : 0; /* the grammar lets only digits in */
    parsed->port = (unsigned)port;
    return port >= 1 && port <= 65535 ? 1 : refuse(trouble, "the URL's port is not 1 to 65535", "");
}

/* The path's segments are one stretch of the text. */
static int read_path(const UriUriA *uri, url *parsed, char trouble[256]) {
    if (!uri->pathHead) {
        return 1;
    }
    parsed->has_path = true;
    return decode(uri->pathHead->text.first, uri->pathTail->text.afterLast, parsed->path, sizeof parsed->path, "the path",
                  trouble);
}

static int keep_query(const UriQueryListA *list, url *parsed, char trouble[256]) {
    for (; list; list = list->next) {
        if (parsed->queries == URL_QUERY_MAX || strlen(list->key) >= URL_NAME_SIZE ||
            (list->value && strlen(list->value) >= URL_VALUE_SIZE)) {
            return refuse(trouble, "the URL's query is too long", "");
        }
        if (url_query(parsed, list->key)) {
            return refuse(trouble, "a name stands twice in the URL's query", "");
        }
        (void)snprintf(parsed->query[parsed->queries].name, URL_NAME_SIZE, "%s", list->key);
        (void)snprintf(parsed->query[parsed->queries].value, URL_VALUE_SIZE, "%s", list->value ? list->value : "");
        parsed->queries++;
    }
    return 1;
}

static int read_query(const UriTextRangeA *text, url *parsed, char trouble[256]) {
    UriQueryListA *list = NULL;
    int count = 0;
    if (!text->first || text->first == text->afterLast) {
        return 1;
    }
    if (uriDissectQueryMallocExA(&list, &count, text->first, text->afterLast, URI_FALSE, URI_BR_DONT_TOUCH) != URI_SUCCESS) {
        return refuse(trouble, "the URL's query cannot be read", "");
    }
    int fits = keep_query(list, parsed, trouble);
    uriFreeQueryListA(list);
    return fits;
}

static int read_parts(const UriUriA *uri, const char *secrets, url *parsed, char trouble[256]) {
    return decode(uri->scheme.first, uri->scheme.afterLast, parsed->scheme, sizeof parsed->scheme, "the scheme", trouble) &&
           read_user(&uri->userInfo, secrets, parsed, trouble) &&
           decode(uri->hostText.first, uri->hostText.afterLast, parsed->host, sizeof parsed->host, "the host", trouble) &&
           read_port(&uri->portText, parsed, trouble) && read_path(uri, parsed, trouble) &&
           read_query(&uri->query, parsed, trouble);
}

int url_parse(const char *text, const char *secrets, url *parsed, char trouble[256]) {
    UriUriA uri;
    memset(parsed, 0, sizeof *parsed);
    if (strstr(text, "%00")) {
        return refuse(trouble, "a NUL does not belong into a URL", "");
    }
    if (uriParseSingleUriA(&uri, text, NULL) != URI_SUCCESS) {
        return refuse(trouble, "this is no URL: percent-encode what is not a letter, a digit or one of -._~", "");
    }
    int good = uri.fragment.first                       ? refuse(trouble, "a # in the URL is written %23", "")
               : uri.scheme.first && uri.hostText.first ? read_parts(&uri, secrets, parsed, trouble)
                                                        : refuse(trouble, "the URL is not SCHEME://[USER@]HOST[:PORT]/...", "");
    uriFreeUriMembersA(&uri);
    return good;
}

const char *url_query(const url *parsed, const char *name) {
    for (unsigned i = 0; i < parsed->queries; i++) {
        if (strcmp(parsed->query[i].name, name) == 0) {
            return parsed->query[i].value;
        }
    }
    return NULL;
}

const char *url_unknown_query(const url *parsed, const char *const *known) {
    for (unsigned i = 0; i < parsed->queries; i++) {
        const char *const *name = known;
        while (*name && strcmp(*name, parsed->query[i].name) != 0) {
            name++;
        }
        if (!*name) {
            return parsed->query[i].name;
        }
    }
    return NULL;
}
