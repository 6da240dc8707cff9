// Talks to the paper exchange without a library: refusals carry the venue's own codes and statuses, and the level2 stream
// joins its snapshot without a hole, and malformed HTTP, JSON and frames are refused or end the connection.
// usage: node drive.mjs enigma-paper; Node 20 or later, no packages.
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { check, equal, onPaper, until } from '../paper.mjs';

let base, key;

const mac = (text, secret = key.secret) => createHmac('sha256', secret).update(text).digest('base64');

function headers(method, target, body, change = {}) {
  const ts = String(change.ts ?? Date.now());
  return {
    'KC-API-KEY': change.key ?? key.key, 'KC-API-TIMESTAMP': ts,
    'KC-API-SIGN': change.sign ?? mac(ts + method + (change.signed ?? target) + body),
    'KC-API-PASSPHRASE': change.passphrase ?? mac(key.passphrase),
    'KC-API-KEY-VERSION': change.version ?? '2', 'Content-Type': change.type ?? 'application/json',
  };
}

async function call(method, target, json, change = {}) {
  const body = json === undefined ? '' : typeof json === 'string' ? json : JSON.stringify(json);
  const r = await fetch(base + target, {
    method, body: body || undefined, headers: change.bare ? {} : headers(method, target, body, change),
  });
  return { status: r.status, headers: r.headers, ...(await r.json()) };
}

async function expect(what, code, status, promise) {
  const r = await promise;
  check(`${what}: ${code}, HTTP ${status}`, r.code === code && r.status === status,
    `${r.code} ${r.status} ${r.msg ?? ''}`);
  return r;
}

const order = (more) => ({ clientOid: `raw-${Math.random().toString(36).slice(2)}`, side: 'buy',
  symbol: 'XBTUSDTM', type: 'limit', leverage: 5, size: 1, price: '50000', ...more });

async function gateway() {
  const get = '/api/v1/account-overview?currency=USDT';
  await expect('a right signature', '200000', 200, call('GET', get));
  await expect('key version 3', '200000', 200, call('GET', get, undefined, { version: '3' }));
  await expect('signed over the decoded target', '200000', 200, call('GET',
    '/api/v1/fills?tradeTypes=adl%2Cliquid', undefined, { signed: '/api/v1/fills?tradeTypes=adl,liquid' }));
  await expect('no headers', '400001', 400, call('GET', get, undefined, { bare: true }));
  await expect('an unknown key', '400003', 401, call('GET', get, undefined, { key: 'nobody' }));
  await expect('a stale timestamp', '400002', 400, call('GET', get, undefined, { ts: Date.now() - 6000 }));
  await expect('a timestamp ahead', '400002', 400, call('GET', get, undefined, { ts: Date.now() + 6000 }));
  await expect('a wrong passphrase', '400004', 401, call('GET', get, undefined, { passphrase: 'x' }));
  await expect('a wrong signature', '400005', 401, call('GET', get, undefined, { sign: mac('else') }));
  await expect('another body than signed', '400005', 401, call('POST', '/api/v1/orders', order(), { sign: mac('x') }));
  await expect('a plain-text body', '415000', 415, call('POST', '/api/v1/orders', order(), { type: 'text/plain' }));
  await expect('an unknown path', '404000', 404, call('GET', '/api/v1/nothing'));
  await expect('another method', '405000', 405, call('PUT', '/api/v1/orders'));
  const r = await call('GET', '/api/v1/timestamp', undefined, { bare: true });
  check('gw-ratelimit headers', r.headers.get('gw-ratelimit-limit') === '2000' &&
    Number(r.headers.get('gw-ratelimit-remaining')) < 2000 && Number(r.headers.get('gw-ratelimit-reset')) > 0);
}

