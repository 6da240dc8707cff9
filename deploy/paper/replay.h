/* replay - real 1 m candles from CSV files (libagent/candle_file.h), in ticks and lots.
 *
 * Prices are rounded half-even to the contract's tick, volume (base coin) to lots, at least 4.
 * Errors name file, line and rule.  Memory: replay_load makes ret->bars, replay_free frees it.
 */
#ifndef PAPER_REPLAY_H
#define PAPER_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/contracts.h"
#include "deploy/paper/synth.h"

struct replay_bar { int64_t minute; struct bar bar; };

struct replay { struct replay_bar *bars; size_t n; };

int replay_load(const char *path, const struct contract *c, struct replay *ret, char *msg,
                size_t msg_size);
void replay_free(struct replay *r);
/* The bar of that minute; lots 0 when the file has none. */
struct bar replay_bar(const struct replay *r, int64_t minute);

#endif
