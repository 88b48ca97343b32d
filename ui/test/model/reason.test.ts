import { expect, test } from "vitest";
import { whyEmpty, whyNoEdge, whyNoPicture, whyOneSide } from "../../src/model/reason";
import type { Task } from "../../src/model/task";
import { edgeOf, SHOP } from "../shop";

const NOW = 1_000_000;
const HTTP = edgeOf(SHOP, "gateway", "orders");
const TLS = edgeOf(SHOP, "gateway", "payments.shop");

const started = (agoMs: number): Task[] => [
  {
    taskId: "t",
    serviceInstanceId: "pod",
    taskStartTime: NOW - agoMs,
    fixedTriggerDuration: 600,
    createTime: NOW - agoMs,
  },
];
const chart = { edge: HTTP, tab: "http", kind: "traffic", nowMs: NOW, hasData: true } as const;

test.each([
  ["no task was ever started", [], "task"],
  ["the task is over", started(700_000), "window"],
  ["the task has just started", started(3_000), "agent"],
  ["the task runs and nothing comes", started(60_000), "traffic"],
] as const)("an empty picture names its stage when %s", (_, tasks, stage) => {
  expect(whyNoEdge([...tasks], NOW).stage).toBe(stage);
});

test.each([
  ["nothing was asked", { services: null, pods: null }, ""],
  ["nobody reported", { services: [], pods: [] }, "No service has reported yet"],
  ["the pod of a link is gone", { services: [1], pods: [{ name: "other" }] }, "This pod has not"],
  ["the pod is silent", { services: [1], pods: [{ name: "pod" }] }, "No edge yet"],
])("an empty page says so when %s", (_, known, title) => {
  const notice = whyNoPicture({ ...known, pod: "pod", tasks: [], nowMs: NOW });
  expect(notice.title.startsWith(title)).toBe(true);
  expect(notice.title === "").toBe(title === "");
});

test("an edge without any number blames the missing task first", () => {
  expect(whyEmpty({ ...chart, tasks: [], hasData: false }).stage).toBe("task");
});

test("the first minute of a task asks for patience", () => {
  expect(whyEmpty({ ...chart, tasks: started(20_000), hasData: false }).stage).toBe("agent");
});

test("a TLS edge says why it has no HTTP numbers", () => {
  const reason = whyEmpty({ ...chart, edge: TLS, tasks: started(90_000) });
  expect(reason).toMatchObject({ stage: "protocol", text: expect.stringContaining("encrypted") });
});

test("a plain edge without HTTP says so", () => {
  expect(whyEmpty({ ...chart, tasks: started(90_000) }).text).toContain("No HTTP/1.x was seen");
});

test("an event that never happened is good news, not a missing stage", () => {
  const reason = whyEmpty({ ...chart, kind: "event", tab: "tcp", tasks: started(90_000) });
  expect(reason.text).toBe("None in this window.");
});

test("one measured end names the other", () => {
  expect(whyOneSide(TLS)).toContain("payments.shop, the server");
  expect(whyOneSide(HTTP)).toBe("");
});
