/* answers - see answers.h; codes: kucoin-futures 3 */
#include <string.h>

#include "proto/planted.h"

#include "agents/execution/answers.h"

static const struct row {
    const char *code;
    enum answer_proof proof;
} rows[] = {
    {"100001", PROOF_ABSENT},   /* unknown order; of a placement: a parameter */
    {"100004", PROOF_ABSENT},   /* cannot be cancelled: finished or unknown */
    {"300009", PROOF_FLAT},
    {"400001", PROOF_KEY}, {"400002", PROOF_KEY}, {"400003", PROOF_KEY}, {"400004", PROOF_KEY},
    {"400005", PROOF_KEY}, {"400006", PROOF_KEY}, {"400007", PROOF_KEY}, {"400008", PROOF_KEY},
    {"400009", PROOF_KEY}, {"411100", PROOF_KEY},
    {"100000", PROOF_REFUSED}, {"100003", PROOF_REFUSED}, {"100005", PROOF_REFUSED}, {"200003", PROOF_REFUSED},
    {"200005", PROOF_REFUSED}, {"300000", PROOF_REFUSED}, {"300001", PROOF_REFUSED}, {"300002", PROOF_REFUSED},
    {"300003", PROOF_REFUSED}, {"300004", PROOF_REFUSED}, {"300005", PROOF_REFUSED}, {"300006", PROOF_REFUSED},
    {"300007", PROOF_REFUSED}, {"300008", PROOF_REFUSED}, {"300011", PROOF_REFUSED}, {"300012", PROOF_REFUSED},
    {"300013", PROOF_REFUSED}, {"300014", PROOF_REFUSED}, {"300015", PROOF_REFUSED}, {"300016", PROOF_REFUSED},
    {"330005", PROOF_REFUSED}, {"330008", PROOF_REFUSED}, {"330011", PROOF_REFUSED}, {"330012", PROOF_REFUSED},
    {"126042", PROOF_REFUSED}, {"400100", PROOF_REFUSED}, {"404000", PROOF_REFUSED}, {"415000", PROOF_REFUSED},
    /* 300018 (duplicate clientOid), 429000, 200002 and 500000 prove nothing. */
};

enum answer_proof answer_proof(enum venue_outcome outcome, int status, const char *code)
{
    if (outcome == VENUE_OK)
        return PROOF_DONE;
    if (outcome == VENUE_NOT_SENT || outcome == VENUE_BROKEN)
        return PROOF_NOT_SENT;
    if (PLANTED(busy_is_refused) && (status >= 500 || status == 429))
        return PROOF_REFUSED;
    if (outcome != VENUE_REFUSED || status >= 500 || status == 429)
        return PLANTED(timeout_is_failure) ? PROOF_REFUSED : PROOF_UNKNOWN;
    if (PLANTED(rejection_is_success))
        return PROOF_DONE;
    if (PLANTED(duplicate_id_is_refused) && strcmp(code, "300018") == 0)
        return PROOF_REFUSED;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].proof;
    return PROOF_UNKNOWN;
}
