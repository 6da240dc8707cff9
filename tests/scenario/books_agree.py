"""Compare what the paper exchange knows with what our agents and their archive say, to the last digit.

books_agree.py DIR ARCHIVE BALANCE
    DIR      truth.json (the exchange's own record), orders.json, positions.json, risk.json, trades.json
             (`enigma orders|positions|positions --of risk|trades --json`)
    ARCHIVE  audit's journal
    BALANCE  of the account at its start
Prints each difference; exit 0 only when there is none and there was something to compare.
"""
import json
import sys
from decimal import Decimal, getcontext

import archive

getcontext().prec = 34              # as dec_t
# The exchange counts funding received, our trades funding paid.
LIVE = {"INTENT", "UNKNOWN", "NEW", "PARTIALLY_FILLED"}
ENDED = ("order.rejected", "order.cancelled", "order.expired")

directory, journal, balance = sys.argv[1:4]
differences = 0


def load(name):
    with open("%s/%s.json" % (directory, name)) as f:
        return json.load(f)


def same(what, ours, exchange):
    global differences
    if ours != exchange:
        differences += 1
        print("%s: ours %s, the exchange's %s" % (what, ours, exchange))


def same_ids(what, ours, exchange):
    same(what, sorted(set(ours) - set(exchange)), sorted(set(exchange) - set(ours)))


def dec(text):
    return Decimal(text)


truth, orders, positions, risk, trades = (load(n) for n in ("truth", "orders", "positions", "risk", "trades"))
said = list(archive.messages(journal))
placed, done, fills, opened, closed, multiplier = {}, {}, {}, {}, {}, {}
equity = None
for topic, _, body in said:
    p = body["payload"]
    if topic == "order.placed":
        placed[p["order"]["order_id"]] = p["order"]
    elif topic == "order.filled":
        same("fill %s: times in the archive" % p["exec_id"], fills.get((p["exec_id"], p["order"]["order_id"])), None)
        fills[p["exec_id"], p["order"]["order_id"]] = p
        done[p["order"]["order_id"]] = p["order"]
    elif topic in ENDED:
        done[p["order"]["order_id"]] = p["order"]
    elif topic == "position.opened":
        opened[p["position"]["signal_id"]] = p["position"]
    elif topic == "position.closed":
        closed[p["position"]["signal_id"]] = p["position"]
    elif topic == "account.updated":
        equity = p["equity"]
for p in list(opened.values()) + list(closed.values()):
    multiplier[p["symbol"]] = dec(p["multiplier"])

# Fills: the archive against the exchange.
theirs = {(f["tradeId"], f["orderId"]): f for f in truth["fills"]}
same_ids("fills that only one has", fills, theirs)
for key in fills.keys() & theirs.keys():
    f, t = fills[key], theirs[key]
    same("fill %s of order %s" % key,
         [f["order"]["symbol"], f["order"]["side"], f["last_qty"], dec(f["last_px"]), dec(f["fee"]), f["taker"]],
         [t["symbol"], t["side"].upper(), t["size"], dec(t["price"]), dec(t["fee"]), t["liquidity"] == "taker"])

# Orders: placements and ends in the archive, the live ones in execution's books.
theirs = {o["id"]: o for o in truth["orders"]}
seen = set(placed) | {o["id"] for o in truth["orders"] if archive.fleeting(o)}
same_ids("orders that only one has", seen, theirs)


def avg_px(t):
    if t["dealSize"] == 0:
        return Decimal(0)
    return dec(t["dealValue"]) / t["dealSize"] / multiplier[t["symbol"]]


def compare_order(what, o, t, live):
    oid = t["clientOid"] if not t["attached"] else o["cl_ord_id"]
    filled = t["dealSize"] > 0 and not t["cancelExist"]
    status = o["status"] in LIVE if live else o["status"] == "FILLED"
    same("%s %s" % (what, t["id"]),
         [o["cl_ord_id"], o["symbol"], o["side"], o["qty"] or t["size"], o["cum_qty"], dec(o["price"]),
          dec(o["stop_px"]), dec(o["avg_px"]).normalize(), status],
         [oid, t["symbol"], t["side"].upper(), t["size"], t["dealSize"], dec(t["price"]),
          dec(o["stop_px"]) if t["attached"] or not t["stop"] else dec(t["stopPrice"]), avg_px(t).normalize(),
          t["state"] != "done" if live else filled])


