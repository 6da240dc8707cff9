"""Compare the closed 1 m candles heard on the bus with the replayed files, to the tick.

compare_candles.py HEARD BTC-FILE TICK ETH-FILE TICK SECONDS
"""
import csv
import gzip
import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal

heard, btc, btc_tick, eth, eth_tick, seconds = sys.argv[1:7]
START, SPEED = 1722808800000, 300   # 2024-08-04T22:00Z


def rows(path, tick):
    tick = Decimal(tick)
    with gzip.open(path, "rt") as f:
        reader = csv.reader(f)
        head = [h.strip().lower() for h in next(reader)]
        at = [head.index(n) for n in ("open", "high", "low", "close")]
        for r in reader:
            yield int(r[0]), [(Decimal(r[i]) / tick).quantize(Decimal(1), ROUND_HALF_EVEN) * tick for i in at]


truth = {("XBTUSDTM", t): v for t, v in rows(btc, btc_tick)}
truth.update({("ETHUSDTM", t): v for t, v in rows(eth, eth_tick)})
seen, differ = {}, 0
for line in open(heard):
    p = json.loads(line)["payload"]
    if p["tf"] != "1m":
        continue
    key = (p["symbol"], p["start_ns"] // 1000000)
    got = [Decimal(p[n]) for n in ("open", "high", "low", "close")]
    if key in seen and seen[key] != got:
        differ += 1
    seen[key] = got
    if truth.get(key) != got:
        differ += 1
        print("differs:", key, got, truth.get(key))
first = START                       # every minute wholly inside the run
last = max(t for _, t in seen)
wanted = [k for k in truth if first <= k[1] <= last]
missing = [k for k in wanted if k not in seen]
span = (last - first) / 60000 + 1
print("%d candles of %d minutes and 2 symbols compared: %d differ, %d missing; from minute %d to minute %d of the run"
      % (len(seen), span, differ, len(missing), (first - START) // 60000, (last - START) // 60000))
for k in missing[:5]:
    print("missing:", k)
sys.exit(0 if differ == 0 and not missing and len(seen) > 100 else 1)
