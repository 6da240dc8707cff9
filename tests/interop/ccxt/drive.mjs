// Drives the paper exchange at speed 1 with ccxt.pro.kucoinfutures, unmodified but for base URLs, and checks
// each value.  usage: node drive.mjs [enigma-paper]; exit status 0 only when every check held.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ccxt from 'ccxt';

const here = dirname(fileURLToPath(import.meta.url));
const program = process.argv[2] ?? resolve(here, '../../../build/release/bin/enigma-paper');
const SYMBOL = 'BTC/USDT:USDT';
let failed = 0;

function check(what, ok, value = '') {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what} ${value}`);
  if (!ok) failed++;
}

async function until(what, fn, ms = 20000) {
  const end = Date.now() + ms;
  for (;;) {
    const v = await fn();
    if (v) return v;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

const limit = (what, promise, ms = 20000) => Promise.race([promise, new Promise((_, no) => {
  setTimeout(() => no(new Error(`timed out: ${what}`)), ms).unref();
})]);

function settings(dir) {
  const text = readFileSync(join(dir, 'etc/keys/paper-account.conf'), 'utf8');
  return Object.fromEntries([...text.matchAll(/^(\w+) = (.*)$/gm)].map((m) => [m[1], m[2]]));
}

function client(base, key) {
  const urls = ['public', 'private', 'futuresPublic', 'futuresPrivate', 'webExchange', 'broker', 'earn',
    'uta', 'utaV2', 'utaPrivate'];
  return new ccxt.pro.kucoinfutures({
    apiKey: key.key, secret: key.secret, password: key.passphrase,
    urls: { api: Object.fromEntries(urls.map((u) => [u, base])) },
    options: { uta: false, hf: false, watchOrderBook: { snapshotDelay: 0 } },
  });
}

async function market(ex) {
  const markets = await ex.loadMarkets(false, { marginables: false });
  const m = markets[SYMBOL];
  check('loadMarkets has the eight contracts', Object.keys(markets).length === 8,
    Object.keys(markets).length);
  check('BTC market: swap, linear, lot 0.001, tick 0.1', m.swap && m.linear && m.contractSize === 0.001 &&
    m.precision.price === 0.1 && m.id === 'XBTUSDTM');
  check('BTC market: fees 0.0006 and 0.0002', m.taker === 0.0006 && m.maker === 0.0002);
  const time = await ex.fetchTime();
  check('fetchTime is the wall', Math.abs(time - Date.now()) < 2000, time);
  check('fetchStatus ok', (await ex.fetchStatus()).status === 'ok');
}

function bookOk(what, b) {
  const sorted = (side, f) => side.every((l, i) => i === 0 || f(side[i - 1][0], l[0]));
  check(`${what}: bids fall, asks rise, not crossed, whole lots`, b.bids.length >= 20 && b.asks.length >= 20 &&
    sorted(b.bids, (x, y) => x > y) && sorted(b.asks, (x, y) => x < y) && b.bids[0][0] < b.asks[0][0] &&
    [...b.bids, ...b.asks].every(([p, q]) => p > 0 && Number.isInteger(q) && q > 0),
    `${b.bids[0]?.[0]} / ${b.asks[0]?.[0]}`);
}

async function data(ex) {
  bookOk('fetchOrderBook', await ex.fetchOrderBook(SYMBOL));
  const twenty = await ex.fetchOrderBook(SYMBOL, 20);
  check('fetchOrderBook 20 has 20 levels', twenty.bids.length === 20 && twenty.asks.length === 20);
  const watched = await limit('watchOrderBook', ex.watchOrderBook(SYMBOL), 60000);
  bookOk('watchOrderBook', watched);
  const first = watched.nonce;
  const next = await limit('watchOrderBook moves on', ex.watchOrderBook(SYMBOL), 60000);
  check('watchOrderBook: the sequence grows', next.nonce > first || first === undefined, next.nonce);
  const bars = await ex.fetchOHLCV(SYMBOL, '1m');
  check('fetchOHLCV: 500 rows', bars.length === 500, bars.length);
  check('fetchOHLCV: low <= open, close <= high; a minute apart', bars.every(([t, o, h, l, c, v], i) =>
    l <= Math.min(o, c) && Math.max(o, c) <= h && v > 0 && t % 60000 === 0 &&
    (i === 0 || t - bars[i - 1][0] === 60000)));
  check('fetchOHLCV: the last bar is of now', Math.abs(Date.now() - bars.at(-1)[0]) < 130000);
  const since = bars[100][0];
  const part = await ex.fetchOHLCV(SYMBOL, '1m', since, 10);
  check('fetchOHLCV since: starts there', part[0][0] === since && part.length >= 10, part.length);
  check('fetchOHLCV since: the same rows', JSON.stringify(part.slice(0, 10)) ===
    JSON.stringify(bars.slice(100, 110)));
  const ticker = await ex.fetchTicker(SYMBOL);
  check('fetchTicker: bid < ask', ticker.bid < ticker.ask, `${ticker.bid} ${ticker.ask}`);
  const rate = await ex.fetchFundingRate(SYMBOL);
  check('fetchFundingRate: within the cap, in the future', Math.abs(rate.fundingRate) <= 0.003 &&
    rate.fundingTimestamp > Date.now() - 1000, rate.fundingRate);
}

async function refusal(what, name, promise) {
  try {
    await promise;
    check(what, false, 'was accepted');
  } catch (e) {
    check(what, e.constructor.name === name, `${e.constructor.name}: ${e.message}`);
  }
}

async function trade(ex, stats) {
  const before = await ex.fetchBalance({ currency: 'USDT' });
  check('fetchBalance: 10000 USDT free', before.USDT.free === 10000 && before.USDT.total === 10000,
    JSON.stringify(before.USDT));

  const book = await ex.fetchOrderBook(SYMBOL, 20);
  const price = Number(ex.priceToPrecision(SYMBOL, book.bids[0][0] * 0.97));
  const orders = limit('watchOrders', ex.watchOrders(SYMBOL), 20000);
  await until('the private subscription', async () => (await stats()).ws_topics === 2);
  const limitOrder = await ex.createOrder(SYMBOL, 'limit', 'buy', 2, price, { leverage: 5 });
  check('limit order: an 18-digit id', /^\d{18}$/.test(limitOrder.id), limitOrder.id);
  const pushed = (await orders).find((o) => o.id === limitOrder.id);
  check('watchOrders: the order opened', pushed?.status === 'open' && pushed.price === price, pushed?.status);
  const open = await ex.fetchOpenOrders(SYMBOL);
  check('fetchOpenOrders: that order, 2 lots at its price', open.length === 1 && open[0].id === limitOrder.id &&
    open[0].price === price && open[0].amount === 2 && open[0].filled === 0 && open[0].side === 'buy');
  const held = await ex.fetchBalance({ currency: 'USDT' });
  const want = 2 * 0.001 * price * (1 / 5 + 0.0006);
  check('order margin = value x (1/5 + 0.0006)', Math.abs(10000 - held.USDT.free - want) < 1e-6, want);
  await ex.cancelOrder(limitOrder.id, SYMBOL);
  const cancelled = await until('the cancel', async () => {
    const o = await ex.fetchOrder(limitOrder.id, SYMBOL);
    return o.status === 'canceled' && o;
  });
  check('cancel: canceled, nothing filled', cancelled.filled === 0 && cancelled.remaining === 2);
  check('cancel: no open order, all free', (await ex.fetchOpenOrders(SYMBOL)).length === 0 &&
    (await ex.fetchBalance({ currency: 'USDT' })).USDT.free === 10000);
  await refusal('cancel again: BadRequest', 'BadRequest', ex.cancelOrder(limitOrder.id, SYMBOL));

  const mkt = await ex.createOrder(SYMBOL, 'market', 'buy', 10, undefined, { leverage: 5 });
  const filled = await until('the market order', async () => {
    const o = await ex.fetchOrder(mkt.id, SYMBOL);
    return o.status === 'closed' && o;
  });
  check('market order: 10 lots filled', filled.filled === 10 && filled.average > 0, filled.average);
  const fills = (await ex.fetchMyTrades(SYMBOL)).filter((t) => t.order === mkt.id);
  const value = fills.reduce((s, t) => s + t.cost, 0), fee = fills.reduce((s, t) => s + t.fee.cost, 0);
  check('fills: 10 lots, taker, fee = value x 0.0006', fills.reduce((s, t) => s + t.amount, 0) === 10 &&
    fills.every((t) => t.takerOrMaker === 'taker') && Math.abs(fee - value * 0.0006) < 1e-9, fee);

  const p = (await ex.fetchPositions([SYMBOL]))[0];
  check('position: long 10 at the fill price, isolated', p?.side === 'long' && p.contracts === 10 &&
    Math.abs(p.entryPrice - filled.average) < 1e-6 && p.marginMode === 'isolated', p?.entryPrice);
  check('position: initial margin = value / 5', Math.abs(p.initialMargin - value / 5) < 1e-6, p.initialMargin);
  check('position: liquidation below entry by less than a fifth', p.liquidationPrice < p.entryPrice &&
    p.liquidationPrice > 0.8 * p.entryPrice, p.liquidationPrice);

  await ex.closePosition(SYMBOL, undefined, { clientOrderId: ex.uuid() });
  await until('the close', async () => (await ex.fetchPositions([SYMBOL])).length === 0);
  check('closePosition: no position left', true);
  const all = await ex.fetchMyTrades(SYMBOL);
  const cash = all.reduce((s, t) => s - t.fee.cost + (t.side === 'sell' ? t.cost : -t.cost), 10000);
  const after = await ex.fetchBalance({ currency: 'USDT' });
  check('balance = 10000 + sales - buys - fees', Math.abs(after.USDT.total - cash) < 1e-6 &&
    after.USDT.free === after.USDT.total, after.USDT.total);
  await refusal('an order of 100 BTC at 1x: InsufficientFunds', 'InsufficientFunds',
    ex.createOrder(SYMBOL, 'limit', 'buy', 100000, price, { leverage: 1 }));
}

const dir = mkdtempSync(join(tmpdir(), 'enigma-ccxt-'));
const paper = spawn(program, ['--instance', dir, '--speed', '1', '--seed', '7'],
  { stdio: ['ignore', 'ignore', 'inherit'] });
let ended = false;
process.on('exit', () => paper.kill('SIGKILL'));    // whatever ends us, nothing is left running
process.on('SIGTERM', () => process.exit(1)).on('SIGINT', () => process.exit(1));
paper.on('exit', (code) => { ended = true; check('enigma-paper ended 0', code === 0, code); });
let ex;
try {
  const file = join(dir, 'sock/paper.port');
  await until('paper.port', async () => { if (ended) throw new Error('enigma-paper ended'); return existsSync(file); });
  check('the key file is private', (statSync(join(dir, 'etc/keys/paper-account.conf')).mode & 0o777) === 0o600);
  const base = `http://127.0.0.1:${readFileSync(file, 'utf8').trim()}`;
  ex = client(base, settings(dir));
  await ex.loadHttpProxyAgent();
  console.log(`ccxt ${ccxt.version} against ${base}`);
  await market(ex);
  await data(ex);
  const admin = readFileSync(join(dir, 'sock/paper.admin.port'), 'utf8').trim();
  await trade(ex, async () => (await fetch(`http://127.0.0.1:${admin}/admin/stats`)).json());
} catch (e) {
  check('no exception', false, e.stack);
} finally {
  await ex?.close();
  if (!ended) {
    const gone = new Promise((r) => paper.once('exit', r));
    paper.kill('SIGTERM');
    await gone;
  }
  rmSync(dir, { recursive: true, force: true });
}
console.log(failed === 0 ? 'all checks hold' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
