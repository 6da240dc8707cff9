/* keys - every configuration key; the list is config.def.  Reading files is libagent/config.h's. */
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

enum cfg {
#define KEY(name, type, def, min, max, unit, reload, meaning) CFG_##name,
#include "proto/config.def"
#undef KEY
    CFG_COUNT
};
enum key_type { KEY_STR, KEY_INT, KEY_DEC, KEY_DBL, KEY_BOOL, KEY_LIST };
/* The last three are limits: which values are tighter. */
enum key_reload { RELOAD_FREE, RELOAD_PAUSED, RELOAD_RESTART, RELOAD_LOWER, RELOAD_HIGHER, RELOAD_LOWER_0 };

struct config_key {
    const char *name;
    enum key_type type;
    const char *def, *min, *max, *unit;
    enum key_reload reload;
    const char *meaning;
};
extern const struct config_key config_keys[CFG_COUNT];

#endif
