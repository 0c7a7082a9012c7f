// Challenges of a running front solved by altcha-lib, the answers judged by both; and a challenge of altcha-lib's, with the same
// key and the same salt, solved and judged by the front.
//
//   node altcha_lib.mjs MODULE URL SESSION KEY_FILE     MODULE is the path of altcha-lib's v1 module
//
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, url, session, keyFile] = process.argv.slice(2);
const { createChallenge, extractParams, solveChallenge, verifySolution } = await import(pathToFileURL(module).href);
const key = readFileSync(keyFile, 'utf8').trim();
const headers = { Authorization: `Bearer ${session.trim()}`, 'Content-Type': 'application/json' };

async function challengeOf(activity) {
    const response = await fetch(`${url}/v1/captcha?activity=${activity}`, { headers });
    assert.equal(response.status, 200);
    return response.json();
}

async function solve({ algorithm, challenge, salt, signature, maxnumber }) {
    const solution = await solveChallenge(challenge, salt, algorithm, maxnumber).promise;
    assert.ok(solution);
    return { algorithm, challenge, number: solution.number, salt, signature, took: solution.took };
}

const encode = (payload) => btoa(JSON.stringify(payload));

async function ask(id, captcha) {
    const response = await fetch(`${url}/v1/activities/s/items/one/requests`,
                                 { method: 'POST', headers, body: JSON.stringify({ request_id: id, captcha }) });
    const { code, state } = await response.json();
    return [response.status, code ?? state];
}

// Ours, solved by altcha-lib.
const challenge = await challengeOf('s');
assert.deepEqual(Object.keys(challenge).sort(), ['algorithm', 'challenge', 'maxnumber', 'salt', 'signature']);
assert.equal(challenge.maxnumber, 2000);
const answer = await solve(challenge);
const { a, expires, u } = extractParams(answer);
assert.equal(a, 's');
assert.ok(Number(expires) > Date.now() / 1000 && Number(expires) <= Date.now() / 1000 + 601);
assert.match(u, /^[0-9a-f]{32}$/);
assert.equal(await verifySolution(encode(answer), key), true);
assert.equal(await verifySolution(encode(answer), key.replace(/.$/, '!')), false);
assert.equal(await verifySolution(encode({ ...answer, number: answer.number + 1 }), key), false);
assert.deepEqual(await ask('r1', encode({ ...answer, number: answer.number + 1 })), [403, 'captcha_wrong']);
assert.deepEqual(await ask('r1', encode({ ...answer, signature: answer.signature.replace(/.$/, (c) => (c === '0' ? '1' : '0')) })),
                 [403, 'captcha_wrong']);
assert.deepEqual(await ask('r1', encode(answer)), [200, 'granted']);
assert.deepEqual(await ask('r1', encode(answer)), [200, 'granted']);
assert.deepEqual(await ask('r2', encode(answer)), [403, 'captcha_used']);
assert.deepEqual(await ask('r2', encode(await solve(await challengeOf('t')))), [403, 'captcha_wrong']);
console.log('ours: solved and verified by altcha-lib');

// altcha-lib's, made with our salt and key.
const salt = `0123456789abcdef01234567${challenge.salt.slice(24)}`;
const theirs = await createChallenge({ algorithm: 'SHA-256', hmacKey: key, maxNumber: 3000, salt });
assert.equal(theirs.salt, salt);
assert.deepEqual(await ask('r3', encode(await solve(theirs))), [200, 'granted']);
const forged = await createChallenge({ algorithm: 'SHA-256', hmacKey: `${key}.`, maxNumber: 3000, salt });
assert.deepEqual(await ask('r4', encode(await solve(forged))), [403, 'captcha_wrong']);
const late = salt.replace(/expires=\d+/, `expires=${Math.floor(Date.now() / 1000) - 60}`);
const expired = await createChallenge({ algorithm: 'SHA-256', hmacKey: key, maxNumber: 3000, salt: late });
assert.deepEqual(await ask('r4', encode(await solve(expired))), [403, 'captcha_expired']);
assert.equal(await verifySolution(encode(await solve(expired)), key), false);
console.log("altcha-lib's: read by ours");
