/* config - the resolved configuration: one value per key of proto/config.def.
 *
 * Sources, later wins: the list's defaults, the file `etc/enigma.conf` of the instance, the
 * environment (ENIGMA_<KEY>, or the seed's bare names), the command line.  But a limit (reload class
 * LOWER or HIGHER) that two sources give differently is an error that names both.
 * File:    `key = value`, one a line; '#' starts a comment; blanks around both are ignored; at most
 *          64 KiB, UTF-8, a regular file.  Unknown and duplicate keys, control characters, a second
 *          file for the same key and values out of range are errors that name file and line.
 * Numbers: as the exchange writes plain ones: -12, 0.5; no '+', blanks, leading zeros, hex, "NaN".
 * Errors:  ERR_CONFIG, with a text for people in `why` (name, value, limit, mend).
 * Memory:  the config owns its texts; borrowed pointers live as long as it does.
 */
#ifndef LIBAGENT_CONFIG_H
#define LIBAGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/dec.h"
#include "proto/keys.h"

#define CONFIG_WHY_MAX  256
#define CONFIG_FILE_MAX 65536
#define CONFIG_LIST_MAX 64

struct config;

/* The defaults alone. */
struct config *config_new(void);
void config_destroy(struct config **c);

/* Each adds one source on top of what is there. */
int config_read_file(struct config *c, const char *path, char why[CONFIG_WHY_MAX]);
/* In two steps: the file's text, to be freed; its lines, which are cut apart in place. */
int config_file_text(const char *path, char **ret, char why[CONFIG_WHY_MAX]);
int config_read_text(struct config *c, char *text, const char *path, char why[CONFIG_WHY_MAX]);
int config_read_env(struct config *c, char **environ_, char why[CONFIG_WHY_MAX]);
/* name as in the list, or with '-' for '_'; source for messages, "command line". */
int config_set(struct config *c, const char *name, const char *value, const char *source,
               char why[CONFIG_WHY_MAX]);
/* Rules between keys; call after the last source. */
int config_check(const struct config *c, char why[CONFIG_WHY_MAX]);

const char *config_text(const struct config *c, enum cfg key);      /* any type, as given */
const char *config_source(const struct config *c, enum cfg key);    /* "default", "etc/enigma.conf:12", ... */
int64_t     config_int(const struct config *c, enum cfg key);       /* must() be of that type */
double      config_dbl(const struct config *c, enum cfg key);
dec_t       config_dec(const struct config *c, enum cfg key);
bool        config_bool(const struct config *c, enum cfg key);
/* The words of a list; returns their number, at most CONFIG_LIST_MAX. */
size_t      config_list(const struct config *c, enum cfg key, const char *words[CONFIG_LIST_MAX]);

/* Hash over all names and values: 16 hexadecimal digits, the same in every process that resolved the
 * same configuration. */
void config_hash(const struct config *c, char hex[20]);

#endif
