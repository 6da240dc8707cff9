// Drives the paper exchange with KuCoin's Universal SDK, unmodified but for base URLs: each futures call and each
// futures topic that it knows; of every answer and event each declared field and its JSON type is checked (types.mjs),
// and the values against one another.  usage: node drive.mjs enigma-paper; exit status 0 only when every check held.
import sdk from 'kucoin-universal-sdk';
import { randomUUID } from 'node:crypto';
import { check, equal, fundingOf, limit, near, onPaper, until } from './paper.mjs';
import { wrong } from './types.mjs';

const S = 'XBTUSDTM', E = 'ETHUSDTM', MULTIPLIER = 0.001, TAKER = 0.0006;
const { Market, Order, Positions, FundingFees } = sdk.Futures;
// What the reference says otherwise than the SDK: null where there is none, the stop price as a string.
const NULLS = ['stopPrice', 'remark', 'endAt', 'subTradeType', 'expireDate', 'settleDate', 'settlementFee', 'roe',
  'liquidAmount', 'liquidPrice', 'msg', 'clientOid', 'orderId'];

const sound = (what, v, may = [], group = '') => {
  const bad = wrong(v, [...NULLS, ...may], group).filter((x) => !/\.stopPrice is string/.test(x));
  check(`${what}: every field of the declared type`, bad.length === 0, bad.slice(0, 4).join('; '));
  return v;
};

function client({ base, key }) {
  const option = new sdk.ClientOptionBuilder().setKey(key.key).setSecret(key.secret).setPassphrase(key.passphrase)
    .setSpotEndpoint(base).setFuturesEndpoint(base).setBrokerEndpoint(base)
    .setTransportOption(new sdk.TransportOptionBuilder().setMaxRetries(0).build())
    .setWebSocketClientOption(new sdk.WebSocketClientOptionBuilder().build()).build();
  return new sdk.DefaultClient(option);
}

// One call, its answer sound; `req` are the members of its request class.
const calls = new Set();
async function call(api, method, group, req, may) {
  calls.add(method);
  const cls = group && group[`${method[0].toUpperCase()}${method.slice(1)}Req`];
  const r = await (cls ? api[method](cls.create(req ?? {})) : api[method]());
  const limits = r.commonResponse?.rateLimit;
  if (!(limits?.limit === 2000 && limits.remaining >= 0 && limits.remaining < 2000 && limits.reset > 0))
    check(`${method}: the rate limit's headers`, false, JSON.stringify(limits));
  return sound(method, r, may, group === Market ? 'market' : group === Order ? 'order' : '');
}

async function refused(what, code, promise) {
  try {
    await promise;
    check(what, false, 'was accepted');
  } catch (e) {
    equal(what, e.getCommonResponse?.()?.code ?? e.toString(), code);
  }
}

