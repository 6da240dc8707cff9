/* poshash - one short text for all open positions, to compare two agents' books.
 *
 * Hexadecimal BLAKE2b-128 over a line "symbol side qty entry_px\n" for each position with qty > 0, by symbol:
 * side BUY or SELL, lots as an integer, the average entry in canonical decimals.  No position: of no bytes.
 * Pure.
 */
#ifndef PROTO_POSHASH_H
#define PROTO_POSHASH_H

#include <stddef.h>

#include "proto/messages.h"

#define POSHASH_MAX  64         /* open positions; must() */
#define POSHASH_TEXT 33

void position_hash(const struct sub_position *positions, size_t n, char ret[POSHASH_TEXT]);

#endif
