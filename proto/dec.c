/* dec - see dec.h
 *
 * Intel's library, default calling convention: values by value, rounding mode as an argument, flags
 * through a pointer.  Text is made from the parts of the encoding (sign, coefficient, exponent) by
 * ourselves: the library prints "+3E-1".
 *
 * Encoding (binary integer decimal): w[1] holds sign (bit 63), exponent + 6176 (bits 49-62) and the
 * coefficient's upper 49 bits; w[0] the lower 64.  Only finite values below 10^34 are made here, so
 * that the other form of the encoding (bits 61-62 set) never occurs.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"

#include "proto/dec.h"

#define EXP_BIAS   6176
#define DIGITS_MAX 34
/* No price, size or amount comes near; a product of dozens of such values still has a place, so that no
 * text of a peer can break an invariant. */
#define EXP_TEXT_MAX 100

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

static u128 coefficient(dec_t a)
{
    must((a.v.w[1] & 0x6000000000000000u) != 0x6000000000000000u);
    return ((u128)(a.v.w[1] & 0x0001ffffffffffffu) << 64) | a.v.w[0];
}

static int exponent(dec_t a)
{
    return (int)((a.v.w[1] >> 49) & 0x3fff) - EXP_BIAS;
}

static bool negative(dec_t a)
{
    return a.v.w[1] >> 63;
}

static dec_t make(bool neg, u128 coeff, int exp10)
{
    dec_t r;
    r.v.w[0] = (uint64_t)coeff;
    r.v.w[1] = (uint64_t)(coeff >> 64) | (uint64_t)(exp10 + EXP_BIAS) << 49 | (uint64_t)neg << 63;
    return r;
}

bool dec_valid(dec_t a)
{
    u128 limit = 1;
    for (int i = 0; i < DIGITS_MAX; i++)
        limit *= 10;
    return (a.v.w[1] & 0x6000000000000000u) != 0x6000000000000000u && coefficient(a) < limit;
}

static unsigned mode(enum dec_round how, bool neg)
{
    switch (how) {
    case DEC_DOWN:
        return BID_ROUNDING_TO_ZERO;
    case DEC_UP:
        return neg ? BID_ROUNDING_DOWN : BID_ROUNDING_UP;
    case DEC_FLOOR:
        return BID_ROUNDING_DOWN;
    case DEC_CEIL:
        return BID_ROUNDING_UP;
    case DEC_HALF_EVEN:
        return BID_ROUNDING_TO_NEAREST;
    case DEC_HALF_AWAY:
        return BID_ROUNDING_TIES_AWAY;
    }
    must(!"rounding mode");
    return 0;
}

/* Every result passes here: not finite is a broken invariant, our numbers are far from it. */
static dec_t checked(BID_UINT128 v)
{
    must((v.w[1] & 0x7800000000000000u) != 0x7800000000000000u);
    return (dec_t){.v = v};
}

dec_t dec_zero(void)
{
    return make(false, 0, 0);
}

dec_t dec_int(int64_t v)
{
    return make(v < 0, v < 0 ? 0 - (u128)v : (u128)v, 0);
}

dec_t dec_scaled(int64_t v, int exp10)
{
    must(exp10 >= -30 && exp10 <= 30);
    return make(v < 0, v < 0 ? 0 - (u128)v : (u128)v, exp10);
}

/* ---- text ---- */

struct digits {
    u128 coeff;
    int n;                      /* significant digits in coeff */
    int exp10;
    bool any;
};

