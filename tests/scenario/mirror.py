"""Compares two paper exchanges, of which `down` mirrors `up`.   usage: mirror.py DIR same|books|orders|hole"""
import base64, hashlib, hmac, json, sys, time, urllib.request

dir, verb = sys.argv[1], sys.argv[2]
port = lambda who, name='port': int(open(f'{dir}/{who}/sock/paper.{name}').read())
BOTH = ('XBTUSDTM', 'ETHUSDTM')


def fail(text):
    raise SystemExit(f'FAILED: {text}')


def ask(who, target, method='GET', body=None, signed=False, name='port'):
    text, ts = json.dumps(body) if body is not None else '', str(int(time.time() * 1000))
    mac = lambda t: base64.b64encode(hmac.new(b'secret-one', t.encode(), hashlib.sha256).digest()).decode()
    req = urllib.request.Request(f'http://127.0.0.1:{port(who, name)}{target}', text.encode() or None, {
        'KC-API-KEY': 'key-one', 'KC-API-SIGN': mac(ts + method + target + text), 'KC-API-TIMESTAMP': ts,
        'KC-API-PASSPHRASE': mac('pass-one'), 'KC-API-KEY-VERSION': '2', 'Content-Type': 'application/json'} if signed else {}, method=method)
    with urllib.request.urlopen(req, timeout=20) as r:
        a = json.loads(r.read())
    if name == 'port' and a['code'] != '200000':
        fail(f'{who} {target}: {a}')
    return a if name != 'port' else a['data']


def until(what, fn, seconds=30):
    end = time.time() + seconds
    while not (v := fn()):
        if time.time() > end:
            fail(f'timed out: {what}')
        time.sleep(0.3)                             # the venues' rate limits hold for us too
    return v


def is_open(symbol):
    return ask('down', f'/api/v1/contracts/{symbol}')['status'] == 'Open'


def top(who, symbol):
    b = ask(who, f'/api/v1/level2/depth20?symbol={symbol}')
    return [b['bids'], b['asks']]


def books(times=10):
    """The mirror equals the upstream whenever the upstream stands still around the look."""
    n = {s: 0 for s in BOTH}
    for s in BOTH:
        until(f'{s} is open', lambda: is_open(s))
    end = time.time() + 60
    late = 0
    while min(n.values()) < times:
        for s in BOTH:
            before = top('up', s)
            time.sleep(0.1)                         # for what is on its way
            here, after = top('down', s), top('up', s)
            if before == after:
                n[s] += here == before
                late += here != before
        if time.time() > end or late > times:
            fail(f'books: equal {n}, different {late}')
    return n, late


def same():
    n, late = books()
    for s in BOTH:
        until('mark prices', lambda: ask('up', f'/api/v1/mark-price/{s}/current')['value'] == ask('down', f'/api/v1/mark-price/{s}/current')['value'])
        until('trades', lambda: len(ask('down', f'/api/v1/trade/history?symbol={s}')) >= 10)
        up = [(t['price'], t['size']) for t in sorted(ask('up', f'/api/v1/trade/history?symbol={s}'), key=lambda t: t['sequence'])]
        down = [(t['price'], t['size']) for t in sorted(ask('down', f'/api/v1/trade/history?symbol={s}'), key=lambda t: t['sequence'])]
        common = [t for t in down if t in up]
        if len(common) < 8 or not in_order(common[-8:], up + down[-1:]):
            fail(f'{s}: trades {down[-8:]} are not those of {up[-12:]}')
        now = int(time.time() * 1000)
        for minutes, bars in ((1, 400), (60, 200)):
            start = (now // (minutes * 60000) - bars - 2) * minutes * 60000
            rows = {w: ask(w, f'/api/v1/kline/query?symbol={s}&granularity={minutes}&from={start}&to={start + bars * minutes * 60000}') for w in ('up', 'down')}
            if len(rows['up']) < bars * 0.9 or [r[:6] for r in rows['up']] != [r[:6] for r in rows['down']]:
                diff = [(a, b) for a, b in zip(rows['up'], rows['down']) if a[:6] != b[:6]]
                fail(f'{s} {minutes} m: {len(rows["up"])} and {len(rows["down"])} bars, {len(diff)} differ: {diff[:2]}')
    if ask('down', '/api/v1/contracts/ADAUSDTM')['status'] != 'Paused':
        fail('a contract that the upstream does not list trades')
    print(f'books equal {n}, {late} late; trades, marks, 1 m and 1 h candles equal')


def in_order(some, all):
    it = iter(all)
    return all and sum(any(x == y for y in it) for x in some) >= len(some) - 2


def orders():
    ask('down', '/api/v1/orders', 'POST', {'clientOid': 'm-1', 'symbol': 'XBTUSDTM', 'side': 'buy', 'type': 'market', 'leverage': 2, 'size': 3}, True)
    t = ask('down', '/admin/truth', name='admin.port')
    if sum(f['size'] for f in t['fills']) != 3:
        fail(f'a market order is not filled: {t["fills"]}')
    ticker = ask('up', '/api/v1/ticker?symbol=XBTUSDTM')
    far = abs(float(t['fills'][0]['price']) / float(ticker['price']) - 1)
    if far > 0.005:
        fail(f'filled at {t["fills"][0]["price"]}, the upstream trades at {ticker["price"]}')
    # Two orders rest at the best prices: wherever the upstream's market goes, it goes through one of them.
    best = ask('down', '/api/v1/ticker?symbol=XBTUSDTM')
    for side, price in (('buy', best['bestBidPrice']), ('sell', best['bestAskPrice'])):
        ask('down', '/api/v1/orders', 'POST', {'clientOid': f'r-{side}', 'symbol': 'XBTUSDTM', 'side': side, 'type': 'limit', 'leverage': 2,
                                              'size': 1, 'price': str(price)}, True)
    fills = lambda: ask('down', '/admin/truth', name='admin.port')['fills']
    until('a resting order is filled', lambda: any(f['liquidity'] == 'maker' for f in fills()), 90)
    ask('down', '/api/v3/orders?symbol=XBTUSDTM', 'DELETE', signed=True)    # the books are equal again
    if ask('up', '/admin/truth', name='admin.port')['orders']:
        fail('an order went upstream')
    print(f'{len(fills())} fills of orders here, none upstream')


def hole():
    post = lambda body: ask('up', '/admin/faults', 'POST', body, name='admin.port')
    log = f'{dir}/log/down'
    holes = lambda: open(log).read().count('a delta is missing')
    for n in range(3):
        before = holes()
        post({'fault': 'ws_drop', 'on': True, 'match': 'level2:XBTUSDTM', 'count': 1})
        until('the hole is seen', lambda: holes() > before)
        until('whole again', lambda: is_open('XBTUSDTM'))
    books(3)
    print(f'{holes()} holes seen and closed')


{'same': same, 'books': lambda: print(books(3)), 'orders': orders, 'hole': hole}[verb]()
