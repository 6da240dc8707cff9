"""A day of the paper exchange's market as its clients see it: the tape and the best prices of every contract over
WebSocket, candles by REST; statistics beside what recorded markets show.

usage: market_day.py PORT START-MS    START: of the day, where the exchange's market began; exits 1 when a figure is outside
"""
import base64, collections, http.client, json, math, os, queue, socket, struct, sys, threading, time

port, start_ms = int(sys.argv[1]), int(sys.argv[2])
DAY_MS, BEFORE_DAYS = 86_400_000, 30
# Recorded minute bars, data notes: lowest and highest set of more than 1,500 bars; for the day of 1,440 bars the 1st and
# 99th of a hundred of the 192 whole recorded days of BTC, ETH and SOL.
BARS = {'sd %': (0.033, 0.125, 0.009, 0.290), 'kurtosis': (23, 686, 0.97, 486), 'acf r 1': (-0.106, 0.035, -0.129, 0.151),
        'acf |r| 1': (0.26, 0.43, 0.035, 0.48), 'acf |r| 100': (0.07, 0.17, None, None), 'corr V,|r|': (0.52, 0.70, 0.362, 0.834),
        'range/sd': (0.88, 1.24, 0.59, 1.416), 'acf log V': (0.5, 0.9, 0.35, 0.814), 'corr BTC': (0.5, 1, 0.5, 1),
        'hour ratio': (1.5, 3, None, None)}
# Recorded tapes and spreads: the data notes' tables; buys of two days are within 45 and 53, a day's mean may lie as far on
# the other side.
TAPE = {'same ms %': (20, 75), 'side acf 1': (0.21, 0.79), 'side acf 10': (0.17, 0.58), 'buys %': (45, 55), 'gap cv': (1.4, 3.4),
        'one tick %': (94, 100), 'wide, bps': (0, 4.1)}


def corr(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y))
    return xy / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def acf(x, lag):
    return corr(x[:-lag], x[lag:])


class Venue:
    def __init__(self):
        self.c = http.client.HTTPConnection('127.0.0.1', port, timeout=20)

    def ask(self, target, method='GET'):
        while True:
            self.c.request(method, target, headers={'Content-Length': '0'} if method == 'POST' else {})
            r = self.c.getresponse()
            text = json.loads(r.read())
            if r.status != 429:
                assert text['code'] == '200000', f'{target}: {text}'
                return text['data']
            time.sleep(int(r.headers['gw-ratelimit-reset']) / 1000)


class Stream:
    def __init__(self, token, topics):
        self.s, self.data = socket.create_connection(('127.0.0.1', port), timeout=20), b''
        self.s.sendall((f'GET /?token={token}&connectId=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ' + base64.b64encode(os.urandom(16)).decode() + '\r\n\r\n').encode())
        while b'\r\n\r\n' not in self.data:
            self.data += self.s.recv(4096)
        head, self.data = self.data.split(b'\r\n\r\n', 1)
        assert head.startswith(b'HTTP/1.1 101'), head
        self.chunks = queue.SimpleQueue()
        threading.Thread(target=self.drain, daemon=True).start()
        for topic in topics:
            self.say({'id': '1', 'type': 'subscribe', 'topic': topic, 'response': True})

    def say(self, message):
        text = json.dumps(message).encode()
        self.s.sendall(b'\x81' + (bytes([0x80 | len(text)]) if len(text) < 126 else b'\xfe' + struct.pack('>H', len(text))) + b'\0\0\0\0' + text)

    def drain(self):
        """Who reads no faster than it thinks is ended as a slow client."""
        chunk = b' '
        while chunk:
            chunk = self.s.recv(1 << 20)
            self.chunks.put(chunk)

    def texts(self):
        """What has come, whole frames only."""
        chunk = self.chunks.get(timeout=30)
        assert chunk, 'the exchange ended the stream'
        data, at = self.data + chunk, 0
        while len(data) - at >= 4:
            n, head = data[at + 1] & 127, 2
            if n == 126:
                n, head = data[at + 2] << 8 | data[at + 3], 4
            if len(data) - at < head + n:
                break
            if data[at] & 15 == 1:
                yield data[at + head:at + head + n]
            at += head + n
        self.data = data[at:]


def hear_the_day(venue, ticks):
    """Trades (ns, +1 or -1) and spreads (ticks, bps) by symbol, until a day of market time is over for all."""
    names = ','.join(ticks)
    token = venue.ask('/api/v1/bullet-public', 'POST')['token']
    s = Stream(token, [f'/contractMarket/execution:{names}', f'/contractMarket/tickerV2:{names}'])
    trades, spreads = collections.defaultdict(list), collections.defaultdict(list)
    end_ns, told, over = (start_ms + DAY_MS) * 1_000_000, time.time(), set()
    while len(over) < len(ticks):
        for text in s.texts():
            if b'"subject":"match"' in text:
                d = json.loads(text)['data']
                if d['ts'] < end_ns:
                    trades[d['symbol']].append((d['ts'], 1 if d['side'] == 'buy' else -1))
                else:
                    over.add(d['symbol'])
            elif b'"subject":"tickerV2"' in text:
                d = json.loads(text)['data']
                bid, ask = float(d['bestBidPrice']), float(d['bestAskPrice'])
                assert bid < ask, f'crossed: {text}'
                spreads[d['symbol']].append((round((ask - bid) / ticks[d['symbol']]), (ask - bid) / bid * 1e4))
        if time.time() - told > 15:
            s.say({'id': '2', 'type': 'ping'})
            told = time.time()
    return trades, spreads