async function business() {
  const post = (more) => call('POST', '/api/v1/orders', order(more));
  await expect('an unknown symbol', '100003', 200, post({ symbol: 'FOOUSDTM' }));
  await expect('an unknown symbol, public', '100003', 200, call('GET', '/api/v1/ticker?symbol=FOOUSDTM'));
  await expect('lot 0', '300000', 200, post({ size: 0 }));
  await expect('a negative lot', '300000', 200, post({ size: -1 }));
  await expect('a lot above the maximum', '300000', 200, post({ size: 1000001 }));
  await expect('half a lot', '100000', 200, post({ size: 0.5 }));
  await expect('a lot that is no number', '100000', 200, post({ size: 'abc' }));
  await expect('off the tick', '300000', 200, post({ price: '50000.05' }));
  await expect('too much leverage', '300016', 200, post({ leverage: 126 }));
  await expect('cross margin', '330005', 200, post({ marginMode: 'CROSS' }));
  await expect('no funds', '300003', 200, post({ size: 100000, leverage: 1 }));
  await expect('reduceOnly without a position', '300009', 200, post({ reduceOnly: true }));
  await expect('no clientOid', '100001', 200, post({ clientOid: undefined }));
  await expect('a body that is no JSON', '100000', 200, call('POST', '/api/v1/orders', '{"clientOid":'));
  await expect('an unknown order', '100001', 200, call('GET', '/api/v1/orders/300100200999999999'));
  await expect('a cancel of it', '100004', 200, call('DELETE', '/api/v1/orders/300100200999999999'));
  await expect('an order test', '200000', 200, call('POST', '/api/v1/orders/test', order()));
  const one = await expect('an order', '200000', 200, post({ clientOid: 'raw-1' }));
  await expect('its clientOid again', '300018', 200, post({ clientOid: 'raw-1' }));
  const by = await call('GET', '/api/v1/orders/byClientOid?clientOid=raw-1');
  check('byClientOid finds it', by.data.id === one.data.orderId && by.data.isActive && by.data.price === '50000' &&
    by.data.value === '50' && by.data.leverage === '5' && by.data.size === 1);
  const gone = await call('DELETE', '/api/v1/orders/client-order/raw-1?symbol=XBTUSDTM');
  check('cancel by clientOid', gone.data?.clientOid === 'raw-1');
  const stop = await expect('a stop', '200000', 200, post({ stop: 'up', stopPrice: '190000', stopPriceType: 'TP' }));
  const stops = await call('GET', '/api/v1/stopOrders');
  check('stopOrders lists it', stops.data.totalNum === 1 && stops.data.items[0].id === stop.data.orderId);
  const cancelled = await call('DELETE', '/api/v1/stopOrders');
  check('cancel of all stops names it', cancelled.data.cancelledOrderIds?.[0] === stop.data.orderId);
}

async function stream() {
  const bullet = (await call('POST', '/api/v1/bullet-private')).data;
  const ws = await open(`${bullet.instanceServers[0].endpoint}?connectId=raw&token=${bullet.token}`);
  check('welcome carries the connectId', (await ws.next((m) => m.type === 'welcome')).id === 'raw');
  ws.send({ id: 17, type: 'ping' });
  check('pong', (await ws.next((m) => m.type === 'pong')).id === '17');
  ws.send({ id: 's1', type: 'subscribe', topic: '/contractMarket/level2:XBTUSDTM', response: true });
  await ws.next((m) => m.type === 'ack' && m.id === 's1');
  const sub = async (topic, priv, code) => {
    ws.send({ id: topic, type: 'subscribe', topic, privateChannel: priv, response: true });
    const m = await ws.next((x) => x.id === topic);
    check(`subscribe ${topic}: ${code || 'ack'}`, code ? m.code === code : m.type === 'ack', m.data);
  };
  await sub('/contractMarket/nothing:XBTUSDTM', false, 404);
  await sub('/contractMarket/ticker: ', false, 400);
  await sub('/contractMarket/tradeOrders', false, 403);
  await sub('/contractMarket/tradeOrders', true);
  await sub('/contract/positionAll', true);
  await sub('/contractAccount/wallet', true);
  await call('POST', '/api/v1/orders', order({ clientOid: 'raw-ws', type: 'market', size: 3 }));
  const mine = (t) => (m) => m.topic === '/contractMarket/tradeOrders' && m.data.type === t;
  const match = await ws.next(mine('match'));
  check('push: match of 3 lots, taker', match.data.status === 'match' && match.data.liquidity === 'taker' &&
    match.channelType === 'private' && /^[0-9a-f]{24}$/.test(match.userId));
  const filled = await ws.next(mine('filled'));
  check('push: filled, done', filled.data.status === 'done' && filled.data.filledSize === '3');
  const pos = await ws.next((m) => m.topic === '/contract/positionAll');
  check('push: position of 3', pos.data.currentQty === 3 && pos.data.changeReason === 'positionChange');
  const wallet = await ws.next((m) => m.subject === 'walletBalance.change');
  check('push: wallet, strings', typeof wallet.data.walletBalance === 'string' &&
    Number(wallet.data.walletBalance) < 10000);
  await calibrate(ws);
  const bad = await open(`${bullet.instanceServers[0].endpoint}?token=nonsense`);
  check('a bad token: error 401', (await bad.next((m) => m.type === 'error')).code === 401);
  await until('the bad one is closed', () => bad.closed);
  ws.close();
}