async function market(api, fees) {
  const get = (method, req, may) => call(api, method, Market, req, may);
  const one = await get('getSymbol', { symbol: S });
  const all = await get('getAllSymbols');
  equal('getAllSymbols: the contracts', all.data.length, 8);
  check('XBTUSDTM: lot 0.001, tick 0.1, 125x, open', one.multiplier === MULTIPLIER && one.tickSize === 0.1 &&
    one.maxLeverage === 125 && one.status === 'Open' && one.takerFeeRate === TAKER);
  const ticker = await get('getTicker', { symbol: S });
  check('getTicker: bid < ask', Number(ticker.bestBidPrice) < Number(ticker.bestAskPrice));
  equal('getAllTickers: the contracts', (await get('getAllTickers')).data.length, 8);
  const book = await get('getFullOrderBook', { symbol: S });
  const part = await get('getPartOrderBook', { symbol: S, size: '20' });
  equal('getPartOrderBook: levels', part.bids.length + part.asks.length, 40);
  check('getFullOrderBook: falls, rises, not crossed', book.bids.every((l, i) => !i || l[0] < book.bids[i - 1][0]) &&
    book.asks.every((l, i) => !i || l[0] > book.asks[i - 1][0]) && book.bids[0][0] < book.asks[0][0]);
  const trades = await get('getTradeHistory', { symbol: S });
  check('getTradeHistory: at most 100 trades, newest first', trades.data.length > 0 && trades.data.length <= 100 &&
    trades.data.every((t, i) => !i || t.ts <= trades.data[i - 1].ts));
  const bars = (await get('getKlines', { symbol: S, granularity: 1 })).data;
  check('getKlines: 500 rows a minute apart, low <= open, close <= high', bars.length === 500 &&
    bars.every(([t, o, h, l, c], i) => l <= Math.min(o, c) && h >= Math.max(o, c) && (!i || t - bars[i - 1][0] === 60000)));
  const index = (await get('getKlines', { symbol: '.KXBTUSDT', granularity: 1 })).data;
  near('getKlines of the index: near the price', index.at(-1)[4] / bars.at(-1)[4], 1, 0.01);
  const mark = await get('getMarkPrice', { symbol: S });
  near('getMarkPrice: near the last price', mark.value / Number(ticker.price), 1, 0.01);
  const spot = await get('getSpotIndexPrice', { symbol: '.KXBTUSDT' });
  near('getSpotIndexPrice: near the mark', spot.dataList[0].value / mark.value, 1, 0.01);
  check('getSpotIndexPrice: ten rows, more there', spot.dataList.length === 10 && spot.hasMore);
  const next = await get('getSpotIndexPrice', { symbol: '.KXBTUSDT', offset: spot.dataList.at(-1).timePoint });
  equal('getSpotIndexPrice: the offset goes on', next.dataList[0].timePoint, spot.dataList.at(-1).timePoint - 60000);
  equal('getInterestRateIndex: a day of USDT', (await get('getInterestRateIndex', { symbol: '.USDTINT' })).dataList[0].value, 0.0006);
  const premium = (await get('getPremiumIndex', { symbol: '.XBTUSDTMPI' })).dataList;
  check('getPremiumIndex: within 0.3 %', premium.every((r) => Math.abs(r.value) < 0.003), premium[0].value);
  check('get24hrStats: a turnover', (await get('get24hrStats')).turnoverOf24h > 0);
  near('getServerTime: the wall', (await get('getServerTime')).data, Date.now(), 2000);
  equal('getServiceStatus', (await get('getServiceStatus')).status, 'open');
  equal('getPublicToken: one server', (await get('getPublicToken')).instanceServers.length, 1);
  equal('getPrivateToken: one server', (await get('getPrivateToken')).instanceServers[0].pingInterval, 18000);
  const rate = await call(fees, 'getCurrentFundingRate', FundingFees, { symbol: S });
  check('getCurrentFundingRate: within the cap', Math.abs(rate.value) <= rate.fundingRateCap, rate.value);
  const past = await call(fees, 'getPublicFundingHistory', FundingFees,
    { symbol: S, from: rate.timePoint - 86400000, to: rate.timePoint });
  check('getPublicFundingHistory: every 8 h, newest first', past.data.length === 4 && past.data[0].fundingRate === rate.value &&
    past.data.every((r, i) => r.timepoint === rate.timePoint - i * 28800000));
  await refused('an unknown symbol', '100003', api.getTicker(Market.GetTickerReq.create({ symbol: 'NONE' })));
}

async function account(rest) {
  const { Account, Fee } = sdk.Account;
  const api = rest.getAccountService().getAccountApi();
  const key = await call(api, 'getApikeyInfo', Account, undefined, ['subName', 'siteType']);
  equal('getApikeyInfo: permission', key.permission, 'General,Futures');
  const overview = await call(api, 'getFuturesAccount', Account, { currency: 'USDT' });
  check('getFuturesAccount: 10000 free', overview.availableBalance === 10000 && overview.accountEquity === 10000);
  const fee = await call(rest.getAccountService().getFeeApi(), 'getFuturesActualFee', Fee, { symbol: S });
  check('getFuturesActualFee', fee.takerFeeRate === '0.0006' && fee.makerFeeRate === '0.0002');
  const ledger = await call(api, 'getFuturesLedger', Account, { currency: 'USDT' });
  check('getFuturesLedger: the deposit', ledger.dataList.length === 1 && ledger.dataList[0].amount === 10000);
  return api;
}

