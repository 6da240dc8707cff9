// Drives the paper exchange with ccxt.pro.kucoinfutures, unmodified but for base URLs: each call and each stream that
// a futures bot uses, each value checked.  usage: node drive.mjs enigma-paper; exit status 0 only when every check held.
import ccxt from 'ccxt';
import { check, equal, fundingOf, limit, near, onPaper, until } from './paper.mjs';

const SYMBOL = 'BTC/USDT:USDT', ETH = 'ETH/USDT:USDT', LOT = 0.001, TAKER = 0.0006, MAKER = 0.0002;

function client(base, key, options) {
  const urls = ['public', 'private', 'futuresPublic', 'futuresPrivate', 'webExchange', 'broker', 'earn',
    'uta', 'utaV2', 'utaPrivate'];
  return new ccxt.pro.kucoinfutures({
    apiKey: key?.key, secret: key?.secret, password: key?.passphrase,
    urls: { api: Object.fromEntries(urls.map((u) => [u, base])) },
    options: { uta: false, hf: false, watchOrderBook: { snapshotDelay: 0 }, ...options },
  });
}

async function refusal(what, name, promise) {
  try {
    await promise;
    check(what, false, 'was accepted');
  } catch (e) {
    check(what, e.constructor.name === name, `${e.constructor.name}: ${e.message}`);
  }
}

// Calls a watch function until something holds.
async function watch(what, fn, wanted, ms = 60000) {
  const end = Date.now() + ms;
  for (;;) {
    const v = await limit(what, fn(), ms);
    if (wanted(v)) return v;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
  }
}

async function markets(at, ex) {
  const all = await ex.loadMarkets(false, { marginables: false });
  const m = all[SYMBOL];
  equal('loadMarkets: contracts', Object.keys(all).length, 8);
  check('BTC market: swap, linear, active, lot 0.001, tick 0.1', m.swap && m.linear && m.active && m.contractSize === LOT &&
    m.precision.price === 0.1 && m.precision.amount === 1 && m.id === 'XBTUSDTM' && m.settle === 'USDT');
  check('BTC market: fees 0.0006 and 0.0002', m.taker === TAKER && m.maker === MAKER);
  equal('BTC market: at most 1000000 lots', m.limits.amount.max, 1000000);
  equal('BTC market: at most 125x', m.limits.leverage.max, 125);
  equal('fetchMarkets: contracts', (await ex.fetchMarkets()).filter((x) => x.swap).length, 8);
  const full = client(at.base, at.key, { uta: undefined, hf: undefined });     // asks for everything that ccxt asks by itself
  equal('loadMarkets with all options', Object.keys(await full.loadMarkets()).length, 8);
  await full.close();
  const nobody = client(at.base);
  equal('loadMarkets without a key', Object.keys(await nobody.loadMarkets(false, { marginables: false })).length, 8);
  check('fetchTicker without a key', (await nobody.fetchTicker(SYMBOL)).bid > 0);
  await refusal('fetchBalance without a key: AuthenticationError', 'AuthenticationError', nobody.fetchBalance());
  await nobody.close();
  const wrong = client(at.base, { ...at.key, secret: 'wrong' });
  await refusal('a wrong secret: AuthenticationError', 'AuthenticationError', wrong.fetchBalance());
  await wrong.close();
  near('fetchTime is the wall', await ex.fetchTime(), Date.now(), 2000);
  equal('fetchStatus', (await ex.fetchStatus()).status, 'ok');
  await refusal('an unknown symbol: BadSymbol', 'BadSymbol', ex.fetchTicker('NONE/USDT:USDT'));
}

function bookOk(what, b) {
  const sorted = (side, f) => side.every((l, i) => i === 0 || f(side[i - 1][0], l[0]));
  check(`${what}: bids fall, asks rise, not crossed, whole lots`, b.bids.length >= 5 && b.asks.length >= 5 &&
    sorted(b.bids, (x, y) => x > y) && sorted(b.asks, (x, y) => x < y) && b.bids[0][0] < b.asks[0][0] &&
    [...b.bids, ...b.asks].every(([p, q]) => p > 0 && Number.isInteger(q) && q > 0),
    `${b.bids[0]?.[0]} / ${b.asks[0]?.[0]}`);
}

