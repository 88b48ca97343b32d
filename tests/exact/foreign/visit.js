// A Node server and a Node client: `node visit.js serve ADDRESS PORT` and `node visit.js get URL TIMES SIZE`.
"use strict";
const http = require("node:http");

function serve(address, port) {
  const server = http.createServer((request, response) => {
    const size = Number(request.url.slice(1));
    request.resume();
    request.on("end", () => {
      response.statusCode = Number.isNaN(size) ? 404 : 200;
      response.end(Buffer.alloc(size || 0, "x"));
    });
  });
  server.listen(port, address, () => console.log("ready"));
}

// Asks as often as it is told, with a body of a size, and counts what it was answered.
async function get(url, times, size) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const counts = { requests: times, body_bytes: 0 };
  for (let turn = 0; turn < times; turn++) {
    await new Promise((done, failed) => {
      const request = http.request(url, { agent, method: "POST" }, (response) => {
        const name = `status_${response.statusCode}`;
        counts[name] = (counts[name] || 0) + 1;
        response.on("data", (data) => (counts.body_bytes += data.length));
        response.on("end", done);
      });
      request.on("error", failed);
      request.end(Buffer.alloc(size, "u"));
    });
  }
  agent.destroy();
  console.log(JSON.stringify(counts));
}

const [role, first, second, third] = process.argv.slice(2);
if (role === "serve") serve(first, Number(second));
else get(first, Number(second), Number(third));