// kucoin-futures 10.5: pushes buffered since before the snapshot, applied to it, give the next snapshot.
async function calibrate(ws) {
  const book = () => call('GET', '/api/v1/level2/snapshot?symbol=XBTUSDTM', undefined, { bare: true });
  const levels = (side) => new Map(side.map(([p, q]) => [p, q]));
  const level2 = () => ws.seen.filter((m) => m.subject === 'level2');
  const a = (await book()).data;
  const b = await until('20 changes', async () => {
    const x = (await book()).data;
    return x.sequence >= a.sequence + 20 && x;
  }, 30000);
  await until('their pushes', () => level2().at(-1)?.sn >= b.sequence);
  const seqs = level2().map((m) => m.data.sequence);
  check('level2: consecutive, below the clock', seqs.every((s, i) => i === 0 || s === seqs[i - 1] + 1) &&
    level2().every((m) => m.data.timestamp > m.data.sequence), `${seqs.length} changes`);
  check('level2: begins before the snapshot', seqs[0] <= a.sequence + 1);
  const sides = { buy: levels(a.bids), sell: levels(a.asks) };
  for (const m of level2()) {
    if (m.data.sequence <= a.sequence || m.data.sequence > b.sequence) continue;
    const [price, side, size] = m.data.change.split(',');
    if (Number(size) === 0) sides[side].delete(Number(price));
    else sides[side].set(Number(price), Number(size));
  }
  const text = (m) => JSON.stringify([...m].sort((x, y) => x[0] - y[0]));
  check('level2: snapshot + changes = next snapshot', text(sides.buy) === text(levels(b.bids)) &&
    text(sides.sell) === text(levels(b.asks)));
}

// A WebSocket client over node:http, as Node 20 has none of its own: text frames, server to client unmasked.
async function open(url) {
  const http = await import('node:http');
  const seen = [], taken = new Set();
  const ws = { seen, closed: false };
  const socket = await new Promise((yes, no) => {
    const req = http.get(url.replace('ws:', 'http:'), { headers: { Connection: 'Upgrade', Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'cGFwZXIgZXhjaGFuZ2UgdA==' } });
    req.on('upgrade', (_, s, head) => { s.unshift(head); yes(s); }).on('error', no);
  });
  let buf = Buffer.alloc(0);
  const frame = () => {
    if (buf.length < 2) return false;
    let len = buf[1] & 127, at = 2;
    if (len === 126) { if (buf.length < 4) return false; len = buf.readUInt16BE(2); at = 4; }
    else if (len === 127) { if (buf.length < 10) return false; len = Number(buf.readBigUInt64BE(2)); at = 10; }
    if (buf.length < at + len) return false;
    if ((buf[0] & 15) === 1) seen.push(JSON.parse(buf.subarray(at, at + len).toString()));
    if ((buf[0] & 15) === 8) ws.closed = true;
    buf = buf.subarray(at + len);
    return true;
  };
  socket.on('data', (d) => { buf = Buffer.concat([buf, d]); while (frame()); });
  socket.on('close', () => { ws.closed = true; }).on('error', () => { ws.closed = true; });
  ws.raw = (bytes) => socket.write(bytes);
  ws.send = (json) => ws.text(JSON.stringify(json));
  ws.text = (string) => {
    const text = Buffer.from(string), mask = Buffer.from([1, 2, 3, 4]);
    const head = text.length < 126 ? Buffer.from([0x81, 0x80 | text.length])
      : Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255]);
    socket.write(Buffer.concat([head, mask, text.map((x, i) => x ^ mask[i & 3])]));
  };
  ws.next = (fits) => until('a frame', () => {
    const i = seen.findIndex((m, n) => !taken.has(n) && fits(m));
    if (i >= 0) taken.add(i);
    return seen[i];
  });
  ws.close = () => socket.destroy();
  return ws;
}

