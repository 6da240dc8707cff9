/* Properties are checked against 128-bit integers scaled by a power of ten: seed printed, or given
 * in TEST_SEED. */
#include "tests/runner.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "proto/dec.h"
#include "proto/err.h"

__extension__ typedef __int128 i128;

#define ROUNDS 20000
#define N(a)   (sizeof(a) / sizeof(a)[0])

static const enum dec_round all_modes[] = {DEC_DOWN, DEC_UP,        DEC_FLOOR,
                                           DEC_CEIL, DEC_HALF_EVEN, DEC_HALF_AWAY};
static const char *const mode_names[] = {"down", "up", "floor", "ceil", "half even", "half away"};

static uint64_t rng;

static void seed(void)
{
    const char *given = getenv("TEST_SEED");
    rng = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%" PRIu64 "\n", rng);
    fflush(stdout);
}

/* splitmix64 */
static uint64_t next(void)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* -limit ... limit, small ones often */
static int64_t integer(int64_t limit)
{
    int64_t v = (int64_t)(next() % (uint64_t)(limit + 1));
    if (next() % 3 == 0)
        v %= 100;
    return next() % 2 == 0 ? v : -v;
}

static int within(int low, int high)
{
    return low + (int)(next() % (uint64_t)(high - low + 1));
}

static i128 pow10_of(int n)
{
    i128 v = 1;
    for (; n > 0; n--)
        v *= 10;
    return v;
}

/* v x 10^exp10 as text that shares nothing with dec.c. */
static char *text_of(i128 v, int exp10, char buf[80])
{
    char reversed[48], *p = buf;
    int n = 0;
    if (v < 0)
        *p++ = '-';
    for (i128 c = v < 0 ? -v : v; c != 0 || n == 0; c /= 10)
        reversed[n++] = (char)('0' + (int)(c % 10));
    while (n > 0)
        *p++ = reversed[--n];
    sprintf(p, "e%d", exp10);
    return buf;
}

static bool is(dec_t got, i128 v, int exp10)
{
    char buf[80];
    dec_t want;
    ck_assert_int_eq(dec_parse(text_of(v, exp10, buf), &want), ERR_OK);
    return dec_eq(got, want);
}

#define CHECK_IS(got, v, exp10)                                                                    \
    do {                                                                                           \
        char got_text[DEC_TEXT_MAX], want_text[80];                                                \
        ck_assert_msg(is(got, v, exp10), "%s, not %s", dec_format(got, got_text),                  \
                      text_of(v, exp10, want_text));                                               \
    } while (0)

static void formats_as(const char *text, const char *want)
{
    dec_t v;
    char buf[DEC_TEXT_MAX];
    int err = dec_parse(text, &v);
    ck_assert_msg(err == ERR_OK, "\"%s\": %s", text, err_name(err));
    ck_assert_msg(strcmp(dec_format(v, buf), want) == 0, "\"%s\" is %s, not %s", text, buf, want);
}

/* ---- text ---- */

START_TEST(formats_in_canonical_plain_text)
{
    static const char *const same[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.0", "0"},
        {"-0.000", "0"},
        {"1", "1"},
        {"-1", "-1"},
        {"10", "10"},
        {"1.0", "1"},
        {"1.10", "1.1"},
        {"100.00", "100"},
        {"0.1", "0.1"},
        {"-0.05", "-0.05"},
        {"007", "7"},
        {"00.5", "0.5"},
        {"12.345", "12.345"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"12e-1", "1.2"},
        {"-5e-3", "-0.005"},
        {"1e0", "1"},
        {"1e30", "1000000000000000000000000000000"},
        {"1e-30", "0.000000000000000000000000000001"},
        {"9999999999999999999999999999999999", "9999999999999999999999999999999999"},
        {"-0.1234567890123456789012345678901234", "-0.1234567890123456789012345678901234"},
        {"1.0000000000000000000000000000000000000000000000000", "1"},
    };
    for (size_t i = 0; i < N(same); i++)
        formats_as(same[i][0], same[i][1]);
}
END_TEST

/* Seen in the exchange's answers. */
START_TEST(reads_the_number_forms_of_the_exchange)
{
    formats_as("2.0E-4", "0.0002");
    formats_as("0E-8", "0");
    formats_as("68.00", "68");
    formats_as("1.1155733413273683E9", "1115573341.3273683");
    formats_as("-4.069805E-4", "-0.0004069805");
    formats_as("1.0E-8", "0.00000001");
    formats_as("0.0010000000", "0.001");
}
END_TEST