// Subscribes to everything; events[topic name] = what came.
async function sockets(c) {
  const events = {};
  const hear = (name) => (topic, subject, data) => {
    (events[name] ??= []).push({ topic, subject, data });
    // the SDK declares the members of position.change for every subject of a position
    const bad = /^position\.(settlement|adjustRiskLimit)$/.test(subject) ? [] :
      wrong(data, NULLS).filter((x) => !/\.stopPrice is string/.test(x));
    if (bad.length) (events.bad ??= []).push(`${name} ${subject}: ${bad.join('; ')}`);
  };
  const pub = c.wsService().newFuturesPublicWS(), priv = c.wsService().newFuturesPrivateWS();
  await limit('public socket', pub.start());
  await limit('private socket', priv.start());
  const subs = [
    [pub, 'announcement', S], [pub, 'execution', S], [pub, 'instrument', S], [pub, 'klines', S, '1min'],
    [pub, 'orderbookIncrement', S], [pub, 'orderbookLevel50', S], [pub, 'orderbookLevel5', S],
    [pub, 'symbolSnapshot', S], [pub, 'tickerV1', S], [pub, 'tickerV2', S],
    [priv, 'allOrder'], [priv, 'order', S], [priv, 'allPosition'], [priv, 'position', S], [priv, 'balance'],
    [priv, 'stopOrders'], [priv, 'marginMode'], [priv, 'crossLeverage'],
  ];
  const ids = [];
  for (const [ws, name, ...args] of subs)
    ids.push([ws, await limit(`subscribe ${name}`, ws[name](...args, hear(name)))]);
  check('every futures topic is subscribed', ids.length === 18);
  return { events, stop: async () => {
    for (const [ws, id] of ids) await limit('unsubscribe', ws.unSubscribe(id));
    await pub.stop();
    await priv.stop();
  } };
}

const draft = (more) => ({ clientOid: randomUUID(), symbol: S, side: 'buy', type: 'limit', leverage: 5, size: 2, ...more });

