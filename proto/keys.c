/* keys - see keys.h */
#include "proto/keys.h"

const struct config_key config_keys[CFG_COUNT] = {
#define KEY(name, type, def, min, max, unit, reload, meaning) \
    {#name, KEY_##type, def, min, max, unit, RELOAD_##reload, meaning},
#include "proto/config.def"
};
