"""Kill, stop and disturb a running instance at random, then say how it came back: used by chaos.sh.

chaos.py INSTANCE KILLS SEED FILE
    INSTANCE  a running one, on the paper exchange
    FILE      gets one JSON object: what was done, recovery times, the longest time that an open position was
              without a resting closing stop while the exchange could be asked
An act is kill -9 of one to three processes (seven agents, bus, Redis, the exchange, the process manager's
watcher, the signer and every other child of execution), SIGSTOP for a while, or a fault of the exchange.  Half of
the kills are waited for, the others come on top of one another.  Every few acts trading must go on.
"""
import datetime
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from kill_trading import unprotected

AGENTS = ["orchestrator", "data", "signal", "risk", "execution", "optimizer", "audit"]
OTHERS = ["bus", "redis", "paper", "watch", "child"]
FAULTS = [("rest_refuse", None), ("rest_reset", None), ("rest_before", 503), ("rest_before", 429), ("order_late", 1500),
          ("query_lag", 3000), ("list_incomplete", 1), ("rest_reset_after", None), ("rest_after", 502),
          ("rest_html", 200), ("rest_empty", 200), ("rest_cut", 40), ("rest_length", 10), ("rest_delay", 800),
          ("ws_cut", None), ("ws_half_open", None), ("ws_drop", None), ("ws_garble", None), ("ws_reorder", 2),
          ("ws_delay", 700), ("ws_duplicate", 1)]
BREATH = 8                  # acts between two looks at whether trading goes on
READY_S, TRADE_S, GO_ON_S = 20, 60, 240


class Failed(Exception):
    pass


class Instance:
    def __init__(self, path):
        self.path = path
        self.bin = os.environ["BIN"]
        self.supervisord = int(open(path + "/sock/supervisord.pid").read())

    def admin(self, what, body=None, timeout=3):
        port = open(self.path + "/sock/paper.admin.port").read().strip()
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen("http://127.0.0.1:%s/admin/%s" % (port, what), data, timeout) as r:
            return json.load(r)

    def children(self, parent):
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = open("/proc/%s/stat" % pid).read().rsplit(")", 1)[1].split()
                if int(stat[1]) == parent and stat[0] != "Z":
                    found[int(pid)] = open("/proc/%s/cmdline" % pid).read().replace("\0", " ").split(" ")[0]
            except (OSError, IndexError):
                pass
        return found

    def processes(self):
        found = {}
        for pid, program in self.children(self.supervisord).items():
            name = os.path.basename(program).replace("enigma-", "").replace("redis-server", "redis")
            found[name] = pid
        return found

    def pids(self, name):
        running = self.processes()
        if name == "child":
            return list(self.children(running["execution"])) if "execution" in running else []
        return [running[name]] if name in running else []

    def state(self):
        try:
            return json.load(open(self.path + "/state.json"))["system_state"]
        except (OSError, ValueError, KeyError):
            return "?"

    def command(self, *args):
        return subprocess.run([self.bin + "/enigma", "-i", self.path, *args], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)


class Watch(threading.Thread):
    """Every 50 ms: how long has an open position been without a resting closing stop?"""

    def __init__(self, instance):
        super().__init__(daemon=True)
        self.instance, self.worst, self.looks, self.orders, self.open = instance, 0.0, 0, 0, 0
        self.where = ""             # the longest one, and when

    def run(self):
        since = {}
        while True:
            try:
                t, now = self.instance.admin("open"), time.monotonic()
            except (OSError, ValueError):
                time.sleep(0.05)
                continue
            bare = unprotected(t)
            since = {k: since.get(k, now) for k in bare}
            for k in since:
                if now - since[k] > self.worst:
                    self.worst, self.where = now - since[k], "%s at %s" % (k, datetime.datetime.utcnow().isoformat())
            self.looks += 1
            self.orders, self.open = t["orders_ever"], len(t["positions"])
            time.sleep(0.05)