async function orders(api, market_, events) {
  const act = (method, req, may) => call(api, method, Order, req, may);
  const ticker = await market_.getTicker(Market.GetTickerReq.create({ symbol: S }));
  const far = (Math.round(Number(ticker.bestBidPrice) * 9.7) / 10).toFixed(1), bid = Number(ticker.bestBidPrice);
  const req = draft({ price: far });
  const test = await act('addOrderTest', req);
  await refused('a test order does not exist', '100001', api.getOrderByOrderId(Order.GetOrderByOrderIdReq.create({ order_id: test.orderId })));
  const made = await act('addOrder', req);
  check('addOrder: an 18-digit id, the clientOid', /^\d{18}$/.test(made.orderId) && made.clientOid === req.clientOid);
  await refused('addOrder again: 300018', '300018', api.addOrder(Order.AddOrderReq.create(req)));
  const byId = await act('getOrderByOrderId', { order_id: made.orderId });
  check('getOrderByOrderId: open, as asked', byId.status === 'open' && byId.isActive && Number(byId.price) === Number(far) &&
    byId.size === 2 && byId.leverage === '5' && byId.marginMode === 'ISOLATED' && byId.timeInForce === 'GTC');
  equal('getOrderByClientOid: the same', (await act('getOrderByClientOid', { clientOid: req.clientOid })).id, made.orderId);
  const list = await act('getOrderList', { status: 'active', symbol: S });
  check('getOrderList: one open order', list.totalNum === 1 && list.items[0].id === made.orderId && list.currentPage === 1);
  const open = await act('getOpenOrderValue', { symbol: S });
  check('getOpenOrderValue: 2 lots and their value', open.openOrderBuySize === 2 &&
    Math.abs(Number(open.openOrderBuyCost) - 2 * MULTIPLIER * Number(far)) < 1e-9, open.openOrderBuyCost);
  await limit('the push of it', until('allOrder', async () => events.allOrder?.some((e) => e.data.orderId === made.orderId)));
  equal('order topic: event open', (await until('order', async () =>
    events.order?.find((e) => e.data.orderId === made.orderId))).data.type, 'open');
  equal('cancelOrderById', (await act('cancelOrderById', { orderId: made.orderId })).cancelledOrderIds[0], made.orderId);
  await refused('cancel again: 100004', '100004', api.cancelOrderById(Order.CancelOrderByIdReq.create({ orderId: made.orderId })));
  const oid = draft({ price: far });
  await api.addOrder(Order.AddOrderReq.create(oid));
  equal('cancelOrderByClientOid', (await act('cancelOrderByClientOid', { symbol: S, clientOid: oid.clientOid })).clientOid, oid.clientOid);

  calls.add('batchAddOrders');
  const batch = sound('batchAddOrders', await api.batchAddOrders(Order.BatchAddOrdersReq.create({ items: [
    Order.BatchAddOrdersItem.create(draft({ price: far })), Order.BatchAddOrdersItem.create(draft({ price: far })),
    Order.BatchAddOrdersItem.create(draft({ price: far, size: 1000000, leverage: 1 }))] })));
  equal('batchAddOrders: its codes', batch.data.map((r) => r.code).join(), '200000,200000,300003');
  const ids = batch.data.slice(0, 2).map((r) => r.orderId);
  const many = await act('batchCancelOrders', { orderIdsList: [ids[0], '300100200399999999'] });
  equal('batchCancelOrders: its codes', many.data.map((r) => r.code).join(), '200,100004');
  const v3 = await act('cancelAllOrdersV3', { symbol: S });
  equal('cancelAllOrdersV3: the other', v3.cancelledOrderIds.join(), ids[1]);
  equal('cancelAllOrdersV1: none left', (await act('cancelAllOrdersV1', { symbol: S })).cancelledOrderIds.length, 0);

  const stop = draft({ side: 'sell', type: 'market', stop: 'down', stopPriceType: 'MP', stopPrice: far, price: undefined });
  const stopId = (await api.addOrder(Order.AddOrderReq.create(stop))).orderId;
  const stops = await act('getStopOrderList', { symbol: S });
  check('getStopOrderList: the stop on the mark', stops.totalNum === 1 && stops.items[0].id === stopId &&
    stops.items[0].stop === 'down' && stops.items[0].stopPriceType === 'MP' && Number(stops.items[0].stopPrice) === Number(far));
  equal('stopOrders topic: open', (await until('stopOrders', async () =>
    events.stopOrders?.find((e) => e.data.orderId === stopId))).data.type, 'open');
  equal('cancelAllStopOrders', (await act('cancelAllStopOrders', { symbol: S })).cancelledOrderIds.join(), stopId);

  const tpsl = await act('addTPSLOrder', draft({ type: 'market', price: undefined, size: 3, stopPriceType: 'TP',
    triggerStopUpPrice: (bid * 1.03).toFixed(1), triggerStopDownPrice: (bid * 0.97).toFixed(1) }));
  const two = await act('getStopOrderList', { symbol: S });
  check('addTPSLOrder: two closing stops came with its fill', two.totalNum === 2 && two.items.every((o) => o.closeOrder && o.side === 'sell'));
  const done = await until('the entry', async () => {
    const o = await api.getOrderByOrderId(Order.GetOrderByOrderIdReq.create({ order_id: tpsl.orderId }));
    return o.status === 'done' && o;
  });
  check('addTPSLOrder: filled', done.dealSize === 3 && Number(done.avgDealPrice) > 0 && done.stop === '', done.avgDealPrice);
  return Number(done.dealValue);
}

