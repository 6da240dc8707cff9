"""The five counts of what must never be, from the exchange's own record and audit's archive: used by chaos.sh.

chaos_oracle.py DIR ARCHIVE FILE
    DIR      truth.json (the exchange's own record), orders.json (`enigma orders --json`)
    ARCHIVE  audit's journal
    FILE     what chaos.py did
Prints each offender, then what was done and the counts; exit 0 only when all are 0 and there was something to count.
"""
import collections
import json
import statistics
import sys
from decimal import Decimal

import archive

LIVE = {"INTENT", "UNKNOWN", "NEW", "PARTIALLY_FILLED"}
BARE_MS = 5000              # an exchange that is asked while it or we restart may answer so much later
STORY_NS = 2 * 10**9
directory, journal, file = sys.argv[1:4]
truth, books = (json.load(open("%s/%s.json" % (directory, n))) for n in ("truth", "orders"))
did = json.load(open(file))
counts = collections.Counter()


def wrong(what, text):
    counts[what] += 1
    print("%s: %s" % (what, text))


approved, placed, ended, fills = {}, set(), set(), collections.Counter()
for topic, _, body in archive.messages(journal):
    p = body["payload"]
    if topic == "risk.approved":
        approved[p["cl_ord_id"]] = p
    elif topic == "order.placed":
        placed.add(p["order"]["order_id"])
    elif topic.startswith("order."):
        ended.add(p["order"]["order_id"])
        if topic == "order.filled":
            fills[p["exec_id"], p["order"]["order_id"]] += 1

theirs = {o["id"]: o for o in truth["orders"] if not archive.fleeting(o)}
entries = [o for o in truth["orders"] if not o["reduceOnly"] and not o["closeOrder"] and not o["attached"]]
for oid, o in theirs.items():
    if oid not in placed:
        wrong("lost orders", "%s %s: the exchange has it, the archive does not" % (oid, o["clientOid"]))
    elif o["state"] == "done" and oid not in ended:
        wrong("lost orders", "%s %s: its end is not in the archive" % (oid, o["clientOid"]))
for o in books:
    if o["status"] in LIVE and o["order_id"] and (o["order_id"] not in theirs or theirs[o["order_id"]]["state"] == "done"):
        wrong("lost orders", "%s %s: live in the books, not at the exchange" % (o["order_id"], o["cl_ord_id"]))
for client, n in collections.Counter(o["clientOid"] for o in truth["orders"] if not o["attached"]).items():
    if n > 1:
        wrong("duplicate orders", "%s: %d orders" % (client, n))
for approval, n in collections.Counter(approved[o["clientOid"]]["approval_id"] for o in entries
                                       if o["clientOid"] in approved).items():
    if n > 1:
        wrong("duplicate orders", "approval %s: %d entries" % (approval, n))
for signal, n in collections.Counter(a["signal_id"] for a in approved.values()).items():
    if n > 1:
        wrong("duplicate orders", "signal %s: %d approvals" % (signal, n))
for o in entries:
    a = approved.get(o["clientOid"])
    if a is None:
        wrong("unapproved orders", "%s %s %s" % (o["id"], o["clientOid"], o["symbol"]))
    elif [a["symbol"], a["side"]] != [o["symbol"], o["side"].upper()] or o["size"] > a["qty"] or \
            (Decimal(o["price"]) - Decimal(a["price"])) * (1 if o["side"] == "buy" else -1) > 0:
        wrong("unapproved orders", "%s is not what %s approves" % (o["id"], a["approval_id"]))
there = {(f["tradeId"], f["orderId"]) for f in truth["fills"]}
for key, n in fills.items():
    if n > 1 or key not in there:
        wrong("lost or doubled fills", "%s: %d times in the archive" % (key, n))
for key in there - set(fills):
    wrong("lost or doubled fills", "%s: not in the archive" % (key,))
stops = {(o["symbol"], o["stop"]) for o in truth["orders"] if o["state"] == "stop" and (o["reduceOnly"] or o["closeOrder"])}
for p in truth["positions"]:
    if p["open"] and (p["symbol"], "down" if p["side"] == "long" else "up") not in stops:
        wrong("positions without a stop", p["symbol"])
if did["bare_ms"] > BARE_MS:
    wrong("positions without a stop", "%s for %d ms" % (did["bare"], did["bare_ms"]))


def spread(values):
    values = sorted(values)
    return "p50 %d p99 %d worst %d (%d)" % (statistics.median(values), values[-1 - len(values) // 100], values[-1],
                                            len(values)) if values else "none"


def story(bare):
    """What the exchange did about the position that was without a stop for longest, ms from its opening."""
    position = bare.split(" ")[0]
    for p in truth["positions"]:
        if p["symbol"] + str(p["open_ns"]) != position:
            continue
        near = {f["orderId"] for f in truth["fills"] if f["symbol"] == p["symbol"] and abs(f["server_ns"] - p["open_ns"]) < STORY_NS}
        for o in truth["orders"]:
            times = [(o[k] - p["open_ns"]) / 1e6 for k in ("created_ns", "updated_ns", "end_ns")]
            if o["symbol"] == p["symbol"] and (o["id"] in near or any(abs(t) * 1e6 < STORY_NS for t in times)):
                print("  %s %s %s %s %s of %s, stop %s, attached to %s, %s: created %d, changed %d, ended %d ms"
                      % (o["id"], o["clientOid"], o["side"], o["type"], o["dealSize"], o["size"], o["stop"] or "none",
                         o["parent"], o["state"], *times))
        for f in truth["fills"]:
            if f["orderId"] in near:
                print("  %+d ms: %s of %s filled" % ((f["server_ns"] - p["open_ns"]) / 1e6, f["size"], f["orderId"]))


killed = sum(did["kills"].values())
print("%d kills (%s), %d halts, %d faults of %d kinds, %d emergency stops, %d orders of which %d entries, %d fills"
      % (killed, " ".join("%s %d" % k for k in did["kills"].items()), did["stops"], sum(did["faults"].values()),
         len(did["faults"]), len(did["emergencies"]), len(theirs), len(entries), len(there)))
print("ms from kill to ready: " + "; ".join("%s %s" % (n, spread(v)) for n, v in did["ready_ms"].items() if v))
print("execution, ms from kill: protect-ready %s, trade-ready %s; from exec: %s, %s"
      % tuple(spread(did[k]) for k in ("protect_ms", "trade_ms", "exec_protect_ms", "exec_trade_ms")))
print("longest time without a resting closing stop %d ms %s (%d looks)" % (did["bare_ms"], did["bare"], did["looks"]))
story(did["bare"])
NAMES = ("lost orders", "duplicate orders", "unapproved orders", "lost or doubled fills", "positions without a stop")
print(", ".join("%s %d" % (n, counts[n]) for n in NAMES))
sys.exit(0 if not counts and entries and there else 1)
