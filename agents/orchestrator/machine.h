/* machine - the system's states, as a table.
 *
 *                  +--------------------------- stop ---------------------------+
 *                  v                                                            |
 *   INITIALIZING -> READY -- begin, resume --> TRADING -- pause, flatten, hold --> PAUSED
 *                  ^ |                          ^  |                            |
 *                  | |                          |  +-- stop --> READY           |
 *                  | |                          +------- resume, release -------+
 *                  | +--> (emergency, from every state but SHUTDOWN)
 *                  +----- acknowledge ----- EMERGENCY_STOP
 *
 * What holds in each:
 *   INITIALIZING    agents come up in order; no entry can be made
 *   READY           all agents ready; no entries; protective stops stay
 *   TRADING         entries are allowed
 *   PAUSED          no entries; exits run
 *   EMERGENCY_STOP  everything closed or being closed; only the operator leads out, to READY
 *   SHUTDOWN        the end of this run
 *
 * hold and release are the system's own (an agent is down and came back); release leads back only to
 * what the operator wanted last, which the caller keeps (machine_wants_trading).
 * Pure: no clock, no bus.
 */
#ifndef AGENTS_ORCHESTRATOR_MACHINE_H
#define AGENTS_ORCHESTRATOR_MACHINE_H

#include <stdbool.h>

#include "proto/enums.h"

enum machine_event {
    EV_STARTED,     /* all agents are ready */
    EV_BEGIN,       /* start-up enters TRADING by itself */
    EV_RESUME,      /* the operator */
    EV_PAUSE,
    EV_STOP,
    EV_FLATTEN,
    EV_HOLD,        /* something needed is down */
    EV_RELEASE,     /* it is back */
    EV_EMERGENCY,
    EV_ACKNOWLEDGE, /* the operator ends an emergency */
    EV_SHUTDOWN,
    EV_COUNT
};

const char *machine_event_name(enum machine_event ev);

/* The state after ev, or ERR_WRONG_STATE: not allowed here.  A state may lead to itself. */
int machine_next(enum system_state state, enum machine_event ev, enum system_state *ret);

/* What the operator wanted last decides what a start-up or a release leads to. */
bool machine_wants_trading(bool ever_commanded, enum verb last, bool latch);

#endif