async function positions(api, orderApi, acc, value) {
  const act = (method, req, may) => call(api, method, Positions, req, may);
  const p = await act('getPositionDetails', { symbol: S });
  check('getPositionDetails: long 3 at its value', p.isOpen && p.currentQty === 3 && Math.abs(p.posCost - value) < 1e-9);
  near('posInit = value / 5', p.posInit, value / 5, 1e-8);
  near('realisedPnl = - fee', p.realisedPnl, -value * TAKER, 1e-9);
  near('liquidationPrice: (E n - W) / (n (1 - mmr - lfr))', p.liquidationPrice,
    (value - p.posMargin) / (3 * MULTIPLIER * (1 - 0.004 - TAKER)), 1e-6);
  const list = await act('getPositionList', { currency: 'USDT' });
  equal('getPositionList: that one', list.data.map((x) => x.symbol).join(), S);
  const add = await act('addIsolatedMargin', { symbol: S, margin: 10, bizNo: randomUUID() },
    ['riskRate', 'maintainMargin', 'userId']);
  near('addIsolatedMargin: 10 more', add.posMargin, p.posMargin + 10, 1e-9);
  const most = await act('getMaxWithdrawMargin', { symbol: S });
  check('getMaxWithdrawMargin: at most what was added', Number(most.data) <= 10 && Number(most.data) > 5, most.data);
  equal('removeIsolatedMargin', (await act('removeIsolatedMargin', { symbol: S, withdrawAmount: '4' })).data, '4');
  await refused('more than that', '300003', api.removeIsolatedMargin(Positions.RemoveIsolatedMarginReq.create({ symbol: S, withdrawAmount: '7' })));
  near('posMargin after both', (await api.getPositionDetails(Positions.GetPositionDetailsReq.create({ symbol: S }))).posMargin, p.posMargin + 6, 1e-9);
  equal('getMarginMode', (await act('getMarginMode', { symbol: S })).marginMode, 'ISOLATED');
  equal('switchMarginMode', (await act('switchMarginMode', { symbol: S, marginMode: 'ISOLATED' })).marginMode, 'ISOLATED');
  await refused('switchMarginMode: no cross here', '100001',
    api.switchMarginMode(Positions.SwitchMarginModeReq.create({ symbol: S, marginMode: 'CROSS' })));
  const modes = await act('batchSwitchMarginMode', { marginMode: 'ISOLATED', symbols: [S, E] });
  check('batchSwitchMarginMode: both, no error', modes.marginMode[S] === 'ISOLATED' && modes.marginMode[E] === 'ISOLATED' && modes.errors.length === 0);
  const size = await act('getMaxOpenSize', { symbol: S, price: '90000', leverage: 5 });
  const free = (await acc.getFuturesAccount(sdk.Account.Account.GetFuturesAccountReq.create({ currency: 'USDT' }))).availableBalance;
  near('getMaxOpenSize: available / (value x (1/5 + fee))', size.maxBuyOpenSize, Math.floor(free / (90 * (0.2 + TAKER))), 0);
  equal('modifyMarginLeverage', (await act('modifyMarginLeverage', { symbol: S, leverage: '7' })).data, true);
  equal('getCrossMarginLeverage', (await act('getCrossMarginLeverage', { symbol: S })).leverage, '7');
  const cross = await act('getCrossMarginRiskLimit', { symbol: `${S},${E}`, totalMargin: '1000', leverage: 10 });
  equal('getCrossMarginRiskLimit: value = margin x leverage', cross.data.map((r) => `${r.symbol} ${r.maxOpenValue}`).join(), `${S} 10000,${E} 10000`);
  const tiers = await act('getIsolatedMarginRiskLimit', { symbol: S });
  check('getIsolatedMarginRiskLimit: the published tiers', tiers.data.length === 12 && tiers.data[1].maxRiskLimit === 500000 &&
    tiers.data[1].maxLeverage === 100 && tiers.data[1].maintainMargin === 0.005);
  equal('modifyIsolatedMarginRiskLimt', (await act('modifyIsolatedMarginRiskLimt', { symbol: S, level: 2 })).data, true);
  const tier2 = await api.getPositionDetails(Positions.GetPositionDetailsReq.create({ symbol: S }));
  check('risk level 2: maintenance 0.005', tier2.maintMarginReq === 0.005 && tier2.riskLimit === 500000);
  equal('modifyAutoDepositStatus', (await act('modifyAutoDepositStatus', { symbol: S, status: true })).data, true);
  equal('autoDeposit is shown', (await api.getPositionDetails(Positions.GetPositionDetailsReq.create({ symbol: S }))).autoDeposit, true);
}