async function data(ex) {
  const book = await ex.fetchOrderBook(SYMBOL);
  bookOk('fetchOrderBook', book);
  check('fetchOrderBook: 50 levels a side at least', book.bids.length >= 50 && book.asks.length >= 50);
  for (const n of [20, 100]) {
    const part = await ex.fetchOrderBook(SYMBOL, n);
    bookOk(`fetchOrderBook ${n}`, part);
    check(`fetchOrderBook ${n}: at most ${n} levels`, part.bids.length <= n && part.bids.length >= 20);
  }
  const bars = await ex.fetchOHLCV(SYMBOL, '1m');
  equal('fetchOHLCV: rows', bars.length, 500);
  check('fetchOHLCV: low <= open, close <= high; a minute apart', bars.every(([t, o, h, l, c, v], i) =>
    l <= Math.min(o, c) && Math.max(o, c) <= h && v > 0 && t % 60000 === 0 &&
    (i === 0 || t - bars[i - 1][0] === 60000)));
  const part = await ex.fetchOHLCV(SYMBOL, '1m', bars[100][0], 10);
  check('fetchOHLCV since: the same rows', part[0][0] === bars[100][0] &&
    JSON.stringify(part.slice(0, 10)) === JSON.stringify(bars.slice(100, 110)), part.length);
  const fives = await ex.fetchOHLCV(SYMBOL, '5m'), five = fives.find(([t]) => t === bars.find((b) => b[0] % 300000 === 0)[0]);
  const of = bars.filter(([t]) => t >= five[0] && t < five[0] + 300000);
  check('fetchOHLCV 5m: made of its five minutes', of.length === 5 && five[1] === of[0][1] && five[4] === of[4][4] &&
    five[2] === Math.max(...of.map((b) => b[2])) && five[3] === Math.min(...of.map((b) => b[3])) &&
    five[5] === of.reduce((s, b) => s + b[5], 0));
  const ticker = await ex.fetchTicker(SYMBOL);
  check('fetchTicker: bid < ask, last near', ticker.bid < ticker.ask && Math.abs(ticker.last / ticker.bid - 1) < 0.01,
    `${ticker.bid} ${ticker.ask}`);
  const tickers = await ex.fetchTickers();
  check('fetchTickers: eight, with prices of 24 h', Object.keys(tickers).length === 8 && Object.values(tickers).every((t) =>
    t.low <= t.last && t.last <= t.high && t.baseVolume > 0 && t.quoteVolume > 0 && Math.abs(t.percentage) < 50));
  const bidsAsks = await ex.fetchBidsAsks();
  check('fetchBidsAsks: eight, bid < ask', Object.keys(bidsAsks).length === 8 && Object.values(bidsAsks).every((t) => t.bid < t.ask));
  const trades = await ex.fetchTrades(SYMBOL);
  check('fetchTrades: whole lots, sides, ascending', trades.length > 0 && trades.every((t, i) => Number.isInteger(t.amount) &&
    t.amount > 0 && ['buy', 'sell'].includes(t.side) && (!i || t.timestamp >= trades[i - 1].timestamp) &&
    Math.abs(t.cost - t.amount * LOT * t.price) < 1e-6), trades.length);
  const rate = await ex.fetchFundingRate(SYMBOL);
  check('fetchFundingRate: within the cap, every 8 h', Math.abs(rate.fundingRate) <= 0.003 && rate.fundingTimestamp % 28800000 === 0,
    rate.fundingRate);
  const rates = await ex.fetchFundingRateHistory(SYMBOL, rate.fundingTimestamp - 5 * 28800000, 100);
  check('fetchFundingRateHistory: every 8 h', rates.length >= 4 && rates.every((r, i) => Math.abs(r.fundingRate) <= 0.003 &&
    (!i || r.timestamp - rates[i - 1].timestamp === 28800000)), rates.length);
  const interval = await ex.fetchFundingInterval?.(SYMBOL);
  equal('fetchFundingInterval', interval?.interval, '8h');
  const mark = await ex.fetchMarkPrice(SYMBOL);
  near('fetchMarkPrice: near the price', mark.markPrice / ticker.last, 1, 0.01);
}