START_TEST(far_exponents_print_in_the_other_form_and_read_back)
{
    static const char *const far[][2] = {
        {"10000000000000000000000000000000000", "1.0E+34"},
        {"1e50", "1.0E+50"},
        {"-12e99", "-1.2E+100"},
        {"1e-50", "1.0E-50"},
        {"1e100", "1.0E+100"},
        {"1e-100", "1.0E-100"},
        {"9999999999999999999999999999999999e100", "9.999999999999999999999999999999999E+133"},
    };
    for (size_t i = 0; i < N(far); i++)
        formats_as(far[i][0], far[i][1]);
    formats_as("1.2E+99", "1.2E+99");
}
END_TEST

START_TEST(refuses_other_forms_and_leaves_the_result)
{
    static const char *const syntax[] = {"",      "+1",   " 1",
                                         "1 ",    "1.",   ".5",
                                         "-",     "-.5",  "--1",
                                         "NaN",   "nan",  "inf",
                                         "Inf",   "-Inf", "1e",
                                         "1e+",   "1e-",  "1e1.5",
                                         "0x1",   "1,5",  "1_0",
                                         "1.2.3", "e5",   "1ee5",
                                         "1f",    "\t1",  "1\n",
                                         "- 1",   "1e 5", "1.e5",
                                         "null",  "true", "\xef\xbb\xbf-1",
                                         "1e5x"};
    const dec_t before = dec_int(-77);
    for (size_t i = 0; i < N(syntax); i++) {
        dec_t v = before;
        int err = dec_parse(syntax[i], &v);
        ck_assert_msg(err == ERR_SYNTAX, "\"%s\": %s", syntax[i], err_name(err));
        ck_assert(dec_eq(v, before));
    }
    static const char *const range[] = {
        "12345678901234567890123456789012345",
        "0.12345678901234567890123456789012345",
        "-1.2345678901234567890123456789012345",
        "100000000000000000000000000000000001",
        "1.0000000000000000000000000000000000001",
        "1e101",
        "1e-101",
        "1e99999999999999999999",
        "0.1e-100",
    };
    for (size_t i = 0; i < N(range); i++) {
        dec_t v = before;
        int err = dec_parse(range[i], &v);
        ck_assert_msg(err == ERR_RANGE, "\"%s\": %s", range[i], err_name(err));
        ck_assert(dec_eq(v, before));
    }
}
END_TEST

START_TEST(parses_no_further_than_the_given_length)
{
    dec_t v;
    ck_assert_int_eq(dec_parse_n("12345", 2, &v), ERR_OK);
    ck_assert(dec_eq(v, dec_int(12)));
    ck_assert_int_eq(dec_parse_n("12.5", 3, &v), ERR_SYNTAX);
    ck_assert_int_eq(dec_parse_n("1e5", 2, &v), ERR_SYNTAX);
    ck_assert_int_eq(dec_parse_n("1", 0, &v), ERR_SYNTAX);
    ck_assert_int_eq(dec_parse_n("1\0002", 3, &v), ERR_SYNTAX);
}
END_TEST

START_TEST(every_value_survives_text)
{
    seed();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t v = integer(INT64_MAX - 1);
        int exp10 = within(-30, 12);
        char buf[DEC_TEXT_MAX];
        dec_t a = dec_scaled(v, exp10), back;
        dec_format(a, buf);
        ck_assert_msg(dec_parse(buf, &back) == ERR_OK && dec_eq(a, back), "%" PRId64 "e%d is %s", v,
                      exp10, buf);
        ck_assert_msg(strpbrk(buf, "eE+") == NULL, "%s is not plain", buf);
        ck_assert_msg(strchr(buf, '.') == NULL || buf[strlen(buf) - 1] != '0', "%s ends in 0", buf);
        CHECK_IS(a, v, exp10);
    }
}
END_TEST