class Chaos:
    def __init__(self, path, kills, seed):
        self.i, self.kills, self.rng = Instance(path), kills, random.Random(seed)
        self.watch = Watch(self.i)
        self.did = {"kills": {n: 0 for n in AGENTS + OTHERS}, "stops": 0, "faults": {}, "emergencies": [],
                    "ready_ms": {n: [] for n in AGENTS + OTHERS}, "protect_ms": [], "trade_ms": [],
                    "exec_protect_ms": [], "exec_trade_ms": []}

    def log_size(self, name):
        try:
            return os.path.getsize("%s/log/%s.log" % (self.i.path, name))
        except OSError:
            return 0

    def said(self, name, at, pattern):
        """Milliseconds since the epoch of the first line after `at` that matches, or None."""
        try:
            with open("%s/log/%s.log" % (self.i.path, name), errors="replace") as f:
                f.seek(at if at <= self.log_size(name) else 0)
                for line in f:
                    if re.search(pattern, line):
                        ts = re.search(r'"ts":"([^"]+)Z"', line)
                        return ts and datetime.datetime.fromisoformat(ts[1]).replace(
                            tzinfo=datetime.timezone.utc).timestamp() * 1000
        except OSError:
            pass
        return None

    def until(self, seconds, condition, what):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed("%s: not within %d s\n%s" % (what, seconds, self.telling()))
            time.sleep(0.02)

    def telling(self):
        """What an operator would look at."""
        said = [self.i.command("status").stdout]
        for name, most in ("execution", 40), ("orchestrator", 10):
            try:
                said += ["--- %s\n" % name] + open("%s/log/%s.log" % (self.i.path, name), errors="replace").readlines()[-most:]
            except OSError:
                pass
        return "".join(said)

    def back(self, name, at, killed_ms, old):
        """Wait until a killed process is there again; its times."""
        where = "execution" if name == "child" else name
        pid = self.until(READY_S, lambda: [p for p in self.i.pids(where) if name == "child" or p not in old],
                         "%s is not started again" % name)[0]
        if where in AGENTS:
            ready = self.until(READY_S, lambda: self.said(where, at, '"now":"(ready|active)"'), "%s is not ready" % name)
            self.did["ready_ms"][name].append(ready - killed_ms)
        else:
            self.did["ready_ms"][name].append(time.time() * 1000 - killed_ms)
        if name != "execution":
            return
        try:
            ticks = int(open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[19])
            boot_ms = time.time() * 1000 - time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
            began = boot_ms + ticks * 1000 / os.sysconf("SC_CLK_TCK")
        except OSError:
            return
        protect = self.until(READY_S, lambda: self.said(name, at, '"event":"protect.ready"'), "execution does not protect")
        trade = self.until(TRADE_S, lambda: self.said(name, at, '"event":"trade.ready"'), "execution does not trade")
        self.did["protect_ms"].append(protect - killed_ms)
        self.did["trade_ms"].append(trade - killed_ms)
        self.did["exec_protect_ms"].append(protect - began)
        self.did["exec_trade_ms"].append(trade - began)

    def kill(self):
        names = self.rng.sample(AGENTS + OTHERS, self.rng.choice([1, 1, 1, 1, 2, 3]))
        patient, dead = self.rng.random() < 0.5, []
        for name in names:
            pids = self.i.pids(name)
            if not pids:
                continue            # the one before is not back yet
            pid = self.rng.choice(sorted(pids))
            at, now = self.log_size("execution" if name == "child" else name), time.time() * 1000
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.did["kills"][name] += 1
            self.kills -= 1
            dead.append((name, at, now, pids))
        for d in dead if patient else []:
            self.back(*d)
        if not patient:
            time.sleep(self.rng.uniform(0, 0.3))

    def stop(self):
        name = self.rng.choice(AGENTS + OTHERS)
        for pid in self.i.pids(name)[:1]:
            try:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(self.rng.uniform(0.1, 4))
                os.kill(pid, signal.SIGCONT)
                self.did["stops"] += 1
            except ProcessLookupError:      # an agent that is silent for long is restarted
                pass

    def fault(self):
        name, value = self.rng.choice(FAULTS)
        body = {"fault": name, "on": True, "p": self.rng.choice([0.2, 0.5, 1]), "for_ms": self.rng.randint(200, 3000)}
        if value is not None:
            body["value"] = value
        try:
            self.i.admin("faults", body)
            self.did["faults"][name] = self.did["faults"].get(name, 0) + 1
        except OSError:                     # the exchange is just dead
            pass

    def resume(self):
        """An emergency stop may be the right answer; it ends flat, and the operator resumes."""
        if not os.path.exists(self.i.path + "/STOP"):
            return
        try:
            reason = json.load(open(self.i.path + "/state.json")).get("reason", "?")
        except (OSError, ValueError):
            reason = "?"
        self.did["emergencies"].append(reason)
        self.until(120, lambda: self.watch.open == 0, "an emergency stop is not flat")
        for state in "READY", "TRADING":    # the first one ends the emergency and takes STOP away
            self.until(120, lambda: self.i.command("resume").returncode == 0, "resume to %s is refused" % state)

    def go_on(self):
        """All back, trading, new orders at the exchange.  The operator's resume forgets the losses in a row, which
        would hold entries for 16 bars each time."""
        self.quiet()
        self.i.command("pause")
        end, before = time.monotonic() + GO_ON_S, self.watch.orders
        while self.watch.orders <= before or self.i.state() != "TRADING":
            self.resume()
            if self.i.state() == "PAUSED":      # refused while an agent is not back
                self.i.command("resume")
            if time.monotonic() > end:
                raise Failed("trading does not go on: %s\n%s" % (self.i.state(), self.telling()))
            time.sleep(0.1)

    def quiet(self):
        self.until(30, self.faults_off, "the exchange's admin port does not answer")
        for name in AGENTS + OTHERS:
            for pid in self.i.pids(name):
                os.kill(pid, signal.SIGCONT)

    def faults_off(self):
        try:
            self.i.admin("faults", {"fault": "*", "on": False})
            return True
        except (OSError, ValueError):
            return False

    def run(self):
        self.watch.start()
        acts = 0
        while self.kills > 0:
            self.rng.choices([self.kill, self.stop, self.fault], [6, 1, 2])[0]()
            acts += 1
            if acts % BREATH == 0:
                self.go_on()
        self.go_on()


def main():
    path, kills, seed, file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    c, wrong = Chaos(path, kills, seed), None
    try:
        c.run()
    except Failed as e:
        wrong = str(e)
        print("FAILED: %s" % wrong)
    c.did.update(bare_ms=c.watch.worst * 1000, bare=c.watch.where, looks=c.watch.looks, orders=c.watch.orders, failed=wrong)
    with open(file, "w") as f:
        json.dump(c.did, f)
    sys.exit(1 if wrong else 0)


main()
