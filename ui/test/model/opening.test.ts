import { expect, test } from "vitest";
import { isWatching, opening, type Place } from "../../src/model/opening";

const place = (pod: string, processes: number, isWatched = false): Place => ({
  service: `service of ${pod}`,
  pod,
  podId: `id-${pod}`,
  isWatched,
  processes,
});

test.each([
  ["a pod with processes under a task", [place("a", 1), place("b", 1, true)], "b"],
  [
    "one with processes before an empty one under a task",
    [place("a", 0, true), place("b", 1)],
    "b",
  ],
  ["the first when none has processes", [place("a", 0), place("b", 0)], "a"],
  ["the first of several that are watched", [place("a", 1, true), place("b", 9, true)], "a"],
] as const)("the page opens at %s", (_, places, pod) => {
  expect(opening([...places])?.pod).toBe(pod);
});

test("where there is nothing, nothing is chosen", () => {
  expect(opening([])).toBeNull();
});

test.each([
  ["its own task", "pod", 1, true],
  ["a task of the whole service", null, 1, true],
  ["another pod's task", "other", 1, false],
  ["a task that has ended", "pod", 700_000, false],
])("a pod under %s", (_, serviceInstanceId, nowMs, isWatched) => {
  const times = { taskStartTime: 0, fixedTriggerDuration: 600, createTime: 0 };
  expect(isWatching({ taskId: "t", serviceInstanceId, ...times }, "pod", nowMs)).toBe(isWatched);
});
