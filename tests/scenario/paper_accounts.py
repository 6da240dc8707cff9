"""Clients of several keys at the paper exchange.

usage: paper_accounts.py SOCK-DIR begin | storm FILE | verify FILE
  begin   permissions and balances of the three keys are those of the file
  storm   place and cancel orders of both accounts until the exchange ends; what was answered goes to FILE
  verify  all of FILE is in the exchange's truth, as answered, and the money adds up (to the market's moves); prints how much that was
"""
import base64, hashlib, hmac, http.client, json, os, sys, time, urllib.request
from decimal import Decimal

sock, verb = sys.argv[1], sys.argv[2]
port, admin_port = (int(open(f'{sock}/paper.{n}').read()) for n in ('port', 'admin.port'))


def fail(text):
    raise SystemExit(f'FAILED: {text}')


class Client:
    def __init__(self, who):
        self.who, self.conn = who, http.client.HTTPConnection('127.0.0.1', port, timeout=20)

    def call(self, method, target, body=None):
        text, ts = json.dumps(body) if body else '', str(int(time.time() * 1000))
        mac = lambda t: base64.b64encode(hmac.new(f'secret-{self.who}'.encode(), t.encode(), hashlib.sha256).digest()).decode()
        self.conn.request(method, target, text or None, {
            'KC-API-KEY': f'key-{self.who}', 'KC-API-SIGN': mac(ts + method + target + text), 'KC-API-TIMESTAMP': ts,
            'KC-API-PASSPHRASE': mac(f'pass-{self.who}'), 'KC-API-KEY-VERSION': '2', 'Content-Type': 'application/json'})
        r = self.conn.getresponse()
        return r.status, json.loads(r.read())


def order(oid, **more):
    return {'clientOid': oid, 'symbol': 'XBTUSDTM', 'side': 'buy', 'type': 'limit', 'leverage': 2, 'size': 1, 'price': '60000', **more}


def truth(view='truth'):
    with urllib.request.urlopen(f'http://127.0.0.1:{admin_port}/admin/{view}', timeout=20) as r:
        return json.loads(r.read())


def begin():
    for who, balance in (('alice', '5000'), ('bob', '700.25'), ('reader', '5000')):
        status, a = Client(who).call('GET', '/api/v1/account-overview?currency=USDT')
        if who == 'reader':
            if (status, a['code']) != (403, '400007'):
                fail(f'a key without Futures reads the account: {status} {a}')
        elif Decimal(str(a['data']['accountEquity'])) != Decimal(balance):
            fail(f'{who} begins with {a["data"]}')
    alice, bob, reader = Client('alice'), Client('bob'), Client('reader')
    _, a = alice.call('POST', '/api/v1/orders', order('hers'))
    if a['code'] != '200000':
        fail(f'alice cannot order: {a}')
    status, a = reader.call('POST', '/api/v1/orders', order('not-allowed'))
    if (status, a['code']) != (403, '400007'):
        fail(f'the reader orders: {status} {a}')
    if [o['clientOid'] for o in reader.call('GET', '/api/v1/orders?status=active')[1]['data']['items']] != ['hers']:
        fail('the reader does not see his account')
    if bob.call('GET', '/api/v1/orders?status=active')[1]['data']['items']:
        fail('bob sees another account')
    id = truth()['orders'][0]['id']
    if bob.call('DELETE', f'/api/v1/orders/{id}')[1]['code'] == '200000':
        fail("bob cancels alice's order")


def storm(path):
    out, n = open(path, 'a', buffering=1), 0
    clients = {w: Client(w) for w in ('alice', 'bob')}
    try:
        while True:
            n += 1
            who = 'alice' if n % 2 else 'bob'
            oid = f's-{os.getpid()}-{n}'
            more = {'type': 'market', 'side': 'buy' if n % 4 < 2 else 'sell'} if n % 5 == 0 else {}
            status, a = clients[who].call('POST', '/api/v1/orders', order(oid, **more))
            if a['code'] == '429000':
                time.sleep(0.2)
                continue
            if a['code'] != '200000':
                fail(f'{who}: {a}')
            id = a['data']['orderId']
            out.write(json.dumps(['order', who, oid, id]) + '\n')
            if not more and n % 3:
                status, a = clients[who].call('DELETE', f'/api/v1/orders/{id}')
                if a['code'] == '200000':
                    out.write(json.dumps(['cancel', who, oid, id]) + '\n')
    except (OSError, http.client.HTTPException):
        pass


def verify(path):
    t = truth()
    orders, fills = {o['id']: o for o in t['orders']}, {}
    if len(orders) != len(t['orders']) or len({o['clientOid'] for o in t['orders']}) != len(orders):
        fail('an order is there twice')
    now, later = truth('open'), truth()     # the market goes on between them, so it lies between the two
    open_ids, over, live = ({o['id'] for o in v['orders'] if (o['state'] == 'done') == done}
                            for v, done in ((now, False), (t, True), (later, False)))
    if now['orders_ever'] != len(orders) or now['fills'] or len(open_ids) != len(now['orders']) or open_ids & over or \
            live - open_ids or not all(p['open'] for p in now['positions']):
        fail(f'what is open is not what the truth has open: {now}')
    for f in t['fills']:
        fills.setdefault(f['orderId'], []).append(f)
    answered = [json.loads(l) for l in open(path)]
    for what, who, oid, id in answered:
        o = orders.get(id)
        if not o or o['clientOid'] != oid or o['account'] != who:
            fail(f'{what} {oid} {id} was answered and is lost: {o}')
        if what == 'cancel' and o['state'] != 'done':
            fail(f'{oid} was cancelled and is {o["state"]}')
        if sum(f['size'] for f in fills.get(id, [])) != o['dealSize']:
            fail(f'{oid}: its fills do not add up')
    for who, deposit in (('alice', Decimal(5000)), ('bob', Decimal('700.25'))):
        a = Client(who).call('GET', '/api/v1/account-overview?currency=USDT')[1]['data']
        mine = [f for f in t['fills'] if f['account'] == who]
        held = [p for p in t['positions'] if p['account'] == who and p['open']]
        flow = sum(Decimal(f['value']) * (1 if f['side'] == 'sell' else -1) - Decimal(f['fee']) for f in mine)
        # value of what is held = its cost + what it gained; the market goes on between the two questions
        worth = sum((1 if p['side'] == 'long' else -1) * Decimal(p['openPrice']) * p['size'] / 1000 + Decimal(p['upnl']) for p in held)
        off = Decimal(str(a['accountEquity'])) - (deposit + flow + worth)
        if not mine or abs(off) > 1 + 2 * len(held):
            fail(f'{who}: {len(mine)} fills, equity off by {off}: {a}, {held}')
    print(f'{len(answered)} answers, none lost')


{'begin': begin, 'storm': lambda: storm(sys.argv[3]), 'verify': lambda: verify(sys.argv[3])}[verb]()