async function streams(ex) {
  const book = await limit('watchOrderBook', ex.watchOrderBook(SYMBOL), 60000);
  bookOk('watchOrderBook', book);
  const first = book.nonce;
  await watch('watchOrderBook goes on', () => ex.watchOrderBook(SYMBOL), (b) => b.nonce > first);
  const now = await watch('watchOrderBook stays whole', () => ex.watchOrderBook(SYMBOL), (b) => b.nonce > first + 20);
  bookOk('watchOrderBook after 20 changes', now);
  const five = await limit('watchOrderBook 5', ex.watchOrderBook(ETH, 5), 60000);
  check('watchOrderBook 5: five levels', five.bids.length === 5 && five.asks.length === 5);
  const ticker = await limit('watchTicker', ex.watchTicker(SYMBOL), 60000);
  check('watchTicker: bid < ask', ticker.bid < ticker.ask && ticker.last > 0, `${ticker.bid} ${ticker.ask}`);
  const tickers = await limit('watchTickers', ex.watchTickers([ETH]), 60000);
  check('watchTickers: one of those', Object.keys(tickers).every((s) => s === ETH));
  const best = await limit('watchBidsAsks', ex.watchBidsAsks([SYMBOL]), 60000);
  check('watchBidsAsks: bid < ask', best[SYMBOL].bid < best[SYMBOL].ask);
  const trades = await limit('watchTrades', ex.watchTrades(SYMBOL), 60000);
  check('watchTrades: a price, whole lots', trades.every((t) => t.price > 0 && Number.isInteger(t.amount) && t.amount > 0 && t.id));
  const known = await ex.fetchTrades(SYMBOL);
  const same = known.find((t) => t.id === trades[0].id);
  check('watchTrades: what fetchTrades has', same && same.price === trades[0].price && same.amount === trades[0].amount &&
    same.side === trades[0].side, trades[0].id);
  const bars = await limit('watchOHLCV', ex.watchOHLCV(SYMBOL, '1m'), 60000), bar = bars.at(-1);
  const rest = (await ex.fetchOHLCV(SYMBOL, '1m')).find(([t]) => t === bar[0]);
  check('watchOHLCV: the running bar of fetchOHLCV', rest && rest[1] === bar[1] && bar[3] <= Math.min(bar[1], bar[4]) &&
    bar[2] >= Math.max(bar[1], bar[4]), JSON.stringify(bar));
}

const free = async (ex) => (await ex.fetchBalance({ currency: 'USDT' })).USDT.free;

