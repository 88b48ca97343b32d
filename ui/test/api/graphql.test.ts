import { afterEach, expect, test, vi } from "vitest";
import { adviceOf, ask, BackendError } from "../../src/api/graphql";

afterEach(() => vi.unstubAllGlobals());

function reply(answer: () => Response): void {
  vi.stubGlobal("fetch", async () => answer());
}

test("data comes back as it is", async () => {
  reply(() => new Response('{"data": {"version": "1"}}'));
  expect(await ask("{ version }")).toEqual({ version: "1" });
});

test.each([
  [
    "nobody answers",
    () => {
      throw new TypeError("Failed to fetch");
    },
    "unreachable",
  ],
  ["a proxy answers", () => new Response("<html>", { status: 502 }), "refused"],
  ["the query fails", () => new Response('{"errors": [{"message": "no"}]}'), "query"],
] as const)("when %s, the cause says who must act", async (_, answer, cause) => {
  reply(answer);
  await expect(ask("{ version }")).rejects.toMatchObject({ cause });
});

test("advice names the command that helps", () => {
  const { action } = adviceOf(new BackendError("unreachable", "Failed to fetch"));
  expect(action).toContain("podwire backend");
});