for oid in placed.keys() & theirs.keys():
    same("order %s: placed" % oid, [placed[oid]["symbol"], placed[oid]["side"], dec(placed[oid]["price"])],
         [theirs[oid]["symbol"], theirs[oid]["side"].upper(), dec(theirs[oid]["price"])])
    if theirs[oid]["state"] == "done":
        if oid in done:
            compare_order("ended order", done[oid], theirs[oid], False)
        else:
            same("order %s: its end" % oid, "not in the archive", "done")
live = {o["order_id"]: o for o in orders if o["status"] in LIVE}
same_ids("live orders that only one has", live, [i for i, t in theirs.items() if t["state"] != "done"])
for oid in live.keys() & theirs.keys():
    compare_order("live order", live[oid], theirs[oid], True)

# Open positions: the exchange, execution, risk.
open_there = {p["symbol"]: p for p in truth["positions"] if p["open"]}
for name, books in (("execution", positions), ("risk", risk)):
    same("%s: open positions" % name, sorted(p["symbol"] for p in books), sorted(open_there))
    for p in books:
        t = open_there.get(p["symbol"])
        if t is None:
            continue
        same("%s: %s" % (name, p["symbol"]),
             [p["side"], p["qty"], dec(p["entry_px"]).normalize(), p["leverage"]],
             ["BUY" if t["side"] == "long" else "SELL", t["size"], dec(t["openPrice"]).normalize(), t["leverage"]])
        if name == "execution":
            same("execution: costs of %s" % p["symbol"], [dec(p["fees"]), dec(p["funding"])],
                 [dec(t["fees"]), -dec(t["funding"])])

# Closed ones: the exchange, audit's table, the archive.
same_ids("trades and position.closed that only one has", [t["signal_id"] for t in trades], closed)
theirs = sorted((p for p in truth["positions"] if not p["open"]), key=lambda p: (p["close_market_ns"], p["symbol"]))
ours = sorted(trades, key=lambda t: (t["closed_ns"], t["symbol"]))
same("closed positions", [t["symbol"] for t in ours], [p["symbol"] for p in theirs])
for t, p in zip(ours, theirs):
    same("trade %s" % t["signal_id"],
         [t["side"], t["max_qty"], dec(t["entry_px"]).normalize(), dec(t["exit_px"]).normalize()]
         + [dec(t[n]) for n in ("gross_pnl", "fees", "funding", "net_pnl")],
         ["BUY" if p["side"] == "long" else "SELL", p["size"], dec(p["openPrice"]).normalize(),
          dec(p["closePrice"]).normalize()] + [dec(p["gross"]), dec(p["fees"]), -dec(p["funding"]), dec(p["pnl"])])
    archived = closed.get(t["signal_id"])
    if archived is not None:
        same("trade %s: audit's table and the archive" % t["signal_id"],
             {k: v for k, v in t.items() if k in archived}, {k: v for k, v in archived.items() if k in t})

# The account, from the exchange's fills and prices; what is open may have realised a part already.
cash = dec(balance) + sum((dec(p["pnl"]) for p in theirs), Decimal(0))
for s, p in open_there.items():
    cash += dec(p["upnl"]) - dec(p["fees"]) + dec(p["funding"])
    cash += sum((dec(q["gross_pnl"]) for q in positions if q["symbol"] == s), Decimal(0))
same("equity", dec(equity), cash)

# Each signal has one answer.
count = [sum(t == n for t, _, _ in said) for n in ("signal.generated", "risk.approved", "risk.rejected")]
same("answers to signals", count[1] + count[2], count[0])

print("%d orders, %d fills, %d open and %d closed positions, equity %s, %d archived messages: %d differences"
      % (len(truth["orders"]), len(truth["fills"]), len(open_there), len(theirs), equity, len(said), differences))
sys.exit(0 if differences == 0 and len(truth["fills"]) > 0 and len(theirs) > 0 else 1)
