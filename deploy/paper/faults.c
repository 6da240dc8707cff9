/* faults - see faults.h
 *
 * Every due time is one of the monotonic clock: the market clock is a straight line over it for as
 * long as the process lives.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libagent/exchange/codec.h"
#include "libagent/log.h"
#include "proto/err.h"
#include "proto/tm.h"

#include "deploy/paper/faults.h"
#include "deploy/paper/synth.h"

#define LINES_MAX   1000
#define COUNT_MAX   1000000000
#define SPAN_MAX_NS (366 * NS_PER_DAY)

static const struct {
    const char *name, *unit;
    int64_t low, high, def;
    const char *text;
} list[] = {
#define FAULT(ID, name, unit, low, high, def, text) {name, unit, low, high, def, text},
#include "deploy/paper/fault.def"
#undef FAULT
};

struct state {
    bool on;
    int64_t value, left; /* bites left, 0: no end */
    double p;
    char match[FAULT_MATCH_MAX];
    int64_t end_ns;          /* monotonic; FAULTS_NEVER */
    int64_t bites, switched; /* since the start; bites: since it was switched on last */
    int64_t total;
};

struct entry { /* of the script */
    bool market, relative;
    int64_t at_ns; /* span or UTC; after faults_begin monotonic */
    struct fault_set set;
};

struct faults {
    struct state at[FAULT_COUNT];
    struct rng rng;
    struct entry *script;
    size_t n_script, next;
    void (*fn)(void *arg, enum fault which, bool on);
    void *arg;
};

struct faults *faults_new(uint64_t seed)
{
    struct faults *f = calloc(1, sizeof *f);
    must(f != NULL);
    f->rng = rng_for(seed, 0xFA, 0);
    return f;
}

void faults_destroy(struct faults **f)
{
    if (*f == NULL)
        return;
    free((*f)->script);
    free(*f);
    *f = NULL;
}

void faults_on_switch(struct faults *f, void (*fn)(void *arg, enum fault which, bool on), void *arg)
{
    f->fn = fn;
    f->arg = arg;
}

int faults_find(const char *name)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (strcmp(list[i].name, name) == 0)
            return i;
    return -1;
}

const char *faults_name(enum fault which)
{
    return list[which].name;
}

/* ---- what a switch says ---- */

static int wrong(char *why, int err, const char *name, const char *value, const char *mend)
{
    snprintf(why, FAULTS_WHY_MAX, "%s '%.60s': %s", name, value, mend);
    return err;
}

static int name_fault(struct fault_set *s, const char *name, char *why)
{
    s->fault = strcmp(name, "*") == 0 ? -1 : faults_find(name);
    if (s->fault < 0 && strcmp(name, "*") != 0)
        return wrong(why, ERR_UNKNOWN, "fault", name,
                     "no such fault; GET /admin/faults lists them");
    s->count = 0;
    s->for_ns = 0;
    s->p = 1;
    s->match[0] = '\0';
    s->value = s->fault >= 0 ? list[s->fault].def : 0;
    return ERR_OK;
}

static int number(const char *text, int64_t low, int64_t high, const char *name, int64_t *ret,
                  char *why)
{
    char mend[96], *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && !isspace((unsigned char)*text) && v >= low &&
        v <= high) {
        *ret = v;
        return ERR_OK;
    }
    snprintf(mend, sizeof mend, "must be a whole number from %lld to %lld", (long long)low,
             (long long)high);
    return wrong(why, ERR_RANGE, name, text, mend);
}

static int set_p(struct fault_set *s, const char *text, char *why)
{
    char *end;
    double v = strtod(text, &end);
    if (!isdigit((unsigned char)*text) || *end != '\0' || !(v > 0 && v <= 1))
        return wrong(why, ERR_RANGE, "p", text, "must be a number above 0, at most 1");
    s->p = v;
    return ERR_OK;
}

