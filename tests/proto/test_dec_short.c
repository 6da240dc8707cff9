/* The short cuts of dec.c give the same bits as the library that they spare: sign of zero, exponent and all, over a
 * million random pairs of each operation, the edges of the short cuts among them.  Each property is shown to fail on
 * a planted mutant.  Seed printed, or given in TEST_SEED. */
#define TEST_TIMEOUT 600
#include "tests/runner.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "proto/dec.h"
#include "proto/err.h"

__extension__ typedef unsigned __int128 u128;

enum { CASES = 1000000, MUTANT_CASES = 50000 };

static uint64_t rng;

/* splitmix64 */
static uint64_t next(void)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int within(int low, int high)
{
    return low + (int)(next() % (uint64_t)(high - low + 1));
}

static u128 power10(int n)
{
    u128 v = 1;
    for (; n > 0; n--)
        v *= 10;
    return v;
}

/* By the encoding itself: any sign, coefficient, exponent, zeros of both signs too. */
static dec_t made(bool neg, u128 coeff, int exp10)
{
    dec_t r;
    r.v.w[0] = (uint64_t)coeff;
    r.v.w[1] = (uint64_t)(coeff >> 64) | (uint64_t)(exp10 + 6176) << 49 | (uint64_t)neg << 63;
    return r;
}

static u128 any_coefficient(void)
{
    u128 c = (u128)next() << 64 | next();
    const int bits = within(0, 113);
    switch (next() % 8) {
    case 0:                     /* around a power of two, where the short cuts end */
        c = ((u128)1 << bits) + (u128)(int64_t)within(-2, 2);
        break;
    case 1:                     /* around a power of ten */
        c = power10(within(0, 34)) + (u128)(int64_t)within(-2, 2);
        break;
    case 2:
        c = (u128)within(0, 99);
        break;
    default:
        c = bits == 0 ? 0 : c >> (128 - bits);
        break;
    }
    return c % power10(34);
}

static int any_exponent(void)
{
    const int far = within(0, 63);
    return far == 0 ? within(-3100, 3100) : far == 1 ? (next() % 2 == 0 ? -3000 : 3000) + within(-1, 1) : within(-40, 20);
}

static dec_t any(void)
{
    return made(next() & 1, any_coefficient(), any_exponent());
}

/* Often related to a: the same, its opposite, the same value in another form. */
static dec_t partner(dec_t a)
{
    u128 c = (u128)(a.v.w[1] & 0x0001ffffffffffffu) << 64 | a.v.w[0];
    const int e = (int)(a.v.w[1] >> 49 & 0x3fff) - 6176;
    switch (next() % 16) {
    case 0:
        return a;
    case 1:
        return made(!(a.v.w[1] >> 63), c, e);
    case 2:
        return c < power10(33) ? made(next() & 1, c * 10, e - 1) : a;
    case 3:
        return made(next() & 1, c > 0 ? c - 1 : 1, e);
    default:
        return any();
    }
}

static bool same(dec_t a, BID_UINT128 b)
{
    return a.v.w[0] == b.w[0] && a.v.w[1] == b.w[1];
}

static dec_t step_of(dec_t b)
{
    dec_t s = dec_abs(b);
    return bid128_isZero(s.v) ? made(false, 1, within(-12, 2)) : s;
}

/* ---- the operations and their mutants ---- */

struct ops {
    dec_t (*add)(dec_t, dec_t);
    dec_t (*sub)(dec_t, dec_t);
    dec_t (*mul)(dec_t, dec_t);
    int   (*div)(dec_t, dec_t, dec_t *);
    int   (*cmp)(dec_t, dec_t);
    int   (*sign)(dec_t);
    int   (*floor_div)(dec_t, dec_t, int64_t *);
    int   (*to_int)(dec_t, int64_t *);
    dec_t (*round_to)(dec_t, dec_t, enum dec_round);
    bool  (*is_multiple)(dec_t, dec_t);
};
static const struct ops ours = {
    dec_add, dec_sub, dec_mul, dec_div, dec_cmp, dec_sign, dec_floor_div, dec_to_int, dec_round_to, dec_is_multiple,
};