START_TEST(formats_a_fixed_number_of_places)
{
    static const struct {
        const char *text;
        int places;
        enum dec_round how;
        const char *want;
    } v[] = {
        {"0", 0, DEC_DOWN, "0"},
        {"0", 2, DEC_DOWN, "0.00"},
        {"1.5", 0, DEC_HALF_EVEN, "2"},
        {"2.5", 0, DEC_HALF_EVEN, "2"},
        {"2.5", 0, DEC_HALF_AWAY, "3"},
        {"1.005", 2, DEC_HALF_EVEN, "1.00"},
        {"1.005", 2, DEC_HALF_AWAY, "1.01"},
        {"-1.005", 2, DEC_HALF_AWAY, "-1.01"},
        {"-1.005", 2, DEC_FLOOR, "-1.01"},
        {"-1.005", 2, DEC_CEIL, "-1.00"},
        {"-0.001", 2, DEC_DOWN, "0.00"},
        {"-0.001", 2, DEC_UP, "-0.01"},
        {"9.999", 2, DEC_UP, "10.00"},
        {"12", 3, DEC_DOWN, "12.000"},
        {"1e3", 1, DEC_DOWN, "1000.0"},
        {"0.1", 20, DEC_DOWN, "0.10000000000000000000"},
        {"99999999999999", 20, DEC_DOWN, "99999999999999.00000000000000000000"},
        {"1e50", 8, DEC_DOWN, "1.0E+50"},
    };
    for (size_t i = 0; i < N(v); i++) {
        char buf[DEC_TEXT_MAX];
        dec_format_places(dec_lit(v[i].text), v[i].places, v[i].how, buf);
        ck_assert_msg(strcmp(buf, v[i].want) == 0, "%s to %d places %s is %s, not %s", v[i].text,
                      v[i].places, mode_names[v[i].how], buf, v[i].want);
    }
}
END_TEST

/* ---- arithmetic ---- */

START_TEST(sums_and_differences_are_exact)
{
    seed();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t a = integer(1000000000000000), b = integer(1000000000000000);
        int ea = within(-8, 8), eb = within(-8, 8), low = ea < eb ? ea : eb;
        i128 wide_a = (i128)a * pow10_of(ea - low), wide_b = (i128)b * pow10_of(eb - low);
        dec_t da = dec_scaled(a, ea), db = dec_scaled(b, eb);
        CHECK_IS(dec_add(da, db), wide_a + wide_b, low);
        CHECK_IS(dec_sub(da, db), wide_a - wide_b, low);
        int cmp = wide_a < wide_b ? -1 : wide_a > wide_b;
        ck_assert_int_eq(dec_cmp(da, db), cmp);
        ck_assert_int_eq(dec_eq(da, db), cmp == 0);
        ck_assert_int_eq(dec_lt(da, db), cmp < 0);
        ck_assert_int_eq(dec_le(da, db), cmp <= 0);
        ck_assert_int_eq(dec_gt(da, db), cmp > 0);
        ck_assert_int_eq(dec_ge(da, db), cmp >= 0);
        CHECK_IS(dec_min(da, db), cmp < 0 ? wide_a : wide_b, low);
        CHECK_IS(dec_max(da, db), cmp > 0 ? wide_a : wide_b, low);
        ck_assert_int_eq(dec_sign(da), a < 0 ? -1 : a > 0);
        ck_assert_int_eq(dec_is_zero(da), a == 0);
        CHECK_IS(dec_neg(da), -(i128)a, ea);
        CHECK_IS(dec_abs(da), a < 0 ? -(i128)a : a, ea);
    }
}
END_TEST

START_TEST(products_are_exact_and_divide_back)
{
    seed();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t a = integer(10000000000000000), b = integer(10000000000000000);
        int ea = within(-12, 6), eb = within(-12, 6);
        dec_t da = dec_scaled(a, ea), db = dec_scaled(b, eb), product = dec_mul(da, db), back;
        CHECK_IS(product, (i128)a * b, ea + eb);
        if (b == 0) {
            back = dec_int(-77);
            ck_assert_int_eq(dec_div(product, db, &back), ERR_RANGE);
            ck_assert(dec_eq(back, dec_int(-77)));
        } else {
            ck_assert_int_eq(dec_div(product, db, &back), ERR_OK);
            CHECK_IS(back, a, ea);
        }
    }
}
END_TEST

START_TEST(quotients_have_34_digits_half_even)
{
    ck_assert(
        dec_eq(dec_quo(dec_int(1), dec_int(3)), dec_lit("0.3333333333333333333333333333333333")));
    ck_assert(
        dec_eq(dec_quo(dec_int(2), dec_int(3)), dec_lit("0.6666666666666666666666666666666667")));
    ck_assert(
        dec_eq(dec_quo(dec_int(-2), dec_int(3)), dec_lit("-0.6666666666666666666666666666666667")));
    ck_assert(dec_eq(dec_quo(dec_int(1), dec_int(8)), dec_lit("0.125")));
    ck_assert(dec_eq(dec_quo(dec_zero(), dec_int(7)), dec_zero()));
}
END_TEST

