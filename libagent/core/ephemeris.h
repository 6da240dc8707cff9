/* ephemeris - where the planets are, and the figures made of that.
 *
 * Source:  Paul Schlyter, "How to compute planetary positions" (stjarnhimlen.se/comp/ppcomp.html):
 *          mean elements, Kepler's equation, the larger perturbations of Jupiter, Saturn and
 *          Uranus.  Ecliptic and equinox of date; 1 ... 2 arc minutes between 1900 and 2100, worse
 *          outside.
 * Figures, over the seven planets:
 *     q          mean of |cos elongation|, the elongation seen from the Earth
 *     h          mean of 1 / R^2, R the distance from the Earth in AU, halved and at most 1
 *     alignment  mean over the 21 pairs of the best aspect, exp(-(x / 6 deg)^2), x the distance of
 *                the difference of geocentric longitudes from 0, 60, 90, 120 or 180 degrees
 *     q_rank, alignment_rank   their percentile among the days of 2020 ... 2025, 0 ... 1, from
 *                a table: a running minimum and maximum would swing by themselves
 * Nobody has shown that any of them tells anything about prices: they are for the record, their
 * weight in every decision is 0.
 *
 * Output:  finite for every time that 64 bits of nanoseconds can tell (1677 ... 2262).
 * Memory:  a plain structure of the caller.  Threads: pure function.
 */
#ifndef CORE_EPHEMERIS_H
#define CORE_EPHEMERIS_H

#include <stdint.h>

#define EPHEMERIS_BODIES(V)                                                                        \
    V(SUN, "Sun")                                                                                  \
    V(MERCURY, "Mercury")                                                                          \
    V(VENUS, "Venus")                                                                              \
    V(MARS, "Mars")                                                                                \
    V(JUPITER, "Jupiter")                                                                          \
    V(SATURN, "Saturn")                                                                            \
    V(URANUS, "Uranus")                                                                            \
    V(NEPTUNE, "Neptune")

enum ephemeris_body {
#define V(name, text) EPHEMERIS_##name,
    EPHEMERIS_BODIES(V)
#undef V
    EPHEMERIS_COUNT, EPHEMERIS_PLANETS = EPHEMERIS_MERCURY      /* the first planet */
};

struct ephemeris_place {
    double lon;         /* degrees, 0 <= lon < 360 */
    double lat;         /* degrees, -90 ... 90 */
    double r;           /* AU */
};

struct ephemeris {
    double day;                                         /* since 1999-12-31 0:00 UT */
    struct ephemeris_place helio[EPHEMERIS_COUNT];      /* from the Sun; its own is all 0 */
    struct ephemeris_place geo[EPHEMERIS_COUNT];        /* from the Earth */
    double elongation[EPHEMERIS_COUNT];                 /* from the Sun, degrees, 0 ... 180 */
    double q, h, alignment;                             /* 0 ... 1 each */
    double q_rank, alignment_rank;
};

/* "Mercury"; "?" for what is none.  Static. */
const char *ephemeris_name(enum ephemeris_body b);

void ephemeris_at(int64_t utc_ns, struct ephemeris *ret);

#endif
