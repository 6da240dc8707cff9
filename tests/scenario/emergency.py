"""Emergency stops with subsets of the system killed or stopped: used by test_emergency.sh.

emergency.py BIN INSTANCE N SEED   N of the 256 cases {killed, stopped} x every subset of Redis, bus, orchestrator,
                                   risk, signal, data, audit; N 256: all of them.  Each: something is open, the
                                   subset goes (the process manager stands still, so that nobody is started
                                   again), the STOP file is made, the exchange's own record says flat; then all
                                   comes back, and the operator resumes.  Prints counts; exits 1 at the first wrong.
"""
import itertools
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
import urllib.request

BIN, INSTANCE, N, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
TARGETS = ["redis", "bus", "orchestrator", "risk", "signal", "data", "audit"]
AGENTS = ["orchestrator", "data", "signal", "risk", "execution", "optimizer", "audit"]
FLAT_S, BACK_S, OPEN_S = 20, 60, 180
stopped = set()


def truth(view="open"):
    port = open(INSTANCE + "/sock/paper.admin.port").read().strip()
    with urllib.request.urlopen("http://127.0.0.1:%s/admin/%s" % (port, view), timeout=5) as r:
        return json.load(r)


def is_entry(o):
    return not o["reduceOnly"] and not o["closeOrder"]


def open_now(t):
    return ([p for p in t["positions"] if p["open"]], [o for o in t["orders"] if is_entry(o) and o["state"] != "done"])


def uses():
    """Tokens used, as the signer wrote them down (signlog.h)."""
    with open(INSTANCE + "/journal/signer.log", "rb") as f:
        records = f.read()
    kinds = [struct.unpack_from("<I", records, at + 4)[0] for at in range(0, len(records) - 63, 64)]
    return kinds.count(1)


def pids():
    """NAME -> pid of the children of the process manager."""
    manager = int(open(INSTANCE + "/sock/supervisord.pid").read())
    found = {"supervisord": manager}
    for pid in open("/proc/%d/task/%d/children" % (manager, manager)).read().split():
        try:
            exe = os.path.basename(os.readlink("/proc/%s/exe" % pid))
        except OSError:
            continue
        found["redis" if exe.startswith("redis") else exe.replace("enigma-", "")] = int(pid)
    return found


def until(seconds, what, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            got = condition()
        except (OSError, ValueError, KeyError):
            got = None
        if got:
            return got
        time.sleep(0.02)
    raise SystemExit("FAILED: %d s are over: %s" % (seconds, what))


def send(pid, signum):
    os.kill(pid, signum)
    (stopped.add if signum == signal.SIGSTOP else stopped.discard)(pid)


def enigma(*words):
    r = subprocess.run([BIN + "/enigma", "-i", INSTANCE, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def status():
    return json.loads(enigma("status", "--json")[1])


def all_ready():
    s = status()
    return all(s["agents"][a]["life"] in ("ready", "active") and s["agents"][a]["age_s"] < 1.5 for a in AGENTS)


def state():
    return status()["state"]


def resume():
    """Twice: the acknowledgement leads to READY, and no further."""
    until(BACK_S, "all agents ready again", all_ready)
    until(BACK_S, "an emergency is known", lambda: state() == "EMERGENCY_STOP")
    until(BACK_S, "the emergency is acknowledged", lambda: enigma("resume")[0] == 0 and state() != "EMERGENCY_STOP")
    if os.path.lexists(INSTANCE + "/STOP"):
        raise SystemExit("FAILED: the operator's resume left STOP")
    until(BACK_S, "trading", lambda: state() == "TRADING" or (enigma("resume")[0] == 0 and state() == "TRADING"))


def case(kill, subset):
    """Milliseconds from the latch to flat."""
    until(OPEN_S, "something is open", lambda: open_now(truth())[0])
    names = pids()
    missing = [t for t in subset if t not in names]
    if missing:
        raise SystemExit("FAILED: not running: %s of %s" % (missing, names))
    send(names["supervisord"], signal.SIGSTOP)
    if "watch" in names:
        send(names["watch"], signal.SIGSTOP)
    for t in subset:
        send(names[t], signal.SIGKILL if kill else signal.SIGSTOP)
    latch_ns = time.time_ns()
    os.close(os.open(INSTANCE + "/STOP", os.O_CREAT | os.O_EXCL, 0o600))
    used, t0 = uses(), time.monotonic()
    until(FLAT_S, "flat", lambda: open_now(truth()) == ([], []))
    ms = (time.monotonic() - t0) * 1000
    time.sleep(0.3)             # nothing comes after it: looked at once more below
    for t in reversed(subset):
        if not kill:
            send(names[t], signal.SIGCONT)
    if "watch" in names:
        send(names["watch"], signal.SIGCONT)
    send(names["supervisord"], signal.SIGCONT)
    until(BACK_S, "all agents ready again", all_ready)      # with all of them alive nothing is entered either
    t = truth("truth")
    late = [o for o in t["orders"] if is_entry(o) and not o["attached"] and o["created_ns"] > latch_ns + 500_000_000]
    if open_now(t) != ([], []) or late or uses() != used:
        raise SystemExit("FAILED: after the latch: open %s, entries at the exchange %s, entries signed %d"
                         % (open_now(t), late, uses() - used))
    resume()
    return ms


def cases():
    every = [(kill, s) for kill in (True, False) for n in range(len(TARGETS) + 1)
             for s in itertools.combinations(TARGETS, n)]
    if N >= len(every):
        return every
    random.seed(SEED)
    # None, each alone and all of them are always there.
    sure = [c for c in every if len(c[1]) in (0, 1, len(TARGETS))]
    rest = [c for c in every if c not in sure]
    return (sure + random.sample(rest, max(0, N - len(sure))))[:N]


try:
    times, t0 = [], time.monotonic()
    for i, (kill, subset) in enumerate(cases()):
        try:
            times.append(case(kill, subset))
        except SystemExit as e:
            raise SystemExit("%s; case %d: %s %s" % (e, i, "killed" if kill else "stopped", " ".join(subset) or "nobody"))
        print("case %d: %-7s %-50s flat after %4d ms" % (i, "killed" if kill else "stopped", " ".join(subset) or "-", times[-1]),
              flush=True)
    times.sort()
    print("emergency: %d of %d flat, of %d entries signed 0 after a latch; ms to flat p50 %d, worst %d; %d s, seed %d"
          % (len(times), len(cases()), uses(), times[len(times) // 2], times[-1], time.monotonic() - t0, SEED))
finally:
    for p in list(stopped):
        try:
            os.kill(p, signal.SIGCONT)
        except OSError:
            pass
