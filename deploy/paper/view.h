/* view - the venue's JSON objects (kucoin-futures 5, 7.13, 8.1, 9.1, 9.2, 9.8), each written in one
 * place: REST answers and pushes use the same.
 *
 * The functions with a key write a value; the *_fields ones only members, into an object that is open.
 */
#ifndef PAPER_VIEW_H
#define PAPER_VIEW_H

#include "deploy/paper/venue.h"
#include "libagent/exchange/jw.h"

const char *view_side(int side);            /* "buy", "sell" */
const char *view_type(int type);            /* "limit", "market" */
const char *view_stop(int stop);            /* "", "up", "down" */
const char *view_stop_px_type(int type);    /* "TP", "MP", "IP" */
const char *view_display_type(bool stop, int type); /* "market_stop" ... */

void view_contract(struct jw *w, const char *key, const struct venue *v, int sym);
void view_ticker_fields(struct jw *w, const struct ticker *t, int sym);
void view_order(struct jw *w, const char *key, const struct order *o);
void view_fill(struct jw *w, const char *key, const struct fill *f);
void view_position_fields(struct jw *w, const struct venue *v, int account, int sym);
void view_closed(struct jw *w, const char *key, const struct closed_position *p, const char *user);
void view_funding(struct jw *w, const char *key, const struct funding_row *r);

/* `[[price,size],...]`, at most `max` levels; text: prices as strings. */
void view_levels(struct jw *w, const char *key, const struct contract *c, const struct level *at,
                 size_t n, bool text);
dec_t view_avg_px(const struct order *o);   /* 0 when nothing is filled; 10 places, half-even */

#endif
