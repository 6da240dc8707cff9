/* failpoint - see failpoint.h */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libagent/failpoint.h"

const char *const failpoint_names[FAILPOINT_COUNT] = {
#define FAILPOINT_AT(name, where) #name,
#include "libagent/failpoint.def"
#undef FAILPOINT_AT
};

void (*failpoint_hook)(enum failpoint at);

void failpoint_pass(enum failpoint at)
{
    static long left;           /* passes until the end; 0: not looked yet */
    const char *wanted = getenv("FAILPOINT"), *name = failpoint_names[at];
    size_t n = strlen(name);
    if (failpoint_hook != NULL) {
        failpoint_hook(at);
        return;
    }
    if (wanted == NULL || strncmp(wanted, name, n) != 0 || wanted[n] != ':')
        return;
    if (left == 0)
        left = atol(wanted + n + 1);
    if (--left == 0)
        _exit(FAILPOINT_EXIT);
}