START_TEST(zeroed_memory_is_zero)
{
    dec_t z;
    char buf[DEC_TEXT_MAX];
    memset(&z, 0, sizeof z);
    ck_assert(dec_is_zero(z));
    ck_assert(dec_eq(z, dec_zero()));
    ck_assert_int_eq(dec_sign(z), 0);
    ck_assert_str_eq(dec_format(z, buf), "0");
    ck_assert_str_eq(dec_format(dec_add(z, dec_lit("1.5")), buf), "1.5");
    ck_assert_str_eq(dec_format(dec_neg(dec_zero()), buf), "0");
    ck_assert(dec_eq(dec_neg(dec_zero()), dec_zero()));
}
END_TEST

/* ---- rounding ---- */

/* The multiple of step that 128-bit integers give. */
static i128 rounded(i128 v, i128 step, enum dec_round how)
{
    i128 q = v / step, rest = v % step, twice = (rest < 0 ? -rest : rest) * 2;
    if (rest == 0)
        return v;
    bool away = how == DEC_UP || (how == DEC_FLOOR && v < 0) || (how == DEC_CEIL && v > 0) ||
                (how == DEC_HALF_AWAY && twice >= step) ||
                (how == DEC_HALF_EVEN && (twice > step || (twice == step && q % 2 != 0)));
    return (q + (away ? (v < 0 ? -1 : 1) : 0)) * step;
}

START_TEST(rounds_to_a_step_as_integers_do)
{
    seed();
    int ties = 0, off = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t s = 1 + (int64_t)(next() % (next() % 2 == 0 ? 12 : 1000000000));
        int64_t v = integer(1000000000000000);
        int ev = within(-9, 3), es = within(-9, 3), low = ev < es ? ev : es;
        if (next() % 4 == 0) { /* exactly between two multiples */
            s *= 2;
            ev = es;
            low = es;
            v = v / s * s + (v < 0 ? -s / 2 : s / 2);
            ties++;
        }
        i128 wide_v = (i128)v * pow10_of(ev - low), wide_s = (i128)s * pow10_of(es - low);
        off += wide_v % wide_s != 0;
        dec_t dv = dec_scaled(v, ev), ds = dec_scaled(s, es);
        ck_assert_int_eq(dec_is_multiple(dv, ds), wide_v % wide_s == 0);
        for (size_t m = 0; m < N(all_modes); m++) {
            dec_t got = dec_round_to(dv, ds, all_modes[m]);
            i128 want = rounded(wide_v, wide_s, all_modes[m]);
            ck_assert_msg(is(got, want, low), "%" PRId64 "e%d to %" PRId64 "e%d %s", v, ev, s, es,
                          mode_names[m]);
            ck_assert(dec_is_multiple(got, ds));
        }
    }
    ck_assert_int_gt(ties, ROUNDS / 8);
    ck_assert_int_gt(off, ROUNDS / 2);
}
END_TEST

START_TEST(rounds_to_places_as_integers_do)
{
    seed();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t v = integer(1000000000000000);
        int exp10 = within(-10, 4), places = within(-4, 12);
        if (next() % 4 == 0)
            v = v / 10 * 10 + (v < 0 ? -5 : 5);
        int low = exp10 < -places ? exp10 : -places;
        i128 wide = (i128)v * pow10_of(exp10 - low), step = pow10_of(-places - low);
        for (size_t m = 0; m < N(all_modes); m++)
            CHECK_IS(dec_round_places(dec_scaled(v, exp10), places, all_modes[m]),
                     rounded(wide, step, all_modes[m]), low);
    }
}
END_TEST