/* One setting by its name, value as text; `for` is the callers'. */
static int set_one(struct fault_set *s, const char *name, const char *text, char *why)
{
    if (!s->on)
        return wrong(why, ERR_SYNTAX, name, text, "has no meaning when switching off");
    if (s->fault == FAULT_REST_REFUSE) /* the host's, not ours: nobody sees the request */
        return wrong(why, ERR_SYNTAX, name, text, "this fault knows a time to end only");
    if (strcmp(name, "value") == 0) {
        if (*list[s->fault].unit == '\0')
            return wrong(why, ERR_SYNTAX, name, text, "this fault takes no value");
        return number(text, list[s->fault].low, list[s->fault].high, list[s->fault].unit, &s->value,
                      why);
    }
    if (strcmp(name, "count") == 0)
        return number(text, 1, COUNT_MAX, name, &s->count, why);
    if (strcmp(name, "p") == 0)
        return set_p(s, text, why);
    if (strcmp(name, "match") != 0)
        return wrong(why, ERR_UNKNOWN, "setting", name,
                     "must be value, match, p, count, for (script) or for_ms");
    if (*text == '\0' || strlen(text) >= FAULT_MATCH_MAX)
        return wrong(why, ERR_SIZE, name, text, "must have 1 to 127 characters");
    snprintf(s->match, sizeof s->match, "%s", text);
    return ERR_OK;
}

static int complete(const struct fault_set *s, char *why)
{
    if (s->on && s->fault < 0)
        return wrong(why, ERR_SYNTAX, "fault", "*", "all can only be switched off");
    return ERR_OK;
}

static int request_setting(struct fault_set *s, const char *key, const char *text, char *why)
{
    int64_t ms = 0;
    if (strcmp(key, "for_ms") != 0)
        return set_one(s, key, text, why);
    if (!s->on)
        return wrong(why, ERR_SYNTAX, key, text, "has no meaning when switching off");
    int err = number(text, 1, SPAN_MAX_NS / NS_PER_MS, key, &ms, why);
    s->for_ns = ms * NS_PER_MS;
    return err;
}

int faults_request(json_t *body, struct fault_set *ret, char why[FAULTS_WHY_MAX])
{
    struct fault_set s = {.on = true};
    const char *name, *key;
    json_t *v;
    if (codec_text(body, "fault", &name) != ERR_OK || codec_bool(body, "on", &s.on) == ERR_TYPE) {
        snprintf(why, FAULTS_WHY_MAX, "wants {\"fault\": \"rest_cut\", \"on\": true}");
        return ERR_SYNTAX;
    }
    int err = name_fault(&s, name, why);
    err = err == ERR_OK ? complete(&s, why) : err;
    json_object_foreach(body, key, v)
    {
        if (err != ERR_OK || strcmp(key, "fault") == 0 || strcmp(key, "on") == 0)
            continue;
        err = codec_chars(v) != NULL
                  ? request_setting(&s, key, codec_chars(v), why)
                  : wrong(why, ERR_TYPE, "setting", key, "must be a number or a string");
    }
    if (err == ERR_OK)
        *ret = s;
    return err;
}

/* ---- the script ---- */

static bool span(const char *text, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {
        {"ms", NS_PER_MS},
        {"s", NS_PER_S},
        {"m", NS_PER_MIN},
        {"h", NS_PER_H},
    };
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    double v = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0 && v * (double)units[i].ns <= (double)SPAN_MAX_NS) {
            *ret = llround(v * (double)units[i].ns);
            return true;
        }
    return false;
}

static int read_time(struct entry *e, const char *text, char *why)
{
    e->relative = *text == '+';
    if (e->relative ? span(text + 1, &e->at_ns) : tm_parse(text, &e->at_ns) == ERR_OK)
        return ERR_OK;
    return wrong(why, ERR_SYNTAX, "time", text, "must be +5s (ms, s, m, h) or 2024-08-05T01:00Z");
}

static int read_setting(struct fault_set *s, char *word, char *why)
{
    char *eq = strchr(word, '=');
    if (eq == NULL)
        return wrong(why, ERR_SYNTAX, "setting", word, "lacks '=': write value=503");
    *eq = '\0';
    if (strcmp(word, "for") != 0)
        return set_one(s, word, eq + 1, why);
    if (!s->on)
        return wrong(why, ERR_SYNTAX, "for", eq + 1, "has no meaning when switching off");
    return span(eq + 1, &s->for_ns) && s->for_ns > 0
               ? ERR_OK
               : wrong(why, ERR_SYNTAX, "for", eq + 1, "must be a span like 500ms, 5s, 2m, 1h");
}

