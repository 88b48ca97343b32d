// Takes payments over TLS. Counts the ciphertext of its sockets and writes its book on SIGTERM.
// node payments.js JSON, with the keys listen, port, ledger, certificate and key.
"use strict";
const fs = require("node:fs");
const https = require("node:https");

const settings = JSON.parse(process.argv[2]);
const book = { accepts: 0, requests: 0, read_bytes: 0, written_bytes: 0 };

const server = https.createServer(
  { cert: fs.readFileSync(settings.certificate), key: fs.readFileSync(settings.key) },
  (request, response) => {
    let length = 0;
    request.on("data", (piece) => (length += piece.length));
    request.on("end", () => {
      book.requests += 1;
      const body = `receipt ${book.requests} for ${length} bytes`;
      response.writeHead(200, { "Content-Length": Buffer.byteLength(body) });
      response.end(body);
    });
  },
);
server.keepAliveTimeout = 0;
server.on("connection", (socket) => {
  book.accepts += 1;
  socket.on("close", () => {
    book.read_bytes += socket.bytesRead;
    book.written_bytes += socket.bytesWritten;
  });
});
server.listen(settings.port, settings.listen, () => console.log("ready"));

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {
  fs.writeFileSync(settings.ledger, JSON.stringify(book));
  process.exit(0);
});
