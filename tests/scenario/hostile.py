"""Malformed and hostile clients of the paper exchange: HTTP, JSON and WebSocket frames, each answered with the right
error or closed; after each group an orderly client is served as before.

usage: hostile.py SOCK-DIR http|json|frames|slow     the account file has key-one, secret-one, pass-one
"""
import base64, gzip, hashlib, hmac, json, select, socket, struct, sys, time

port = int(open(f'{sys.argv[1]}/paper.port').read())
done = 0


def need(ok, what):
    global done
    done += 1
    if not ok:
        raise SystemExit(f'FAILED: {what}')


def connect(data=b''):
    s = socket.create_connection(('127.0.0.1', port), timeout=20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass                                        # it has said no already
    return s


def until_closed(s):
    data = b''
    try:
        while chunk := s.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def answer(s):
    """Status and body of one answer."""
    data = b''
    while b'\r\n\r\n' not in data:
        chunk = s.recv(65536)
        if not chunk:
            return 0, data
        data += chunk
    head, body = data.split(b'\r\n\r\n', 1)
    length = int(head.lower().split(b'content-length:')[1].split()[0])
    while len(body) < length:
        body += s.recv(65536)
    return int(head.split()[1]), body


def signed(method, target, body=b'', more='', ts=None, key='key-one', secret='secret-one'):
    ts = ts or str(int(time.time() * 1000))
    mac = lambda text: base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    head = {'Host': 'x', 'Content-Length': len(body), 'Content-Type': 'application/json', 'KC-API-KEY': key, 'KC-API-KEY-VERSION': '2',
            'KC-API-TIMESTAMP': ts, 'KC-API-SIGN': mac((ts + method + target).encode() + body), 'KC-API-PASSPHRASE': mac(b'pass-one')}
    return (f'{method} {target} HTTP/1.1\r\n' + ''.join(f'{k}: {v}\r\n' for k, v in head.items()) + more + '\r\n').encode() + body


def code_of(request):
    status, body = answer(connect(request))
    return status, json.loads(body)['code']


def orderly():
    need(code_of(signed('GET', '/api/v1/account-overview?currency=USDT')) == (200, '200000'), 'an orderly client is not served')


# ---- HTTP ----

GOOD = b'GET /api/v1/timestamp HTTP/1.1\r\nHost: x\r\n\r\n'
POST = b'POST /api/v1/bullet-public HTTP/1.1\r\nHost: x\r\n'


def http():
    closed = [                                      # status and what was sent; then the end
        (400, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'), (400, b'GET /\r\n\r\n'), (505, b'GET / HTTP/2.0\r\nHost: x\r\n\r\n'),
        (400, b'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n'), (400, b'GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n'), (400, b'GET / HTTP/1.1\nHost: x\n\n'),
        (400, b'GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n'), (400, b'GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n'),
        (400, b'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n'), (400, b'GET / HTTP/1.1\r\n\r\n'),
        (400, b'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'), (431, b'GET /' + b'a' * (1 << 20) + b' HTTP/1.1\r\nHost: x\r\n\r\n'),
        (431, b'GET / HTTP/1.1\r\nHost: x\r\nA: ' + b'a' * 65536 + b'\r\n\r\n'), (431, b'GET / HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 10000 + b'\r\n'),
        (400, POST + b'Content-Length: -1\r\n\r\n'), (400, POST + b'Content-Length: +1\r\n\r\nx'), (400, POST + b'Content-Length: 0x1\r\n\r\nx'),
        (413, POST + b'Content-Length: 1048577\r\n\r\n'), (413, POST + b'Content-Length: 99999999999999999999999999\r\n\r\n'),
        # ways to smuggle a second request
        (400, POST + b'Content-Length: 1\r\nContent-Length: 2\r\n\r\nx'), (400, POST + b'Content-Length: 1, 1\r\n\r\nx'),
        (400, POST + b'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + GOOD),
        (400, POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        (501, POST + b'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'), (501, POST + b'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'),
        (400, POST + b'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'), (501, POST + b'Transfer-Encoding: gzip\r\n\r\n'),
        (400, POST.replace(b'1.1', b'1.0') + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        (400, POST + b'Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n'), (413, POST + b'Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n'),
        (400, POST + b'Transfer-Encoding: chunked\r\n\r\n-1\r\n'), (400, POST + b'Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n'),
        (400, POST + b'Transfer-Encoding: chunked\r\n\r\n1;' + b'e' * 1000 + b'\r\nx\r\n0\r\n\r\n'),
        (431, POST + b'Transfer-Encoding: chunked\r\n\r\n0\r\n' + b'A: b\r\n' * 1000 + b'\r\n'),
        (417, POST + b'Expect: tea\r\n\r\n'), (426, GOOD[:-2] + b'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n'),
    ]
    for status, sent in closed:
        got = until_closed(connect(sent))
        need(got.startswith(b'HTTP/1.1 %d ' % status) and got.count(b'HTTP/1.1 ') == 1, f'{sent[:60]}: {got[:60]}, not {status}')
    for sent, want in [                             # answered by the venue's own codes
            (b'GET /api/v1/orders%00 HTTP/1.1\r\nHost: x\r\n\r\n', '400100'), (b'GET /api/v1/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', '404000'),
            (b'GET /api/v1/%2574imestamp HTTP/1.1\r\nHost: x\r\n\r\n', '404000'), (b'GET /' + b'a' * 4000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', '400001'),
            (b'PUT /api/v1/orders HTTP/1.1\r\nHost: x\r\n\r\n', '405000'), (b'GET /api/v1/positions HTTP/1.1\r\nHost: x\r\n\r\n', '400001'),
            (b'GET /api/v1/positions?KC-API-KEY=key-one&KC-API-SIGN=x HTTP/1.1\r\nHost: x\r\n\r\n', '400001'),
            (signed('GET', '/api/v1/positions', key='key-none'), '400003'), (signed('GET', '/api/v1/positions', secret='x'), '400004'),
            (signed('GET', '/api/v1/positions', ts='0'), '400002'), (signed('GET', '/api/v1/positions', ts='9' * 30), '400002'),
            (signed('GET', '/api/v1/positions', ts='1e400'), '400002'), (signed('POST', '/api/v1/orders', b'', ts=str(int(time.time() * 1000) - 5500)), '400002'),
            (signed('GET', '/api/v1/orders?pageSize=1000000000'), '100001'), (signed('GET', '/api/v1/orders?currentPage=-1'), '100001'),
            (signed('GET', '/api/v1/transaction-history?maxCount=1000000000'), '100001'),
            (signed('GET', '/api/v1/fills?startAt=-9223372036854775808&endAt=9223372036854775807'), '100001'),
            (signed('POST', '/api/v1/orders', gzip.compress(b'\0' * (64 << 20)), 'Content-Encoding: gzip\r\n'), '100000')]:
        status, code = code_of(sent)
        need(code == want and 200 <= status < 500, f'{sent[:80]}: {status} {code}, not {want}')
    # many at once on one connection: every one is answered, in order
    s, n, data = connect(), 10000, b''
    s.setblocking(False)
    sent, left = 0, GOOD * n
    while data.count(b'HTTP/1.1 ') < n:
        r, w, _ = select.select([s], [s] if left else [], [], 20)
        need(r or w, f'{data.count(b"HTTP/1.1 ")} of {n} pipelined requests answered')
        if w:
            left = left[s.send(left[:65536]):]
        if r:
            chunk = s.recv(1 << 20)
            need(chunk, 'a connection with pipelined requests is ended')
            data += chunk


# ---- JSON ----

def json_():
    order = {'clientOid': 'h', 'symbol': 'XBTUSDTM', 'side': 'buy', 'type': 'limit', 'leverage': 2, 'size': 1, 'price': '45000', 'timeInForce': 'IOC'}
    text = lambda **change: json.dumps({**order, **change}).encode()
    raw = lambda name, value: text(**{name: '@@'}).replace(b'"@@"', value)
    bad = [b'{', b'}', b'null', b'[]', b'1', b'"x"', b'{}', b'{"a":1}{"a":2}', b'{"a":1,"a":2}', b'\xef\xbb\xbf' + text(), text().decode().encode('utf-16'),
           text()[:-1], text() + b'x', b'{"a":' + b'[' * 100000 + b']' * 100000 + b'}', b'[' * 100000, b'{"a":' * 50000 + b'1' + b'}' * 50000,
           text().replace(b'"h"', b'"\xff"'), text().replace(b'"h"', b'"\xc0\x80"'), text().replace(b'"h"', b'"\\ud800"'), text().replace(b'"h"', b'"\\udc00\\ud800"'),
           text().replace(b'"h"', b'"a\\u0000b"'), text().replace(b'"h"', b'"a\nb"'), text().replace(b'"h"', b'"\\x"'), b"{'a':1}", b'{"a":01}', b'{"a":.5}', b'{"a":NaN}',
           b'{"a":1e}', b'{"a":0x10}', b'{"a":' + b'9' * 500000 + b'}', b'{"' + b'a' * 500000 + b'":1}', b'[' + b'{},' * 100000 + b'{}]']
    for size in (b'0', b'-1', b'1e18', b'1e999', b'0.5', b'1e-400', b'9223372036854775808', b'12345678901234567890123456789012345678901', b'true', b'null', b'[1]', b'{}', b'"NaN"', b'""'):
        bad.append(raw('size', size))
    for price in ('0', '-1', '1e999', '0.05', 'NaN', 'Infinity', '1' * 10000, '', ' 1', '0x10', '1e-400', '1_000', '٣'):
        bad.append(text(price=price))
    for symbol in ('../../x', 'BTC\nX', 'X' * 10000, 'XBTUSDTM ', 'xbtusdtm', '\x1b[2J', '%s%n', '', 7, None):
        bad.append(text(symbol=symbol))
    for oid in ('', 'a b', 'a' * 41, '\x1b[2J', 'a\r\nlevel: error', '../x', '<script>', 'é', 7, None, ['h']):
        bad.append(text(clientOid=oid))
    for name, values in {'side': ('BUY', '', 1, None), 'type': ('stop', 1), 'leverage': (0, -1, 126, 1e18, 0.5, 'x', []), 'stop': ('left', 1), 'timeInForce': ('GTT', 1),
                         'stp': ('DC', 1), 'marginMode': ('CROSS', 'x'), 'positionSide': ('LONG', 'SHORT', 'x'), 'reduceOnly': ('yes', 1), 'closeOrder': ('no', 0),
                         'remark': ('r' * 101, 1), 'postOnly': (1,), 'iceberg': ('x',)}.items():
        bad += [text(**{name: v}) for v in values]
    bad += [text(iceberg=True, visibleSize=v) for v in (-1, 0, 2, 'x')]
    for body in bad:
        for path in ('/api/v1/orders', '/api/v1/orders/test', '/api/v1/st-orders'):
            if path == '/api/v1/st-orders' and b'"stop"' in body:
                continue                            # it has none
            status, code = code_of(signed('POST', path, body))
            need(status == 200 and code[0] in '13' and len(code) == 6, f'{path} {body[:80]}: {status} {code}')
    for method, path in (('POST', '/api/v1/orders/multi'), ('DELETE', '/api/v1/orders/multi-cancel'), ('POST', '/api/v1/position/margin/deposit-margin'),
                         ('POST', '/api/v2/changeCrossUserLeverage'), ('POST', '/api/v2/position/batchChangeMarginMode')):
        for body in bad[:28]:
            status, code = code_of(signed(method, path, body))
            need(status < 500, f'{path} {body[:80]}: {status} {code}')
    need(code_of(signed('POST', '/api/v1/orders', text())) == (200, '200000'), 'the orderly order is refused')


# ---- WebSocket ----

def frame(data=b'', op=1, fin=True, rsv=0, mask=b'\1\2\3\4', length=None):
    n = len(data) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | op])
    size = bytes([n]) if n < 126 else b'\x7e' + struct.pack('>H', n) if n < 65536 else b'\x7f' + struct.pack('>Q', n)
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if mask else data
    return head + bytes([size[0] | (0x80 if mask else 0)]) + size[1:] + (mask or b'') + masked


class Stream:
    def __init__(self):
        token = json.loads(answer(connect(POST + b'Content-Length: 0\r\n\r\n'))[1])['data']['token']
        self.s, self.data = connect(f'GET /?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
                                    'Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n'.encode()), b''
        while b'\r\n\r\n' not in self.data:
            self.data += self.s.recv(4096)
        head, self.data = self.data.split(b'\r\n\r\n', 1)
        need(head.startswith(b'HTTP/1.1 101') and b'deflate' not in head, head)
        need(b'welcome' in self.next()[1], 'no welcome')

    def next(self):
        """Opcode and data of the next frame; None, b'' at the end."""
        while True:
            if len(self.data) >= 4:
                n, at = self.data[1], 2
                if n == 126:
                    n, at = self.data[2] << 8 | self.data[3], 4
                if len(self.data) >= at + n:
                    op, got = self.data[0] & 15, self.data[at:at + n]
                    self.data = self.data[at + n:]
                    return op, got
            elif len(self.data) == 2 and self.data[1] == 0:
                op, self.data = self.data[0] & 15, b''
                return op, b''
            try:
                chunk = self.s.recv(65536)
            except ConnectionResetError:
                chunk = b''
            if not chunk:
                return None, b''
            self.data += chunk


SUBSCRIBE = b'{"id":"7","type":"subscribe","topic":"/contractMarket/ticker:XBTUSDTM","response":true}'


def frames():
    for code, sent in [
            (1002, frame(b'x', mask=None)), (1002, frame(b'x', rsv=4)), (1002, frame(b'x', rsv=2)), (1002, frame(b'x', rsv=1)),
            (1002, frame(b'\x4b\x4c\x04\x00' * 10, rsv=4)),                                 # a compressed frame, not agreed on
            (1002, frame(b'x', op=3)), (1002, frame(b'x', op=7)), (1002, frame(b'x', op=11)), (1002, frame(b'x', op=15)),
            (1002, frame(b'x' * 126, op=9)), (1002, frame(b'x' * 126, op=10)), (1002, frame(b'\x03\xe8' + b'x' * 124, op=8)),
            (1002, frame(b'x', op=9, fin=False)), (1002, frame(b'\x03\xe8', op=8, fin=False)), (1002, frame(b'x', op=0)),
            (1002, frame(b'a', fin=False) + frame(b'b', fin=False)), (1002, frame(b'x', op=8)), (1002, frame(b'\x03\xed', op=8)), (1002, frame(b'\x00\x01', op=8)),
            (1002, b'\x81\xff\x80' + b'\0' * 7 + b'mask'), (1002, b'\x81\xfe\x00\x05mask' + b'hello'),
            (1003, frame(b'x', op=2)), (1007, frame(b'\xc0\x80')), (1007, frame(b'\xed\xa0\x80')), (1007, frame(b'a\xf4\x90\x80\x80')),
            (1007, frame(b'\xe2\x82', fin=False) + frame(b'x', op=0)), (1007, frame(b'\x03\xe8\xff', op=8)),
            (1009, frame(b'', length=16 << 20)), (1009, frame(b'', length=65536 * 2)),
            (1009, frame(b'x' * 60000, fin=False) + frame(b'x' * 60000, op=0))]:
        s = Stream()
        try:
            s.s.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        op, got = s.next()
        need(op == 8 and struct.unpack('>H', got[:2])[0] == code, f'{sent[:16]}: {op} {got}, not {code}')
        need(s.next()[0] is None, f'{sent[:16]}: not ended')
    for sent in (b'nonsense', b'[]', b'{}', b'{"type":7}', b'{"type":"ping"', b'{"id":"1","type":"dance"}', b'{"id":1,"type":"subscribe"}', b'[' * 60000, b'{"type":"ping","type":"ping"}',
                 b'{"id":"1","type":"subscribe","topic":"/contractMarket/none:XBTUSDTM"}', b'{"id":"1","type":"subscribe","topic":"/contractMarket/ticker:' + b'XBTUSDTM,' * 200 + b'"}',
                 b'{"id":"1","type":"subscribe","topic":"/contractMarket/ticker:../x"}', b'{"id":"1","type":"subscribe","topic":"/contractMarket/tradeOrders","privateChannel":true}',
                 b'{"id":"1","type":"subscribe","topic":""}', '{"id":"1","type":"subscribe","topic":"é:\\u001b"}'.encode()):
        s = Stream()
        s.s.sendall(frame(sent))
        op, got = s.next()
        need(op == 1 and json.loads(got)['type'] == 'error', f'{sent[:60]}: {op} {got[:100]}')
        s.s.sendall(frame(b'{"id":"2","type":"ping"}'))
        need(b'"pong"' in s.next()[1], f'{sent[:60]}: the stream is not usable after its error')
    # in frames of one byte, with empty ones and pings between; and every byte by itself
    parts = b''.join(frame(SUBSCRIBE[i:i + 1], op=0 if i else 1, fin=False) + (frame(op=0, fin=False) + frame(b'p', op=9)) * (i % 10 == 5) for i in range(len(SUBSCRIBE)))
    for data, step in ((parts + frame(op=0), 1 << 20), (frame(SUBSCRIBE), 1)):
        s = Stream()
        for i in range(0, len(data), step):
            s.s.sendall(data[i:i + step])
        while (got := s.next())[0] == 10:
            pass
        need(b'"ack"' in got[1], f'not subscribed by pieces: {got}')
    s = Stream()                                    # more frames than a client may send: told so, and served again later
    s.s.sendall(frame(b'{"id":"1","type":"ping"}') * 150)
    kinds = [json.loads(s.next()[1])['type'] for _ in range(150)]
    need(kinds.count('pong') == 100 and kinds.count('error') == 50, f'150 frames: {kinds.count("pong")} pongs')


# ---- slow ----

def slow():
    """A byte a second on many connections: none holds its place for longer than a request may take."""
    starts = [b'GET /api', POST + b'Content-Length: 100\r\n\r\n', POST + b'Transfer-Encoding: chunked\r\n\r\n', b'', b'G']
    held = [connect(starts[i % len(starts)]) for i in range(300)]
    begun, closed = time.time(), 0
    while held:
        need(time.time() - begun < 40, f'{len(held)} slow connections are still open after 40 s')
        for s in held:
            try:
                s.send(b'1')
            except OSError:
                pass
        time.sleep(0.5)
        orderly()
        for s in select.select(held, [], [], 0)[0]:
            try:
                end = s.recv(65536) == b''
            except ConnectionResetError:
                end = True
            if end:
                held.remove(s)
                closed += 1


{'http': http, 'json': json_, 'frames': frames, 'slow': slow}[sys.argv[2]]()
orderly()
print(f'{sys.argv[2]}: {done} looked at')
