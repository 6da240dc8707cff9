"""Cut the market stream of a trading instance at random and see when its books are whole again.

socket_cuts.py INSTANCE CUTS SEED < messages of `sniff market.book. risk.approved --json`
After each cut: the milliseconds until every symbol's book was published again, which it is only after a snapshot by
REST that joins the stream's changes.  And each approval must lie within STALE_MS of a book of its symbol, or of the
first message that was heard: the book that it was given on may be older than our ears.
"""
import json
import random
import sys
import threading
import time
import urllib.request

STALE_MS, DEADLINE_S = 3100, 30       # risk refuses from 3000 on
instance, cuts, rng = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
port = open(instance + "/sock/paper.admin.port").read().strip()
books, approvals, stale, begun = {}, 0, [], None


def admin(body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen("http://127.0.0.1:%s/admin/faults" % port, data, 5) as r:
        return json.load(r)


def hear():
    global approvals, begun
    for line in sys.stdin:
        m = json.loads(line)
        begun = begun or m["timestamp"]
        symbol = m["payload"]["symbol"]
        if m["action"] == "market.book":
            books[symbol] = m["timestamp"]
        else:
            approvals += 1
            age = m["timestamp"] - books.get(symbol, begun)
            if age > STALE_MS:
                stale.append("%s approved %d ms after the last book" % (symbol, age))


def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit("FAILED: %s" % what)
        time.sleep(0.005)


threading.Thread(target=hear, daemon=True).start()
until(lambda: len(books) == 8, "not all books were heard: %s" % sorted(books))
took = []
for i in range(cuts):
    time.sleep(rng.uniform(0.2, 2))
    cut = time.time() * 1000
    admin({"fault": "ws_cut", "on": True, "count": 1, "match": "level2"})
    until(lambda: not any(f["on"] for f in admin()["faults"]), "cut %d: no frame came" % i)
    until(lambda: min(books.values()) > cut, "cut %d: no book of %s" % (i, [s for s in books if books[s] <= cut]))
    took.append(max(books.values()) and time.time() * 1000 - cut)
took.sort()
for text in stale:
    print(text)
print("%d cuts, ms until all books were whole: p50 %d p99 %d worst %d; %d approvals, %d on a stale book"
      % (cuts, took[len(took) // 2], took[-1 - len(took) // 100], took[-1], approvals, len(stale)))
sys.exit(1 if stale or not approvals or took[-1 - len(took) // 100] > 5000 else 0)