/* One digit of the coefficient; trailing zeros beyond 34 digits only move the exponent. */
static int add_digit(struct digits *d, int digit, bool fraction)
{
    d->any = true;
    if (d->n == 0 && digit == 0) {
        d->exp10 -= fraction;   /* leading zero */
        return ERR_OK;
    }
    if (d->n == DIGITS_MAX) {
        if (digit != 0)
            return ERR_RANGE;
        d->exp10 += !fraction;
        return ERR_OK;
    }
    d->coeff = d->coeff * 10 + (unsigned)digit;
    d->n++;
    d->exp10 -= fraction;
    return ERR_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int parse_exponent(const char **p, const char *end, int *ret)
{
    bool neg = false;
    if (*p < end && (**p == '-' || **p == '+'))
        neg = *(*p)++ == '-';
    if (*p == end || !is_digit(**p))
        return ERR_SYNTAX;
    int v = 0;
    for (; *p < end && is_digit(**p); (*p)++) {
        v = v * 10 + (**p - '0');
        if (v > EXP_TEXT_MAX)
            return ERR_RANGE;
    }
    *ret = neg ? -v : v;
    return ERR_OK;
}

int dec_parse_n(const char *text, size_t len, dec_t *ret)
{
    const char *p = text, *end = text + len;
    bool neg = p < end && *p == '-';
    p += neg;
    if (p == end || !is_digit(*p))
        return ERR_SYNTAX;
    struct digits d = {.n = 0};
    int err = ERR_OK, e = 0;
    for (; err == ERR_OK && p < end && is_digit(*p); p++)
        err = add_digit(&d, *p - '0', false);
    if (err == ERR_OK && p < end && *p == '.') {
        if (++p == end || !is_digit(*p))
            return ERR_SYNTAX;
        for (; err == ERR_OK && p < end && is_digit(*p); p++)
            err = add_digit(&d, *p - '0', true);
    }
    if (err == ERR_OK && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        err = parse_exponent(&p, end, &e);
    }
    if (err < 0)
        return err;
    if (p != end)
        return ERR_SYNTAX;
    d.exp10 += e;
    if (d.coeff == 0) {
        *ret = dec_zero();
        return ERR_OK;
    }
    if (d.exp10 < -EXP_TEXT_MAX || d.exp10 > EXP_TEXT_MAX)
        return ERR_RANGE;
    *ret = make(neg, d.coeff, d.exp10);
    return ERR_OK;
}

int dec_parse(const char *text, dec_t *ret)
{
    return dec_parse_n(text, strlen(text), ret);
}

dec_t dec_lit(const char *text)
{
    dec_t r;
    must(dec_parse(text, &r) == ERR_OK);
    return r;
}

/* Digits of the coefficient without trailing zeros (the exponent takes them); n = 0 for zero. */
static int digits_of(dec_t a, char digits[DIGITS_MAX + 1], int *exp10)
{
    u128 c = coefficient(a);
    *exp10 = exponent(a);
    char reversed[48];
    int n = 0;
    for (; c != 0; c /= 10)
        reversed[n++] = (char)('0' + (int)(c % 10));
    int zeros = 0;
    while (zeros < n && reversed[zeros] == '0')
        zeros++;
    *exp10 += zeros;
    for (int i = n - 1, k = 0; i >= zeros; i--)
        digits[k++] = reversed[i];
    digits[n - zeros] = '\0';
    return n - zeros;
}

char *dec_format(dec_t a, char *buf)
{
    char digits[DIGITS_MAX + 1], *p = buf;
    int exp10, n = digits_of(a, digits, &exp10);
    if (n == 0)
        return strcpy(buf, "0");
    if (negative(a))
        *p++ = '-';
    if (exp10 > 30 || exp10 < -30 - DIGITS_MAX || n + exp10 > 40 || n + exp10 < -30) {
        snprintf(p, DEC_TEXT_MAX - 1, "%c.%sE%+d", digits[0], n > 1 ? digits + 1 : "0", exp10 + n - 1);
        return buf;
    }
    int point = n + exp10;      /* digits before the point */
    if (point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = point; i < 0; i++)
            *p++ = '0';
        strcpy(p, digits);
        return buf;
    }
    for (int i = 0; i < n || i < point; i++) {
        if (i == point)
            *p++ = '.';
        *p++ = i < n ? digits[i] : '0';
    }
    *p = '\0';
    return buf;
}