async function ending(apis, value, events) {
  const { order, positions: pos, fees, acc } = apis;
  const funding = await until('funding', async () => {
    const h = await fees.getPrivateFundingHistory(FundingFees.GetPrivateFundingHistoryReq.create({ symbol: S }));
    return h.dataList.length > 0 && h;
  }, 90000, 1000);
  calls.add('getPrivateFundingHistory');
  const row = sound('getPrivateFundingHistory', funding).dataList[0];
  near('funding = - value at mark x rate', row.funding, fundingOf(3 * MULTIPLIER, row.markPrice, row.fundingRate), 1e-10);
  const close = await order.addOrder(Order.AddOrderReq.create({ clientOid: randomUUID(), symbol: S, type: 'market', closeOrder: true }));
  const row0 = await until('the closed position', async () => {
    const h = await pos.getPositionsHistory(Positions.GetPositionsHistoryReq.create({ symbol: S }));
    return h.items.length > 0 && sound('getPositionsHistory', h).items[0];
  });
  calls.add('getPositionsHistory');
  const fills = (await call(order, 'getTradeHistory', Order, { symbol: S })).items;
  const exit = fills.filter((f) => f.orderId === close.orderId);
  equal('getTradeHistory: 3 lots bought, 3 sold', fills.map((f) => f.side === 'buy' ? f.size : -f.size).reduce((a, b) => a + b), 0);
  const out = exit.reduce((s, f) => s + Number(f.value), 0), paid = fills.reduce((s, f) => s + Number(f.fee), 0);
  near('fees = 0.0006 of both values', paid, (value + out) * TAKER, 1e-9);
  near('pnl of the closed position', Number(row0.pnl), out - value - paid + row.funding, 1e-9);
  equal('its type', row0.type, 'CLOSE_LONG');
  equal('getRecentTradeHistory: the same fills', (await call(order, 'getRecentTradeHistory', Order, { symbol: S })).data.length, fills.length);
  const closed = (await call(order, 'getRecentClosedOrders', Order, { symbol: S })).data;
  check('getRecentClosedOrders: the close first', closed[0].id === close.orderId && closed.every((o) => o.status === 'done'));
  const end = await acc.getFuturesAccount(sdk.Account.Account.GetFuturesAccountReq.create({ currency: 'USDT' }));
  near('balance = 10000 + pnl', end.accountEquity, 10000 + Number(row0.pnl), 1e-9);
  equal('availableBalance = accountEquity', end.availableBalance, end.accountEquity);
  const ledger = await acc.getFuturesLedger(sdk.Account.Account.GetFuturesLedgerReq.create({ currency: 'USDT', maxCount: 100 }));
  near('the ledger adds up to the balance', ledger.dataList.reduce((s, r) => s + r.amount, 0), end.accountEquity, 1e-8);
  const wallet = await until('the last wallet push', async () => {
    const e = events.balance?.at(-1)?.data;
    return e && Math.abs(Number(e.walletBalance) - end.accountEquity) < 1e-9 && e;
  });
  equal('balance topic: nothing held', [wallet.isolatedPosMargin, wallet.isolatedOrderMargin, wallet.isolatedUnPnl].map(Number).join(), '0,0,0');
}

