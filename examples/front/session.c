/* seckill-front: who asks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

enum { WAYS = 4 }; /* places where one token may lie */

typedef struct {
    char *token; /* NULL: free */
    size_t size;
    uint64_t hash;
    int64_t valid_until_ms;
    session_user user;
} remembered;

struct sessions {
    const seckill_keyring *ring;
    uint32_t leeway_ms;
    uint64_t seed;
    size_t sets; /* a power of two; 0: nothing is remembered */
    size_t turn; /* which way makes room next */
    remembered *places;
};

bool session_is(const session_user *user, const uint8_t *bytes, size_t size) {
    return user->size == size && memcmp(user->bytes, bytes, size) == 0;
}

sessions *sessions_new(const seckill_keyring *ring, uint32_t count, uint32_t leeway_ms) {
    sessions *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->ring = ring;
    all->leeway_ms = leeway_ms;
    if (count != 0) {
        all->sets = 1;
        while (all->sets * WAYS < count)
            all->sets *= 2;
        all->places = calloc(all->sets * WAYS, sizeof *all->places);
    }
    if ((count != 0 && all->places == NULL) || uv_random(NULL, NULL, &all->seed, sizeof all->seed, 0, NULL) != 0) {
        sessions_free(all);
        return NULL;
    }
    return all;
}

static void forget(remembered *place) {
    free(place->token);
    memset(place, 0, sizeof *place);
}

static void forget_all(sessions *all) {
    for (size_t i = 0; all->places != NULL && i < all->sets * WAYS; i++)
        forget(&all->places[i]);
}

void sessions_use_ring(sessions *all, const seckill_keyring *ring) {
    all->ring = ring;
    forget_all(all);
}

void sessions_free(sessions *all) {
    if (all == NULL)
        return;
    forget_all(all);
    free(all->places);
    free(all);
}

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* FNV-1a with a secret seed, by words of eight bytes. Only tokens that passed verification are stored, so nobody can crowd a
 * set with garbage. */
static uint64_t hash_of(const sessions *all, http_text token) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ all->seed, word;
    size_t at = 0;
    for (; token.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, token.data + at, sizeof word);
        hash = mixed(hash, word);
    }
    for (; at < token.size; at++)
        hash = mixed(hash, (unsigned char)token.data[at]);
    return hash;
}

/* Takes the same time wherever the texts differ. */
static bool same_text(const char *one, const char *other, size_t size) {
    unsigned char difference = 0;
    for (size_t i = 0; i < size; i++)
        difference = (unsigned char)(difference | (unsigned char)(one[i] ^ other[i]));
    return difference == 0;
}

static remembered *set_of(const sessions *all, uint64_t hash) {
    return all->places + (hash & (all->sets - 1)) * WAYS;
}

static remembered *find(const sessions *all, http_text token, uint64_t hash) {
    for (size_t i = 0; all->sets != 0 && i < WAYS; i++) {
        remembered *place = set_of(all, hash) + i;
        if (place->token != NULL && place->hash == hash && place->size == token.size &&
            same_text(place->token, token.data, token.size))
            return place;
    }
    return NULL;
}

static void remember(sessions *all, http_text token, uint64_t hash, const seckill_reservation_ref *ref) {
    if (all->sets == 0)
        return;
    remembered *place = set_of(all, hash) + all->turn++ % WAYS;
    for (size_t i = 0; i < WAYS; i++)
        if (set_of(all, hash)[i].token == NULL)
            place = set_of(all, hash) + i;
    forget(place);
    place->token = malloc(token.size);
    if (place->token == NULL)
        return;
    memcpy(place->token, token.data, token.size);
    place->size = token.size;
    place->hash = hash;
    place->valid_until_ms = ref->valid_until_ms;
    memcpy(place->user.bytes, ref->user, ref->user_size);
    place->user.size = ref->user_size;
}

static front_code by_token(sessions *all, http_text token, int64_t now_ms, session_user *user) {
    uint64_t hash = hash_of(all, token);
    remembered *known = find(all, token, hash);
    if (known != NULL && now_ms <= known->valid_until_ms + (int64_t)all->leeway_ms) {
        *user = known->user;
        return CODE_OK;
    }
    if (known != NULL) {
        forget(known);
        return CODE_TOKEN_EXPIRED;
    }
    seckill_reservation_ref ref;
    seckill_status status =
        seckill_token_verify(all->ring, SECKILL_TOKEN_SESSION, token.data, token.size, now_ms, all->leeway_ms, &ref);
    if (status != SECKILL_OK)
        return front_code_from(status);
    memcpy(user->bytes, ref.user, ref.user_size);
    user->size = ref.user_size;
    remember(all, token, hash, &ref);
    return CODE_OK;
}

/* What follows the word Bearer; empty: it is not that. */
static http_text bearer(http_text field) {
    static const char scheme[] = "Bearer ";
    size_t length = sizeof scheme - 1;
    if (field.size <= length || strncasecmp(field.data, scheme, length) != 0)
        return (http_text){"", 0};
    while (length < field.size && field.data[length] == ' ')
        length++;
    return (http_text){field.data + length, field.size - length};
}

/* Who wrote one may mean several fields, or another line. */
static bool has_controls(http_text text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

static front_code by_field(const http_request *request, const char *name, session_user *user, const char **detail) {
    http_text text;
    unsigned count = http_request_find(request, name, &text);
    *detail = "the gateway did not say, in one field, who the user is";
    if (count != 1 || text.size == 0)
        return CODE_NO_SESSION;
    *detail = "a user is at most 64 bytes";
    if (text.size > SECKILL_USER_MAX)
        return CODE_NO_SESSION;
    *detail = "a user that comes in a header field has no control characters";
    if (has_controls(text))
        return CODE_NO_SESSION;
    memcpy(user->bytes, text.data, text.size);
    user->size = text.size;
    *detail = NULL;
    return CODE_OK;
}

front_code sessions_identify(sessions *all, const http_request *request, const char *trusted_field, int64_t now_ms,
                             session_user *user, const char **detail) {
    http_text field, token;
    *detail = NULL;
    if (trusted_field != NULL)
        return by_field(request, trusted_field, user, detail);
    unsigned count = http_request_find(request, "Authorization", &field);
    if (count != 1 || (token = bearer(field)).size == 0) {
        *detail =
            count > 1 ? "there is more than one Authorization field" : "a session token is wanted: Authorization: Bearer ...";
        return CODE_NO_SESSION;
    }
    return by_token(all, token, now_ms, user);
}
