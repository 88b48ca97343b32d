import { expect, test } from "vitest";
import type { Ask } from "../../src/api/graphql";
import { loadPlaces } from "../../src/api/opening";

const DURATION = { start: "2026-11-24 1000", end: "2026-11-24 1014", step: "MINUTE" } as const;
const TASK = {
  taskId: "t",
  serviceInstanceId: "pod-2",
  taskStartTime: 0,
  fixedTriggerDuration: 600,
  createTime: 0,
};
const SERVICES = ["courier", "shop"].map((name) => ({ id: `id-${name}`, name }));

/** Answers by alias, and keeps what it was asked. */
function answering(answers: Record<string, unknown>): { ask: Ask; asked: string[] } {
  const asked: string[] = [];
  const ask = async (query: string): Promise<unknown> => {
    asked.push(query);
    return answers;
  };
  return { ask: ask as Ask, asked };
}

test("pods come with their tasks and processes, a service without a pod by itself", async () => {
  const { ask, asked } = answering({
    pods0: [],
    tasks0: [],
    pods1: [
      { id: "pod-1", name: "one" },
      { id: "pod-2", name: "two" },
    ],
    tasks1: [TASK],
    processes0: [{ id: "a" }, { id: "b" }],
    processes1: [],
  });
  expect(await loadPlaces(ask, SERVICES, DURATION, 1)).toEqual([
    { service: "courier", pod: "", podId: "", isWatched: false, processes: 0 },
    { service: "shop", pod: "one", podId: "pod-1", isWatched: false, processes: 0 },
    { service: "shop", pod: "two", podId: "pod-2", isWatched: true, processes: 2 },
  ]);
  expect(asked[0]).toContain("pods1: listInstances(serviceId: $id1, duration: $duration)");
  expect(asked[1]).toContain("$duration: Duration!, $id0: ID!, $id1: ID!");
});

test("of a thousand services some are asked about, in two questions", async () => {
  const many = Array.from({ length: 1000 }, (_, at) => ({ id: `${at}`, name: `${at}` }));
  const pods = Object.fromEntries(
    many.map((_, at) => [`pods${at}`, [{ id: `p${at}`, name: "p" }]]),
  );
  const tasks = Object.fromEntries(many.map((_, at) => [`tasks${at}`, []]));
  const counts = Object.fromEntries(many.map((_, at) => [`processes${at}`, []]));
  const { ask, asked } = answering({ ...pods, ...tasks, ...counts });
  expect(await loadPlaces(ask, many, DURATION, 1)).toHaveLength(40);
  expect(asked).toHaveLength(2);
});

test("without a service nothing is asked", async () => {
  const { ask, asked } = answering({});
  expect(await loadPlaces(ask, [], DURATION, 1)).toEqual([]);
  expect(asked).toEqual([]);
});