char *dec_format_places(dec_t a, int places, enum dec_round how, char *buf)
{
    must(places >= 0 && places <= 20);
    dec_format(dec_round_places(a, places, how), buf);
    if (strchr(buf, 'E') != NULL)
        return buf; /* too large for plain text */
    char *point = strchr(buf, '.');
    int have = point != NULL ? (int)strlen(point + 1) : 0;
    size_t n = strlen(buf);
    must(n + (size_t)(places - have) + 2 < DEC_TEXT_MAX);
    if (point == NULL && places > 0)
        buf[n++] = '.';
    for (; have < places; have++)
        buf[n++] = '0';
    buf[n] = '\0';
    return buf;
}

/* ---- arithmetic ---- */

/* Short cuts for the numbers of trading, whose digits fit two machine words: the same bits as the library's, which is
 * asked whenever digits could be lost, and for zeros, whose signs have rules of their own. */

#define BITS_EXACT 112          /* below 10^34 in any case */
#define BITS_WHOLE 126          /* fits an i128, and so does the sum of two */
#define SHIFT_MAX  38
#define EXP_SAFE   3000         /* two exponents within it add up to one that exists */

#define E19(n) ((u128)10000000000000000000u * n##u)
static const u128 power10[SHIFT_MAX + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
    1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
    1000000000000000000, E19(1), E19(10), E19(100), E19(1000), E19(10000), E19(100000), E19(1000000), E19(10000000),
    E19(100000000), E19(1000000000), E19(10000000000), E19(100000000000), E19(1000000000000), E19(10000000000000),
    E19(100000000000000), E19(1000000000000000), E19(10000000000000000), E19(100000000000000000),
    E19(1000000000000000000), E19(10000000000000000000),
};