START_TEST(each_mode_on_both_sides_of_zero)
{
    /* clang-format off */
    static const struct { const char *v; int want[6]; } cases[] = {
        /*         down up floor ceil even away */
        {"2.4",  { 2,  3,  2,  3,  2,  2}},
        {"2.5",  { 2,  3,  2,  3,  2,  3}},
        {"2.6",  { 2,  3,  2,  3,  3,  3}},
        {"3.5",  { 3,  4,  3,  4,  4,  4}},
        {"-2.4", {-2, -3, -3, -2, -2, -2}},
        {"-2.5", {-2, -3, -3, -2, -2, -3}},
        {"-2.6", {-2, -3, -3, -2, -3, -3}},
        {"-3.5", {-3, -4, -4, -3, -4, -4}},
        {"0.5",  { 0,  1,  0,  1,  0,  1}},
        {"-0.5", { 0, -1, -1,  0,  0, -1}},
        {"7",    { 7,  7,  7,  7,  7,  7}},
        {"-7",   {-7, -7, -7, -7, -7, -7}},
        {"0",    { 0,  0,  0,  0,  0,  0}},
    };
    /* clang-format on */
    for (size_t i = 0; i < N(cases); i++)
        for (size_t m = 0; m < N(all_modes); m++) {
            dec_t v = dec_lit(cases[i].v), want = dec_int(cases[i].want[m]);
            ck_assert_msg(dec_eq(dec_round_to(v, dec_int(1), all_modes[m]), want), "%s %s",
                          cases[i].v, mode_names[m]);
            ck_assert_msg(dec_eq(dec_round_places(v, 0, all_modes[m]), want), "%s %s", cases[i].v,
                          mode_names[m]);
        }
}
END_TEST

/* One unit of the 34th digit beside a multiple or a tie is neither. */
START_TEST(a_value_just_beside_a_multiple_or_a_tie_is_seen_as_such)
{
    static const struct {
        const char *v, *step, *want[6];
    } cases[] = {
        {"0.2999999999999999999999999999999999", "0.1", {"0.2", "0.3", "0.2", "0.3", "0.3", "0.3"}},
        {"0.3000000000000000000000000000000001", "0.1", {"0.3", "0.4", "0.3", "0.4", "0.3", "0.3"}},
        {"0.5000000000000000000000000000000001", "1", {"0", "1", "0", "1", "1", "1"}},
        {"0.4999999999999999999999999999999999", "1", {"0", "1", "0", "1", "0", "0"}},
        {"-0.5000000000000000000000000000000001", "1", {"0", "-1", "-1", "0", "-1", "-1"}},
        {"2.500000000000000000000000000000001", "1", {"2", "3", "2", "3", "3", "3"}},
        {"0.09999999999999999999999999999999999", "0.2", {"0", "0.2", "0", "0.2", "0", "0"}},
        {"20.99999999999999999999999999999999", "7", {"14", "21", "14", "21", "21", "21"}},
        {"9999999999999999999999999999999999",
         "2",
         {"9999999999999999999999999999999998", "10000000000000000000000000000000000",
          "9999999999999999999999999999999998", "10000000000000000000000000000000000",
          "10000000000000000000000000000000000", "10000000000000000000000000000000000"}},
    };
    for (size_t i = 0; i < N(cases); i++)
        for (size_t m = 0; m < N(all_modes); m++) {
            dec_t got = dec_round_to(dec_lit(cases[i].v), dec_lit(cases[i].step), all_modes[m]);
            char buf[DEC_TEXT_MAX];
            ck_assert_msg(dec_eq(got, dec_lit(cases[i].want[m])), "%s to %s %s is %s", cases[i].v,
                          cases[i].step, mode_names[m], dec_format(got, buf));
        }
    ck_assert(!dec_is_multiple(dec_lit("0.2999999999999999999999999999999999"), dec_lit("0.1")));
    ck_assert(dec_is_multiple(dec_lit("1e20"), dec_lit("0.00000001")));
}
END_TEST

/* ---- the edges ---- */

START_TEST(integers_reach_their_limits_and_not_one_further)
{
    static const struct {
        const char *text;
        int err;
        int64_t want;
    } cases[] = {
        {"0", ERR_OK, 0},
        {"-0.0", ERR_OK, 0},
        {"1e3", ERR_OK, 1000},
        {"5.000", ERR_OK, 5},
        {"9223372036854775807", ERR_OK, INT64_MAX},
        {"-9223372036854775808", ERR_OK, INT64_MIN},
        {"9223372036854775808", ERR_RANGE, 0},
        {"-9223372036854775809", ERR_RANGE, 0},
        {"9223372036854775807.5", ERR_RANGE, 0},
        {"9223372036854775806.9999", ERR_RANGE, 0},
        {"0.5", ERR_RANGE, 0},
        {"-0.0000000000000001", ERR_RANGE, 0},
        {"1e-100", ERR_RANGE, 0},
        {"1e100", ERR_RANGE, 0},
    };
    for (size_t i = 0; i < N(cases); i++) {
        int64_t got = -77;
        int err = dec_to_int(dec_lit(cases[i].text), &got);
        ck_assert_msg(err == cases[i].err, "%s: %s", cases[i].text, err_name(err));
        ck_assert_int_eq(got, err == ERR_OK ? cases[i].want : -77);
    }
    ck_assert(dec_eq(dec_int(INT64_MIN), dec_lit("-9223372036854775808")));
    ck_assert(dec_eq(dec_int(INT64_MAX), dec_lit("9223372036854775807")));
}
END_TEST

