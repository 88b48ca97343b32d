// PORT REQUESTS: four keep-alive clients in turn by Node.js; begins at a byte.
const https = require("https");
const [port, requests] = process.argv.slice(2).map(Number);
const clients = 4;

function get(agent) {
  const where = { host: "127.0.0.1", port, path: "/850", agent, headers: { Host: "drive" } };
  return new Promise((done, failed) => {
    https.get(where, (answer) => answer.resume().on("end", done)).on("error", failed);
  });
}

async function client() {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  for (let left = requests / clients; left; left--) await get(agent);
  agent.destroy();
}

console.log("ready");
process.stdin.once("data", async () => {
  await Promise.all(Array.from({ length: clients }, client));
  process.exit(0);
});