async function heard(events) {
  const of = (name) => events[name] ?? [];
  await until('one event of each public topic', async () => ['announcement', 'execution', 'instrument', 'klines', 'orderbookIncrement',
    'orderbookLevel50', 'orderbookLevel5', 'symbolSnapshot', 'tickerV1', 'tickerV2'].every((n) => of(n).length > 0), 90000);
  check('announcement: begin and end of the funding', ['funding.begin', 'funding.end'].every((s) => of('announcement').some((e) => e.subject === s)));
  check('instrument: mark and funding rate', ['mark.index.price', 'funding.rate'].every((s) => of('instrument').some((e) => e.subject === s)));
  const seq = of('orderbookIncrement').map((e) => e.data.sequence);
  check('orderbookIncrement: no gap', seq.every((s, i) => !i || s === seq[i - 1] + 1), `${seq.length} changes`);
  check('orderbookLevel50: 50 levels a side', of('orderbookLevel50').every((e) => e.data.bids.length === 50 && e.data.asks.length === 50));
  check('orderbookLevel5: 5 levels a side', of('orderbookLevel5').every((e) => e.data.bids.length === 5 && e.data.asks.length === 5));
  check('klines: seven strings', of('klines').every((e) => e.data.candles.length === 7 && e.data.candles.every((x) => typeof x === 'string')));
  const match = of('allOrder').filter((e) => e.data.type === 'match');
  check('allOrder: a match as taker', match.some((e) => e.data.liquidity === 'taker' && e.data.feeType === 'takerFee'));
  check('allOrder: filled, canceled, open came too', ['filled', 'canceled', 'open'].every((t) => of('allOrder').some((e) => e.data.type === t)));
  check('order topic: the same events', of('order').length === of('allOrder').length, of('order').length);
  for (const name of ['position', 'allPosition'])
    check(`${name}: change and settlement`, ['position.change', 'position.settlement', 'position.adjustRiskLimit'].every((s) =>
      of(name).some((e) => e.subject === s)));
  const settled = of('position').find((e) => e.subject === 'position.settlement').data;
  check('position.settlement: its members', settled.qty === 3 && typeof settled.fundingRate === 'number' && settled.markPrice > 0 &&
    settled.ts > 1e18 && settled.settleCurrency === 'USDT' && Math.abs(settled.fundingFee - fundingOf(3 * MULTIPLIER, settled.markPrice, settled.fundingRate)) < 1e-10);
  const adjusted = of('position').find((e) => e.subject === 'position.adjustRiskLimit').data;
  check('position.adjustRiskLimit: level 2', adjusted.success === true && adjusted.riskLimitLevel === 2 && adjusted.msg === '');
  check('stopOrders: open and cancel', ['open', 'cancel'].every((t) => of('stopOrders').some((e) => e.data.type === t)));
  check('marginMode: ISOLATED', of('marginMode').some((e) => e.data[S] === 'ISOLATED' || e.data.data?.[S] === 'ISOLATED'),
    JSON.stringify(of('marginMode')[0]?.data));
  check('crossLeverage: 7', JSON.stringify(of('crossLeverage')[0]?.data).includes('"leverage":"7"'), JSON.stringify(of('crossLeverage')[0]?.data));
}

// The market begins half a minute before a funding settlement.
const ok = await onPaper(process.argv[2], ['--speed', '1', '--seed', '7', '--start', '2025-11-21T07:59:30Z'], async (at) => {
  const c = client(at), rest = c.restService(), futures = rest.getFuturesService();
  const apis = { market: futures.getMarketApi(), order: futures.getOrderApi(), positions: futures.getPositionsApi(),
    fees: futures.getFundingFeesApi() };
  const ws = await sockets(c);
  await market(apis.market, apis.fees);
  apis.acc = await account(rest);
  const value = await orders(apis.order, apis.market, ws.events);
  await positions(apis.positions, apis.order, apis.acc, value);
  await ending(apis, value, ws.events);
  await heard(ws.events);
  check('every field of every event of the declared type', !ws.events.bad, ws.events.bad?.slice(0, 3).join(' | '));
  await ws.stop();
  const known = [apis.market, apis.order, apis.positions, apis.fees].flatMap((a) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(a)).filter((m) => m !== 'constructor'));
  const missed = known.filter((m) => !calls.has(m));
  check(`all ${known.length} futures calls of the SDK were made`, missed.length === 0, missed.join(' '));
});
process.exit(ok ? 0 : 1);
