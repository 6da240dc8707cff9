/* dec - exact decimal numbers for prices, quantities, fees and balances.
 *
 * Units:   whatever the value counts; IEEE 754 decimal128, 34 digits (Intel's library).
 * Range:   every value is finite.  Results that are not finite or lose digits where the function
 *          promises exactness are errors, never silent.
 * Errors:  int functions return ERR_OK (0) or a negative enum err; *ret is then untouched.
 * Memory:  values, never pointers; nothing to free.
 * Threads: pure functions, callable from anywhere.  Rounding is an argument, never a mode.
 *
 * Never use GCC's _Decimal types in the same program: their run-time library defines the same
 * symbols with other signatures.
 */
#ifndef PROTO_DEC_H
#define PROTO_DEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bid_conf.h>
#include <bid_functions.h>

/* A struct, so that `a * b` does not compile. */
typedef struct { BID_UINT128 v; } dec_t;

/* Longest text of dec_format with its NUL: sign, "0.", 34 digits and up to 30 zeros. */
#define DEC_TEXT_MAX 80

enum dec_round {
    DEC_DOWN,       /* towards zero */
    DEC_UP,         /* away from zero */
    DEC_FLOOR,      /* towards minus infinity */
    DEC_CEIL,       /* towards plus infinity */
    DEC_HALF_EVEN,  /* to nearest, ties to the even digit */
    DEC_HALF_AWAY,  /* to nearest, ties away from zero */
};

/* 0; also what static storage must not be assumed to be: dec_t{0} is 0E-6176, which compares equal
 * to DEC_ZERO, so zeroed structs are fine. */
dec_t dec_zero(void);
dec_t dec_int(int64_t v);
/* v x 10^exp10, -30 <= exp10 <= 30: dec_scaled(15, -4) is 0.0015. */
dec_t dec_scaled(int64_t v, int exp10);

/* Parse "-12.345", "2.0E-4", "0E-8", "68.00": the forms of the exchange's texts.  No blanks, no '+'
 * in front, no "NaN".  ERR_SYNTAX for another form, ERR_RANGE if digits would be lost (more than 34) or
 * the exponent leaves -100 ... 100; never rounds. */
int dec_parse(const char *text, dec_t *ret);
int dec_parse_n(const char *text, size_t len, dec_t *ret);
/* A constant of the source text, "0.0006"; ends the process (must) if it is malformed. */
dec_t dec_lit(const char *text);

/* Canonical plain text: no exponent, no trailing zeros after the point, no "-0".
 * buf holds at least DEC_TEXT_MAX; returns buf.  What would need more than 30 zeros at
 * either end prints in the form d.dddE+nn. */
char *dec_format(dec_t a, char *buf);
/* With exactly `places` digits after the point (0 ... 20), rounded as told. */
char *dec_format_places(dec_t a, int places, enum dec_round how, char *buf);

/* Sums, differences, products: exact up to 34 digits, then rounded half-even (far below any unit of
 * account). */
dec_t dec_add(dec_t a, dec_t b);
dec_t dec_sub(dec_t a, dec_t b);
dec_t dec_mul(dec_t a, dec_t b);
dec_t dec_neg(dec_t a);
dec_t dec_abs(dec_t a);
/* a / b to 34 digits, half-even.  ERR_RANGE when b is 0. */
int dec_div(dec_t a, dec_t b, dec_t *ret);
/* a / b for a divisor that the caller has proved not to be 0; must() otherwise. */
dec_t dec_quo(dec_t a, dec_t b);
/* floor(a / b), exact.  ERR_RANGE unless b > 0 and the result fits. */
int dec_floor_div(dec_t a, dec_t b, int64_t *ret);

/* a rounded to an integer multiple of step (> 0; must() otherwise) in the named direction. */
dec_t dec_round_to(dec_t a, dec_t step, enum dec_round how);
/* a rounded to `places` digits after the point (may be negative). */
dec_t dec_round_places(dec_t a, int places, enum dec_round how);
/* True when a is an exact multiple of step (> 0). */
bool dec_is_multiple(dec_t a, dec_t step);

int  dec_cmp(dec_t a, dec_t b);         /* -1, 0, 1 */
bool dec_eq(dec_t a, dec_t b);
bool dec_lt(dec_t a, dec_t b);
bool dec_le(dec_t a, dec_t b);
bool dec_gt(dec_t a, dec_t b);
bool dec_ge(dec_t a, dec_t b);
int  dec_sign(dec_t a);                 /* -1, 0, 1 */
bool dec_is_zero(dec_t a);
dec_t dec_min(dec_t a, dec_t b);
dec_t dec_max(dec_t a, dec_t b);
/* False for bytes, come from elsewhere, that are no value as these functions make them. */
bool dec_valid(dec_t a);

/* The value as an integer; ERR_RANGE unless it is integral and fits. */
int dec_to_int(dec_t a, int64_t *ret);
/* For indicators and statistics only: money never comes back from a double except through
 * dec_from_double. */
double dec_to_double(dec_t a);
/* The one way from double to decimal: rounded to the named step in the named direction.
 * ERR_RANGE unless v is finite and |v| < 1e30. */
int dec_from_double(double v, dec_t step, enum dec_round how, dec_t *ret);

#endif
