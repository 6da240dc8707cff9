/* gate - requests and frames on their way between the server and the venue: where the faults bite.
 *
 * Without a fault a request goes straight to rest_answer() and a frame straight to its connection.
 * What several faults at once do: those of fault.def's order, the first one that decides;
 * query_lag, list_incomplete, clock_skew and key_revoked change what the exchange says and let the
 * others go on.
 *
 * Bounds:  GATE_REQUESTS_MAX requests and GATE_FRAMES_MAX frames of a connection are held back;
 * beyond it the connection ends. Memory:  gate_new / gate_destroy, after the server; borrows venue
 * and faults.  Threads: the loop's.
 */
#ifndef PAPER_GATE_H
#define PAPER_GATE_H

#include "deploy/paper/faults.h"
#include "deploy/paper/venue.h"
#include "libagent/loop.h"
#include "libagent/server.h"

#define GATE_REQUESTS_MAX 4096
#define GATE_FRAMES_MAX   10000

struct gate;

struct gate *gate_new(struct loop *l, struct venue *v, struct faults *f);
void gate_destroy(struct gate **g);
/* The server of clients' requests; the faults' clock starts. */
void gate_start(struct gate *g, struct server *rest);
void gate_switch(struct gate *g, const struct fault_set *s);
const struct faults *gate_faults(const struct gate *g);

/* For struct server_def. */
void gate_request(struct gate *g, struct server_request *req);
int gate_ws_open(struct gate *g, struct ws_conn *c, const struct server_request *req);
void gate_ws_close(struct gate *g, struct ws_conn *c);
bool gate_ws_send(struct gate *g, struct ws_conn *c, struct ws_text *t, const char *text,
                  size_t len);

#endif