async function limits() {
  let r;
  for (let i = 0; i < 3; i++) r = await call('DELETE', '/api/v1/orders');
  check('the third cancel of all: 429000, HTTP 429', r.code === '429000' && r.status === 429, r.msg);
}

// ---- what is malformed gets the right error or an end, and never ends the exchange ----

// Sends bytes on a connection of its own; what came back until it fell silent or ended.
function rawBytes(bytes, wait = 300) {
  return new Promise((yes) => {
    const s = connect(Number(new URL(base).port), '127.0.0.1', () => s.write(bytes));
    let got = Buffer.alloc(0), ended = false;
    const done = () => { s.destroy(); yes({ text: got.toString('latin1'), bytes: got, ended }); };
    let timer = setTimeout(done, 3000);
    s.on('data', (d) => { got = Buffer.concat([got, d]); clearTimeout(timer); timer = setTimeout(done, wait); });
    s.on('close', () => { ended = true; clearTimeout(timer); done(); }).on('error', () => {});
  });
}

const alive = async (what) => {
  const r = await call('GET', '/api/v1/timestamp', undefined, { bare: true });
  if (r.code !== '200000') check(`alive after ${what}`, false, JSON.stringify(r));
};

async function malformedHttp() {
  const get = 'GET /api/v1/timestamp HTTP/1.1\r\nHost: x\r\n';
  const cases = {
    'random bytes': '\x00\xff\x17\x03\x01garbage\r\n\r\n',
    'no version': 'GET /api/v1/timestamp\r\n\r\n',
    'another protocol': 'GET /api/v1/timestamp SPDY/9\r\nHost: x\r\n\r\n',
    'a request line of 100 kB': `GET /${'a'.repeat(100000)} HTTP/1.1\r\n\r\n`,
    'a header of 100 kB': `${get}X: ${'a'.repeat(100000)}\r\n\r\n`,
    'ten thousand headers': `${get}${'X: y\r\n'.repeat(10000)}\r\n`,
    'a header without a colon': `${get}nonsense\r\n\r\n`,
    'a length that is no number': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n',
    'a negative length': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'a length of 10^18': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000000000\r\n\r\n',
    'two lengths': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'a bad chunk': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n',
  };
  for (const [what, bytes] of Object.entries(cases)) {
    const r = await rawBytes(Buffer.from(bytes, 'latin1'));
    check(`HTTP, ${what}: 4xx or closed`, r.ended ? !/^HTTP\/1.1 [25]/.test(r.text) : /^HTTP\/1.1 4/.test(r.text),
      r.text.split('\r\n')[0]);
    await alive(what);
  }
  const cut = await rawBytes(Buffer.from(get));
  check('HTTP, half a head: waits for the rest', cut.text === '' && !cut.ended);
  const two = await rawBytes(Buffer.from(`${get}\r\n${get}\r\n`));
  check('HTTP, two in one packet: two answers', (two.text.match(/"code":"200000"/g) ?? []).length === 2);
}

