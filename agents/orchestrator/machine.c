/* machine - see machine.h */
#include "proto/err.h"

#include "agents/orchestrator/machine.h"

/* Successor + 1; absent is 0: refused. */
#define TO(state) (1 + SYS_##state)

static const unsigned char next[SYS_COUNT][EV_COUNT] = {
    [SYS_INITIALIZING] = {
        [EV_STARTED]   = TO(READY),
        [EV_EMERGENCY] = TO(EMERGENCY_STOP),
        [EV_SHUTDOWN]  = TO(SHUTDOWN),
    },
    [SYS_READY] = {
        [EV_BEGIN]     = TO(TRADING),
        [EV_RESUME]    = TO(TRADING),
        [EV_STOP]      = TO(READY),
        [EV_FLATTEN]   = TO(PAUSED),
        [EV_EMERGENCY] = TO(EMERGENCY_STOP),
        [EV_SHUTDOWN]  = TO(SHUTDOWN),
    },
    [SYS_TRADING] = {
        [EV_PAUSE]     = TO(PAUSED),
        [EV_STOP]      = TO(READY),
        [EV_FLATTEN]   = TO(PAUSED),
        [EV_HOLD]      = TO(PAUSED),
        [EV_EMERGENCY] = TO(EMERGENCY_STOP),
        [EV_SHUTDOWN]  = TO(SHUTDOWN),
    },
    [SYS_PAUSED] = {
        [EV_PAUSE]     = TO(PAUSED),
        [EV_RESUME]    = TO(TRADING),
        [EV_RELEASE]   = TO(TRADING),
        [EV_STOP]      = TO(READY),
        [EV_FLATTEN]   = TO(PAUSED),
        [EV_EMERGENCY] = TO(EMERGENCY_STOP),
        [EV_SHUTDOWN]  = TO(SHUTDOWN),
    },
    [SYS_EMERGENCY_STOP] = {
        [EV_EMERGENCY]   = TO(EMERGENCY_STOP),
        [EV_ACKNOWLEDGE] = TO(READY),
        [EV_SHUTDOWN]    = TO(SHUTDOWN),
    },
};

const char *machine_event_name(enum machine_event ev)
{
    static const char *const names[EV_COUNT] = {
        [EV_STARTED] = "started", [EV_BEGIN] = "begin",     [EV_RESUME] = "resume",
        [EV_PAUSE] = "pause",     [EV_STOP] = "stop",       [EV_FLATTEN] = "flatten",
        [EV_HOLD] = "hold",       [EV_RELEASE] = "release", [EV_EMERGENCY] = "emergency",
        [EV_ACKNOWLEDGE] = "acknowledge", [EV_SHUTDOWN] = "shutdown",
    };
    return names[ev];
}

int machine_next(enum system_state state, enum machine_event ev, enum system_state *ret)
{
    unsigned char to = next[state][ev];
    if (to == 0)
        return ERR_WRONG_STATE;
    *ret = (enum system_state)(to - 1);
    return ERR_OK;
}

bool machine_wants_trading(bool ever_commanded, enum verb last, bool latch)
{
    if (latch)
        return false;
    return !ever_commanded ||
           (last != VERB_PAUSE && last != VERB_STOP && last != VERB_FLATTEN && last != VERB_EMERGENCY);
}
