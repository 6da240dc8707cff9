/* key_rights - what an exchange says an API key may do, judged: a key that can move money away is refused.
 *
 * Words of the exchange's comma list are compared whole; one that is not known here is refused, too.  The
 * key's own text is never looked at.  Pure.
 */
#ifndef LIBAGENT_KEY_RIGHTS_H
#define LIBAGENT_KEY_RIGHTS_H

#define KEY_RIGHTS_WHY_MAX 96

/* `permission` as in the answer of GET /api/v1/user/api-key.  ERR_PERMISSION: refused, and why says what to
 * do; why is untouched on ERR_OK. */
int key_rights_check(const char *permission, char why[KEY_RIGHTS_WHY_MAX]);

#endif
