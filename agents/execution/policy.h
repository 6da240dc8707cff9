/* policy - what the signer signs: one table, and the token check of entries.
 *
 * What can only reduce risk or read (queries, cancels, reduce-only and closing orders, the isolated and
 * one-way settings) is signed freely.  An entry needs its approval: a token of risk's key, for this account
 * and mode, unexpired by both clocks, of this boot, issued since the signer began, used for no other body,
 * and equal to the order in every parameter.  Anything else is refused: there is no code for it.
 *
 * Errors:  ERR_REFUSED with the reason in `why`.   Memory: values.   Threads: one.
 */
#ifndef AGENTS_EXECUTION_POLICY_H
#define AGENTS_EXECUTION_POLICY_H

#include "proto/dec.h"
#include "proto/token.h"

#define POLICY_WHY_MAX 80
#define POLICY_USED    256      /* approvals remembered; they live 5 s */

struct policy {
    enum token_mode mode;
    uint8_t account[16], boot_id[16];
    int64_t since_ns;           /* tokens issued before are somebody else's: refused */
    uint64_t last_counter;
    struct policy_used {
        uint8_t approval_id[16], body[16];
    } used[POLICY_USED];        /* a ring */
    int next;
};

/* A request to sign.  token NULL with none; tick and multiplier are the contract's, for entries. */
struct policy_request {
    const char *method, *target;
    const void *body;
    size_t len;
    const uint8_t *token;
    size_t token_len;
    dec_t tick, multiplier;
};

struct policy_now {
    int64_t wall_ns, boot_ns;
    const uint8_t *public_key;  /* risk's, TOKEN_PUBLIC bytes; NULL: not there yet */
};

int policy_check(struct policy *p, const struct policy_request *r, const struct policy_now *now,
                 char why[POLICY_WHY_MAX]);

#endif
