// A client of another language on the bus: reads, asks, and is refused what it may not say.
//   usage: node check.mjs INSTANCE-DIR
import {readFileSync, existsSync} from 'node:fs'
import {randomUUID} from 'node:crypto'
import {isDeepStrictEqual} from 'node:util'
import {Publisher, Subscriber} from 'zeromq'
import {Encoder, Decoder} from '@msgpack/msgpack'

const vectors = new URL('../../../proto/vectors/envelope.json', import.meta.url)
process.chdir(process.argv[2] ?? 'run/paper')

const PARTIES = ['orchestrator', 'data', 'signal', 'risk', 'execution', 'optimizer', 'audit', 'broker', 'operator', 'guest']
const CLASSES = ['V', 'L', 'D1', 'D2']
const decode = b => new Decoder().decode(b)
const step = text => console.log('ok  ', text)
const fail = text => { console.log('FAIL', text); process.exit(1) }
setTimeout(() => fail('not done after 30 s'), 30000).unref()

const key = (name, which, secret) => {
  const text = readFileSync(`etc/keys/${name}.cert${secret ? '_secret' : ''}`, 'utf8')
  return text.match(new RegExp(`${which}-key = "(.{40})"`))[1]
}
const curve = {curveServerKey: key('broker', 'public'), curvePublicKey: key('guest', 'public', true),
  curveSecretKey: key('guest', 'secret', true), linger: 0}

function readHeader(h) {
  if (h.length !== 40 || h[0] !== 1) throw new Error('header')
  return {version: h[0], class: CLASSES[h[1]], sender: PARTIES[h[2]], epoch: h.readUInt32LE(4),
    seq: Number(h.readBigUInt64LE(8)), sent_ns: h.readBigInt64LE(16), ttl_ms: h.readUInt32LE(24)}
}
function writeHeader(cls, seq) {
  const h = Buffer.alloc(40)
  h[0] = 1; h[1] = CLASSES.indexOf(cls); h[2] = PARTIES.indexOf('guest')
  h.writeUInt32LE(1, 4); h.writeBigUInt64LE(BigInt(seq), 8); h.writeBigInt64LE(BigInt(now) * 1000000n, 16)
  return h
}
let now = Date.now()
const body = (to, type, action, payload) => Buffer.from(new Encoder({forceIntegerToFloat: false}).encode(
  {id: randomUUID(), from: 'guest', to, type, action, payload, timestamp: now = Date.now(), priority: 'NORMAL'}))

function listen(prefix) {
  const sock = new Subscriber({...curve, receiveTimeout: 5000})
  sock.connect('ipc://sock/event.sub')
  for (const p of [].concat(prefix)) sock.subscribe(p)
  return sock
}
async function next(sock, wanted) {
  for (;;) {
    const [topic, header, b] = await sock.receive()
    const m = {topic: topic.toString(), header: readHeader(header), body: decode(b)}
    if (m.header.sender !== m.body.from) fail(`header and body disagree about ${m.topic}`)
    if (wanted(m)) return m
  }
}

// The vectors: what is on the wire, decoded by this language's own library.
if (existsSync(vectors)) {
  const parsed = JSON.parse(readFileSync(vectors, 'utf8').replace(/("\w*_ns": )(-?\d+)/g, '$1"$2n"'))
  const plain = (v, k = '') => k.endsWith('_ns') && v !== null ? `${v}n` :
    v instanceof Uint8Array ? {hex: Buffer.from(v).toString('hex')} :
    Array.isArray(v) ? v.map(x => plain(x)) : typeof v === 'bigint' ? Number(v) :
    v !== null && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([n, x]) => [n, plain(x, n)])) : v
  const good = parsed.filter(v => !v.error)
  for (const v of good) {
    const header = plain(readHeader(Buffer.from(v.header_hex, 'hex')))
    const read = plain(new Decoder({useBigInt64: true}).decode(Buffer.from(v.body_hex, 'hex')))
    if (!isDeepStrictEqual(header, v.decoded.header)) fail(`vector ${v.name}: header ${JSON.stringify(header)}`)
    if (!isDeepStrictEqual(read, v.decoded.body)) fail(`vector ${v.name}: body ${JSON.stringify(read)}`)
  }
  step(`${good.length} vectors decode to what they say`)
}

const all = listen(['agent.hb', 'broker.stats', 'health.degraded', 'agent.guest.'])
const second = listen(['risk.approved', 'agent.hb'])
const pub = new Publisher(curve)
pub.connect('ipc://sock/event.pub')

const beats = new Set()
while (beats.size < 2) beats.add((await next(all, m => m.topic === 'agent.hb')).body.from)
step(`read heartbeats of ${[...beats].join(', ')} with CURVE`)
const before = (await next(all, m => m.topic === 'broker.stats')).body.payload.refused

const request = body('audit', 'REQUEST', 'agent.status', {v: 1})
const id = decode(request).id
await pub.send(['agent.audit', writeHeader('V', 1), request])
const reply = await next(all, m => m.topic.startsWith('agent.guest.') && m.body.correlationId === id)
if (reply.body.type !== 'RESPONSE' || reply.body.from !== 'audit') fail(JSON.stringify(reply.body))
step(`audit answered ${reply.body.action} on ${reply.topic}: ${reply.body.payload.life}`)

let leaked = 0, listened = 0
const watching = (async () => {
  for await (const [topic] of second)
    topic.toString() === 'risk.approved' ? leaked++ : listened++
})().catch(() => {})
for (let i = 1; i <= 7; i++)
  await pub.send(['risk.approved', writeHeader('D2', i), body('*', 'EVENT', 'risk.approved', {v: 1})])
const health = await next(all, m => m.topic === 'health.degraded' && m.body.payload.sender === 'guest')
if (health.body.payload.topic !== 'risk.approved') fail(`health.degraded names ${health.body.payload.topic}`)
step(`health.degraded names sender guest and topic risk.approved (${health.body.payload.code})`)
await next(all, m => m.topic === 'broker.stats' && m.body.payload.refused >= before + 7)
const after = (await next(all, m => m.topic === 'broker.stats')).body.payload.refused
if (after !== before + 7) fail(`refused rose by ${after - before}, not 7`)
step(`broker.stats refused rose by exactly 7 (${before} to ${after})`)
if (listened === 0) fail('the second subscriber heard nothing at all')
if (leaked > 0) fail(`the second subscriber received ${leaked} risk.approved`)
step(`the second subscriber heard ${listened} heartbeats and no risk.approved`)
second.close(); all.close(); pub.close()
await watching
process.exit(0)
