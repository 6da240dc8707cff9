/* A venue without a socket: two accounts, two contracts, and calls signed as clients sign them. */
#ifndef TESTS_PAPER_VENUE_CASE_H
#define TESTS_PAPER_VENUE_CASE_H

#include <string.h>

#include "deploy/paper/push.h"
#include "deploy/paper/rest.h"
#include "libagent/clock.h"
#include "libagent/exchange/auth.h"
#include "libagent/exchange/codec.h"
#include "proto/err.h"
#include "proto/tm.h"
#include "tests/runner.h"

static const char secret[] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
static struct venue venue;
static struct loop *loop;
static struct push *push;

static inline void set_up(void)
{
    char msg[ENGINE_MSG_MAX];
    contracts_init();
    ck_assert_int_eq(loop_new(&loop), ERR_OK);
    push = push_new(loop, &venue);
    struct engine_config c = {.market = "synthetic", .symbols = "XBTUSDTM,ETHUSDTM", .seed = 3,
                              .events = push_events(push)};
    struct engine *e;
    ck_assert_int_eq(engine_open(&c, wall_ns(), &e, msg), ERR_OK);
    venue.keys.n = 2;
    venue.keys.at[0] = (struct apikey){"a", "key-a", "", "paper#Pass1", "General,Futures", {{{0}}}, 0, 0, "", ""};
    venue.keys.at[1] = (struct apikey){"b", "key-b", "", "paper#Pass1", "General", {{{0}}}, 0, 0, "", ""};
    for (int i = 0; i < 2; i++) {
        strcpy(venue.keys.at[i].secret, secret);
        venue.keys.at[i].account_no = engine_account(e, venue.keys.at[i].account, dec_int(10000));
    }
    venue_init(&venue, e, 1, "ws://127.0.0.1:1/");
}

static inline void tear_down(void)
{
    push_destroy(&push);
    engine_close(venue.engine);
    loop_destroy(&loop);
}

/* One call without a socket; the answer's JSON. */
static inline json_t *ask_for(const char *key, const char *method, const char *target, const char *body,
                              int *ret_status, struct rest_answer *ret)
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    struct rest_answer a = {0};
    json_t *v = NULL;
    snprintf(stamp, sizeof stamp, "%lld", (long long)(wall_ns() / NS_PER_MS));
    auth_sign(secret, stamp, method, target, body, strlen(body), sign);
    auth_passphrase(secret, "paper#Pass1", pass);
    struct rest_request q = {method, target, body, strlen(body), "application/json", key, sign, stamp,
                             pass, "2"};
    jw_init(&a.body);
    rest_answer(&venue, &q, &a);
    ck_assert_msg(codec_load(a.body.buf, a.body.len, &v) == ERR_OK, "%s", a.body.buf);
    jw_fini(&a.body);
    if (ret_status != NULL)
        *ret_status = a.status;
    if (ret != NULL)
        *ret = a;
    return v;
}

static inline json_t *ask(const char *key, const char *method, const char *target, const char *body,
                          int *ret_status)
{
    return ask_for(key, method, target, body, ret_status, NULL);
}

static inline void expect_code(const char *key, const char *method, const char *target, const char *body,
                        const char *code)
{
    json_t *v = ask(key, method, target, body, NULL);
    const char *got = codec_chars(json_object_get(v, "code"));
    ck_assert_msg(strcmp(got, code) == 0, "%s %s %s: %s, not %s", method, target, body, got, code);
    json_decref(v);
}

#endif
