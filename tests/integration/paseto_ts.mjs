// Tokens of ours read by paseto-ts, and tokens of paseto-ts read by ours: local and public, with footer and implicit assertion.
//
//   node paseto_ts.mjs PROGRAM MODULE     PROGRAM is paseto_interop, MODULE the path of paseto-ts' v4 module
//
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const [program, module] = process.argv.slice(2);
const { encrypt, decrypt, sign, verify } = await import(pathToFileURL(module).href);

function ours(...args) {
    const result = spawnSync(program, args, { encoding: 'utf8' });
    assert.equal(result.error, undefined);
    assert.ok(result.status === 0 || result.status === 1, `${args[0]}: ${result.status} ${result.signal} ${result.stderr}`);
    return result.stdout.trimEnd();
}

const iso = (milliseconds) => new Date(milliseconds).toISOString();
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const local = ours('key', 'local');
const secret = ours('key', 'secret');
const half = ours('public', secret);

// Each way: the keys of both sides, and how paseto-ts makes and reads its tokens.
const ways = [
    { name: 'local', issuing: local, verifying: local, kid: ours('id', local), make: (...a) => encrypt(local, ...a),
      read: (...a) => decrypt(local, ...a) },
    { name: 'public', issuing: secret, verifying: half, kid: ours('id', half), make: (...a) => sign(secret, ...a),
      read: (...a) => verify(half, ...a) },
];

const issued = Date.now();
const hold = issued + 600000;
const valid = issued + 660000;
const reservation = '000102030405060708090a0b0c0d0eff';

// Users as bytes, with the claim that must hold them.
const users = [
    { bytes: Buffer.from('alice'), claim: { sub: 'alice' } },
    { bytes: Buffer.from('秒杀 "😀" \\ </script>'), claim: { sub: '秒杀 "😀" \\ </script>' } },
    { bytes: Buffer.from([0, 255, 10]), claim: { sub64: Buffer.from([0, 255, 10]).toString('base64url') } },
];

function claimsOf(user) {
    return { ...user.claim, aud: '618-2026/10001', jti: reservation, iat: iso(issued), hold: iso(hold), exp: iso(valid), qty: 2,
             price: Number.MAX_SAFE_INTEGER };
}

function issueOurs(way, user, purpose = 'reservation') {
    return ours('issue', way.issuing, purpose, hex(user.bytes), '618-2026', '10001', reservation, '2',
                String(Number.MAX_SAFE_INTEGER), String(issued), String(hold), String(valid));
}

function changed(token) {
    const at = token.lastIndexOf('.') - 30;
    return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

function readsOurs(way, user) {
    const token = issueOurs(way, user);
    const { payload, footer } = way.read(token, { assertion: 'reservation' });
    assert.deepEqual(payload, claimsOf(user));
    assert.deepEqual(footer, { kid: way.kid });
    assert.throws(() => way.read(token, { assertion: 'session' }));
    assert.throws(() => way.read(token));
    assert.throws(() => way.read(changed(token), { assertion: 'reservation' }));
}

function readsOurSession(way) {
    const { payload } = way.read(issueOurs(way, users[0], 'session'), { assertion: 'session' });
    assert.deepEqual(payload, { sub: 'alice', iat: iso(issued), exp: iso(valid) });
}

// Another set of claims: a place in the queue.
const place = { aud: '618-2026/10001', jti: reservation, qty: 2, shard: 1023, epoch: Number.MAX_SAFE_INTEGER, n: 77,
                iat: iso(issued), exp: iso(valid) };
const placeFields = ['618-2026', '10001', reservation, '2', '1023', String(Number.MAX_SAFE_INTEGER), '77', String(issued),
                     String(valid)];

function ticketsBothWays(way, user) {
    const ticket = ours('ticket', way.issuing, hex(user.bytes), ...placeFields);
    const { payload } = way.read(ticket, { assertion: 'ticket' });
    assert.deepEqual(payload, { ...user.claim, ...place });
    assert.throws(() => way.read(ticket, { assertion: 'reservation' }));
    const options = { footer: { kid: way.kid }, assertion: 'ticket' };
    assert.deepEqual(verifyOurs(way, way.make({ ...user.claim, ...place }, options), { purpose: 'ticket' }),
                     ['ok', hex(user.bytes), ...placeFields]);
    assert.deepEqual(verifyOurs(way, way.make(claimsOf(user), options), { purpose: 'ticket' }), ['token_claims']);
}

// What our side says of a token: its status, then its fields.
function verifyOurs(way, token, { purpose = 'reservation', now = issued } = {}) {
    return ours('verify', way.verifying, purpose, String(now), token).split('\n');
}

function oursReads(way, user) {
    const options = { footer: { kid: way.kid }, assertion: 'reservation' };
    const token = way.make(claimsOf(user), options);
    assert.deepEqual(verifyOurs(way, token),
                     ['ok', hex(user.bytes), '618-2026', '10001', reservation, '2', String(Number.MAX_SAFE_INTEGER),
                      String(issued), String(hold), String(valid)]);
    assert.deepEqual(verifyOurs(way, token, { purpose: 'ticket' }), ['token_purpose']);
    assert.deepEqual(verifyOurs(way, token, { now: valid + 1 }), ['token_expired']);
    assert.deepEqual(verifyOurs(way, changed(token)), ['token_forged']);
    assert.deepEqual(verifyOurs(way, token.slice(0, -1)), ['token_truncated']);
}

function oursRefuses(way) {
    const claims = claimsOf(users[0]);
    const status = (payload, options) => verifyOurs(way, way.make(payload, options))[0];
    const footer = { kid: way.kid };
    assert.equal(status(claims, { footer, assertion: 'reservation' }), 'ok');
    assert.equal(status(claims, { footer, assertion: 'another' }), 'token_forged');
    assert.equal(status(claims, { footer }), 'token_forged');
    assert.equal(status(claims, { footer: { kid: ours('id', ours('key', 'local')) }, assertion: 'reservation' }), 'token_key');
    assert.equal(status(claims, { footer: 'no json', assertion: 'reservation' }), 'token_key');
    assert.equal(status(claims, { assertion: 'reservation' }), 'token_truncated');
    assert.equal(status({ ...claims, nbf: iso(issued) }, { footer, assertion: 'reservation' }), 'token_claims');
    assert.equal(status({ ...claims, qty: '2' }, { footer, assertion: 'reservation' }), 'token_claims');
    assert.equal(status({ ...claims, sub: undefined }, { footer, assertion: 'reservation' }), 'token_claims');
}

for (const way of ways) {
    for (const user of users) {
        readsOurs(way, user);
        oursReads(way, user);
        ticketsBothWays(way, user);
    }
    readsOurSession(way);
    oursRefuses(way);
    console.log(`v4.${way.name}: read in both directions`);
}
