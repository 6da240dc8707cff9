/* agent - what main.c names of this agent. */
#ifndef AGENTS_DATA_AGENT_H
#define AGENTS_DATA_AGENT_H

#include "agents/data/data.h"

int  data_init(struct agent *a, char why[CONFIG_WHY_MAX]);
void data_start(struct agent *a);
void data_warm(struct agent *a);
void data_fini(struct agent *a);
void data_configured(struct agent *a);
size_t data_counters(struct agent *a, struct sub_counter *ret, size_t max);

#endif
