/* fuzz_config - a configuration file of any bytes: refused with a reason, or every key has a value of its type, and
 * what was read can be said again.
 *
 * link: libagent/config.c libagent/strategies_config.c libagent/core
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libagent/config.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct config *c)
{
    const char *words[CONFIG_LIST_MAX];
    char hash[20];
    for (int i = 0; i < CFG_COUNT; i++) {
        enum cfg key = (enum cfg)i;
        must(config_text(c, key) != NULL && config_source(c, key) != NULL);
        switch (config_keys[i].type) {
        case KEY_INT:  (void)config_int(c, key); break;
        case KEY_DBL:  (void)config_dbl(c, key); break;
        case KEY_DEC:  (void)config_dec(c, key); break;
        case KEY_BOOL: (void)config_bool(c, key); break;
        case KEY_LIST: must(config_list(c, key, words) <= CONFIG_LIST_MAX); break;
        default: break;
        }
    }
    config_hash(c, hash);
    must(strlen(hash) == 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    char why[CONFIG_WHY_MAX] = "";
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    struct config *c = config_new();
    int err = config_read_file(c, path, why);
    if (err == ERR_OK)
        err = config_check(c, why);
    if (err == ERR_OK)
        look(c);
    else
        must(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
    config_destroy(&c);
    return 0;
}
