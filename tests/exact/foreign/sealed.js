// HTTP over Node's TLS: `sealed.js serve ADDRESS PORT CHAIN KEY`, `sealed.js get ADDRESS PORT SHAPE METHOD TARGET BODY...`.
"use strict";
const fs = require("node:fs");
const https = require("node:https");

function serve(address, port, chain, key) {
  const keys = { cert: fs.readFileSync(chain), key: fs.readFileSync(key) };
  const server = https.createServer(keys, (request, response) => {
    const size = Number(request.url.slice(1));
    request.resume();
    request.on("end", () => {
      response.statusCode = Number.isNaN(size) ? 404 : 200;
      response.setHeader("Content-Length", size || 0);
      response.end(Buffer.alloc(size || 0, "x"));
    });
  });
  server.listen(port, address, () => console.log("ready"));
}

function ask(agent, counts, method, url, size) {
  return new Promise((done, failed) => {
    const headers = { "Content-Length": size };
    const request = https.request(url, { agent, method, headers }, (response) => {
      const name = `status_${response.statusCode}`;
      counts[name] = (counts[name] || 0) + 1;
      response.resume();
      response.on("end", done);
    });
    request.on("error", failed);
    request.end(Buffer.alloc(size, "u"));
  });
}

async function get(address, port, shape, wishes) {
  const agent = new https.Agent({
    keepAlive: shape !== "fresh",
    maxSockets: 1,
    rejectUnauthorized: false,
  });
  const counts = {};
  const url = `https://${address}:${port}`;
  if (shape === "older") await ask(agent, {}, "GET", `${url}/850`, 0);
  console.log("ready");
  await new Promise((done) => process.stdin.once("data", done));
  process.stdin.pause();
  for (let at = 0; at + 2 < wishes.length; at += 3)
    await ask(agent, counts, wishes[at], url + wishes[at + 1], Number(wishes[at + 2]));
  agent.destroy();
  console.log(JSON.stringify(counts));
}

const [role, address, port, ...rest] = process.argv.slice(2);
if (role === "serve") serve(address, Number(port), ...rest);
else get(address, port, rest[0], rest.slice(1));