static dec_t add_with_a_negative_zero(dec_t a, dec_t b)
{
    dec_t r = dec_add(a, b);
    return bid128_isZero(r.v) ? dec_neg(r) : r;
}

static dec_t sub_that_drops_trailing_zeros(dec_t a, dec_t b)
{
    dec_t r = dec_sub(a, b);
    const uint64_t high = r.v.w[1] & 0x0001ffffffffffffu;
    if (high != 0 || r.v.w[0] == 0 || r.v.w[0] % 10 != 0)
        return r;
    return made(r.v.w[1] >> 63, r.v.w[0] / 10, (int)(r.v.w[1] >> 49 & 0x3fff) - 6175);
}

static dec_t mul_whose_zero_has_no_sign(dec_t a, dec_t b)
{
    dec_t r = dec_mul(a, b);
    return bid128_isZero(r.v) ? dec_abs(r) : r;
}

static int div_of_33_digits(dec_t a, dec_t b, dec_t *ret)
{
    int err = dec_div(a, b, ret);
    if (err == ERR_OK && (ret->v.w[1] & 0x0001ffffffffffffu) > 0x0000ffffffffffffu)
        ret->v.w[0] = ret->v.w[0] / 10 * 10;
    return err;
}

static int cmp_of_doubles(dec_t a, dec_t b)
{
    double x = dec_to_double(a), y = dec_to_double(b);
    return x < y ? -1 : x > y;
}

static int sign_of_the_sign_bit(dec_t a)
{
    return a.v.w[1] >> 63 ? -1 : a.v.w[0] != 0 || (a.v.w[1] & 0x0001ffffffffffffu) != 0;
}

static int floor_div_towards_zero(dec_t a, dec_t b, int64_t *ret)
{
    int err = dec_floor_div(dec_abs(a), b, ret);
    if (err == ERR_OK && bid128_isSigned(a.v))
        *ret = -*ret;
    return err;
}

static int to_int_that_drops_the_fraction(dec_t a, int64_t *ret)
{
    return dec_to_int(dec_round_places(a, 0, DEC_DOWN), ret);
}

static dec_t round_to_with_ties_to_even(dec_t a, dec_t step, enum dec_round how)
{
    return dec_round_to(a, step, how == DEC_HALF_AWAY ? DEC_HALF_EVEN : how);
}

static bool is_multiple_by_the_quotient(dec_t a, dec_t step)
{
    dec_t q = dec_quo(a, step);
    unsigned flags = 0;
    return bid128_quiet_equal(q.v, bid128_round_integral_zero(q.v, &flags), &flags);
}

/* ---- the properties: ours against the library alone ---- */

