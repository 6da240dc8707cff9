/* ephemeris - Schlyter's low-precision positions of Sun and planets.
 *
 * Elements are a value at day 0 and a change per day; the Sun's are those of the Earth's orbit as
 * seen from the Earth.  The signs of Kepler's equation are M = E - e sin E; the source prints them
 * reversed in one place.
 */
#include <math.h>
#include <string.h>

#include "libagent/core/ephemeris.h"

#define DEG          0.017453292519943295       /* in radians */
#define DAY_NS       86400000000000.0
#define DAY_0        10956.0                    /* 1999-12-31, in days since 1970 */
#define KEPLER_STEPS 10                         /* e <= 0.21: four reach the last bit */
#define ASPECT_WIDTH 6.0

struct element {
    double at0, per_day;
};

struct orbit {
    struct element node, incl, peri, axis, ecc, anomaly;    /* degrees; AU; a number; degrees */
};

static const struct orbit orbits[EPHEMERIS_COUNT] = {
    [EPHEMERIS_SUN] = {{0, 0}, {0, 0}, {282.9404, 4.70935e-5}, {1, 0}, {0.016709, -1.151e-9},
                       {356.0470, 0.9856002585}},
    [EPHEMERIS_MERCURY] = {{48.3313, 3.24587e-5}, {7.0047, 5.00e-8}, {29.1241, 1.01444e-5},
                           {0.387098, 0}, {0.205635, 5.59e-10}, {168.6562, 4.0923344368}},
    [EPHEMERIS_VENUS] = {{76.6799, 2.46590e-5}, {3.3946, 2.75e-8}, {54.8910, 1.38374e-5},
                         {0.723330, 0}, {0.006773, -1.302e-9}, {48.0052, 1.6021302244}},
    [EPHEMERIS_MARS] = {{49.5574, 2.11081e-5}, {1.8497, -1.78e-8}, {286.5016, 2.92961e-5},
                        {1.523688, 0}, {0.093405, 2.516e-9}, {18.6021, 0.5240207766}},
    [EPHEMERIS_JUPITER] = {{100.4542, 2.76854e-5}, {1.3030, -1.557e-7}, {273.8777, 1.64505e-5},
                           {5.20256, 0}, {0.048498, 4.469e-9}, {19.8950, 0.0830853001}},
    [EPHEMERIS_SATURN] = {{113.6634, 2.38980e-5}, {2.4886, -1.081e-7}, {339.3939, 2.97661e-5},
                          {9.55475, 0}, {0.055546, -9.499e-9}, {316.9670, 0.0334442282}},
    [EPHEMERIS_URANUS] = {{74.0005, 1.3978e-5}, {0.7733, 1.9e-8}, {96.6612, 3.0565e-5},
                          {19.18171, -1.55e-8}, {0.047318, 7.45e-9}, {142.5905, 0.011725806}},
    [EPHEMERIS_NEPTUNE] = {{131.7806, 3.0173e-5}, {1.7700, -2.55e-7}, {272.8461, -6.027e-6},
                           {30.05826, 3.313e-8}, {0.008606, 2.15e-9}, {260.2471, 0.005995147}},
};

/* degrees = size x sin(j Mj + s Ms + u Mu + shift); a cosine is a sine shifted by 90. */
struct term {
    double size, j, s, u, shift;
};

static const struct term jupiter_lon[] = {
    {-0.332, 2, -5, 0, -67.6}, {-0.056, 2, -2, 0, 21}, {0.042, 3, -5, 0, 21},
    {-0.036, 1, -2, 0, 0},     {0.022, 1, -1, 0, 90},  {0.023, 2, -3, 0, 52},
    {-0.016, 1, -5, 0, -69},
};
static const struct term saturn_lon[] = {
    {0.812, 2, -5, 0, -67.6}, {-0.229, 2, -4, 0, -2 + 90}, {0.119, 1, -2, 0, -3},
    {0.046, 2, -6, 0, -69},   {0.014, 1, -3, 0, 32},
};
static const struct term saturn_lat[] = {{-0.020, 2, -4, 0, -2 + 90}, {0.018, 2, -6, 0, -49}};
static const struct term uranus_lon[] = {
    {0.040, 0, 1, -2, 6}, {0.035, 0, 1, -3, 33}, {-0.015, 1, 0, -1, 20}};

/* Values that 0, 5 ... 100 % of the days do not exceed, 2020-01-01 ... 2025-12-31 at 0:00 UT. */
#define RANKS 21
static const double q_table[RANKS] = {
    0.5134, 0.5962, 0.6178, 0.6381, 0.6475, 0.6578, 0.6655, 0.6726, 0.6823, 0.6926, 0.7001,
    0.7088, 0.7209, 0.7354, 0.7478, 0.7628, 0.7767, 0.7878, 0.8076, 0.8341, 0.8910,
};
static const double alignment_table[RANKS] = {
    0.0894, 0.1429, 0.1588, 0.1705, 0.1821, 0.1896, 0.1984, 0.2060, 0.2138, 0.2218, 0.2289,
    0.2368, 0.2444, 0.2524, 0.2617, 0.2745, 0.2924, 0.3119, 0.3397, 0.4067, 0.6127,
};

const char *ephemeris_name(enum ephemeris_body b)
{
    static const char *const names[EPHEMERIS_COUNT] = {
#define V(name, text) text,
        EPHEMERIS_BODIES(V)
#undef V
    };
    return (unsigned)b < EPHEMERIS_COUNT ? names[b] : "?";
}

static double at(struct element e, double day)
{
    return e.at0 + e.per_day * day;
}

/* 0 <= x < 360: what fmod leaves of a tiny negative angle would round to 360. */
static double turn(double x)
{
    x = fmod(x, 360);
    x += x < 0 ? 360 : 0;
    return x < 360 ? x : 0;
}

