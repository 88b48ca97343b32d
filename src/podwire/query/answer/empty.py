"""
What podwire has nothing of, and answers so: with the empty value that clients expect.

In: a question about lists of traces, logs, alarms, CPU profiles.  Out: nothing, never
an error. `docs/graphql.md` lists every operation, and a test holds the two together.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ariadne import MutationType, QueryType

query, mutation = QueryType(), MutationType()

NO_TOPOLOGY: Mapping[str, list[Any]] = {"nodes": [], "calls": []}
NOT_CHANGED = "The templates are podwire's own and are not changed here."

QUERIES: Mapping[str, Any] = {
    # Browsers and databases: nobody reports them.
    "getAllBrowserServices": [],
    "searchBrowserServices": [],
    "searchBrowserService": None,
    "getAllDatabases": [],
    # Who calls whom above the level of processes.
    "getGlobalTopology": NO_TOPOLOGY,
    "getServiceTopology": NO_TOPOLOGY,
    "getServiceTopologyByName": NO_TOPOLOGY,
    "getServicesTopology": NO_TOPOLOGY,
    "getServicesTopologyByNames": NO_TOPOLOGY,
    "getServiceInstanceTopology": NO_TOPOLOGY,
    "getServiceInstanceTopologyByName": NO_TOPOLOGY,
    "getEndpointTopology": NO_TOPOLOGY,
    "getEndpointDependencies": NO_TOPOLOGY,
    "getEndpointDependenciesByName": NO_TOPOLOGY,
    # Metrics of the first protocol that no client of this feature reads.
    "getThermodynamic": {"nodes": [], "axisYStep": 0},
    "readSampledRecords": [],
    "getTopNRecords": [],
    # Lists of traces; one trace by its id is answered.
    "queryBasicTraces": {"traces": []},
    "queryBasicTracesByName": {"traces": []},
    "queryTraceTagAutocompleteKeys": [],
    "queryTraceTagAutocompleteValues": [],
    "queryTraces": {"traces": [], "retrievedTimeRange": {"startTime": 0, "endTime": 0}},
    "hasQueryTracesV2Support": False,
    # Logs.
    "supportQueryLogsByKeywords": False,
    "queryLogs": {"logs": []},
    "queryLogsByName": {"logs": []},
    "test": {"log": None, "metrics": []},
    "queryLogTagAutocompleteKeys": [],
    "queryLogTagAutocompleteValues": [],
    # Profiles of CPUs.
    "queryEBPFProfilingSchedules": [],
    "analysisEBPFProfilingResult": {"tip": None, "trees": []},
    # Events, alarms, hierarchy.
    "queryEvents": {"events": []},
    "getAlarm": {"msgs": []},
    "queryAlarmTagAutocompleteKeys": [],
    "queryAlarmTagAutocompleteValues": [],
    "getServiceHierarchy": {"relations": []},
    "getInstanceHierarchy": {"relations": []},
    "listLayerLevels": [],
}

MUTATIONS: Mapping[str, Any] = {
    "createEBPFProfilingFixedTimeTask": {
        "status": False,
        "errorReason": "podwire profiles networks alone: create a network profiling task",
    },
    "addTemplate": {"id": "", "status": False, "message": NOT_CHANGED},
    "changeTemplate": {"id": "", "status": False, "message": NOT_CHANGED},
    "disableTemplate": {"id": "", "status": False, "message": NOT_CHANGED},
}


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


for name, empty in QUERIES.items():
    query.set_field(name, _always(empty))
for name, empty in MUTATIONS.items():
    mutation.set_field(name, _always(empty))
