/* answers - what an answer to an order request proves: one table, a test per row.
 *
 * Only what the table lists as a definitive refusal is one; whatever it does not know is UNKNOWN and is
 * resolved by a query.
 */
#ifndef AGENTS_EXECUTION_ANSWERS_H
#define AGENTS_EXECUTION_ANSWERS_H

#include "libagent/venue.h"

enum answer_proof {
    PROOF_DONE,         /* accepted */
    PROOF_REFUSED,      /* definitely not carried out */
    PROOF_FLAT,         /* refused because there is no position to close */
    PROOF_NOT_SENT,     /* no byte of it arrived */
    PROOF_ABSENT,       /* of a query or a cancel: the venue has no such active order */
    PROOF_KEY,          /* refused because of the API key or its signature */
    PROOF_UNKNOWN,
};

enum answer_proof answer_proof(enum venue_outcome outcome, int status, const char *code);

#endif
