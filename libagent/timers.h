/* timers - every period, deadline and bound of the system that is not a configuration key.
 *
 * All are multiplied by the configuration's timer_scale (tests only) where TIMER() is used.
 */
#ifndef LIBAGENT_TIMERS_H
#define LIBAGENT_TIMERS_H

#define PROTOCOL_VERSION        1

#define HEARTBEAT_MS            500     /* period of agent.hb */
#define DEAD_MS                 1500    /* a peer silent for so long is down */
#define LEASE_RISK_MS           2000    /* silent for longer, each of these: no entries */
#define LEASE_DATA_MS           3000    /* ... counted from the last market data it heard */
#define LEASE_ORCHESTRATOR_MS   5000
#define LEASE_AUDIT_MS          30000
#define LEASE_LOST_MS           30000   /* risk or the orchestrator: resting entries are cancelled */
#define REGISTER_RETRY_MS       200     /* until the orchestrator answers */
#define REQUEST_RETRY_MS        250     /* an unanswered request is repeated, same id */
#define DEADLOCK_MS             1000    /* open for so long in a circle: the youngest question fails */
#define REQUEST_DEADLINE_MS     3000    /* default of a request */
#define D1_SYNC_MS              50      /* D1 records are on disk after so long at the latest */
#define CATCHUP_DELAY_MS        200     /* a gap older than this is fetched */
#define CATCHUP_TIMEOUT_MS      500     /* of one replay request */
#define CATCHUP_POLL_MS         1000    /* a silent publisher is asked directly */
#define CATCHUP_BATCH           256     /* messages per replay request */
#define REORDER_WINDOW          1024    /* messages kept ahead of a gap, per publisher and topic */
#define BUS_SILENT_MS           3000    /* nothing heard: sockets are reopened */
#define JOURNAL_KEEP_MS         (7 * 86400 * 1000)  /* segments younger than this are never deleted */
#define ANCHOR_SURE_MS          1000    /* heard the others for so long: tells its own anchor */
#define ANCHOR_KEEP_MS          10000   /* anchors of the others are journalled so often */
#define ARCHIVE_AFTER           3       /* questions without an answer: every other one goes to the archive */
#define KEY_CHECK_MS            (600 * 1000)    /* between questions what the API key may do */
#define SNAPSHOT_RECORDS        10000   /* journal records between snapshots */
#define STOP_DEADLINE_MS        2000    /* an orderly stop takes no longer */
#define ANSWERED_KEPT           64      /* answers kept to repeat for repeated requests */
#define OUTPUTS_MAX             512     /* outputs of one turn */
#define STATE_PERIOD_MS         500     /* repetition of state.unified */

#endif
