/* leases - see leases.h */
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/err.h"

#include "libagent/clock.h"
#include "libagent/leases.h"
#include "libagent/timers.h"

int64_t leases_life_ms(enum party who)
{
    static const int64_t life_ms[AGENT_COUNT] = {
        [AGENT_RISK] = LEASE_RISK_MS, [AGENT_DATA] = LEASE_DATA_MS, [AGENT_ORCHESTRATOR] = LEASE_ORCHESTRATOR_MS,
        [AGENT_AUDIT] = LEASE_AUDIT_MS,
    };
    return who < AGENT_COUNT ? life_ms[who] : 0;
}

int leases_open(enum party who, const char *mode, const char *rest_url, struct leases *ret, char why[SIGNKEY_WHY_MAX])
{
    *ret = (struct leases){.fd = -1};
    if (leases_life_ms(who) == 0)
        return ERR_OK;
    struct lease *l = &ret->lease;
    l->party = (uint8_t)who;
    l->mode = strcmp(mode, "live") == 0 ? TOKEN_LIVE : TOKEN_PAPER;
    token_account(mode, rest_url, l->account);
    boot_id(l->boot_id);
    int err = signkey_load(SIGNKEY_DIR, party_name(who), ret->secret, why);
    if (err == ERR_OK)
        ret->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return err;
}

void leases_say(struct leases *l, uint8_t flags, int64_t age_ns)
{
    const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = LEASES_SOCKET};
    if (l->fd < 0)
        return;
    l->lease.flags = flags;
    l->lease.issued_ns = boot_ns() - (age_ns > 0 ? age_ns : 0);
    lease_sign(&l->lease, l->secret);
    (void)sendto(l->fd, &l->lease, sizeof l->lease, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
}

void leases_close(struct leases *l)
{
    sodium_memzero(l->secret, sizeof l->secret);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
