/* apikeys - who may call: the API keys of the paper exchange and the accounts behind them.
 *
 * File:    `name = value`, one a line; '#' starts a comment; `account = NAME` begins an entry, then
 *          key, secret, passphrase (required), permission (default General,Futures), balance (USDT,
 *          default the one given), vip (level 0 ... 12 of its rate limits, default 0), ip (comma list of
 *          the addresses that may use the key, default 127.0.0.1, where all clients of the paper
 *          exchange are; empty: any), sub (name of the sub-account that it is, default none).  Several
 *          entries may name one account.
 * Errors:  negative enum err and a text that names file, line, value and mend.
 * Memory:  a value; texts inside.  Threads: one.
 */
#ifndef PAPER_APIKEYS_H
#define PAPER_APIKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deploy/paper/engine.h"
#include "proto/dec.h"

#define APIKEY_TEXT_MAX 80
#define APIKEYS_MAX ENGINE_ACCOUNTS_MAX
#define APIKEYS_WHY_MAX 256

struct apikey {
    char account[NAME_MAX_], key[APIKEY_TEXT_MAX], secret[APIKEY_TEXT_MAX];
    char passphrase[APIKEY_TEXT_MAX], permission[APIKEY_TEXT_MAX];
    dec_t balance;
    int account_no;             /* the engine's, set by the caller */
    int vip;
    char ip[APIKEY_TEXT_MAX], sub[APIKEY_TEXT_MAX];
};

struct apikeys {
    struct apikey at[APIKEYS_MAX];
    int n;
};

/* Add the entries of a file. */
int apikeys_read(struct apikeys *k, const char *path, dec_t balance, char why[APIKEYS_WHY_MAX]);
/* Make a key of random texts for account "paper" and write it (mode 0600); ERR_DUPLICATE if the file
 * exists. */
int apikeys_make(const char *path, char why[APIKEYS_WHY_MAX]);
struct apikey *apikeys_find(struct apikeys *k, const char *key);
/* The key may be used from this address; without a list from any. */
bool apikey_from(const struct apikey *k, const char *ip);
/* permission holds the whole name, in any case. */
bool apikey_may(const struct apikey *k, const char *name);

#endif
