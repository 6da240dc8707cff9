/* key_rights - see key_rights.h */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"

#include "libagent/key_rights.h"

enum right { GENERAL, FUTURES, HARMLESS_N = 4 };

static const char *const harmless[HARMLESS_N] = {[GENERAL] = "General", [FUTURES] = "Futures", "Spot", "Margin"};

static int find(const char *word, size_t len)
{
    int i = 0;
    while (i < HARMLESS_N && (strlen(harmless[i]) != len || memcmp(harmless[i], word, len) != 0))
        i++;
    return i;
}

static int check_permission(const char *permission, char why[KEY_RIGHTS_WHY_MAX])
{
    bool has[HARMLESS_N + 1] = {false};
    for (const char *p = permission;; p++) {
        p += strspn(p, " ");
        size_t n = strcspn(p, ","), len = n;
        while (len > 0 && p[len - 1] == ' ')
            len--;
        int i = find(p, len);
        has[i] = true;
        if (i == HARMLESS_N) {
            snprintf(why, KEY_RIGHTS_WHY_MAX, "the key may \"%.*s\"; make one with General and Futures only",
                     len < 24 ? (int)len : 24, p);
            return ERR_PERMISSION;
        }
        p += n;
        if (*p == '\0')
            break;
    }
    if (has[GENERAL] && has[FUTURES])
        return ERR_OK;
    snprintf(why, KEY_RIGHTS_WHY_MAX, "the key lacks %s; make one with General and Futures",
             has[GENERAL] ? "Futures" : "General");
    return ERR_PERMISSION;
}

int key_rights_check(const struct key_rights *k, const struct key_wanted *w, char why[KEY_RIGHTS_WHY_MAX])
{
    int err = check_permission(k->permission, why);
    if (err < 0)
        return err;
    if (!w->any_ip && k->ip_list[strspn(k->ip_list, " ,")] == '\0') {
        snprintf(why, KEY_RIGHTS_WHY_MAX, "the key works from any address; give it an IP list, or set allow_any_ip");
        return ERR_PERMISSION;
    }
    if (*w->sub_account == '\0' || strcmp(w->sub_account, k->sub_name) == 0)
        return ERR_OK;
    snprintf(why, KEY_RIGHTS_WHY_MAX, "the key is of %s\"%.24s\", not of sub_account = %.24s",
             *k->sub_name ? "sub-account " : "the main account ", k->sub_name, w->sub_account);
    return ERR_PERMISSION;
}
