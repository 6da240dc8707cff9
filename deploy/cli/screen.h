/* screen - what the operator sees of the system: progress at start, the status. */
#ifndef DEPLOY_CLI_SCREEN_H
#define DEPLOY_CLI_SCREEN_H

#include <stdbool.h>

#include "deploy/cli/client.h"

struct progress {
    enum life shown[AGENT_COUNT];
};

/* One line for each agent whose life changed. */
void screen_progress(const struct client_view *v, struct progress *p);
/* Who is not ready, and why, with the end of its log. */
void screen_missing(const struct client_view *v);
/* Standard output is a terminal that can be cleared. */
bool screen_terminal(void);
void screen_status(const struct client_view *v, bool clear);
void screen_status_json(const struct client_view *v);
/* Heartbeats of all seven agents came, and all are ready or active. */
bool registry_all(const struct client_view *v);

#endif
