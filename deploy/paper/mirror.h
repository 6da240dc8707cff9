/* mirror - the public feed of another KuCoin futures venue becomes this exchange's market.
 *
 * At start: contracts are compared (another tick or multiplier: the contract stays paused, with an
 * error line), 1 m bars of a day and 1 h bars of 30 days fetched.  Then its full books, matches,
 * mark prices and funding rates, live.  A book is kept by snapshot and gap-free deltas
 * (kucoin-futures 10.4); with a hole, or without the stream, the contract is paused here until it
 * is whole again: nothing trades on what is not known.  Clients' own orders live here alone.
 *
 * Memory:  mirror_new / mirror_destroy (after the loop has stopped); the engine is borrowed, opened
 * with "mirror:URL".  Threads: the loop's.
 */
#ifndef PAPER_MIRROR_H
#define PAPER_MIRROR_H

#include "deploy/paper/engine.h"
#include "libagent/loop.h"

#define MIRROR_DELTAS_MAX 20000 /* of a contract, while its snapshot is on its way */

struct mirror;

/* url: of the venue's REST, "http://127.0.0.1:8080".  advance: brings the engine to now; called
 * before anything is fed. */
int mirror_new(struct loop *l, struct engine *e, const char *url, void (*advance)(void *arg),
               void *arg, struct mirror **ret);
void mirror_destroy(struct mirror **m);

struct mirror_counts {
    int whole, holes, snapshots;
    int64_t deltas, trades;
};
struct mirror_counts mirror_counts(const struct mirror *m);

#endif