async function malformedJson() {
  const deep = '['.repeat(100000), text = JSON.stringify(order()), syntax = [
    '', ' ', '{', '}', 'null', 'true', '0', '"text"', '[]', '[[]]', deep, `${deep}${']'.repeat(100000)}`, '{"a":'.repeat(50000),
    '{"size":NaN}', '{"size":Infinity}', '{"size":01}', '{"size":1e999999999}', '{"size":-0}', '{"size":1.}', '{"a":"\\ud800"}',
    '{"a":"\\u0000"}', '{"\\u0000":1}', '\ufeff{}', '{"a":1,}', '{"a" 1}', "{'a':1}", '{"a":1}{"b":2}', `{"a":"${'x'.repeat(200000)}"}`,
    text.slice(0, -1), `${text}x`,
  ], values = [
    text.replace('"size":1', '"size":99999999999999999999999999'), text.replace('"size":1', '"size":1e-400'),
    text.replace('"size":1', '"size":{}'), text.replace('"size":1', '"size":[1]'), text.replace('"size":1', '"size":true'),
    text.replace('"leverage":5', '"leverage":-5'), text.replace('"leverage":5', '"leverage":"5x"'), text.replace('"50000"', '"-50000"'),
    text.replace('"50000"', '"5e4x"'), text.replace('"50000"', '{}'), text.replace('"buy"', '"hold"'), text.replace('"buy"', '7'),
    text.replace('"limit"', '"LIMIT"'), text.replace('XBTUSDTM', 'X'.repeat(5000)), text.replace('XBTUSDTM', '\\u0001XBTUSDTM'),
    text.replace(/raw-\w+/, 'x'.repeat(41)), text.replace(/raw-\w+/, 'a b'), text.replace(/raw-\w+/, 'ümlaut'),
  ];
  const orders = ['/api/v1/orders', '/api/v1/orders/test', '/api/v1/st-orders'];
  const paths = [...orders, '/api/v1/orders/multi', '/api/v2/position/changeMarginMode', '/api/v2/position/batchChangeMarginMode', '/api/v2/position/switchPositionMode', '/api/v2/changeCrossUserLeverage',
    '/api/v1/position/margin/deposit-margin', '/api/v1/margin/withdrawMargin', '/api/v1/position/risk-limit-level/change',
    '/api/v1/position/margin/auto-deposit-status'];
  const wrong = [];
  for (const path of paths)
    for (const body of orders.includes(path) ? [...syntax, ...values] : syntax) {
      const r = await call('POST', path, body);
      const refused = r.status < 500 && /^[1-4]\d{4,5}$/.test(r.code) && r.code !== '200000' && typeof r.msg === 'string';
      const limited = r.status === 429;
      if (!refused && !limited) wrong.push(`${path} ${body.slice(0, 60)}: ${r.status} ${r.code}`);
      if (limited) await new Promise((yes) => setTimeout(yes, Number(r.headers.get('gw-ratelimit-reset')) + 50));
    }
  check(`JSON, ${paths.length} paths, ${syntax.length} malformed bodies and ${values.length} bad orders: each refused`, wrong.length === 0, wrong.slice(0, 5).join(' | '));
  const left = await call('GET', '/api/v1/orders?status=active');
  check('JSON: none of them became an order', left.data?.totalNum === 0, left.data?.totalNum);
  await alive('malformed JSON');
}

