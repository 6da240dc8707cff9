#!/bin/bash
# The conservation test of the paper exchange finds planted mistakes: each one is a line of the engine changed, the
# engine built with it, and the law named that broke.
#   usage: test_paper_mutants.sh [BIN-DIR]     the libraries beside BIN-DIR are linked
set -u
cd "$(dirname "$0")/../.." || exit 1
built=$(dirname "$(realpath "${1:-build/release/bin}")")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -O1 -g -I. -D_GNU_SOURCE -fno-strict-overflow)
nm "$built/libpaper.a" 2>/dev/null | grep -q __asan_ && flags+=(-fsanitize=address,undefined)
libs=("$built"/lib{paper,agent,exchange,core,proto}.a -lcheck -lsubunit -lrt -lpthread -lczmq -lzmq -luv -lcurl
      -lwebsockets -lhiredis -lsqlite3 -ljansson -lmsgpackc -lsodium -lbidgcc000 -lm -lz)
export ENIGMA_TEST_SEED=7 ENIGMA_TEST_SEQUENCES=5000

cc "${flags[@]}" -c tests/deploy/paper/test_conservation.c -o "$work/test.o" || exit 1
build() { cc "${flags[@]}" "$work/test.o" "$@" "${libs[@]}" -o "$work/test"; }     # an object goes before the library's
build && "$work/test" >"$work/log" 2>&1 || { cat "$work/log"; echo "FAIL: the engine itself breaks a law"; exit 1; }
echo "the engine itself: $(tail -2 "$work/log" | head -1)"

total=0 missed=0
# mutant NAME FILE FROM TO: the one place where FROM stands becomes TO.
mutant() {
  local law rc
  total=$((total + 1))
  python3 - "deploy/paper/$2" "$work/mutant.c" "$3" "$4" <<'PY' || { echo "FAIL $1: not planted"; missed=$((missed + 1)); return; }
import sys
source, target, old, new = sys.argv[1:]
text = open(source).read()
if text.count(old) != 1:
    sys.exit("%s stands %d times in %s" % (old, text.count(old), source))
open(target, "w").write(text.replace(old, new))
PY
  cc "${flags[@]}" -c "$work/mutant.c" -o "$work/mutant.o" && build "$work/mutant.o" && timeout 120 "$work/test" >"$work/log" 2>&1
  rc=$?
  law=$(grep -o 'law [0-9].*' "$work/log" | head -1)
  if [ $rc = 0 ] || [ -z "$law" ]; then
    echo "FAIL $1: not found"
    tail -3 "$work/log"
    missed=$((missed + 1))
  else
    printf 'ok   %-62s %s\n' "$1" "$law"
  fi
}

mutant "takes three ticks beyond the limit" orders.c '|| (o->px - px) * o->side >= 0' '|| (o->px - px) * o->side >= -3'
mutant "a maker pays the taker's fee" orders.c 'liq == LIQ_MAKER && !unseen ?' 'false ?'
mutant "an iceberg pays the maker's fee" orders.c 'bool unseen = o->hidden || o->visible;' 'bool unseen = o->hidden;'
mutant "the fee is not taken from the balance" orders.c 'dec_add(a->cash, dec_sub(gross, f->fee))' 'dec_add(a->cash, gross)'
mutant "funding goes to the wrong side" orders.c 'fill_funding(sign64(p->qty)' 'fill_funding(-sign64(p->qty)'
mutant "fill-or-kill fills in part" orders.c 'there < o->lots)' 'there < 1)'
mutant "post-only takes" orders.c '(o->post_only && there > 0)' '(o->post_only && there > 1000)'
mutant "immediate-or-cancel rests" orders.c '|| o->tif != TIF_GTC)' '|| o->tif == TIF_FOK)'
mutant "a print at its price fills an order out of turn" orders.c '(px - o->px) * taker <= 0' '(px - o->px) * taker < 0'
mutant "the tape shows a lot too many" orders.c 'taker, px, n, o->id, 0, false)' 'taker, px, n + 1, o->id, 0, false)'
mutant "a cancelled order stays in the book" orders.c 'book_remove(&s->book, o);' ''
mutant "order margin is forgotten in what is available" account.c 'dec_sub(dec_sub(w->cash, w->position_margin), w->order_margin)' 'dec_sub(w->cash, w->position_margin)'
mutant "the second half of a reversal is lost" orders.c 'lots -= f.lots;' 'lots = 0;'
mutant "the queue is ignored" book.c 'first ? first->ahead' 'first ? 0'
mutant "the newest order at a price comes first" book.c 'while (i < b->nq[side] && b->queue[side][i]->px == o->px)' 'while (false)'
mutant "a level change is not counted" book.c 'b->sequence++;' 'b->sequence += px % 1000 != 0;'
mutant "clients' lots are missing from the levels" book.c 'l.lots += shown(b->queue[side][q]);' ';'
mutant "a level is never used up" book.c 'b->bg[side][i].lots -= taken;' 'b->bg[side][i].lots -= taken / 2;'
mutant "hidden orders are shown" book.c 'return o->hidden ? 0 :' 'return'
mutant "a reducing order is left one lot too large" orders.c 'o->lots = o->cum_lots + abs64(p->qty);' 'o->lots = o->cum_lots + abs64(p->qty) + 1;'
mutant "the book is crossed while it moves" book.c 'move_side(b, up ? 1 : 0, up ? ask : bid);
    move_side(b, up ? 0 : 1, up ? bid : ask);' 'move_side(b, up ? 0 : 1, up ? bid : ask);
    move_side(b, up ? 1 : 0, up ? ask : bid);'
mutant "a share's last digits are lost" account.c '*from = dec_sub(*from, part);' '*from = dec_round_places(dec_sub(*from, part), 9, DEC_HALF_EVEN);'
mutant "a short's profit has the wrong sign" account.c 'p->qty > 0 ? value : dec_neg(value)' 'value'
mutant "the multiplier is forgotten" contracts.c 'formula_value(lots, c->multiplier, ' 'formula_value(lots, dec_int(1), '
echo "$total mutants planted, $((total - missed)) found by the conservation test"
[ $missed = 0 ]