async function resting(ex, price, stats) {
  const before = await ex.fetchBalance({ currency: 'USDT' });
  check('fetchBalance: 10000 USDT free', before.USDT.free === 10000 && before.USDT.total === 10000,
    JSON.stringify(before.USDT));
  const topics = (await stats()).ws_topics, orders = limit('watchOrders', ex.watchOrders(SYMBOL), 20000);
  const balance = limit('watchBalance', ex.watchBalance(), 20000);
  await until('the private subscriptions', async () => (await stats()).ws_topics === topics + 2);
  const test = await ex.createOrder(SYMBOL, 'limit', 'buy', 2, price, { leverage: 5, test: true });
  await refusal('a test order is no order', 'OrderNotFound', ex.fetchOrder(test.id, SYMBOL));
  const order = await ex.createOrder(SYMBOL, 'limit', 'buy', 2, price, { leverage: 5, clientOrderId: 'mine-1' });
  check('limit order: an 18-digit id', /^\d{18}$/.test(order.id), order.id);
  const pushed = (await orders).find((o) => o.id === order.id);
  check('watchOrders: the order opened', pushed?.status === 'open' && pushed.price === price && pushed.side === 'buy', pushed?.status);
  const want = 2 * LOT * price * (1 / 5 + TAKER);
  near('watchBalance: its margin is not free', (await balance).USDT.free, 10000 - want, 1e-6);
  const open = await ex.fetchOpenOrders(SYMBOL);
  check('fetchOpenOrders: that order, 2 lots at its price', open.length === 1 && open[0].id === order.id &&
    open[0].price === price && open[0].amount === 2 && open[0].filled === 0 && open[0].side === 'buy' &&
    open[0].clientOrderId === 'mine-1' && open[0].type === 'limit' && open[0].status === 'open');
  near('order margin = value x (1/5 + 0.0006)', 10000 - await free(ex), want, 1e-6);
  await refusal('the same clientOid: ExchangeError', 'ExchangeError',
    ex.createOrder(SYMBOL, 'limit', 'buy', 2, price, { leverage: 5, clientOrderId: 'mine-1' }));
  equal('fetchOrder by clientOid', (await ex.fetchOrder('', SYMBOL, { clientOid: 'mine-1' })).id, order.id);
  await ex.cancelOrder(order.id, SYMBOL);
  const cancelled = await until('the cancel', async () => {
    const o = await ex.fetchOrder(order.id, SYMBOL);
    return o.status === 'canceled' && o;
  });
  check('cancel: canceled, nothing filled', cancelled.filled === 0 && cancelled.remaining === 2);
  check('cancel: no open order, all free', (await ex.fetchOpenOrders(SYMBOL)).length === 0 && await free(ex) === 10000);
  await refusal('cancel again: BadRequest', 'BadRequest', ex.cancelOrder(order.id, SYMBOL));
  await refusal('an unknown order: OrderNotFound', 'OrderNotFound', ex.fetchOrder('300100299999999999', SYMBOL));

  await ex.createOrder(SYMBOL, 'limit', 'buy', 1, price, { leverage: 5, clientOrderId: 'mine-2' });
  await ex.cancelOrder(undefined, SYMBOL, { clientOrderId: 'mine-2' });
  equal('cancelOrder by clientOrderId: none open', (await ex.fetchOpenOrders(SYMBOL)).length, 0);
  const row = (amount) => ({ symbol: SYMBOL, type: 'limit', side: 'buy', amount, price, params: { leverage: 5 } });
  const many = await ex.createOrders([row(1), row(2), row(3)]);
  check('createOrders: three ids', many.length === 3 && many.every((o) => /^\d{18}$/.test(o.id)));
  await ex.cancelOrders([many[0].id], SYMBOL);
  const two = await ex.fetchOpenOrders(SYMBOL);
  check('cancelOrders: the others are open', two.length === 2 && two.every((o) => many.slice(1).some((x) => x.id === o.id)));
  await ex.cancelAllOrders(SYMBOL);
  equal('cancelAllOrders: none open', (await ex.fetchOpenOrders(SYMBOL)).length, 0);
  const maker = await ex.createOrder(SYMBOL, 'limit', 'buy', 1,
    Number(ex.priceToPrecision(SYMBOL, price * 1.04)), { leverage: 5, postOnly: true });
  const gone = await ex.fetchOrder(maker.id, SYMBOL);
  check('postOnly that would take: canceled, nothing filled', gone.status === 'canceled' && gone.filled === 0);
  const ioc = await ex.createOrder(SYMBOL, 'limit', 'buy', 1, price, { leverage: 5, timeInForce: 'IOC' });
  equal('IOC out of reach: canceled', (await ex.fetchOrder(ioc.id, SYMBOL)).status, 'canceled');

  await refusal('an order of 100 BTC at 1x: InsufficientFunds', 'InsufficientFunds',
    ex.createOrder(SYMBOL, 'limit', 'buy', 100000, price, { leverage: 1 }));
  await refusal('reduceOnly without a position: InvalidOrder', 'InvalidOrder',
    ex.createOrder(SYMBOL, 'market', 'sell', 1, undefined, { reduceOnly: true }));
  await refusal('a sell below the band: InvalidOrder', 'InvalidOrder',
    ex.createOrder(SYMBOL, 'limit', 'sell', 1, Number(ex.priceToPrecision(SYMBOL, price * 0.9)), { leverage: 5 }));
  await refusal('cross margin in the order: InvalidOrder', 'InvalidOrder',
    ex.createOrder(SYMBOL, 'limit', 'buy', 1, price, { leverage: 5, marginMode: 'cross' }));
}