async function malformedFrames(at) {
  const bullet = (await call('POST', '/api/v1/bullet-private')).data;
  const url = `${bullet.instanceServers[0].endpoint}?token=${bullet.token}`;
  const ws = await open(url);
  await ws.next((m) => m.type === 'welcome');
  for (const [what, text, code] of [
    ['no JSON', 'hello', 400], ['an array', '[]', 400], ['a number', '7', 400], ['no type', '{"id":"1"}', 400], ['a type that is a number', '{"type":7}', 400],
    ['an unknown type', '{"id":"2","type":"dance"}', 415], ['no topic', '{"id":"3","type":"subscribe"}', 406], ['an empty topic', '{"id":"4","type":"subscribe","topic":""}', 406],
    ['a topic that is an object', '{"id":"5","type":"subscribe","topic":{}}', 406], ['a topic without its symbol', '{"id":"6","type":"subscribe","topic":"/contractMarket/level2:"}', 400],
    ['a topic of 5 kB', `{"id":"7","type":"subscribe","topic":"/contractMarket/level2:${'X'.repeat(5000)}"}`, 400], ['deep nesting', '['.repeat(5000), 400],
    ['an unknown candle', '{"id":"8","type":"subscribe","topic":"/contractMarket/limitCandle:XBTUSDTM_7min"}', 404],
    ['101 topics', JSON.stringify({ id: '9', type: 'subscribe', topic: `/contractMarket/ticker:${Array(101).fill('XBTUSDTM').join()}` }), 509],
  ]) {
    const n = ws.seen.length;
    ws.text(text);
    const m = await until(what, () => ws.seen.slice(n).find((x) => x.type === 'error'));
    check(`WS, ${what}: error ${code}`, m.code === code && Number.isInteger(m.code) && typeof m.data === 'string', `${m.code} ${m.data}`);
  }
  ws.send({ id: 'month', type: 'subscribe', topic: '/contractMarket/limitCandle:XBTUSDTM_1month', response: true });
  const bar = (await ws.next((m) => m.subject === 'candle.stick')).data.candles;
  const now = new Date(), month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  const days = (await call('GET', `/api/v1/kline/query?symbol=XBTUSDTM&granularity=1440&from=${month}&to=${Date.now() + 86400000}`)).data;
  check('WS, candle of the month: begins with it, opens and reaches as its days do', Number(bar[0]) * 1000 === month && Number(bar[1]) === days[0][1] &&
    Number(bar[3]) <= Math.max(...days.map((d) => d[2])) && Number(bar[4]) >= Math.min(...days.map((d) => d[3])) && bar.length === 7, bar.join());
  ws.send({ id: 'still', type: 'ping' });
  check('WS: the session lives on', (await ws.next((m) => m.type === 'pong')).id === 'still');
  ws.close();
  const many = [], refused = (why) => many.filter((w) => w.seen[0].code === 509 && w.seen[0].data.includes(why)).length;
  const openMore = async (n) => {
    for (let i = 0; i < n; i++) many.push(await open(url));
    await until(`${n} answers`, () => many.every((w) => w.seen.length > 0));
  };
  await openMore(31);
  const early = refused('30 per minute'), kept = many.length - early;
  check('WS, 31 new connections of an account at once: 30 in this minute, with those before', early >= 1 && kept <= 30, `${kept} kept`);
  for (let i = 0; i < 6; i++) {                     // not silent meanwhile
    await new Promise((yes) => setTimeout(yes, 10200));
    many.filter((w) => w.seen[0].code !== 509).forEach((w) => w.send({ id: 'here', type: 'ping' }));
  }
  await openMore(30);
  equal('WS, a minute later: 30 more, those over 50 in all refused', refused('session count limitation of 50'), kept + 30 - 50);
  equal('WS: none of them for its minute', refused('30 per minute'), early);
  many.forEach((w) => w.close());
  const open_ = (await call('POST', '/api/v1/bullet-public')).data, publicUrl = `${open_.instanceServers[0].endpoint}?token=${open_.token}`;
  await until('they are gone', async () => (await at.admin('/admin/stats')).ws_sessions === 0);
  const mask = [1, 2, 3, 4], frames = {
    'an unmasked frame': [0x81, 2, 0x7b, 0x7d], 'reserved bits': [0xf1, 0x82, ...mask, 0x7a, 0x7f], 'opcode 3': [0x83, 0x80, ...mask],
    'a fragmented ping': [0x09, 0x80, ...mask], 'a ping of 126 bytes': [0x89, 0xfe, 0, 126, ...mask, ...Array(126).fill(0)],
    'a continuation of nothing': [0x80, 0x80, ...mask], 'a length of 2^63': [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, ...mask],
    'a length of 2^40': [0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, ...mask], 'text that is no UTF-8': [0x81, 0x82, ...mask, 0xff ^ 1, 0xfe ^ 2],
    'a close with one byte': [0x88, 0x81, ...mask, 0], 'a close with code 1005': [0x88, 0x82, ...mask, 3 ^ 1, 0xed ^ 2],
  };
  for (const [what, bytes] of Object.entries(frames)) {
    const bad = await open(publicUrl);
    await bad.next((m) => m.type === 'welcome');
    bad.raw(Buffer.from(bytes));
    await until(what, () => bad.closed, 5000).catch(() => {});
    check(`WS, ${what}: closed`, bad.closed);
    await alive(what);
  }
}

const ok = await onPaper(process.argv[2], ['--seed', '5'], async (at) => {
  base = at.base;
  key = at.key;
  await gateway();
  await business();
  await stream();
  await malformedHttp();
  await malformedJson();
  await malformedFrames(at);
  await limits();
});
process.exit(ok ? 0 : 1);
