// Runs the audits of graphql-http against a server and prints each that is not met, then how many were met.
import { serverAudits } from 'graphql-http';

const audits = serverAudits({ url: process.argv[2], fetchFn: fetch });
let met = 0;
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') met += 1;
  else console.log(result.status, audit.id, audit.name, result.reason);
}
console.log(`${met} of ${audits.length}`);
process.exitCode = met === audits.length ? 0 : 1;
