/* breaker - see breaker.h */
#include "libagent/breaker.h"

/* Each request asks first; TRIPPED is the last failure of the row, OVER is asking after open_ns. */
enum event { EV_ASK, EV_OVER, EV_PROBE, EV_SUCCESS, EV_FAILURE, EV_TRIPPED, EVENTS };

/* Answers that come late, to requests from before it opened, change nothing: OPEN stays OPEN. */
static const struct row { enum breaker_state next; bool allow; } table[BREAKER_STATES][EVENTS] = {
    [BREAKER_CLOSED] = {
        [EV_ASK] = {BREAKER_CLOSED, true},       [EV_OVER] = {BREAKER_CLOSED, true},
        [EV_PROBE] = {BREAKER_CLOSED, true},
        [EV_SUCCESS] = {BREAKER_CLOSED, false},  [EV_FAILURE] = {BREAKER_CLOSED, false},
        [EV_TRIPPED] = {BREAKER_OPEN, false},
    },
    [BREAKER_OPEN] = {
        [EV_ASK] = {BREAKER_OPEN, false},        [EV_OVER] = {BREAKER_HALF_OPEN, true},
        [EV_PROBE] = {BREAKER_HALF_OPEN, true},
        [EV_SUCCESS] = {BREAKER_OPEN, false},    [EV_FAILURE] = {BREAKER_OPEN, false},
        [EV_TRIPPED] = {BREAKER_OPEN, false},
    },
    [BREAKER_HALF_OPEN] = {
        [EV_ASK] = {BREAKER_HALF_OPEN, false},   [EV_OVER] = {BREAKER_OPEN, false},
        [EV_PROBE] = {BREAKER_HALF_OPEN, true},
        [EV_SUCCESS] = {BREAKER_CLOSED, false},  [EV_FAILURE] = {BREAKER_OPEN, false},
        [EV_TRIPPED] = {BREAKER_OPEN, false},
    },
};

void breaker_init(struct breaker *b, int64_t now_ns)
{
    *b = (struct breaker){
        .state = BREAKER_CLOSED, .since_ns = now_ns, .open_ns = BREAKER_OPEN_MS * INT64_C(1000000),
    };
}

static bool apply(struct breaker *b, enum event ev, int64_t now_ns)
{
    const struct row *row = &table[b->state][ev];
    if (row->next != b->state) {
        b->state = row->next;
        b->since_ns = now_ns;
        b->failures = 0;
        b->opened += row->next == BREAKER_OPEN;
    }
    return row->allow;
}

bool breaker_allow(struct breaker *b, int64_t now_ns)
{
    return apply(b, now_ns - b->since_ns >= b->open_ns ? EV_OVER : EV_ASK, now_ns);
}

void breaker_probe(struct breaker *b, int64_t now_ns)
{
    apply(b, EV_PROBE, now_ns);
}

void breaker_success(struct breaker *b, int64_t now_ns)
{
    b->failures = 0;
    apply(b, EV_SUCCESS, now_ns);
}

void breaker_failure(struct breaker *b, int64_t now_ns)
{
    if (b->state == BREAKER_CLOSED)
        b->failures++;
    apply(b, b->failures >= BREAKER_FAILURES ? EV_TRIPPED : EV_FAILURE, now_ns);
}

const char *breaker_state_name(enum breaker_state s)
{
    static const char *const names[BREAKER_STATES] = {"CLOSED", "OPEN", "HALF_OPEN"};
    return (unsigned)s < BREAKER_STATES ? names[s] : "?";
}