async function position(ex, price) {
  const mkt = await ex.createOrder(SYMBOL, 'market', 'buy', 10, undefined, { leverage: 5 });
  const filled = await until('the market order', async () => {
    const o = await ex.fetchOrder(mkt.id, SYMBOL);
    return o.status === 'closed' && o;
  });
  check('market order: 10 lots filled', filled.filled === 10 && filled.remaining === 0 && filled.average > 0, filled.average);
  const fills = (await ex.fetchMyTrades(SYMBOL)).filter((t) => t.order === mkt.id);
  const value = fills.reduce((s, t) => s + t.cost, 0), fee = fills.reduce((s, t) => s + t.fee.cost, 0);
  check('fetchMyTrades: 10 lots, taker, fee = value x 0.0006', fills.reduce((s, t) => s + t.amount, 0) === 10 &&
    fills.every((t) => t.takerOrMaker === 'taker' && t.fee.currency === 'USDT' && t.side === 'buy') &&
    Math.abs(fee - value * TAKER) < 1e-9, fee);
  const p = (await ex.fetchPositions([SYMBOL]))[0];
  check('fetchPositions: long 10 at the fill price, isolated', p?.side === 'long' && p.contracts === 10 &&
    Math.abs(p.entryPrice - filled.average) < 1e-6 && p.marginMode === 'isolated', p?.entryPrice);
  near('initial margin = value / 5', p.initialMargin, value / 5, 1e-6);
  check('liquidation below entry by less than a fifth', p.liquidationPrice < p.entryPrice &&
    p.liquidationPrice > 0.8 * p.entryPrice, p.liquidationPrice);
  near('unrealised = 10 lots x (mark - entry)', p.unrealizedPnl, 10 * LOT * (p.markPrice - p.entryPrice), 1e-6);
  equal('fetchPosition: the same', (await ex.fetchPosition(SYMBOL)).contracts, 10);
  await ex.addMargin(SYMBOL, 20);
  near('addMargin: 20 more', (await ex.fetchPosition(SYMBOL)).info.posMargin, p.info.posMargin + 20, 1e-9);

  const stop = await ex.createOrder(SYMBOL, 'market', 'sell', 4, undefined,
    { stopLossPrice: price, reduceOnly: true, leverage: 5, stopPriceType: 'MP' });
  const triggers = await ex.fetchOpenOrders(SYMBOL, undefined, undefined, { trigger: true });
  check('stop order: untriggered, down, at its price', triggers.length === 1 && triggers[0].id === stop.id &&
    triggers[0].stopPrice === price && triggers[0].reduceOnly === true && triggers[0].info.stop === 'down');
  equal('stop order: not among the open ones', (await ex.fetchOpenOrders(SYMBOL)).length, 0);
  await ex.cancelAllOrders(SYMBOL, { trigger: true });
  equal('cancelAllOrders trigger: none left', (await ex.fetchOpenOrders(SYMBOL, undefined, undefined, { trigger: true })).length, 0);
  const up = await ex.createOrder(SYMBOL, 'market', 'sell', 2, undefined,
    { takeProfitPrice: Number(ex.priceToPrecision(SYMBOL, p.entryPrice * 0.99)), reduceOnly: true, leverage: 5 });
  const took = await until('the trigger', async () => {
    const o = await ex.fetchOrder(up.id, SYMBOL);
    return o.status === 'closed' && o;
  });
  check('a trigger that the price has reached: filled under its id', took.filled === 2, took.average);
  const part = await ex.createOrder(SYMBOL, 'market', 'sell', 3, undefined, { reduceOnly: true, leverage: 5 });
  equal('reduceOnly: filled', (await ex.fetchOrder(part.id, SYMBOL)).filled, 3);
  equal('reduceOnly: 5 left', (await ex.fetchPosition(SYMBOL)).contracts, 5);
}

async function settings(ex) {
  equal('setLeverage (of cross margin)', (await ex.setLeverage(7, SYMBOL, { marginMode: 'cross' })).info?.data ?? true, true);
  equal('its leverage (ccxt has no parser for it)',
    (await ex.futuresPrivateGetGetCrossUserLeverage({ symbol: 'XBTUSDTM' })).data.leverage, '7');
  const mode = await ex.setMarginMode('isolated', SYMBOL);
  equal('setMarginMode isolated', mode.marginMode ?? mode.info?.data?.marginMode, 'isolated');
  equal('fetchMarginMode', (await ex.fetchMarginMode(SYMBOL)).marginMode, 'isolated');
  await refusal('setMarginMode cross: not supported by the contract', 'OrderNotFound', ex.setMarginMode('cross', SYMBOL));
  await ex.setPositionMode(false, SYMBOL);
  check('setPositionMode: one-way', true);
  const fee = await ex.fetchTradingFee(SYMBOL);
  check('fetchTradingFee', fee.maker === MAKER && fee.taker === TAKER);
}