/* *ret_any: the line holds a switch. */
static int read_line(char *text, struct entry *ret, bool *ret_any, char *why)
{
    static const char blanks[] = " \t\r\n";
    char *save = NULL, *hash = text;
    while ((hash = strchr(hash, '#')) != NULL && hash != text && !isspace((unsigned char)hash[-1]))
        hash++;
    if (hash != NULL)
        *hash = '\0';
    char *clock = strtok_r(text, blanks, &save), *time = strtok_r(NULL, blanks, &save);
    char *state = strtok_r(NULL, blanks, &save), *name = strtok_r(NULL, blanks, &save), *word;
    *ret_any = clock != NULL;
    if (clock == NULL)
        return ERR_OK;
    if (name == NULL)
        return wrong(why, ERR_SYNTAX, "line", clock, "want CLOCK TIME on|off NAME [key=value ...]");
    if (strcmp(clock, "wall") != 0 && strcmp(clock, "market") != 0)
        return wrong(why, ERR_SYNTAX, "clock", clock, "must be wall or market");
    if (strcmp(state, "on") != 0 && strcmp(state, "off") != 0)
        return wrong(why, ERR_SYNTAX, "switch", state, "must be on or off");
    *ret = (struct entry){.market = *clock == 'm', .set.on = strcmp(state, "on") == 0};
    int err = read_time(ret, time, why);
    err = err == ERR_OK ? name_fault(&ret->set, name, why) : err;
    err = err == ERR_OK ? complete(&ret->set, why) : err;
    while (err == ERR_OK && (word = strtok_r(NULL, blanks, &save)) != NULL)
        err = read_setting(&ret->set, word, why);
    return err;
}

int faults_load(struct faults *f, const char *path, char why[FAULTS_WHY_MAX])
{
    FILE *file = fopen(path, "re");
    char text[512], what[FAULTS_WHY_MAX];
    int err = file == NULL ? ERR_IO : ERR_OK;
    if (file == NULL)
        snprintf(why, FAULTS_WHY_MAX, "%.120s: %s", path, strerror(errno));
    f->script = calloc(LINES_MAX, sizeof *f->script);
    must(f->script != NULL);
    for (int no = 1; err == ERR_OK && fgets(text, sizeof text, file) != NULL; no++) {
        bool any = false;
        if (strchr(text, '\n') == NULL && !feof(file))
            err = wrong(what, ERR_SIZE, "line", text, "is longer than 510 characters");
        else if (f->n_script == LINES_MAX)
            err = wrong(what, ERR_FULL, "line", text, "is one switch too many (limit 1000)");
        else
            err = read_line(text, &f->script[f->n_script], &any, what);
        f->n_script += err == ERR_OK && any;
        if (err != ERR_OK)
            snprintf(why, FAULTS_WHY_MAX, "%.120s:%d: %.120s", path, no, what);
    }
    if (err == ERR_OK && ferror(file)) {
        snprintf(why, FAULTS_WHY_MAX, "%.120s: cannot be read", path);
        err = ERR_IO;
    }
    if (file != NULL)
        fclose(file);
    return err;
}

void faults_begin(struct faults *f, const struct mclock *clock, int64_t mono_ns, int64_t wall_ns)
{
    for (size_t i = 0; i < f->n_script; i++) {
        struct entry *e = &f->script[i];
        if (!e->market) {
            e->at_ns = e->relative ? mono_ns + e->at_ns : mono_ns + (e->at_ns - wall_ns);
        } else {
            int64_t now = mclock_market_ns(clock, mono_ns);
            e->at_ns = mclock_mono_ns(clock, e->relative ? now + e->at_ns : e->at_ns);
            e->set.for_ns = (int64_t)((double)e->set.for_ns / clock->speed);
        }
        struct entry here = *e; /* in order of time, equal ones as written */
        size_t k = i;
        for (; k > 0 && f->script[k - 1].at_ns > here.at_ns; k--)
            f->script[k] = f->script[k - 1];
        f->script[k] = here;
    }
    (void)faults_step(f, mono_ns);
}

