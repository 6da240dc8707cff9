"""Watch the paper exchange's truth and count what must never be: used by long_kill_trading.sh.

kill_trading.py watch INSTANCE FILE   until the process is ended: every 20 ms, how long each open position has
                                      been without a resting closing stop (wall ms); worst in FILE
kill_trading.py open INSTANCE         how many positions are open
"""
import json
import sys
import time
import urllib.request


def truth(instance):
    port = open(instance + "/sock/paper.admin.port").read().strip()
    with urllib.request.urlopen("http://127.0.0.1:%s/admin/truth" % port, timeout=2) as r:
        return json.load(r)


def unprotected(t):
    stops = {(o["symbol"], o["stop"]) for o in t["orders"]
             if o["state"] == "stop" and (o["reduceOnly"] or o["closeOrder"])}
    return {p["symbol"] + str(p["open_ns"]) for p in t["positions"] if p["open"] and
            (p["symbol"], "down" if p["side"] == "long" else "up") not in stops}


def watch(instance, path):
    since, worst, samples = {}, 0, 0
    while True:
        try:
            bare, now = unprotected(truth(instance)), time.monotonic()
        except OSError:
            time.sleep(0.05)
            continue
        samples += 1
        since = {k: since.get(k, now) for k in bare}
        for k in since:
            worst = max(worst, now - since[k])
        with open(path, "w") as f:
            f.write("%d %d\n" % (worst * 1000, samples))
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch(sys.argv[2], sys.argv[3])
    else:
        print(sum(1 for p in truth(sys.argv[2])["positions"] if p["open"]))
