import { expect, test } from "vitest";
import { whyEmpty } from "../../src/model/reason";
import { sentencesOf, whyUnread, type Coverage } from "../../src/model/tls";
import { edgeOf, SHOP } from "../shop";

const RUST = { library: "rustls 0.23.46", reason: "inlined", why: "it is inlined", remedy: "stop" };
const READ: Coverage = { side: "SERVER", connections: 5, readable: 5, unread: [] };
const UNREAD: Coverage = {
  side: "CLIENT",
  connections: 3,
  readable: 1,
  unread: [{ ...RUST, connections: 2 }],
};

test("what was read and what was not are said of each end", () => {
  expect(sentencesOf([READ, UNREAD])).toEqual([
    { text: "server: 5 TLS connections read in clear.", remedy: "" },
    { text: "client: 1 TLS connection read in clear.", remedy: "" },
    {
      text: "client: 2 TLS connections encrypted and not read: rustls 0.23.46: it is inlined.",
      remedy: "stop",
    },
  ]);
});

test("a library that shows no name is not named", () => {
  const row = { ...UNREAD, readable: 0, unread: [{ ...RUST, library: "unknown", connections: 1 }] };
  expect(sentencesOf([row]).map((one) => one.text)).toEqual([
    "client: 1 TLS connection encrypted and not read: it is inlined.",
  ]);
});

test("an edge without TLS says nothing of it", () => {
  expect(sentencesOf([])).toEqual([]);
  expect(whyUnread([READ])).toBe("");
});

test.each([
  ["of the library that cannot be read", [UNREAD], "not read: it is inlined. Only its TCP"],
  ["that there was none in what was read", [READ], "no HTTP/1.x was seen in it"],
  ["that it is encrypted when nobody knows more", [], "its plaintext is not read"],
] as const)("a chart of HTTP without numbers says %s", (_, rows, text) => {
  const edge = edgeOf(SHOP, "gateway", "payments.shop");
  const chart = { edge, tab: "http", kind: "traffic", nowMs: 0, hasData: true, tasks: [] } as const;
  const coverage = [...rows];
  expect(whyEmpty({ ...chart, tasks: [], coverage }).text).toContain(text);
});