static int bits_of(u128 c)
{
    uint64_t high = (uint64_t)(c >> 64), low = (uint64_t)c;
    return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

/* 10^n has no more bits than this, for n up to SHIFT_MAX. */
static int bits_of_power10(int n)
{
    return n * 3402 / 1024 + 1;
}

static bool safe_exponent(dec_t a)
{
    return exponent(a) >= -EXP_SAFE && exponent(a) <= EXP_SAFE;
}

/* Both as whole multiples of 10^*exp10, the smaller of their exponents.  False: both are zero, or it takes more than
 * `bits` bits. */
static bool align(dec_t a, dec_t b, int bits, i128 *x, i128 *y, int *exp10)
{
    u128 m = coefficient(a), n = coefficient(b);
    int shift = exponent(a) - exponent(b);
    if ((m | n) == 0 || shift > SHIFT_MAX || shift < -SHIFT_MAX ||
        bits_of(m) + (shift > 0 ? bits_of_power10(shift) : 0) > bits ||
        bits_of(n) + (shift < 0 ? bits_of_power10(-shift) : 0) > bits)
        return false;
    m *= shift > 0 ? power10[shift] : 1;
    n *= shift < 0 ? power10[-shift] : 1;
    *exp10 = shift > 0 ? exponent(b) : exponent(a);
    *x = negative(a) ? -(i128)m : (i128)m;
    *y = negative(b) ? -(i128)n : (i128)n;
    return true;
}

static dec_t make_signed(i128 v, int exp10)
{
    return make(v < 0, v < 0 ? 0 - (u128)v : (u128)v, exp10);
}

dec_t dec_add(dec_t a, dec_t b)
{
    i128 x, y;
    int exp10;
    if (align(a, b, BITS_EXACT - 1, &x, &y, &exp10))
        return make_signed(x + y, exp10);
    unsigned flags = 0;
    return checked(bid128_add(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
}

dec_t dec_sub(dec_t a, dec_t b)
{
    i128 x, y;
    int exp10;
    if (align(a, b, BITS_EXACT - 1, &x, &y, &exp10))
        return make_signed(x - y, exp10);
    unsigned flags = 0;
    return checked(bid128_sub(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
}

dec_t dec_mul(dec_t a, dec_t b)
{
    u128 m = coefficient(a), n = coefficient(b);
    if (bits_of(m) + bits_of(n) <= BITS_EXACT && safe_exponent(a) && safe_exponent(b))
        return make(negative(a) != negative(b), m * n, exponent(a) + exponent(b));
    unsigned flags = 0;
    return checked(bid128_mul(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
}

dec_t dec_neg(dec_t a)
{
    return (dec_t){.v = bid128_negate(a.v)};
}

dec_t dec_abs(dec_t a)
{
    return (dec_t){.v = bid128_abs(a.v)};
}

int dec_div(dec_t a, dec_t b, dec_t *ret)
{
    if (dec_is_zero(b))
        return ERR_RANGE;
    u128 m = coefficient(a), n = coefficient(b);
    if (m != 0 && m <= UINT64_MAX && n <= UINT64_MAX && (uint64_t)m % (uint64_t)n == 0 && safe_exponent(a) &&
        safe_exponent(b)) {
        *ret = make(negative(a) != negative(b), (uint64_t)m / (uint64_t)n, exponent(a) - exponent(b));
        return ERR_OK;
    }
    unsigned flags = 0;
    *ret = checked(bid128_div(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
    return ERR_OK;
}

dec_t dec_quo(dec_t a, dec_t b)
{
    dec_t r;
    must(dec_div(a, b, &r) == ERR_OK);
    return r;
}

int dec_floor_div(dec_t a, dec_t b, int64_t *ret)
{
    i128 x, y;
    int exp10;
    if (dec_sign(b) <= 0)
        return ERR_RANGE;
    if (align(a, b, BITS_WHOLE, &x, &y, &exp10)) {
        i128 q = x / y - (x % y < 0);
        if (q > INT64_MAX || q < INT64_MIN)
            return ERR_RANGE;
        *ret = (int64_t)q;
        return ERR_OK;
    }
    /* A quotient of 34 digits may have been rounded up to a whole number; n b - a has the sign that it has exactly. */
    unsigned flags = 0;
    dec_t n = dec_round_places(dec_quo(a, b), 0, DEC_FLOOR);
    if (dec_sign(checked(bid128_fma(n.v, b.v, dec_neg(a).v, BID_ROUNDING_TO_NEAREST, &flags))) > 0)
        n = dec_sub(n, dec_int(1));
    return dec_to_int(n, ret);
}

static dec_t round_integral(dec_t a, enum dec_round how)
{
    unsigned flags = 0;
    return checked(bid128_round_integral_exact(a.v, mode(how, negative(a)), &flags));
}

/* What is left of a beyond the multiple of step towards zero: exact, sign of a. */
static dec_t remainder_of(dec_t a, dec_t step)
{
    unsigned flags = 0;
    i128 x, y;
    int exp10;
    if (align(a, step, BITS_WHOLE, &x, &y, &exp10))
        return make(negative(a), (u128)(x < 0 ? -x : x) % (u128)y, exp10);
    return checked(bid128_fmod(a.v, step.v, &flags));
}

/* The quotient may itself be rounded (34 digits), which could carry a value just below a multiple onto
 * it.  The remainder is exact, and tells: the multiple is found from it instead. */
dec_t dec_round_to(dec_t a, dec_t step, enum dec_round how)
{
    must(dec_sign(step) > 0);
    dec_t rest = remainder_of(a, step);
    dec_t base = dec_sub(a, rest);                              /* the multiple towards zero */
    if (dec_is_zero(rest))
        return a;
    bool neg = negative(rest), away = false;
    /* Not 2 rest against step: the double may have 35 digits, and rounding it makes false ties. */
    int half = dec_cmp(dec_abs(rest), dec_sub(step, dec_abs(rest)));
    switch (how) {
    case DEC_DOWN:
        break;
    case DEC_UP:
        away = true;
        break;
    case DEC_FLOOR:
        away = neg;
        break;
    case DEC_CEIL:
        away = !neg;
        break;
    case DEC_HALF_AWAY:
        away = half >= 0;
        break;
    case DEC_HALF_EVEN: {
        dec_t two = dec_add(step, step);
        away = half > 0 || (half == 0 && !dec_is_zero(remainder_of(base, two)));
        break;
    }
    }
    if (!away)
        return base;
    return neg ? dec_sub(base, step) : dec_add(base, step);
}

dec_t dec_round_places(dec_t a, int places, enum dec_round how)
{
    must(places >= -30 && places <= 30);
    if (exponent(a) >= -places)
        return a;
    unsigned flags = 0;
    dec_t scaled = checked(bid128_scalbn(a.v, places, BID_ROUNDING_TO_NEAREST, &flags));
    scaled = round_integral(scaled, how);
    return checked(bid128_scalbn(scaled.v, -places, BID_ROUNDING_TO_NEAREST, &flags));
}

bool dec_is_multiple(dec_t a, dec_t step)
{
    must(dec_sign(step) > 0);
    return dec_is_zero(remainder_of(a, step));
}

/* ---- comparison ---- */

int dec_cmp(dec_t a, dec_t b)
{
    i128 x, y;
    int exp10;
    if (dec_is_zero(a) || dec_is_zero(b))
        return dec_sign(a) - dec_sign(b);
    if (align(a, b, BITS_WHOLE, &x, &y, &exp10))
        return x < y ? -1 : x > y;
    unsigned flags = 0;
    if (bid128_quiet_less(a.v, b.v, &flags))
        return -1;
    return bid128_quiet_greater(a.v, b.v, &flags) ? 1 : 0;
}

bool dec_eq(dec_t a, dec_t b)
{
    return dec_cmp(a, b) == 0;
}

bool dec_lt(dec_t a, dec_t b)
{
    return dec_cmp(a, b) < 0;
}

bool dec_le(dec_t a, dec_t b)
{
    return dec_cmp(a, b) <= 0;
}

bool dec_gt(dec_t a, dec_t b)
{
    return dec_cmp(a, b) > 0;
}

bool dec_ge(dec_t a, dec_t b)
{
    return dec_cmp(a, b) >= 0;
}

bool dec_is_zero(dec_t a)
{
    return coefficient(a) == 0;
}

int dec_sign(dec_t a)
{
    return dec_is_zero(a) ? 0 : negative(a) ? -1 : 1;
}

dec_t dec_min(dec_t a, dec_t b)
{
    return dec_cmp(a, b) <= 0 ? a : b;
}

dec_t dec_max(dec_t a, dec_t b)
{
    return dec_cmp(a, b) >= 0 ? a : b;
}

/* ---- the edges ---- */

int dec_to_int(dec_t a, int64_t *ret)
{
    if (exponent(a) == 0 && coefficient(a) <= INT64_MAX) {
        *ret = negative(a) ? -(int64_t)coefficient(a) : (int64_t)coefficient(a);
        return ERR_OK;
    }
    if (!dec_eq(a, round_integral(a, DEC_DOWN)) || dec_gt(a, dec_int(INT64_MAX)) ||
        dec_lt(a, dec_int(INT64_MIN)))
        return ERR_RANGE;
    unsigned flags = 0;
    *ret = bid128_to_int64_int(a.v, &flags);
    return ERR_OK;
}

double dec_to_double(dec_t a)
{
    unsigned flags = 0;
    return bid128_to_binary64(a.v, BID_ROUNDING_TO_NEAREST, &flags);
}

int dec_from_double(double v, dec_t step, enum dec_round how, dec_t *ret)
{
    if (!isfinite(v) || fabs(v) >= 1e30)
        return ERR_RANGE;
    unsigned flags = 0;
    BID_UINT128 exact = binary64_to_bid128(v, BID_ROUNDING_TO_NEAREST, &flags);
    *ret = dec_round_to(checked(exact), step, how);
    return ERR_OK;
}
