/* token - the approval token RAT1: what risk allows, in 208 bytes and an Ed25519 signature.
 *
 * Fixed layout, little-endian, no padding, so that there is nothing to canonicalise:
 *     0   4  "RAT1"            72  16  account fingerprint       144  8  execution's fill sequence
 *     4   1  version 1         88   8  quantity, lots            152  8  configuration hash
 *     5   1  mode              96   8  limit price, ticks        160  8  limits version
 *     6   1  leg             104   8  price floor, ticks        168  8  issued, UTC ns
 *     7   1  side            112   8  price cap, ticks          176  8  expires, UTC ns
 *     8   1  order type      120   8  stop price, ticks         184  8  expires, BOOTTIME ns
 *     9   1  time in force   128   8  max notional x 10^6       192 16  boot id
 *    10   1  flags           136   8  risk's counter            208 64  signature over
 *    11   1  key id                                                      "ENIGMA-RAT-v1\0" and the body
 *    12   4  max leverage x 100
 *    16  16  approval id
 *    32  16  signal id
 *    48  24  symbol, NUL padded
 *
 * Strict: a token that decodes encodes to the same bytes; every other one is refused.
 * Errors:  as told; *ret untouched.   Memory: values.   Threads: pure functions, except that token_sign and
 *          token_verify need libsodium, which they initialise.
 */
#ifndef PROTO_TOKEN_H
#define PROTO_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/enums.h"

#define TOKEN_BODY      208
#define TOKEN_SIZE      272         /* body and signature */
#define TOKEN_PUBLIC    32
#define TOKEN_SECRET    64
#define TOKEN_KEY_ID    1           /* until keys are rotated */
#define TOKEN_LIFE_MAX_NS  INT64_C(5000000000)      /* of an entry's token */
#define TOKEN_LIFE_EXIT_NS INT64_C(60000000000)     /* of any other */
#define TOKEN_ID_TEXT   40
#define TOKEN_CL_ORD_MAX 99999       /* orders of one leg */

enum token_mode { TOKEN_PAPER, TOKEN_LIVE };
enum token_tif { TOKEN_GTC = 1, TOKEN_IOC };
#define TOKEN_REDUCE_ONLY 1u
#define TOKEN_POST_ONLY   2u
#define TOKEN_CLOSE_ORDER 4u
#define TOKEN_FLAGS       7u

struct token {
    enum token_mode mode;
    enum leg leg;
    enum side side;
    enum ord_type ord_type;
    enum token_tif tif;
    uint8_t flags, key_id;
    uint32_t max_leverage_x100;     /* > 0 */
    uint8_t approval_id[16], signal_id[16];
    char symbol[24];                /* NUL padded, 1 ... 23 characters */
    uint8_t account[16];            /* token_account */
    int64_t qty;                    /* lots, > 0 */
    int64_t price_ticks;            /* floor <= price <= cap, floor > 0 */
    int64_t floor_ticks, cap_ticks;
    int64_t stop_ticks;             /* > 0 for an entry, else >= 0 */
    int64_t max_notional_e6;        /* > 0 */
    uint64_t counter;               /* grows from token to token, > 0 */
    uint64_t fill_basis;            /* last order.filled of execution that risk had applied */
    uint64_t config_hash, limits_version;
    int64_t issued_ns, expires_ns;  /* UTC; issued < expires, no later than its life */
    int64_t expires_boot_ns;        /* CLOCK_BOOTTIME, > 0 */
    uint8_t boot_id[16];
};

/* ERR_RANGE for a field outside what is said above. */
int token_encode(const struct token *t, uint8_t ret[TOKEN_BODY]);
/* ERR_SIZE for another length than TOKEN_BODY, ERR_SYNTAX for another magic, ERR_VERSION, ERR_RANGE. */
int token_decode(const uint8_t *body, size_t len, struct token *ret);

/* token_encode, and the signature behind it. */
int token_sign(const struct token *t, const uint8_t secret[TOKEN_SECRET], uint8_t ret[TOKEN_SIZE]);
/* ERR_SIZE, ERR_AUTH for a signature that is not of this key, or as token_decode.  Expiry, account and the
 * like are the caller's to compare. */
int token_verify(const uint8_t *bytes, size_t len, const uint8_t public_key[TOKEN_PUBLIC], struct token *ret);

/* Which account is meant, as far as both sides know it: hash of mode and the venue's base address. */
void token_account(const char *mode, const char *rest_url, uint8_t ret[16]);

/* The 16 bytes of a UUID's text; ERR_SYNTAX. */
int token_uuid(const char *text, uint8_t ret[16]);
/* "ME1", base32hex of the approval id, the leg's letter, n (1 ... TOKEN_CL_ORD_MAX; must()) in at least two
 * digits: 32 characters, at most 35.  Exactly one per (approval, leg, n). */
void token_cl_ord_id(const uint8_t approval_id[16], enum leg leg, int n, char ret[TOKEN_ID_TEXT]);
/* The way back; ERR_SYNTAX for what token_cl_ord_id does not give. */
int token_cl_ord_parse(const char *text, uint8_t approval_id[16], enum leg *leg, int *n);

#endif
