/* apikey - see apikey.h */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libagent/exchange/auth.h"
#include "proto/err.h"

#include "libagent/apikey.h"

int apikey_read(const char *path, struct apikey *ret, char why[APIKEY_WHY_MAX])
{
    char line[512], name[32], value[APIKEY_TEXT], buffer[1024];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        snprintf(why, APIKEY_WHY_MAX, "%.100s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG;
    }
    memset(ret, 0, sizeof *ret);
    setvbuf(f, buffer, _IOFBF, sizeof buffer);      /* none of it stays in the heap */
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, " %31[a-z_] = %79s", name, value) != 2)
            continue;
        char *into = strcmp(name, "key") == 0 ? ret->key : strcmp(name, "secret") == 0 ? ret->secret
                   : strcmp(name, "passphrase") == 0 ? ret->passphrase : NULL;
        if (into != NULL && *into == '\0')
            memcpy(into, value, APIKEY_TEXT);
    }
    fclose(f);
    sodium_memzero(buffer, sizeof buffer);
    sodium_memzero(line, sizeof line);
    sodium_memzero(value, sizeof value);
    if (*ret->key != '\0' && *ret->secret != '\0' && *ret->passphrase != '\0')
        return ERR_OK;
    snprintf(why, APIKEY_WHY_MAX, "%.100s: needs key, secret and passphrase", path);
    return ERR_CONFIG;
}

int apikey_headers(const struct apikey *k, const char *method, const char *target, const void *body, size_t len,
                   char headers[VENUE_HEADERS_MAX][VENUE_HEADER_MAX])
{
    char stamp[24], sign[AUTH_TEXT_MAX], pass[AUTH_TEXT_MAX];
    struct timespec t;
    must(clock_gettime(CLOCK_REALTIME, &t) == 0);
    snprintf(stamp, sizeof stamp, "%lld", (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000);
    auth_sign(k->secret, stamp, method, target, body, len, sign);
    auth_passphrase(k->secret, k->passphrase, pass);
    snprintf(headers[0], VENUE_HEADER_MAX, "KC-API-KEY: %s", k->key);
    snprintf(headers[1], VENUE_HEADER_MAX, "KC-API-SIGN: %s", sign);
    snprintf(headers[2], VENUE_HEADER_MAX, "KC-API-TIMESTAMP: %s", stamp);
    snprintf(headers[3], VENUE_HEADER_MAX, "KC-API-PASSPHRASE: %s", pass);
    snprintf(headers[4], VENUE_HEADER_MAX, "KC-API-KEY-VERSION: 3");
    return 5;
}
