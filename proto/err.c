/* err - see err.h */
#include <stdio.h>
#include <stdlib.h>

#include "proto/err.h"

static const struct { const char *name, *text; } errs[ERR_INDEX_COUNT] = {
#define ERR(name, text) { #name, text },
#include "proto/err.def"
#undef ERR
};

const char *err_name(int err)
{
    if (err == ERR_OK)
        return "OK";
    return err < 0 && err >= -ERR_INDEX_COUNT ? errs[-1 - err].name : "?";
}

const char *err_text(int err)
{
    if (err == ERR_OK)
        return "no error";
    return err < 0 && err >= -ERR_INDEX_COUNT ? errs[-1 - err].text : "?";
}

void must_fail(const char *file, int line, const char *expr)
{
    fprintf(stderr, "{\"level\":\"error\",\"event\":\"invariant.broken\",\"file\":\"%s\",\"line\":%d}\n",
            file, line);
    fprintf(stderr, "%s:%d: must(%s) failed\n", file, line, expr);
    abort();
}