async function bracket(ex) {
  const order = await ex.createOrder(ETH, 'market', 'buy', 5, undefined, { leverage: 3,
    takeProfit: { triggerPrice: 6000 }, stopLoss: { triggerPrice: 1500 } });
  const stops = await until('the two triggers', async () => {
    const s = await ex.fetchOpenOrders(ETH, undefined, undefined, { trigger: true });
    return s.length === 2 && s;
  });
  check('takeProfit and stopLoss: closing stops up at 6000, down at 1500', stops.some((o) => o.info.stop === 'up' && o.stopPrice === 6000) &&
    stops.some((o) => o.info.stop === 'down' && o.stopPrice === 1500) && stops.every((o) => o.info.closeOrder === true && o.side === 'sell'));
  equal('its entry is filled', (await ex.fetchOrder(order.id, ETH)).filled, 5);
  await ex.closePosition(ETH, undefined, { clientOrderId: ex.uuid() });
  await until('the close', async () => (await ex.fetchPositions([ETH])).length === 0);
  equal('the triggers went with the position', (await ex.fetchOpenOrders(ETH, undefined, undefined, { trigger: true })).length, 0);
}

async function ending(ex) {
  const paid = await until('funding', async () => {
    const h = await ex.fetchFundingHistory(SYMBOL);
    return h.length > 0 && h;
  }, 120000, 1000);
  const row = paid[0].info;
  near('fetchFundingHistory: - value at mark x rate', paid[0].amount, fundingOf(row.positionQty * LOT, row.markPrice, row.fundingRate), 1e-10);
  equal('fetchFundingHistory: code', paid[0].code, 'USDT');
  const pushes = limit('watchOrders', ex.watchOrders(SYMBOL), 20000), moves = limit('watchPosition', ex.watchPosition(SYMBOL), 20000);
  await ex.closePosition(SYMBOL, undefined, { clientOrderId: ex.uuid() });
  await until('the close', async () => (await ex.fetchPositions([SYMBOL])).length === 0);
  check('closePosition: no position left', true);
  check('watchOrders: an order of the close came', (await pushes).length > 0);
  const moved = (await moves)[0];
  check('watchPosition: the position as it went', moved.symbol === SYMBOL && [5, 0].includes(moved.contracts), moved.contracts);
  const all = [...await ex.fetchMyTrades(SYMBOL), ...await ex.fetchMyTrades(ETH)];
  const cash = all.reduce((s, t) => s - t.fee.cost + (t.side === 'sell' ? t.cost : -t.cost), 10000 + paid.reduce((s, f) => s + f.amount, 0));
  const after = await ex.fetchBalance({ currency: 'USDT' });
  check('balance = 10000 + sales - buys - fees + funding', Math.abs(after.USDT.total - cash) < 1e-6 &&
    after.USDT.free === after.USDT.total, after.USDT.total);
  const history = await ex.fetchPositionsHistory([SYMBOL]);
  check('fetchPositionsHistory: the closed one', history.length === 1 && history[0].side === 'long' && history[0].entryPrice > 0 &&
    history[0].info.type === 'CLOSE_LONG', history[0]?.realizedPnl);
  const closed = await ex.fetchClosedOrders(SYMBOL);
  check('fetchClosedOrders: done ones only', closed.length >= 8 && closed.every((o) => ['closed', 'canceled'].includes(o.status)), closed.length);
  const page = await ex.fetchClosedOrders(SYMBOL, undefined, 3);
  equal('fetchClosedOrders limit 3', page.length, 3);
}

// The market begins 45 s before a funding settlement.
const ok = await onPaper(process.argv[2], ['--speed', '1', '--seed', '7', '--start', '2025-11-21T07:59:15Z'], async (at) => {
  const ex = client(at.base, at.key);
  try {
    await ex.loadHttpProxyAgent();
    console.log(`ccxt ${ccxt.version} against ${at.base}`);
    const stats = () => at.admin('/admin/stats');
    await markets(at, ex);
    await data(ex);
    const price = Number(ex.priceToPrecision(SYMBOL, (await ex.fetchTicker(SYMBOL)).bid * 0.97));
    await resting(ex, price, stats);
    await position(ex, price);
    await settings(ex);
    await bracket(ex);
    await streams(ex);
    await ending(ex);
  } finally {
    await ex.close();
  }
});
process.exit(ok ? 0 : 1);