int64_t faults_step(struct faults *f, int64_t mono_ns)
{
    while (f->next < f->n_script && f->script[f->next].at_ns <= mono_ns) {
        const struct entry *e = &f->script[f->next++];
        faults_switch(f, &e->set, e->at_ns);
    }
    int64_t next = f->next < f->n_script ? f->script[f->next].at_ns : FAULTS_NEVER;
    for (int i = 0; i < FAULT_COUNT; i++) {
        struct state *s = &f->at[i];
        if (s->on && s->end_ns <= mono_ns)
            faults_switch(f, &(struct fault_set){.fault = i}, mono_ns);
        if (s->on && s->end_ns < next)
            next = s->end_ns;
    }
    return next;
}

/* ---- state ---- */

static void switch_one(struct faults *f, int i, const struct fault_set *s, int64_t mono_ns)
{
    struct state *at = &f->at[i];
    if (!s->on && !at->on)
        return;
    at->on = s->on;
    if (s->on) {
        at->value = s->value;
        at->left = s->count;
        at->p = s->p;
        at->end_ns = s->for_ns > 0 ? mono_ns + s->for_ns : FAULTS_NEVER;
        at->bites = 0;
        at->switched++;
        memcpy(at->match, s->match, sizeof at->match);
    }
    log_info("paper.fault", LOG_S("fault", list[i].name), LOG_S("state", s->on ? "on" : "off"),
             LOG_I("value", at->value), LOG_I("bites", at->bites));
    if (f->fn != NULL)
        f->fn(f->arg, (enum fault)i, s->on);
}

void faults_switch(struct faults *f, const struct fault_set *s, int64_t mono_ns)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (s->fault < 0 || s->fault == i)
            switch_one(f, i, s, mono_ns);
}

bool faults_on(const struct faults *f, enum fault which)
{
    return f->at[which].on;
}

int64_t faults_value(const struct faults *f, enum fault which)
{
    return f->at[which].value;
}

bool faults_any_ws(const struct faults *f)
{
    for (int i = FAULT_WS_CUT; i <= FAULT_WS_DUPLICATE; i++)
        if (f->at[i].on)
            return true;
    return false;
}

bool faults_bites(struct faults *f, enum fault which, const char *text, size_t len,
                  int64_t *ret_value)
{
    struct state *s = &f->at[which];
    if (!s->on || (s->match[0] != '\0' && memmem(text, len, s->match, strlen(s->match)) == NULL) ||
        (s->p < 1 && rng_unit(&f->rng) >= s->p))
        return false;
    s->bites++;
    s->total++;
    if (ret_value != NULL)
        *ret_value = s->value;
    if (s->left > 0 && --s->left == 0)
        faults_switch(f, &(struct fault_set){.fault = (int)which}, 0);
    return true;
}

int64_t faults_bitten(const struct faults *f)
{
    int64_t sum = 0;
    for (int i = 0; i < FAULT_COUNT; i++)
        sum += f->at[i].total;
    return sum;
}

void faults_show(const struct faults *f, struct jw *w, int64_t mono_ns)
{
    jw_open(w, NULL, '{');
    jw_open(w, "faults", '[');
    for (int i = 0; i < FAULT_COUNT; i++) {
        const struct state *s = &f->at[i];
        char p[32];
        jw_open(w, NULL, '{');
        jw_str(w, "fault", list[i].name);
        jw_bool(w, "on", s->on);
        jw_int(w, "bites", s->bites);
        jw_int(w, "total", s->total);
        jw_int(w, "switched", s->switched);
        if (s->on) {
            jw_str(w, "match", s->match);
            jw_raw(w, "p", p, (size_t)snprintf(p, sizeof p, "%.6g", s->p));
            jw_int(w, "left", s->left);
            if (*list[i].unit != '\0')
                jw_int(w, "value", s->value);
            if (s->end_ns != FAULTS_NEVER)
                jw_int(w, "ends_ms", (s->end_ns - mono_ns) / NS_PER_MS);
        }
        if (*list[i].unit != '\0') {
            jw_str(w, "unit", list[i].unit);
            jw_int(w, "lowest", list[i].low);
            jw_int(w, "highest", list[i].high);
            jw_int(w, "default", list[i].def);
        }
        jw_str(w, "does", list[i].text);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_int(w, "script_left", (int64_t)(f->n_script - f->next));
    jw_close(w, '}');
}