struct vec {
    double x, y, z;
};

static struct vec vector(struct ephemeris_place p)
{
    const double lon = p.lon * DEG, lat = p.lat * DEG;
    return (struct vec){p.r * cos(lat) * cos(lon), p.r * cos(lat) * sin(lon), p.r * sin(lat)};
}

static struct ephemeris_place place(struct vec v)
{
    const double flat = hypot(v.x, v.y);
    return (struct ephemeris_place){turn(atan2(v.y, v.x) / DEG), atan2(v.z, flat) / DEG,
                                    hypot(flat, v.z)};
}

/* On the undisturbed orbit. */
static struct ephemeris_place kepler(const struct orbit *o, double day)
{
    const double m = turn(at(o->anomaly, day)) * DEG, e = at(o->ecc, day), a = at(o->axis, day);
    double anomaly = m + e * sin(m) * (1 + e * cos(m));

    for (int k = 0; k < KEPLER_STEPS; k++)
        anomaly -= (anomaly - e * sin(anomaly) - m) / (1 - e * cos(anomaly));
    const double x = a * (cos(anomaly) - e), y = a * sqrt(1 - e * e) * sin(anomaly);
    const double u = atan2(y, x) + at(o->peri, day) * DEG, r = hypot(x, y);
    const double node = at(o->node, day) * DEG, incl = at(o->incl, day) * DEG;
    return place((struct vec){r * (cos(node) * cos(u) - sin(node) * sin(u) * cos(incl)),
                              r * (sin(node) * cos(u) + cos(node) * sin(u) * cos(incl)),
                              r * sin(u) * sin(incl)});
}

static double sum(const struct term *t, size_t n, double day)
{
    const double mj = turn(at(orbits[EPHEMERIS_JUPITER].anomaly, day));
    const double ms = turn(at(orbits[EPHEMERIS_SATURN].anomaly, day));
    const double mu = turn(at(orbits[EPHEMERIS_URANUS].anomaly, day));
    double degrees = 0;

    for (size_t i = 0; i < n; i++)
        degrees += t[i].size * sin((t[i].j * mj + t[i].s * ms + t[i].u * mu + t[i].shift) * DEG);
    return degrees;
}
#define SUM(table, day) sum(table, sizeof(table) / sizeof(table)[0], day)

static void perturb(struct ephemeris_place helio[EPHEMERIS_COUNT], double day)
{
    struct ephemeris_place *j = &helio[EPHEMERIS_JUPITER], *s = &helio[EPHEMERIS_SATURN],
                           *u = &helio[EPHEMERIS_URANUS];

    j->lon = turn(j->lon + SUM(jupiter_lon, day));
    s->lon = turn(s->lon + SUM(saturn_lon, day));
    s->lat += SUM(saturn_lat, day);
    u->lon = turn(u->lon + SUM(uranus_lon, day));
}

static double aspect(double lon_a, double lon_b)
{
    static const double aspects[] = {0, 60, 90, 120, 180};
    const double apart = turn(lon_a - lon_b), angle = apart > 180 ? 360 - apart : apart;
    double best = 0;

    for (size_t i = 0; i < sizeof aspects / sizeof aspects[0]; i++) {
        const double x = (angle - aspects[i]) / ASPECT_WIDTH;
        best = fmax(best, exp(-x * x));
    }
    return best;
}

static double rank(const double table[RANKS], double x)
{
    int i = 0;

    if (x <= table[0])
        return 0;
    if (x >= table[RANKS - 1])
        return 1;
    while (x >= table[i + 1])
        i++;
    return (i + (x - table[i]) / (table[i + 1] - table[i])) / (RANKS - 1);
}

static void figures(struct ephemeris *e)
{
    const int planets = EPHEMERIS_COUNT - EPHEMERIS_PLANETS;

    for (int i = EPHEMERIS_PLANETS; i < EPHEMERIS_COUNT; i++) {
        e->q += fabs(cos(e->elongation[i] * DEG)) / planets;
        e->h += 1 / (e->geo[i].r * e->geo[i].r) / planets / 2;
        for (int k = EPHEMERIS_PLANETS; k < i; k++)
            e->alignment += aspect(e->geo[i].lon, e->geo[k].lon) / (planets * (planets - 1) / 2);
    }
    e->q = fmin(e->q, 1);
    e->h = fmin(e->h, 1);
    e->alignment = fmin(e->alignment, 1);
    e->q_rank = rank(q_table, e->q);
    e->alignment_rank = rank(alignment_table, e->alignment);
}

void ephemeris_at(int64_t utc_ns, struct ephemeris *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->day = (double)utc_ns / DAY_NS - DAY_0;
    for (int i = 0; i < EPHEMERIS_COUNT; i++)
        ret->helio[i] = kepler(&orbits[i], ret->day);
    perturb(ret->helio, ret->day);

    const struct ephemeris_place sun = ret->helio[EPHEMERIS_SUN];   /* as seen from the Earth */
    const struct vec s = vector(sun);
    ret->helio[EPHEMERIS_SUN] = (struct ephemeris_place){0, 0, 0};
    ret->geo[EPHEMERIS_SUN] = sun;
    for (int i = EPHEMERIS_PLANETS; i < EPHEMERIS_COUNT; i++) {
        const struct vec p = vector(ret->helio[i]);
        ret->geo[i] = place((struct vec){p.x + s.x, p.y + s.y, p.z + s.z});
        const double r = ret->helio[i].r, far = ret->geo[i].r;
        const double cosine = (sun.r * sun.r + far * far - r * r) / (2 * sun.r * far);
        ret->elongation[i] = acos(fmax(-1, fmin(1, cosine))) / DEG;
    }
    figures(ret);
}
