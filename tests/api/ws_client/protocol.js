// What graphql-transport-ws asks of a server, asked by the reference client and by raw frames; prints what is not met.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const visits = 'subscription { zoneVisits { __typename } }';
const met = [];

async function check(name, ask) {
  try {
    await ask();
    met.push(name);
  } catch (error) {
    console.log(`${name}: ${error.message ?? error}`);
  }
}

function expect(found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

function raw(protocol = 'graphql-transport-ws') {
  const socket = new WebSocket(url, protocol);
  const heard = [];
  const waiting = [];
  const tell = (item) => (waiting.length ? waiting.shift()(item) : heard.push(item));
  socket.on('message', (text) => tell(JSON.parse(text)));
  socket.on('close', (code) => tell({ code }));
  socket.on('error', (error) => tell({ error: error.message }));
  return {
    open: () => new Promise((resolve) => socket.on('open', resolve)),
    send: (message) => socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)),
    hear: () => (heard.length ? Promise.resolve(heard.shift()) : new Promise((resolve) => waiting.push(resolve))),
    end: () => socket.terminate(),
  };
}

async function said(...messages) {
  const socket = raw();
  await socket.open();
  await socket.send({ type: 'connection_init' });
  expect((await socket.hear()).type, 'connection_ack');
  for (const message of messages) socket.send(message);
  return socket;
}

const subscribe = (id, query = visits, more = {}) => ({ id, type: 'subscribe', payload: { query, ...more } });

await check('the client answers a query', async () => {
  const client = createClient({ url, webSocketImpl: WebSocket });
  for await (const { data } of client.iterate({ query: '{ __typename }' })) expect(data, { __typename: 'Query' });
  await client.dispose();
});
await check('the client follows a subscription and leaves it', async () => {
  const client = createClient({ url, webSocketImpl: WebSocket });
  for await (const { data } of client.iterate({ query: visits })) {
    expect(data, { zoneVisits: { __typename: 'CaughtUp' } });
    break;
  }
  await client.dispose();
});
await check('the client is told of a wrong document', async () => {
  const client = createClient({ url, webSocketImpl: WebSocket });
  const found = await client.iterate({ query: 'subscription { nonsense }' }).next().catch((errors) => errors);
  if (!Array.isArray(found) || !found[0].message.includes('nonsense')) throw new Error(JSON.stringify(found));
  await client.dispose();
});
await check('4400 for what is no message', async () => expect(await (await said('nonsense')).hear(), { code: 4400 }));
await check('4400 for an unknown message', async () => expect(await (await said({ type: 'what' })).hear(), { code: 4400 }));
await check('4400 for a message without its parts', async () =>
  expect(await (await said({ id: '1', type: 'subscribe' })).hear(), { code: 4400 }));
await check('4400 for binary frames', async () =>
  expect(await (await said(Buffer.from('{"type":"ping"}'))).hear(), { code: 4400 }));
await check('4400 for a syntax error', async () =>
  expect(await (await said(subscribe('1', 'subscription {'))).hear(), { code: 4400 }));
await check('4401 before the connection is acknowledged', async () => {
  const socket = raw();
  await socket.open();
  socket.send(subscribe('1'));
  expect(await socket.hear(), { code: 4401 });
});
await check('4408 for silence', async () => {
  const socket = raw();
  await socket.open();
  expect(await socket.hear(), { code: 4408 });
});
await check('4409 for an id in use', async () => {
  const socket = await said(subscribe('1'));
  expect((await socket.hear()).type, 'next');
  socket.send(subscribe('1'));
  expect(await socket.hear(), { code: 4409 });
});
await check('4429 for a second hello', async () =>
  expect(await (await said({ type: 'connection_init' })).hear(), { code: 4429 }));
await check('pong for ping', async () => expect((await (await said({ type: 'ping' })).hear()).type, 'pong'));
await check('an id is free again after complete', async () => {
  const socket = await said(subscribe('1'));
  await socket.hear();
  socket.send({ id: '1', type: 'complete' });
  socket.send(subscribe('1'));
  expect((await socket.hear()).type, 'next');
  socket.end();
});
await check('an error ends its operation only', async () => {
  const socket = await said(subscribe('1', 'subscription { nonsense }'), subscribe('2'));
  const found = [await socket.hear(), await socket.hear()].map(({ id, type }) => `${id} ${type}`).sort();
  expect(found, ['1 error', '2 next']);
  socket.end();
});
await check('one of several operations must be named', async () => {
  const several = `subscription A { zoneVisits { __typename } } subscription B { zoneVisits { __typename } }`;
  expect((await (await said(subscribe('1', several))).hear()).type, 'error');
  const named = await said(subscribe('1', several, { operationName: 'B' }));
  expect((await named.hear()).type, 'next');
  named.end();
});
await check('another protocol is refused', async () => {
  if (!(await raw('graphql-ws').hear()).error) throw new Error('it was accepted');
});
console.log(`${met.length} met`);
process.exit(0);
