// Follows zoneVisits as docs/api.md tells authors of clients to, and ends its own sockets at random without a word.
// node resume.js URL,URL... LAST MEAN_LIFE_MS: prints one JSON line when event LAST came: what was received, and how many kills.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [urls, last, life] = [process.argv[2].split(','), process.argv[3], Number(process.argv[4])];
const query = `subscription($after: String) { zoneVisits(after: $after) {
  __typename ... on ZoneEntered { cursor trackNo } ... on CaughtUp { cursor } ... on Heartbeat { cursor } } }`;
const received = [];
let after = null;
let kills = 0;

class Mortal extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on('error', () => {});
    if (life) setTimeout(() => { kills += 1; this.terminate(); }, life * (0.1 + 1.8 * Math.random())).unref();
  }
}

while (received.at(-1) !== last) {
  const url = urls[Math.floor(Math.random() * urls.length)];
  const client = createClient({ url, webSocketImpl: Mortal, retryAttempts: 0, lazy: true });
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
      if (errors) throw new Error(JSON.stringify(errors));
      const item = data.zoneVisits;
      after = item.cursor;
      if (item.__typename === 'CaughtUp' && received.length === 0) process.stderr.write('ready\n');
      if (item.trackNo) received.push(item.trackNo);
      if (item.trackNo === last) break;
    }
  } catch (error) {
    if (Array.isArray(error) || error instanceof Error) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client.dispose();
}
console.log(JSON.stringify({ received, kills }));
process.exit(0);
