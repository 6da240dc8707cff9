/* policy - what the signer signs: one table, and the checks of entries.
 *
 * What can only reduce risk or read (queries, cancels, reduce-only and closing orders, the isolated and
 * one-way settings) is signed freely.  An entry needs its approval: a token of risk's key, for this account
 * and mode, made under the configuration in force, unexpired by both clocks, of this boot, issued since the
 * signer began, used for no other body, and equal to the order in every parameter.  The hard limits are repeated: size, notional, leverage, and the
 * collar around the price witness's mark.  No entry at all while stopped.  Anything else is refused: there is
 * no code for it.
 *
 * Errors:  ERR_REFUSED with the reason in `why`, "NAME: text".   Memory: values.   Threads: one.
 */
#ifndef AGENTS_EXECUTION_POLICY_H
#define AGENTS_EXECUTION_POLICY_H

#include "agents/execution/body.h"
#include "proto/dec.h"
#include "proto/token.h"

#define POLICY_WHY_MAX 80
#define POLICY_USED    256      /* approvals remembered; they live 5 s */

/* Zero: no such limit. */
struct policy_limits {
    uint64_t config_hash;       /* of the configuration; zero is one like any other */
    int64_t max_leverage;
    dec_t max_notional;         /* of one order, quote currency */
    dec_t collar;               /* most distance of the price from the mark, as a fraction of it */
    int64_t mark_age_ns;        /* an older mark is none */
};

struct policy_used {
    uint8_t approval_id[16], body[16];
    uint64_t counter;
};

struct policy {
    enum token_mode mode;
    uint8_t account[16], boot_id[16];
    int64_t since_ns;           /* tokens issued before are somebody else's: refused */
    struct policy_limits limits;
    uint64_t last_counter;
    struct policy_used used[POLICY_USED];       /* a ring */
    int next;
    /* Keeps a use on disk before anything is signed; false: it could not.  NULL: not kept. */
    bool (*keep)(void *arg, const struct policy_used *u);
    void *keep_arg;
};

/* A request to sign.  token NULL with none; tick and multiplier are the contract's, for entries that no witness
 * checks. */
struct policy_request {
    const char *method, *target;
    const struct body *what;    /* NULL: no body */
    const void *body;           /* as body_write writes it */
    size_t len;
    const uint8_t *token;
    size_t token_len;
    dec_t tick, multiplier;
};

/* What the price witness says of a contract. */
struct policy_mark {
    dec_t mark, tick, multiplier;
    int64_t max_qty, max_leverage;
    int64_t boot_ns;            /* when it was heard from the venue; CLOCK_BOOTTIME */
};

struct policy_now {
    int64_t wall_ns, boot_ns;
    const uint8_t *public_key;  /* risk's, TOKEN_PUBLIC bytes; NULL: not there yet */
    const struct policy_mark *mark;         /* of the entry's symbol; NULL: none yet */
    const char *stopped;        /* why no entry is signed; NULL: they are */
};

int policy_check(struct policy *p, const struct policy_request *r, const struct policy_now *now,
                 char why[POLICY_WHY_MAX]);
/* ERR_REFUSED when one of `to` is looser than the one in force. */
int policy_tighten(struct policy *p, const struct policy_limits *to, char why[POLICY_WHY_MAX]);
/* A use found on disk, in the order in which they were kept. */
void policy_remember(struct policy *p, const struct policy_used *u);

#endif
