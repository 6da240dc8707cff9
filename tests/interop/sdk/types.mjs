// What the SDK's own declarations say of an answer: each field there, of the declared JSON type, each enum's value
// among those that the SDK knows.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const declared = new Map();     // class and group/class -> [{ name, optional, type }]

function read(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) read(path);
    else if (/^model_.*\.d\.ts$/.test(name)) readModel(readFileSync(path, 'utf8'), dir.split('/').at(-1));
  }
}

function readModel(text, group) {
  text = text.replace(/\/\*\*[\s\S]*?\*\//g, '');
  for (const [, cls, body] of text.matchAll(/export declare class (\w+)[^{]*\{([\s\S]*?)\n\}/g)) {
    const fields = [...body.matchAll(/^ {4}(\w+)(\??): (.*);$/gm)]
      .map(([, name, optional, type]) => ({ name, optional: optional === '?', type }))
      .filter((f) => f.name !== 'commonResponse');
    declared.set(cls, fields).set(`${group}/${cls}`, fields);
  }
}

read('node_modules/kucoin-universal-sdk/dist/generate/futures');
read('node_modules/kucoin-universal-sdk/dist/generate/account');

function wrongValue(path, v, type, cls, may) {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) {
    if (!Array.isArray(v)) return [`${path} is no array`];
    return v.flatMap((x, i) => wrongValue(`${path}[${i}]`, x, array[1], cls, may));
  }
  if (type === 'string' || type === 'number' || type === 'boolean')
    return typeof v === type ? [] : [`${path} is ${typeof v} ${JSON.stringify(v)}, not ${type}`];
  const inner = /^\w+\.(\w+)$/.exec(type);
  if (inner && cls?.[inner[1]]) {
    const values = Object.values(cls[inner[1]]);
    return values.includes(v) ? [] : [`${path} is ${JSON.stringify(v)}, not one of ${values.join(' ')}`];
  }
  if (declared.has(type)) return wrongObject(path, v, declared.get(type), v?.constructor, may);
  return v !== undefined && v !== null ? [] : [`${path} is missing`];
}

function wrongObject(path, v, fields, cls, may) {
  if (v === null || typeof v !== 'object') return [`${path} is no object`];
  return fields.flatMap((f) => {
    const x = v[f.name], at = `${path}.${f.name}`;
    if (may.has(f.name) && (x === null || x === undefined)) return [];
    if (x === undefined || x === null) return f.optional ? [] : [`${at} is ${x}`];
    return wrongValue(at, x, f.type, cls, may);
  });
}

// The list of what is wrong with an answer or an event; `may` names fields that may be null here, `group` the folder
// of a class whose name stands twice.
export function wrong(v, may = [], group = '') {
  const name = v?.constructor?.name, fields = declared.get(`${group}/${name}`) ?? declared.get(name);
  return fields ? wrongObject(name, v, fields, v.constructor, new Set(may)) : [`${name} is not declared`];
}
