/* key_rights - what an exchange says of an API key, judged: a key that can move money away, that anybody may use from
 * anywhere, or that is of another account than meant, is refused (reliability.md c11).
 *
 * Words of the exchange's comma list are compared whole; one that is not known here is refused, too.  The
 * key's own text is never looked at.  Pure.
 */
#ifndef LIBAGENT_KEY_RIGHTS_H
#define LIBAGENT_KEY_RIGHTS_H

#include <stdbool.h>

#define KEY_RIGHTS_WHY_MAX 112

/* As in the answer of GET /api/v1/user/api-key; "": not in it. */
struct key_rights {
    const char *permission, *ip_list, *sub_name;
};

struct key_wanted {
    bool any_ip;                /* a key without a list of addresses will do */
    const char *sub_account;    /* whose it must be; "": anybody's */
};

/* ERR_PERMISSION: refused, and why says what to do; why is untouched on ERR_OK. */
int key_rights_check(const struct key_rights *k, const struct key_wanted *w, char why[KEY_RIGHTS_WHY_MAX]);

#endif
