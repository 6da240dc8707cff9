// Talks to the paper exchange without a library: refusals carry the venue's own codes and statuses, and the level2 stream
// joins its snapshot without a hole.  usage: node drive.mjs [enigma-paper]; Node 20 or later, no packages.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const program = process.argv[2] ?? resolve(here, '../../../build/release/bin/enigma-paper');
let failed = 0, base, key;

function check(what, ok, value = '') {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what} ${value}`);
  if (!ok) failed++;
}

async function until(what, fn, ms = 20000) {
  for (const end = Date.now() + ms; ;) {
    const v = await fn();
    if (v) return v;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

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
  ws.send = (json) => {
    const text = Buffer.from(JSON.stringify(json)), mask = Buffer.from([1, 2, 3, 4]);
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

const dir = mkdtempSync(join(tmpdir(), 'enigma-raw-'));
const paper = spawn(program, ['--instance', dir, '--seed', '5'], { stdio: ['ignore', 'ignore', 'inherit'] });
let ended = false;
process.on('exit', () => paper.kill('SIGKILL'));    // whatever ends us, nothing is left running
process.on('SIGTERM', () => process.exit(1)).on('SIGINT', () => process.exit(1));
paper.on('exit', (code) => { ended = true; check('enigma-paper ended 0', code === 0, code); });
try {
  const file = join(dir, 'sock/paper.port');
  await until('paper.port', () => { if (ended) throw new Error('enigma-paper ended'); return existsSync(file); });
  base = `http://127.0.0.1:${readFileSync(file, 'utf8').trim()}`;
  key = Object.fromEntries([...readFileSync(join(dir, 'etc/keys/paper-account.conf'), 'utf8')
    .matchAll(/^(\w+) = (.*)$/gm)].map((m) => [m[1], m[2]]));
  await gateway();
  await business();
  await stream();
  await limits();
} catch (e) {
  check('no exception', false, e.stack);
} finally {
  if (!ended) {
    const gone = new Promise((r) => paper.once('exit', r));
    paper.kill('SIGTERM');
    await gone;
  }
  rmSync(dir, { recursive: true, force: true });
}
console.log(failed === 0 ? 'all checks hold' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
