// An enigma-paper of its own for a driver, and the checks that drivers print.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export let failed = 0;
export let held = 0;

// Prints and counts a check; true when it holds.
export function check(what, ok, value = '') {
  if (ok) held++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what} ${value}`);
  return ok;
}

export const equal = (what, got, want) => check(what, got === want, got === want ? got : `${got}, not ${want}`);
/* What a funding costs: to 8 places, in the exchange's favour. */
export const fundingOf = (size, mark, rate) => -Math.ceil(size * mark * rate * 1e8 - 1e-6) / 1e8;
export const near = (what, got, want, by = 1e-9) =>
  check(what, Math.abs(got - want) <= by, Math.abs(got - want) <= by ? got : `${got}, not ${want}`);

export async function until(what, fn, ms = 30000, pause = 50) {
  const end = Date.now() + ms;
  for (;;) {
    const v = await fn();
    if (v) return v;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((r) => setTimeout(r, pause));
  }
}

export const limit = (what, promise, ms = 30000) => Promise.race([promise, new Promise((_, no) => {
  setTimeout(() => no(new Error(`timed out: ${what}`)), ms).unref();
})]);

// Runs fn({ base, key, admin }) against a fresh exchange and ends it; true when every check held.
export async function onPaper(program, args, fn) {
  const dir = mkdtempSync(join(tmpdir(), 'enigma-interop-'));
  const paper = spawn(program, ['--instance', dir, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let ended = false;
  process.on('exit', () => paper.kill('SIGKILL'));    // whatever ends us, nothing is left running
  process.on('SIGTERM', () => process.exit(1)).on('SIGINT', () => process.exit(1));
  paper.on('exit', (code) => { ended = true; equal('enigma-paper ended with', code, 0); });
  try {
    const port = (name) => readFileSync(join(dir, `sock/${name}`), 'utf8').trim();
    await until('the ports', async () => {
      if (ended) throw new Error('enigma-paper ended');
      return existsSync(join(dir, 'sock/paper.admin.port'));
    });
    const text = readFileSync(join(dir, 'etc/keys/paper-account.conf'), 'utf8');
    const admin = `http://127.0.0.1:${port('paper.admin.port')}`;
    await fn({
      dir, base: `http://127.0.0.1:${port('paper.port')}`,
      key: Object.fromEntries([...text.matchAll(/^(\w+) = (.*)$/gm)].map((m) => [m[1], m[2]])),
      admin: async (path, body) => (await fetch(admin + path, body === undefined ? {} :
        { method: 'POST', body: JSON.stringify(body) })).json(),
    });
  } catch (e) {
    check('no exception', false, e.stack ?? e);
  } finally {
    if (!ended) {
      const gone = new Promise((r) => paper.once('exit', r));
      paper.kill('SIGTERM');
      await gone;
    }
    rmSync(dir, { recursive: true, force: true });
  }
  console.log(failed === 0 ? `all ${held} checks hold, 0 skipped` : `${failed} checks failed, ${held} held`);
  return failed === 0;
}
