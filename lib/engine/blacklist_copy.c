#include "engine/blacklist_copy.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_siphashx24_BYTES == SK__HASH_SIZE, "two words of a hash");
_Static_assert(crypto_shorthash_siphashx24_KEYBYTES == SK__HASH_SIZE, "and its key");

enum { FIRST_ROOM = 8, PREFIX_SHIFT = 56 };

typedef struct {
    uint32_t segment;
    uint64_t hash;
} digest;

static digest digest_of(const sk__blacklist_copy *copy, const sk__subject *subject) {
    uint64_t words[2];
    digest made;

    (void)crypto_shorthash_siphashx24((unsigned char *)words, subject->bytes, subject->size, copy->key);
    made.segment = (uint32_t)(words[0] % SK__SEGMENTS);
    made.hash = words[1] != 0 ? words[1] : 1; /* 0 marks a free place */
    return made;
}

static bool is_free(const sk__listed *place) {
    return place->hash == 0;
}

static uint64_t ends_of(const sk__listed *place) {
    return place->ends & SK__FOREVER;
}

/* ---- life ---- */

sk__blacklist_copy *sk__blacklist_copy_new(const seckill_allocator *allocator, uint64_t max) {
    sk__blacklist_copy *copy = sk__calloc(allocator, 1, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    copy->allocator = allocator;
    copy->max = max;
    copy->bytes = sizeof(*copy);
    randombytes_buf(copy->key, sizeof(copy->key));
    return copy;
}

void sk__blacklist_copy_free(sk__blacklist_copy *copy) {
    if (copy == NULL)
        return;
    for (size_t i = 0; i < SK__SEGMENTS; i++)
        sk__free(copy->allocator, copy->segments[i].places);
    sk__free(copy->allocator, copy);
}

/* ---- prefixes ---- */

static void collect_lengths(sk__blacklist_copy *copy) {
    copy->length_count = 0;
    for (unsigned length = 0; length <= SK__ADDRESS_BITS; length++) {
        if (copy->prefixes[length] != 0)
            copy->lengths[copy->length_count++] = (uint8_t)length;
    }
}

/* Of an address one more than the length of its prefix; 0 of what is none. */
static uint64_t mark_of(const sk__subject *subject) {
    uint8_t prefix;

    return sk__subject_is_address(subject, &prefix) ? prefix + 1U : 0;
}

static void count_prefix(sk__blacklist_copy *copy, uint64_t mark, bool came) {
    if (mark == 0)
        return;
    copy->prefixes[mark - 1] += came ? 1 : UINT32_MAX;
    if (copy->prefixes[mark - 1] <= 1)
        collect_lengths(copy);
}

/* ---- segments ---- */

static sk__segment *segment_of(sk__blacklist_copy *copy, digest wanted) {
    return &copy->segments[wanted.segment];
}

static size_t home_of(const sk__segment *segment, const sk__listed *place) {
    return (size_t)place->hash & (segment->room - 1);
}

/* Where a hash stands, or belongs. There is always a free place. */
static sk__listed *find(const sk__segment *segment, uint64_t hash) {
    size_t at = (size_t)hash & (segment->room - 1);

    while (!is_free(&segment->places[at]) && segment->places[at].hash != hash)
        at = (at + 1) & (segment->room - 1);
    return &segment->places[at];
}

static bool grow(sk__blacklist_copy *copy, sk__segment *segment) {
    sk__segment larger = {NULL, segment->room != 0 ? 2 * segment->room : FIRST_ROOM, segment->used};

    larger.places = sk__calloc(copy->allocator, larger.room, sizeof(larger.places[0]));
    if (larger.places == NULL)
        return false;
    for (uint32_t i = 0; i < segment->room; i++) {
        const sk__listed *place = &segment->places[i];

        if (!is_free(place))
            *find(&larger, place->hash) = *place;
    }
    copy->bytes += (uint64_t)(larger.room - segment->room) * sizeof(larger.places[0]);
    sk__free(copy->allocator, segment->places);
    *segment = larger;
    return true;
}

/* Frees a place; who stands behind it only because it was taken moves up. */
static void vacate(sk__blacklist_copy *copy, sk__segment *segment, sk__listed *place) {
    size_t mask = segment->room - 1, hole = (size_t)(place - segment->places);

    copy->entries--;
    segment->used--;
    count_prefix(copy, place->ends >> PREFIX_SHIFT, false);
    for (size_t at = (hole + 1) & mask; !is_free(&segment->places[at]); at = (at + 1) & mask) {
        size_t home = home_of(segment, &segment->places[at]);

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            segment->places[hole] = segment->places[at];
            hole = at;
        }
    }
    memset(&segment->places[hole], 0, sizeof(segment->places[0]));
}

/* ---- subjects ---- */

void sk__blacklist_copy_set(sk__blacklist_copy *copy, const sk__subject *subject, uint64_t ends) {
    digest wanted = digest_of(copy, subject);
    sk__segment *segment = segment_of(copy, wanted);
    uint64_t mark = mark_of(subject);
    sk__listed *place = segment->room != 0 ? find(segment, wanted.hash) : NULL;

    if (place == NULL || is_free(place)) {
        if (copy->entries >= copy->max || (4 * segment->used >= 3 * segment->room && !grow(copy, segment))) {
            copy->dropped++;
            return;
        }
        place = find(segment, wanted.hash);
        place->hash = wanted.hash;
        copy->entries++;
        segment->used++;
        count_prefix(copy, mark, true);
    }
    place->ends = ends | mark << PREFIX_SHIFT;
}

void sk__blacklist_copy_remove(sk__blacklist_copy *copy, const sk__subject *subject) {
    digest wanted = digest_of(copy, subject);
    sk__segment *segment = segment_of(copy, wanted);
    sk__listed *place = segment->room != 0 ? find(segment, wanted.hash) : NULL;

    if (place != NULL && !is_free(place))
        vacate(copy, segment, place);
}

static uint64_t look(const sk__blacklist_copy *copy, const sk__subject *subject, uint64_t now) {
    digest wanted = digest_of(copy, subject);
    const sk__segment *segment = &copy->segments[wanted.segment];
    const sk__listed *place = segment->room != 0 ? find(segment, wanted.hash) : NULL;

    return place != NULL && !is_free(place) && ends_of(place) > now ? ends_of(place) : 0;
}

uint64_t sk__blacklist_copy_find(const sk__blacklist_copy *copy, const sk__subject *subject, uint64_t now) {
    sk__subject network = *subject;
    uint64_t latest = 0;
    uint8_t prefix;

    if (!sk__subject_is_address(subject, &prefix))
        return look(copy, subject, now);
    for (uint32_t i = copy->length_count; i > 0; i--) { /* from the longest, since it gets shorter and shorter */
        uint64_t ends;

        if (copy->lengths[i - 1] > prefix)
            continue;
        sk__subject_shorten(&network, copy->lengths[i - 1]);
        ends = look(copy, &network, now);
        latest = ends > latest ? ends : latest;
    }
    return latest;
}

void sk__blacklist_copy_sweep(sk__blacklist_copy *copy, uint64_t now) {
    sk__segment *segment = &copy->segments[copy->swept];

    copy->swept = (copy->swept + 1) % SK__SEGMENTS;
    for (uint32_t i = 0; i < segment->room; i++) {
        while (!is_free(&segment->places[i]) && ends_of(&segment->places[i]) <= now)
            vacate(copy, segment, &segment->places[i]);
    }
}
