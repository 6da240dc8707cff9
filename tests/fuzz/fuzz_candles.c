/* fuzz_candles - a candle file of any bytes: refused with a reason, or every bar is one.
 *
 * link: libagent/candle_file.c libagent/core
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libagent/candle_file.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    char msg[256] = "";
    struct candles all = {.n = 0};
    if (size < 1)
        return 0;
    if (fd < 0) {
        fd = memfd_create("candles", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
    int err = candle_file_load(path, data[0] & 1 ? 0 : 60 * NS_PER_S, &all, msg, sizeof msg);
    if (err < 0) {
        must(msg[0] != '\0' && memchr(msg, '\0', sizeof msg) != NULL);
        return 0;
    }
    for (size_t i = 0; i < all.n; i++) {
        const struct candle *c = &all.bar[i];
        must(c->high >= c->low && c->high >= c->open && c->high >= c->close && c->low <= c->open && c->low <= c->close);
        must(c->volume >= 0);
    }
    candles_free(&all);
    return 0;
}
