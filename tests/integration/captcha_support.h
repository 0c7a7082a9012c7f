/* What the tests of the front's captcha share: key files, solving, asking for units with an answer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_CAPTCHA_SUPPORT_H
#define SK_TESTS_CAPTCHA_SUPPORT_H

#include "altcha.h"
#include "front_harness.h"

enum { CAPTCHA_TEXT = 8192 };

#define CAPTCHA_REQUESTS "/v1/activities/sale/items/phone/requests"
#define CAPTCHA_KEY "a key of this test, of more than thirty-two bytes"
#define CAPTCHA_KEY_2 "another key of this test, of more than thirty-two bytes"

/* A new file under /tmp with this text; path: 64 bytes. */
void captcha_write(char path[64], const char *text);
void captcha_rewrite(const char *path, const char *text);

/* The answer to a challenge, by trying, as the widget gives it. False: it has none. */
bool captcha_solve(const char *challenge, const char *salt, const char *signature, int64_t max_number,
                   char payload[CAPTCHA_TEXT]);

/* Gets a challenge of the front's for a user and "sale", and solves it. */
void captcha_answer(const front *one, const char *user, char payload[CAPTCHA_TEXT]);

/* The answer to a challenge that is made here, with any key, for any activity, ending at any time (seconds). */
void captcha_made(const char *key, const char *user, const char *activity, int64_t expires, char payload[CAPTCHA_TEXT]);

/* Asks for a unit. `captcha` NULL: without one; `more`: further members, each with a comma before it. */
int captcha_ask(const front *one, const char *user, const char *id, const char *captcha, const char *more,
                front_answer *answer);

#endif
