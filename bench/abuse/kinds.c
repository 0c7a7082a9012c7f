#include "kinds.h"

/* What a captcha is looked at for is also refused where nothing is left. */
#define OR_SOLD_OUT " sold_out"

const abuse_kind abuse_kinds[] = {
    {"listed users", "blacklisted", TO_REQUESTS, CRAFT_GOOD, CRAFT_GOOD, USER_LISTED, FROM_OWN, 0},
    {"listed users, as if it were a retry", "blacklisted", TO_RETRIES, CRAFT_GOOD, CRAFT_GOOD, USER_LISTED, FROM_OWN, 0},
    {"listed addresses", "blacklisted", TO_REQUESTS, CRAFT_GOOD, CRAFT_GOOD, USER_NEW, FROM_LISTED, 0},
    {"listed network", "blacklisted", TO_REQUESTS, CRAFT_GOOD, CRAFT_GOOD, USER_NEW, FROM_LISTED_NETWORK, 0},
    {"too fast: a few users", "rate_limited blacklisted captcha_missing" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_NONE,
     USER_FAST, FROM_OWN, 10},
    {"too fast: a few addresses", "rate_limited blacklisted captcha_missing" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_NONE,
     USER_NEW, FROM_FEW, 10},
    {"pipelined floods", "rate_limited blacklisted no_session", TO_REQUESTS, CRAFT_NONE, CRAFT_NONE, USER_NEW, FROM_FEW,
     ABUSE_BATCH_MAX},

    {"no session", "no_session", TO_REQUESTS, CRAFT_NONE, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"sessions that are none", "token_garbage", TO_REQUESTS, CRAFT_GARBAGE, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"truncated sessions", "token_truncated", TO_REQUESTS, CRAFT_TRUNCATED, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"forged sessions", "token_forged", TO_REQUESTS, CRAFT_FORGED, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"sessions of another key", "token_key", TO_REQUESTS, CRAFT_OTHER_KEY, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"expired sessions", "token_expired", TO_REQUESTS, CRAFT_EXPIRED, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},
    {"another token for a session", "token_purpose", TO_REQUESTS, CRAFT_OTHER, CRAFT_GOOD, USER_NEW, FROM_OWN, 0},

    {"no captcha", "captcha_missing" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_NONE, USER_NEW, FROM_OWN, 0},
    {"no captcha, as if it were a retry", "captcha_missing", TO_RETRIES, CRAFT_GOOD, CRAFT_NONE, USER_NEW, FROM_OWN, 0},
    {"captchas that are none", "captcha_wrong" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_GARBAGE, USER_NEW, FROM_OWN, 0},
    {"wrong captchas", "captcha_wrong" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_FORGED, USER_NEW, FROM_OWN, 0},
    {"captchas of another key", "captcha_wrong" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_OTHER_KEY, USER_NEW, FROM_OWN, 0},
    {"expired captchas", "captcha_expired" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_EXPIRED, USER_NEW, FROM_OWN, 0},
    {"captchas for another activity", "captcha_wrong" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_OTHER, USER_NEW, FROM_OWN, 0},
    {"stolen captchas", "captcha_wrong" OR_SOLD_OUT, TO_REQUESTS, CRAFT_GOOD, CRAFT_STOLEN, USER_NEW, FROM_OWN, 0},
    {"stolen captchas, with their session", "captcha_used" OR_SOLD_OUT, TO_REQUESTS, CRAFT_STOLEN, CRAFT_STOLEN, USER_NEW,
     FROM_OWN, 0},

    {"stolen reservations: orders", "not_yours", TO_ORDERS, CRAFT_GOOD, CRAFT_STOLEN, USER_NEW, FROM_OWN, 0},
    {"stolen reservations: cancellations", "not_yours", TO_CANCELLATIONS, CRAFT_GOOD, CRAFT_STOLEN, USER_NEW, FROM_OWN, 0},
    {"forged reservations: orders", "token_forged", TO_ORDERS, CRAFT_GOOD, CRAFT_FORGED, USER_NEW, FROM_OWN, 0},
    {"forged reservations: cancellations", "token_forged", TO_CANCELLATIONS, CRAFT_GOOD, CRAFT_FORGED, USER_NEW, FROM_OWN, 0},
    {"reservations of another key", "token_key", TO_ORDERS, CRAFT_GOOD, CRAFT_OTHER_KEY, USER_NEW, FROM_OWN, 0},
    {"another token for a reservation", "token_purpose", TO_ORDERS, CRAFT_GOOD, CRAFT_OTHER, USER_NEW, FROM_OWN, 0},
    {"truncated reservations", "token_truncated", TO_ORDERS, CRAFT_GOOD, CRAFT_TRUNCATED, USER_NEW, FROM_OWN, 0},
    {"expired reservations", "token_expired", TO_ORDERS, CRAFT_GOOD, CRAFT_EXPIRED, USER_NEW, FROM_OWN, 0},
    {"stolen tickets", "not_yours", TO_TICKETS, CRAFT_GOOD, CRAFT_STOLEN, USER_NEW, FROM_OWN, 0},
    {"forged tickets", "token_forged", TO_TICKETS, CRAFT_GOOD, CRAFT_FORGED, USER_NEW, FROM_OWN, 0},
    {"tickets of another key", "token_key", TO_TICKETS, CRAFT_GOOD, CRAFT_OTHER_KEY, USER_NEW, FROM_OWN, 0},

    {"malformed JSON", "bad_request invalid", TO_BAD_JSON, CRAFT_GOOD, CRAFT_NONE, USER_NEW, FROM_OWN, 0},
    {"malformed HTTP", "", TO_SHAPES, CRAFT_NONE, CRAFT_NONE, USER_NEW, FROM_OWN, 0}, /* each shape has its own answer */
};

const abuse_kind overload_kind = {
    "too many: each a user of his own", "sold_out busy", TO_REQUESTS, CRAFT_GOOD, CRAFT_GOOD, USER_OF_CROWD, FROM_CROWD, 0};

const size_t abuse_kind_count = sizeof(abuse_kinds) / sizeof(abuse_kinds[0]);

_Static_assert(sizeof(abuse_kinds) / sizeof(abuse_kinds[0]) <= ABUSE_KINDS_MAX, "there are more kinds than places");
