import { expect, test } from "vitest";
import { CHARTS, chartsOf } from "../../src/model/chart";

const names = CHARTS.flatMap((chart) => chart.lines.map((line) => line.expression));

test("every metric of the process relation is drawn once", () => {
  const both = [
    ..."write_cpm read_cpm connect_cpm close_cpm retransmit_cpm drop_cpm".split(" "),
    ..."write_total_bytes read_total_bytes write_avg_exe_time read_avg_exe_time".split(" "),
    ..."close_avg_exe_time write_avg_rtt_time write_rtt_time_percentile".split(" "),
    ..."write_exe_time_percentile read_exe_time_percentile".split(" "),
  ].flatMap((name) => [`client_${name}`, `server_${name}`]);
  const http = [
    ..."request_cpm response_status_cpm request_package_size response_package_size".split(" "),
    ..."request_package_size_percentile response_package_size_percentile".split(" "),
    ..."client_duration server_duration client_duration_percentile".split(" "),
    "server_duration_percentile",
  ].map((name) => `http1_${name}`);
  const lonely = ["client_connect_exe_time", "server_connect_avg_exe_time"];
  const metrics = names.map((name) => name.replace("process_relation_", "").split("/")[0]);
  expect([...metrics].sort()).toEqual([...both, ...http, ...lonely].sort());
});

test("execution times are asked for in ms, bytes and sizes in KB", () => {
  expect(names.filter((name) => /exe_time/.test(name) && !name.endsWith("/1000000"))).toEqual([]);
  expect(names.filter((name) => /bytes|size/.test(name) && !name.endsWith("/1024"))).toEqual([]);
});

test("chart ids are unique within a tab", () => {
  for (const tab of ["tcp", "http"] as const) {
    const ids = CHARTS.filter((chart) => chart.tab === tab).map((chart) => chart.id);
    expect(new Set(ids).size).toBe(ids.length);
  }
});

test("an edge measured at one end has no chart of the other", () => {
  const lines = chartsOf("tcp", ["client"]).flatMap((chart) => chart.lines);
  expect(lines.filter((line) => line.side === "server")).toEqual([]);
  expect(lines.length).toBeGreaterThan(10);
});