def candles(venue, symbol, from_ms, to_ms):
    rows = {}
    for at in range(from_ms, to_ms, 500 * 60_000):
        for r in venue.ask(f'/api/v1/kline/query?symbol={symbol}&granularity=1&from={at}&to={min(at + 500 * 60_000, to_ms) - 1}'):
            rows[r[0]] = r
    return [rows[t] for t in sorted(rows)]


def bar_figures(rows, btc):
    r, volume = [math.log(x[4] / x[1]) for x in rows], [x[5] for x in rows]
    size, n = [abs(x) for x in r], len(r)
    s2, s4 = sum(x * x for x in r) / n, sum(x ** 4 for x in r) / n
    hours = collections.Counter()
    for x, a in zip(rows, size):
        hours[x[0] // 3_600_000 % 24] += a
    return {'sd %': 100 * math.sqrt(s2), 'kurtosis': s4 / s2 / s2 - 3, 'acf r 1': acf(r, 1), 'acf |r| 1': acf(size, 1),
            'acf |r| 100': acf(size, 100), 'corr V,|r|': corr(volume, size), 'range/sd': sum(math.log(x[2] / x[3]) for x in rows) / n / math.sqrt(s2),
            'acf log V': acf([math.log(v) for v in volume], 1), 'corr BTC': corr(r, btc or r), 'hour ratio': max(hours.values()) / min(hours.values())}, r


def tape_figures(trades, spreads):
    side, ms = [x[1] for x in trades], [x[0] // 1_000_000 for x in trades]
    gaps = [b - a for a, b in zip(ms, ms[1:])]
    mean = sum(gaps) / len(gaps)
    return {'same ms %': 100 * sum(g == 0 for g in gaps) / len(gaps), 'side acf 1': acf(side, 1), 'side acf 10': acf(side, 10),
            'buys %': 100 * sum(x > 0 for x in side) / len(side), 'gap cv': math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps)) / mean,
            'one tick %': 100 * sum(t == 1 for t, _ in spreads) / len(spreads), 'wide, bps': max((b for t, b in spreads if t > 1), default=0)}


def table(title, columns, ranges, rows):
    """Prints it; how many figures are outside."""
    outside = 0
    print(f'\n{title:<22}' + ''.join(f'{c:>12}' for c in columns))
    for i, name in enumerate(('recorded, from', 'to')):
        print(f'{name:<22}' + ''.join(f'{"" if ranges[c][i] is None else ranges[c][i]:>12}' for c in columns))
    for name, figures in rows:
        print(f'{name:<22}', end='')
        for c in columns:
            low, high = ranges[c]
            bad = low is not None and not low <= figures[c] <= high + 1e-9
            outside += bad
            print(f'{figures[c]:>11.3f}{"!" if bad else " "}', end='')
        print()
    return outside


def main():
    venue = Venue()
    ticks = {c['symbol']: c['tickSize'] for c in venue.ask('/api/v1/contracts/active')}
    trades, spreads = hear_the_day(venue, ticks)
    venue, days, sets, tape, btc_day, btc = Venue(), [], [], [], None, None     # the exchange has ended the idle connection
    for symbol in ticks:
        rows = candles(venue, symbol, start_ms - BEFORE_DAYS * DAY_MS, start_ms + DAY_MS)
        assert len(rows) == (BEFORE_DAYS + 1) * 1440, f'{symbol}: {len(rows)} candles'
        day, r = bar_figures(rows[-1440:], btc_day)
        btc_day = btc_day or r
        days.append((symbol, day))
        all_, r = bar_figures(rows, btc)
        btc = btc or r
        sets.append((symbol, all_))
        tape.append((f'{symbol} {len(trades[symbol])} trades', tape_figures(trades[symbol], spreads[symbol])))
    outside = table('minutes of the day', [c for c in BARS if BARS[c][2] is not None], {c: BARS[c][2:] for c in BARS}, days)
    outside += table(f'and {BEFORE_DAYS} days before', list(BARS), {c: BARS[c][:2] for c in BARS}, sets)
    outside += table('tape of the day', list(TAPE), TAPE, tape)
    print(f'\na day of {len(ticks)} contracts, {sum(map(len, trades.values()))} trades and {sum(map(len, spreads.values()))} best prices heard: '
          f'{outside} figures outside')
    sys.exit(outside > 0)


main()
