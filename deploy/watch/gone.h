/* gone - execution's signer is missing while positions may be open: enigma-kill is run.
 *
 * The signer holds a lock on journal/signer.log as long as it lives, whatever restarts or hangs around it; who can
 * take that lock knows that there is none.  Armed when it was seen once, or a planned stop would be an emergency;
 * disarmed by such a stop.  Missing for GONE_MS: `enigma-kill --if-open --yes`, which does nothing when the venue
 * says that nothing is open, and again GONE_MS after its end while the signer stays missing.
 *
 * In the instance's directory.   Threads: one.
 */
#ifndef DEPLOY_WATCH_GONE_H
#define DEPLOY_WATCH_GONE_H

#include <stdbool.h>
#include <stdint.h>

#define GONE_MS    10000
#define GONE_LOOK_MS 500

struct gone {
    bool armed;
    int64_t since_ms;           /* missing since; 0: it is there */
    int64_t pid;                /* of enigma-kill, running; 0: none */
};

/* missing: nobody holds the lock.  True: enigma-kill is due now.  Pure. */
bool gone_due(struct gone *g, bool missing, int64_t now_ms);

/* Each GONE_LOOK_MS: look, and run it when due; its output goes to log_fd. */
void gone_look(struct gone *g, int log_fd, int64_t now_ms);

#endif
