"""A client of raw sockets: each fault of the paper exchange on, seen, counted, off, and normal again.

usage: fault_matrix.py SOCK-DIR   prints a line a fault; exits 1 at the first that does not do what it says.
"""
import base64, hashlib, hmac, json, os, select, socket, struct, sys, time, urllib.request

ports = {n: int(open(f'{sys.argv[1]}/paper.{n}').read()) for n in ('port', 'admin.port')}
ONE, TWO = 'one', 'two'
DEADLINE = 20
serial = 0


def need(ok, what):
    if not ok:
        raise SystemExit(f'FAILED: {name}: {what}')


# ---- REST ----

def headers(who, method, target, body, ts):
    mac = lambda text: base64.b64encode(hmac.new(f'secret-{who}'.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return {'KC-API-KEY': f'key-{who}', 'KC-API-SIGN': mac(ts + method + target + body), 'KC-API-TIMESTAMP': ts,
            'KC-API-PASSPHRASE': mac(f'pass-{who}'), 'KC-API-KEY-VERSION': '2', 'Content-Type': 'application/json'}


def connect():
    s = socket.create_connection(('127.0.0.1', ports['port']), timeout=DEADLINE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def send(s, method, target, body='', who=ONE, skew_ms=0):
    head = headers(who, method, target, body, str(int(time.time() * 1000) + skew_ms)) if who else {}
    lines = [f'{method} {target} HTTP/1.1', 'Host: x', f'Content-Length: {len(body)}'] + [f'{k}: {v}' for k, v in head.items()]
    s.sendall(('\r\n'.join(lines) + '\r\n\r\n' + body).encode())


def all_bytes(s):
    data = b''
    while chunk := s.recv(65536):
        data += chunk
    return data


def receive(s):
    """status, header lines, body, how it ended: whole, short (ended early) or reset."""
    data = b''
    try:
        while b'\r\n\r\n' not in data:
            chunk = s.recv(65536)
            if not chunk:
                return None, '', data, 'short'
            data += chunk
        head, body = data.split(b'\r\n\r\n', 1)
        lines = head.decode().split('\r\n')
        length = int(next(l for l in lines if l.lower().startswith('content-length')).split(':')[1])
        while len(body) < length:
            chunk = s.recv(65536)
            if not chunk:
                return int(lines[0].split()[1]), head.decode(), body, 'short'
            body += chunk
        return int(lines[0].split()[1]), head.decode(), body, 'whole'
    except ConnectionResetError:
        return None, '', data, 'reset'


def ask(method='GET', target='/api/v1/timestamp', body='', **more):
    s = connect()
    send(s, method, target, body, **more)
    answer = receive(s)
    s.close()
    return answer


def good(target='/api/v1/timestamp', **more):
    status, _, body, how = ask(target=target, **more)
    need(status == 200 and how == 'whole', f'{target} is not served: {status} {how} {body[:80]}')
    return json.loads(body)


def order_text():
    """An order far from the market: its client id and its body."""
    global serial
    serial += 1
    oid = f'fault-{os.getpid()}-{serial}'
    return oid, json.dumps({'clientOid': oid, 'side': 'buy', 'symbol': 'XBTUSDTM', 'type': 'limit', 'leverage': 2, 'size': 1,
                            'price': str(int(PRICE / 2))})


def order():
    oid, body = order_text()
    return oid, ask('POST', '/api/v1/orders', body)


def truth(oid):
    return [o for o in admin('/admin/truth')['orders'] if o['clientOid'] == oid]


# ---- the admin port ----

def admin(path, body=None, status=200):
    req = urllib.request.Request(f'http://127.0.0.1:{ports["admin.port"]}{path}', data=json.dumps(body).encode() if body else None)
    try:
        with urllib.request.urlopen(req, timeout=DEADLINE) as r:
            return json.loads(r.read())
    except urllib.error.HTTPError as e:
        need(e.code == status, f'{path} {body}: {e.code} {e.read()[:200]}')
        return json.loads(e.read())


def fault(which):
    return next(f for f in admin('/admin/faults')['faults'] if f['fault'] == which)


def on(**more):
    admin('/admin/faults', {'fault': name, 'on': True, **more})


def off():
    f = fault(name)
    admin('/admin/faults', {'fault': name, 'on': False})
    return f


def until(what, fn, seconds=DEADLINE):
    end = time.time() + seconds
    while not (v := fn()):
        need(time.time() < end, f'timed out: {what}')
        time.sleep(0.01)
    return v


# ---- WebSocket ----

class Stream:
    def __init__(self, topic=None, answer=101):
        token = json.loads(ask('POST', '/api/v1/bullet-public', who=None)[2])['data']['token']
        self.s, self.rest = connect(), b''
        self.s.sendall((f'GET /?token={token}&connectId=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n').encode())
        while b'\r\n\r\n' not in self.rest:
            chunk = self.s.recv(4096)
            need(chunk, 'no handshake')
            self.rest += chunk
        head, self.rest = self.rest.split(b'\r\n\r\n', 1)
        self.status = int(head.split()[1])
        need(self.status == answer, f'handshake answered {self.status}')
        if topic:
            need(json.loads(self.frame())['type'] == 'welcome', 'no welcome')
            self.say({'id': '1', 'type': 'subscribe', 'topic': topic, 'response': True})

    def say(self, message):
        data = json.dumps(message).encode()
        need(len(data) < 126, 'frame too long')
        self.s.sendall(bytes([0x81, 0x80 | len(data)]) + b'\0\0\0\0' + data)

    def frame(self, seconds=DEADLINE):
        """The next text; None: the connection ended; TimeoutError: nothing came."""
        end = time.time() + seconds
        while True:
            if len(self.rest) >= 2:
                n, at = self.rest[1] & 127, 2
                if n == 126 and len(self.rest) >= 4:
                    n, at = struct.unpack('>H', self.rest[2:4])[0], 4
                if n < 126 or at == 4:
                    if len(self.rest) >= at + n:
                        op, text = self.rest[0] & 15, self.rest[at:at + n]
                        self.rest = self.rest[at + n:]
                        if op == 1:
                            return text.decode()
                        if op == 8:
                            self.closed = True
                        continue
            if not select.select([self.s], [], [], max(0, end - time.time()))[0]:
                raise TimeoutError
            try:
                chunk = self.s.recv(65536)
            except ConnectionResetError:
                return None
            if not chunk:
                return None
            self.rest += chunk

    def pushed(self, seconds=DEADLINE):
        """The next message of the topic, as text."""
        while True:
            text = self.frame(seconds)
            if text is None or '"type":"message"' in text:
                return text

    def sequence(self):
        return json.loads(self.pushed())['data']['sequence']


BOOK = '/contractMarket/level2:XBTUSDTM'


def live_book():
    """A stream of the book without a hole."""
    s = Stream(BOOK)
    last = s.sequence()
    for _ in range(20):
        now = s.sequence()
        need(now == last + 1, f'a hole in the book: {last} {now}')
        last = now
    return s, last


# ---- the faults ----

def rest_refuse():
    s = connect()
    send(s, 'GET', '/api/v1/timestamp')
    receive(s)
    on()
    try:
        connect()
        need(False, 'a connection is taken')
    except ConnectionRefusedError:
        pass
    try:
        need(s.recv(10) == b'', 'the open connection lives')
    except ConnectionResetError:
        pass


def rest_reset():
    on(match='POST/api/v1/orders')
    oid, answer = order()
    need(answer[3] == 'reset' and answer[2] == b'', f'not reset: {answer}')
    need(not truth(oid), 'the order was taken')
    good()


def rest_reset_after():
    on(match='POST/api/v1/orders')
    oid, answer = order()
    need(answer[3] == 'reset' and answer[2] == b'', f'not reset: {answer}')
    need(truth(oid), 'the order was not taken')
    good()


def status(taken):
    for code in (429, 500, 502, 504):
        on(value=code, match='POST/api/v1/orders')
        oid, (got, head, body, how) = order()
        need(got == code and how == 'whole' and json.loads(body)['code'] == str(code * 1000), f'{got} {body}')
        need('gw-ratelimit-remaining: 0' in head if code == 429 else True, head)
        need(bool(truth(oid)) == taken, f'{code}: the order was {"not " if taken else ""}taken')


def rest_before():
    status(False)
    on(value=503, match='timestamp', count=2)
    need([ask()[0] for _ in range(4)] == [503, 503, 200, 200], 'count does not count')
    on(value=503, p=0.5)
    got = {ask()[0] for _ in range(60)}
    need(got == {200, 503}, f'p=0.5 gives {got}')


def rest_after():
    status(True)


def maintenance():
    stream, _ = live_book()
    on()
    need(json.loads(ask(target='/api/v1/status')[2])['data']['status'] == 'close', 'status does not say it')
    need(ask()[0] == 503 and order()[1][0] == 503, 'it serves')
    while stream.frame() is not None:
        pass
    off()
    Stream(BOOK)
    on()
    ask()


def cancel_only():
    oid, answer = order()
    id = json.loads(answer[2])['data']['orderId']
    on()
    need(json.loads(ask(target='/api/v1/status')[2])['data']['status'] == 'cancelonly', 'status does not say it')
    new, answer = order()
    need(json.loads(answer[2])['code'] == '300002' and not truth(new), f'taken: {answer[2]}')
    gone = json.loads(ask('DELETE', f'/api/v1/orders/{id}')[2])
    need(gone['code'] == '200000' and truth(oid)[0]['state'] == 'done', f'cancel: {gone}')


def order_late():
    on(value=700)
    t0 = time.time()
    s = connect()
    oid, body = order_text()
    send(s, 'POST', '/api/v1/orders', body)
    s.close()                                       # the client gives up; the order arrives all the same
    need(not truth(oid), 'the order is there at once')
    until('the late order', lambda: truth(oid))
    need(truth(oid)[0]['created_ns'] / 1e9 - t0 >= 0.69, 'it was not late')
    on(value=5600)                                  # later than the venue's window of 5 s: proof that it is not done
    oid, answer = order()
    need(json.loads(answer[2])['code'] == '400002' and not truth(oid), f'{answer[2]}')


def key_revoked():
    on(match='one ')
    got, _, body, _ = ask(target='/api/v1/account-overview?currency=USDT')
    need(got == 401 and json.loads(body)['code'] == '400003', f'{got} {body}')
    need(json.loads(ask(target='/api/v1/orders', who=TWO)[2])['code'] == '200000', 'the other key too')
    good()


def clock_skew():
    for ms in (10000, -10000):
        on(value=ms)
        off_by = good()['data'] - time.time() * 1000
        need(abs(off_by - ms) < 3000, f'timestamp off by {off_by}')
        target = '/api/v1/account-overview?currency=USDT'
        need(json.loads(ask(target=target)[2])['code'] == '400002', 'our time is still good')
        need(json.loads(ask(target=target, skew_ms=ms)[2])['code'] == '200000', 'its own time is not good')


def query_lag():
    oid, answer = order()
    id = json.loads(answer[2])['data']['orderId']
    listed = lambda: oid in ask(target='/api/v1/orders?status=active')[2].decode()
    need(listed(), 'not listed before')
    total = good('/api/v1/orders?status=active')['data']['totalNum']
    on(value=1500)
    oid, answer = order()
    id = json.loads(answer[2])['data']['orderId']
    need(not listed(), 'listed at once')
    need(json.loads(ask(target=f'/api/v1/orders/{id}')[2])['code'] == '100001', 'found at once')
    need(json.loads(ask(target=f'/api/v1/orders/byClientOid?clientOid={oid}')[2])['code'] == '100001', 'found by its client id')
    need(truth(oid), 'not taken')
    until('the list catches up', listed)
    gone = ask('DELETE', f'/api/v1/orders/{id}')[2].decode()       # an older one that changes: queries show it as it was
    need('200000' in gone and listed(), f'the cancel is seen at once: {gone}')
    stale = json.loads(ask(target=f'/api/v1/orders/{id}')[2])['data']
    need(stale['isActive'] is True and stale['status'] == 'open' and stale['cancelExist'] is False, f'not as it was: {stale}')
    need(oid not in ask(target='/api/v1/recentDoneOrders')[2].decode(), 'done at once')
    until('the list sees the cancel', lambda: not listed())
    need(json.loads(ask(target=f'/api/v1/orders/{id}')[2])['data']['status'] == 'done', 'not done afterwards')
    total -= 1
    need(good('/api/v1/orders?status=active')['data']['totalNum'] == total + 1, 'not the whole list')
    need(json.loads(ask(target=f'/api/v1/orders/{id}')[2])['data']['clientOid'] == oid, 'not found afterwards')


def order_refused():
    oid, answer = order()
    id = json.loads(answer[2])['data']['orderId']
    for code in (300015, 300014):
        on(value=code)
        new, answer = order()
        need(json.loads(answer[2])['code'] == str(code) and not truth(new), f'taken: {answer[2]}')
        kept = json.loads(ask('DELETE', f'/api/v1/orders/{id}')[2])
        need(kept['code'] == str(code) and truth(oid)[0]['state'] != 'done', f'cancel: {kept}')
        good('/api/v1/orders?status=active')
    off()
    need(json.loads(ask('DELETE', f'/api/v1/orders/{id}')[2])['code'] == '200000', 'not cancelled afterwards')
    on()
    order()


def list_incomplete():
    for _ in range(3):
        order()
    whole = good('/api/v1/orders?status=active')['data']
    n = len(whole['items'])
    for missing in (1, 2, 1000):
        on(value=missing)
        short = good('/api/v1/orders?status=active')['data']
        left = max(0, n - missing)
        need(short['items'] == whole['items'][:left] and short['totalNum'] == whole['totalNum'] - (n - left), f'{missing}: {short}')
    off()
    need(len(good('/api/v1/orders?status=active')['data']['items']) == n, 'not whole again')
    on()
    good('/api/v1/orders?status=active')


def rest_silent():
    on(match='POST/api/v1/orders')
    s = connect()
    oid, body = order_text()
    send(s, 'POST', '/api/v1/orders', body)
    until('the order', lambda: truth(oid))
    need(not select.select([s], [], [], 0.3)[0], 'something came')
    good()
    off()
    try:
        need(s.recv(100) == b'', 'an answer came')
    except ConnectionResetError:
        pass
    on()
    s = connect()
    send(s, 'GET', '/api/v1/timestamp')
    until('the bite', lambda: fault(name)['bites'])


def rest_html():
    on(match='POST/api/v1/orders')
    oid, (got, head, body, _) = order()
    need(got == 200 and 'text/html' in head and body.startswith(b'<!DOCTYPE html'), f'{got} {head}')
    need(truth(oid), 'not done')
    on(value=502)
    need(ask()[0] == 502, 'not the status asked for')


def rest_empty():
    on()
    got, _, body, how = ask()
    need((got, body, how) == (200, b'', 'whole'), f'{got} {body} {how}')


def rest_cut():
    for at in (0, 1, 17, 60, 150):
        on(value=at, match='timestamp')
        s = connect()
        send(s, 'GET', '/api/v1/timestamp')
        got = len(all_bytes(s))
        need(got == at, f'cut at {at}: {got} bytes')
    on(value=1048576)
    good()
    on(value=40, match='POST/api/v1/orders')
    oid, answer = order()
    need(answer[3] == 'short' and truth(oid), 'not done, or whole')


def rest_length():
    on(value=10)
    got, head, body, how = ask()
    need(got == 200 and how == 'short' and json.loads(body)['code'] == '200000', f'{how} {body}')
    on(value=-5)
    s = connect()
    send(s, 'GET', '/api/v1/timestamp')
    data = all_bytes(s)
    head, body = data.split(b'\r\n\r\n', 1)
    says = int([l for l in head.decode().lower().split('\r\n') if l.startswith('content-length')][0].split(':')[1])
    need(says == len(body) - 5, f'says {says}, is {len(body)}')


def rest_delay():
    on(value=500)
    t0 = time.time()
    oid, answer = order()
    need(answer[0] == 200 and time.time() - t0 >= 0.49, 'at once')
    need(truth(oid)[0]['created_ns'] / 1e9 - t0 < 0.45, 'done late, not answered late')


def ws_refuse():
    stream, _ = live_book()
    on(value=503)
    Stream(answer=503)
    stream.pushed()


def ws_cut():
    stream, _ = live_book()
    on(match='level2')
    while stream.frame() is not None:
        pass
    need(not hasattr(stream, 'closed'), 'a close frame came')


def ws_half_open():
    stream, _ = live_book()
    on()
    until('the bite', lambda: fault(name)['bites'])
    try:
        while stream.frame(1) is not None:
            pass
        need(False, 'the connection ended')
    except TimeoutError:
        pass
    stream.say({'id': '9', 'type': 'ping'})
    stream.s.sendall(bytes([0x89, 0x80, 0, 0, 0, 0]))
    need(not select.select([stream.s], [], [], 0.5)[0], 'it answers')
    off()
    need(stream.frame() is None, 'it goes on')
    on()
    stream = Stream()


def ws_drop():
    stream, last = live_book()
    on(match='level2', count=3)
    while (now := stream.sequence()) == last + 1:
        last = now
    need(now == last + 4, f'{now - last - 1} lost, not 3')
    on(match='pong')
    stream = Stream('/contractMarket/ticker:XBTUSDTM')
    stream.say({'id': '77', 'type': 'ping'})
    until('the pong is lost', lambda: fault(name)['bites'])
    need(not any('"pong"' in stream.frame() for _ in range(3)), 'a pong came')


def ws_garble():
    stream, last = live_book()
    on(match='level2', count=1)
    until('the bite', lambda: fault(name)['total'])
    for _ in range(100000):
        try:
            json.loads(stream.frame())
        except ValueError:
            return
    need(False, 'all is JSON')


def ws_reorder():
    stream, last = live_book()
    on(match='level2', count=1, value=2)
    while (now := stream.sequence()) == last + 1:
        last = now
    got = [now] + [stream.sequence() for _ in range(3)]
    need(got == [last + 2, last + 3, last + 1, last + 4], f'order {[g - last for g in got]}')


def ws_delay():
    on(value=800, match='pong')
    stream = Stream('/contractMarket/ticker:XBTUSDTM')
    need('ack' in stream.frame(), 'no ack')
    t0 = time.time()
    stream.say({'id': '5', 'type': 'ping'})
    while '"pong"' not in (text := stream.frame()):
        pass
    need(time.time() - t0 >= 0.79, 'at once')
    on(value=100, p=0.5, match='level2')            # some late, none out of order
    stream, last = live_book()


def ws_duplicate():
    stream, last = live_book()
    on(match='level2', count=1, value=2)
    while (now := stream.sequence()) == last + 1:
        last = now
    got = [now] + [stream.sequence() for _ in range(2)]
    need(got == [last, last, last + 1], f'order {[g - last for g in got]}')


# ---- switches that cannot be ----

def bad_switches():
    for body, says in [({'fault': 'rest_brake', 'on': True}, 'no such fault'), ({'on': True}, 'wants'),
                       ({'fault': 'rest_cut', 'on': 'yes'}, 'wants'), ({'fault': 'rest_cut', 'value': 'x'}, 'from 0 to 1048576'),
                       ({'fault': 'rest_cut', 'value': 1.5}, 'from 0 to 1048576'), ({'fault': 'rest_cut', 'value': [1]}, 'number or a string'),
                       ({'fault': 'rest_before', 'value': 200}, 'from 400 to 599'), ({'fault': 'rest_reset', 'value': 3}, 'takes no value'),
                       ({'fault': 'rest_cut', 'p': 0}, 'above 0'), ({'fault': 'rest_cut', 'p': 'nan'}, 'above 0'),
                       ({'fault': 'rest_cut', 'count': 0}, 'from 1'), ({'fault': 'rest_cut', 'match': ''}, '1 to 127'),
                       ({'fault': 'rest_cut', 'for_ms': -1}, 'from 1'), ({'fault': 'rest_cut', 'often': 1}, 'must be value'),
                       ({'fault': '*', 'on': True}, 'only be switched off'), ({'fault': 'rest_cut', 'on': False, 'value': 3}, 'no meaning'),
                       ({'fault': 'rest_refuse', 'match': 'a'}, 'knows a time to end only')]:
        req = urllib.request.Request(f'http://127.0.0.1:{ports["admin.port"]}/admin/faults', data=json.dumps(body).encode())
        try:
            urllib.request.urlopen(req, timeout=DEADLINE)
            need(False, f'{body} is taken')
        except urllib.error.HTTPError as e:
            text = e.read().decode()
            need(e.code == 400 and says in json.loads(text)['error'], f'{body}: {e.code} {text}')
    need(not any(f['on'] for f in admin('/admin/faults')['faults']), 'something is on')


name = 'start'
PRICE = float(good('/api/v1/ticker?symbol=XBTUSDTM')['data']['price'])
for name in [f['fault'] for f in admin('/admin/faults')['faults']]:
    need(name in globals(), 'has no test')
    t0 = time.time()
    globals()[name]()
    f = off()
    need(f['total'] > 0, 'its bites are not counted')
    good()
    oid, answer = order()
    need(json.loads(answer[2])['code'] == '200000' and truth(oid), f'afterwards: {answer}')
    ask('DELETE', '/api/v3/orders?symbol=XBTUSDTM')
    live_book()
    need(not any(f['on'] for f in admin('/admin/faults')['faults']), 'is still on')
    print(f'{name:18} {f["total"]:5} bites {int((time.time() - t0) * 1000):6} ms')
name = 'bad switches'
bad_switches()
