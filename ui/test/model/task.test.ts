import { expect, test } from "vitest";
import {
  checkRules,
  newRule,
  remainingSeconds,
  runningTask,
  toSampling,
  type Task,
} from "../../src/model/task";

const task = (taskId: string, startedMs: number): Task => ({
  taskId,
  serviceInstanceId: "pod",
  taskStartTime: startedMs,
  fixedTriggerDuration: 600,
  createTime: startedMs,
});

test("the first rule samples 5xx, an added one 4xx", () => {
  const rules = [newRule(0), newRule(1)];
  expect(rules.map(({ when4xx, when5xx }) => [when4xx, when5xx])).toEqual([
    [false, true],
    [true, false],
  ]);
});

test("what is not set is not sent", () => {
  expect(toSampling(newRule(0))).toEqual({
    when4xx: false,
    when5xx: true,
    settings: { requireCompleteRequest: true, requireCompleteResponse: true },
  });
});

test("what is set is sent as the numbers typed", () => {
  const rule = { ...newRule(0), uriRegex: "^/pay", minDurationMs: "0", maxRequestBytes: "512" };
  expect(toSampling(rule)).toMatchObject({
    uriRegex: "^/pay",
    minDuration: 0,
    settings: { maxRequestSize: 512 },
  });
});

test.each([
  ["a duration in words", { minDurationMs: "soon" }, /whole number of ms/],
  ["a size of zero", { maxResponseBytes: "0" }, /above zero/],
  ["neither side", { completeRequest: false, completeResponse: false }, /at least one/],
])("%s is refused", (_, change, message) => {
  expect(checkRules([{ ...newRule(0), ...change }])[0]).toMatch(message);
});

test("two rules for every URI, or of one pattern, are refused at the second", () => {
  const paid = { ...newRule(0), uriRegex: "^/pay" };
  const faults = checkRules([newRule(0), newRule(1), paid, paid]);
  expect(faults.map((fault) => fault !== "")).toEqual([false, true, false, true]);
});

test("the newest running task is the one kept", () => {
  const tasks = [task("old", 0), task("new", 100_000), task("future", 900_000)];
  expect(runningTask(tasks, 200_000)?.taskId).toBe("new");
});

test("a finished task has nothing left and does not run", () => {
  const tasks = [task("old", 0)];
  expect([runningTask(tasks, 600_000), remainingSeconds(tasks[0]!, 700_000)]).toEqual([null, 0]);
});