START_TEST(doubles_come_back_rounded_to_a_step)
{
    static const struct {
        double v;
        const char *step;
        enum dec_round how;
        const char *want;
    } cases[] = {
        {0.0, "0.1", DEC_UP, "0"},
        {-0.0, "0.1", DEC_UP, "0"},
        {0.1, "0.1", DEC_DOWN, "0.1"}, /* the double is 0.1000000000000000055 */
        {0.1, "0.1", DEC_UP, "0.2"},
        {0.3, "0.1", DEC_DOWN, "0.2"}, /* 0.299999999999999988 */
        {0.3, "0.1", DEC_HALF_EVEN, "0.3"},
        {2.5, "1", DEC_HALF_EVEN, "2"},
        {2.5, "1", DEC_HALF_AWAY, "3"},
        {-2.5, "1", DEC_FLOOR, "-3"},
        {61234.56, "0.1", DEC_DOWN, "61234.5"},
        {61234.56, "0.5", DEC_CEIL, "61235"},
        {1e-320, "0.00000001", DEC_UP, "0.00000001"},
        {9.99e29, "1e29", DEC_DOWN, "9e29"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        dec_t got;
        char buf[DEC_TEXT_MAX];
        ck_assert_int_eq(dec_from_double(cases[i].v, dec_lit(cases[i].step), cases[i].how, &got),
                         ERR_OK);
        ck_assert_msg(dec_eq(got, dec_lit(cases[i].want)), "%.17g to %s %s is %s", cases[i].v,
                      cases[i].step, mode_names[cases[i].how], dec_format(got, buf));
    }
}
END_TEST

START_TEST(refuses_doubles_that_are_no_number_or_too_large)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e30, -1e30, DBL_MAX};
    for (size_t i = 0; i < N(bad); i++) {
        dec_t got = dec_int(-77);
        ck_assert_int_eq(dec_from_double(bad[i], dec_int(1), DEC_DOWN, &got), ERR_RANGE);
        ck_assert(dec_eq(got, dec_int(-77)));
    }
}
END_TEST

START_TEST(to_double_is_the_nearest_one)
{
    seed();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t v = integer(1000000000000000000);
        int exp10 = within(-20, 10);
        char buf[80];
        double want = strtod(text_of(v, exp10, buf), NULL);
        ck_assert_msg(dec_to_double(dec_scaled(v, exp10)) == want, "%s", buf);
    }
}
END_TEST

START_TEST(bytes_that_are_no_value_are_told_apart)
{
    dec_t v = dec_lit("-9999999999999999999999999999999999");
    ck_assert(dec_valid(v) && dec_valid(dec_zero()) && dec_valid((dec_t){.v = {.w = {0, 0}}}));
    v.v.w[0]++;                                     /* 10^34 */
    ck_assert(!dec_valid(v));
    v.v.w[1] = 0x7c00000000000000u;                 /* not a number */
    ck_assert(!dec_valid(v));
    v.v.w[1] = 0x7800000000000000u;                 /* infinity */
    ck_assert(!dec_valid(v));
}
END_TEST

TESTS("dec", bytes_that_are_no_value_are_told_apart, formats_in_canonical_plain_text, reads_the_number_forms_of_the_exchange,
      far_exponents_print_in_the_other_form_and_read_back,
      refuses_other_forms_and_leaves_the_result, parses_no_further_than_the_given_length,
      every_value_survives_text, formats_a_fixed_number_of_places, sums_and_differences_are_exact,
      products_are_exact_and_divide_back, quotients_have_34_digits_half_even, zeroed_memory_is_zero,
      rounds_to_a_step_as_integers_do, rounds_to_places_as_integers_do,
      each_mode_on_both_sides_of_zero, a_value_just_beside_a_multiple_or_a_tie_is_seen_as_such,
      integers_reach_their_limits_and_not_one_further, doubles_come_back_rounded_to_a_step,
      refuses_doubles_that_are_no_number_or_too_large, to_double_is_the_nearest_one)
