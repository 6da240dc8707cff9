"""Check what `enigma sniff signal. risk. order. position. --json` printed.

story.py FILE
Each line must be a valid envelope with the seed's fields, of one of the topics asked for.  Every message about a
decision carries the id of its signal.generated as correlationId.  Prints how many complete stories (signal ->
approval -> order -> fill -> position) there are; exit 0 only when there is one and nothing is wrong.
"""
import collections
import json
import re
import sys

AGENTS = {"orchestrator", "data", "signal", "risk", "execution", "optimizer", "audit"}
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
TYPES, PRIORITIES = {"REQUEST", "RESPONSE", "EVENT", "COMMAND"}, {"LOW", "NORMAL", "HIGH", "CRITICAL"}
FIELDS = {"id": str, "from": str, "to": str, "type": str, "action": str, "payload": dict, "timestamp": int,
          "priority": str}
CHAPTERS = ["signal.generated", "risk.approved", "order.placed", "order.filled", "position.opened"]
SPEAKERS = {"signal": "signal", "risk": "risk", "order": "execution", "position": "execution"}
wrong = []


def check(condition, number, text):
    if not condition:
        wrong.append("line %d: %s" % (number, text))
    return condition


def decision_of(p):
    """The signal id a payload speaks of, wherever it lies in it."""
    for part in (p, p.get("order", {}), p.get("position", {})):
        if "signal_id" in part:
            return part["signal_id"]
    return None


def envelope(number, m):
    for name, kind in FIELDS.items():
        if not check(type(m.get(name)) is kind, number, "%s is %r" % (name, m.get(name))):
            return False
    check(UUID.match(m["id"]), number, "id %s" % m["id"])
    check(m["type"] in TYPES and m["priority"] in PRIORITIES, number, "%s %s" % (m["type"], m["priority"]))
    check(m["from"] in AGENTS and (m["to"] == "*" or m["to"] in AGENTS), number, "%s to %s" % (m["from"], m["to"]))
    check(m["from"] == SPEAKERS.get(m["topic"].split(".")[0]), number, "%s says %s" % (m["from"], m["topic"]))
    check(m["action"] == m["topic"], number, "%s on %s" % (m["action"], m["topic"]))
    check(1.6e12 < m["timestamp"] < 4e12, number, "timestamp %d" % m["timestamp"])
    check("correlationId" not in m or UUID.match(m["correlationId"]), number, "correlationId")
    return True


ids, count = set(), collections.Counter()
stories = collections.defaultdict(list)
with open(sys.argv[1]) as f:
    for number, line in enumerate(f, 1):
        try:
            m = json.loads(line)
        except ValueError as e:
            check(False, number, "no JSON: %s" % e)
            continue
        if not envelope(number, m):
            continue
        count[m["action"]] += 1
        check(m["id"] not in ids, number, "id %s comes twice" % m["id"])
        ids.add(m["id"])
        decision = decision_of(m["payload"])
        if decision is None:
            check(m["action"] == "signal.state", number, "%s speaks of no decision" % m["action"])
            continue
        check(m.get("correlationId") == decision, number,
              "%s: correlationId %s, but it speaks of %s" % (m["action"], m.get("correlationId"), decision))
        if m["action"] == "signal.generated":
            check(m["id"] == decision, number, "signal %s has the id %s" % (decision, m["id"]))
        stories[decision].append(m)

complete = []
for decision, told in stories.items():
    # The entry's story: its stop and targets are placed beside it, and may be told of first.
    entry = next((m["payload"]["cl_ord_id"] for m in told if m["action"] == "risk.approved"), None)
    of_entry = [m for m in told if m["payload"].get("order", {}).get("cl_ord_id", entry) == entry]
    at = [next((told.index(m) for m in of_entry if m["action"] == c), None) for c in CHAPTERS]
    if None in at:
        continue
    signal, approval, order, fill, position = (told[i] for i in at)
    p = fill["payload"]["order"]
    parts = [signal["payload"], approval["payload"], order["payload"]["order"], p, position["payload"]["position"]]
    check(len({x["symbol"] for x in parts}) == 1, 0, "story %s changes its symbol" % decision)
    check(len({x["side"] for x in parts}) == 1, 0, "story %s changes its side" % decision)
    check(approval["payload"]["approval_id"] == p["approval_id"] == order["payload"]["order"]["approval_id"], 0,
          "story %s has two approvals" % decision)
    check(approval["payload"]["cl_ord_id"] == p["cl_ord_id"] == order["payload"]["order"]["cl_ord_id"], 0,
          "story %s: the order is not the approved one" % decision)
    check(at[0] < at[1] < at[2] < at[3], 0, "story %s is told out of order: %s" % (decision, at))
    complete.append(decision)

for text in wrong[:20]:
    print(text)
states = count["signal.state"]
print("%d envelopes, %d of them states; %d decisions, %d complete stories, %d wrong: %s"
      % (sum(count.values()), states, len(stories), len(complete), len(wrong), complete[:1]))
sys.exit(0 if complete and not wrong else 1)