static bool adds(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    return same(o->add(a, b), bid128_add(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
}

static bool subtracts(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    return same(o->sub(a, b), bid128_sub(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags));
}

/* What leaves decimal128 ends the process, here and there. */
static bool multiplies(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    BID_UINT128 want = bid128_mul(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags);
    return !bid128_isFinite(want) || same(o->mul(a, b), want);
}

static bool divides(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    dec_t got = a;
    if (bid128_isZero(b.v))
        return o->div(a, b, &got) == ERR_RANGE && same(got, a.v);
    BID_UINT128 want = bid128_div(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags);
    return !bid128_isFinite(want) || (o->div(a, b, &got) == ERR_OK && same(got, want));
}

static bool compares(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    int want = bid128_quiet_less(a.v, b.v, &flags) ? -1 : bid128_quiet_greater(a.v, b.v, &flags);
    return o->cmp(a, b) == want;
}

static bool knows_signs(const struct ops *o, dec_t a, dec_t b)
{
    (void)b;
    return o->sign(a) == (bid128_isZero(a.v) ? 0 : bid128_isSigned(a.v) ? -1 : 1);
}

/* Sign of n b - a: rounded once, so that it is exact. */
static int beyond(BID_UINT128 n, dec_t b, dec_t a)
{
    unsigned flags = 0;
    BID_UINT128 d = bid128_fma(n, b.v, bid128_negate(a.v), BID_ROUNDING_TO_NEAREST, &flags);
    return bid128_isZero(d) ? 0 : bid128_isSigned(d) ? -1 : 1;
}

static bool divides_to_whole_numbers(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    int64_t n = 0;
    if (o->floor_div(a, bid128_isZero(b.v) ? b : dec_neg(step_of(b)), &n) != ERR_RANGE)
        return false;
    b = step_of(b);
    if (next() % 4 == 0)        /* a whole quotient, and one unit beside it */
        a = dec_add(dec_mul(b, dec_int(within(-99999, 99999))), made(next() & 1, 1, within(-40, -20)));
    if (!bid128_isFinite(bid128_div(a.v, b.v, BID_ROUNDING_TO_NEAREST, &flags)))
        return true;
    BID_UINT128 least = dec_int(INT64_MIN).v, most = dec_int(INT64_MAX).v;
    most = bid128_add(most, dec_int(1).v, BID_ROUNDING_TO_NEAREST, &flags);
    bool fits = beyond(least, b, a) <= 0 && beyond(most, b, a) > 0;
    if (o->floor_div(a, b, &n) != (fits ? ERR_OK : ERR_RANGE))
        return false;
    BID_UINT128 after = bid128_add(dec_int(n).v, dec_int(1).v, BID_ROUNDING_TO_NEAREST, &flags);
    return !fits || (beyond(dec_int(n).v, b, a) <= 0 && beyond(after, b, a) > 0);
}

static bool reads_whole_numbers(const struct ops *o, dec_t a, dec_t b)
{
    (void)b;
    unsigned flags = 0;
    int64_t got = 0;
    bool whole = bid128_quiet_equal(a.v, bid128_round_integral_zero(a.v, &flags), &flags) &&
                 bid128_quiet_less_equal(a.v, dec_int(INT64_MAX).v, &flags) &&
                 bid128_quiet_greater_equal(a.v, dec_int(INT64_MIN).v, &flags);
    if (!whole)
        return o->to_int(a, &got) == ERR_RANGE;
    return o->to_int(a, &got) == ERR_OK && got == bid128_to_int64_int(a.v, &flags);
}

static BID_UINT128 plain_round_to(BID_UINT128 a, BID_UINT128 step, enum dec_round how)
{
    unsigned flags = 0;
    BID_UINT128 rest = bid128_fmod(a, step, &flags), base = bid128_sub(a, rest, BID_ROUNDING_TO_NEAREST, &flags);
    if (bid128_isZero(rest))
        return a;
    BID_UINT128 size = bid128_abs(rest), other = bid128_sub(step, size, BID_ROUNDING_TO_NEAREST, &flags);
    BID_UINT128 two = bid128_add(step, step, BID_ROUNDING_TO_NEAREST, &flags);
    bool neg = bid128_isSigned(rest), more = bid128_quiet_greater(size, other, &flags);
    bool tie = bid128_quiet_equal(size, other, &flags), odd = !bid128_isZero(bid128_fmod(base, two, &flags));
    bool away = how == DEC_UP || (how == DEC_FLOOR && neg) || (how == DEC_CEIL && !neg) ||
                (how == DEC_HALF_AWAY && (more || tie)) || (how == DEC_HALF_EVEN && (more || (tie && odd)));
    return !away ? base : neg ? bid128_sub(base, step, BID_ROUNDING_TO_NEAREST, &flags)
                              : bid128_add(base, step, BID_ROUNDING_TO_NEAREST, &flags);
}

static bool rounds(const struct ops *o, dec_t a, dec_t b)
{
    enum dec_round how = (enum dec_round)(next() % 6);
    b = step_of(b);
    if (next() % 4 == 0)        /* a tie */
        a = dec_add(dec_mul(b, dec_int(within(-99, 99))), dec_mul(b, dec_lit("0.5")));
    return same(o->round_to(a, b, how), plain_round_to(a.v, b.v, how));
}

static bool knows_multiples(const struct ops *o, dec_t a, dec_t b)
{
    unsigned flags = 0;
    b = step_of(b);
    if (next() % 4 == 0)
        a = dec_mul(b, dec_int(within(-99999, 99999)));
    return o->is_multiple(a, b) == (bid128_isZero(bid128_fmod(a.v, b.v, &flags)) != 0);
}

static const struct {
    const char *what;
    bool (*holds)(const struct ops *o, dec_t a, dec_t b);
    const char *mutant_name;
    struct ops mutant;          /* the one operation that the property looks at */
} properties[] = {
    {"adds", adds, "zero is negative", {.add = add_with_a_negative_zero}},
    {"subtracts", subtracts, "drops trailing zeros", {.sub = sub_that_drops_trailing_zeros}},
    {"multiplies", multiplies, "zero without its sign", {.mul = mul_whose_zero_has_no_sign}},
    {"divides", divides, "a digit less", {.div = div_of_33_digits}},
    {"compares", compares, "as doubles", {.cmp = cmp_of_doubles}},
    {"signs", knows_signs, "a negative zero is negative", {.sign = sign_of_the_sign_bit}},
    {"floor of quotients", divides_to_whole_numbers, "towards zero", {.floor_div = floor_div_towards_zero}},
    {"whole numbers", reads_whole_numbers, "drops the fraction", {.to_int = to_int_that_drops_the_fraction}},
    {"rounds to steps", rounds, "ties to even", {.round_to = round_to_with_ties_to_even}},
    {"multiples", knows_multiples, "quotient instead of remainder", {.is_multiple = is_multiple_by_the_quotient}},
};

START_TEST(every_short_cut_gives_the_librarys_bits_and_catches_its_mutant)
{
    const char *given = getenv("TEST_SEED");
    rng = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%" PRIu64 "\n", rng);
    fflush(stdout);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        int caught = 0;
        for (int k = 0; k < CASES; k++) {
            dec_t a = any(), b = partner(a);
            if (!properties[i].holds(&ours, a, b))
                ck_abort_msg("%s: %016" PRIx64 "%016" PRIx64 " %016" PRIx64 "%016" PRIx64, properties[i].what,
                             (uint64_t)a.v.w[1], (uint64_t)a.v.w[0], (uint64_t)b.v.w[1], (uint64_t)b.v.w[0]);
        }
        for (int k = 0; k < MUTANT_CASES; k++) {
            dec_t a = any(), b = partner(a);
            caught += !properties[i].holds(&properties[i].mutant, a, b);
        }
        printf("%-18s %d pairs; mutant \"%s\": caught %d of %d\n", properties[i].what, CASES, properties[i].mutant_name,
               caught, MUTANT_CASES);
        fflush(stdout);
        ck_assert_int_gt(caught, 0);
    }
}
END_TEST

START_TEST(floors_of_quotients_at_their_edges)
{
    int64_t n = 7;
    ck_assert_int_eq(dec_floor_div(dec_int(7), dec_int(2), &n), ERR_OK);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(dec_floor_div(dec_int(-7), dec_int(2), &n), ERR_OK);
    ck_assert_int_eq(n, -4);
    ck_assert_int_eq(dec_floor_div(dec_int(-8), dec_int(2), &n), ERR_OK);
    ck_assert_int_eq(n, -4);
    /* The quotient of 34 digits is rounded up to 1 */
    ck_assert_int_eq(dec_floor_div(dec_lit("2.999999999999999999999999999999999"),
                                   dec_lit("3.000000000000000000000000000000000"), &n), ERR_OK);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(dec_floor_div(dec_int(INT64_MAX), dec_int(1), &n), ERR_OK);
    ck_assert_int_eq(n, INT64_MAX);
    ck_assert_int_eq(dec_floor_div(dec_add(dec_int(INT64_MAX), dec_int(1)), dec_int(1), &n), ERR_RANGE);
    ck_assert_int_eq(dec_floor_div(dec_int(INT64_MIN), dec_int(1), &n), ERR_OK);
    ck_assert_int_eq(n, INT64_MIN);
    ck_assert_int_eq(dec_floor_div(dec_sub(dec_int(INT64_MIN), dec_lit("0.1")), dec_int(1), &n), ERR_RANGE);
    ck_assert_int_eq(dec_floor_div(dec_int(1), dec_zero(), &n), ERR_RANGE);
    ck_assert_int_eq(dec_floor_div(dec_int(1), dec_int(-1), &n), ERR_RANGE);
    ck_assert_int_eq(n, INT64_MIN);
}
END_TEST

TESTS("dec_short", every_short_cut_gives_the_librarys_bits_and_catches_its_mutant, floors_of_quotients_at_their_edges)
