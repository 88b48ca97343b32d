"""SkyWalking's UI finds its way from the services to the metrics of an edge."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from podwire.app.rules import shipped
from podwire.mal import load
from podwire.model.record import SampledKind
from podwire.query.mqe import tree
from podwire.query.mqe.parse import parse

from .asking import Asking

KNOWN = {each.name for path in shipped().glob("*.yaml") for each in load(path).metrics}
RECORDS = {kind.value for kind in SampledKind}
MENU = """{ getMenuItems {
  title icon layer activate description documentLink i18nKey
  subItems { title layer activate i18nKey }
} }"""


async def dashboards(ask: Asking) -> dict[str, Any]:
    """What the UI keeps of the templates, by its own key."""
    found = (await ask.data("{ getAllTemplates { id configuration } }"))["getAllTemplates"]
    parsed = [json.loads(each["configuration"]) for each in found]
    assert [each["id"] for each in found] == [each["name"] for each in parsed]
    return {f"{each['layer']}_{each['entity']}_{each['name']}": each for each in parsed}


def widgets(children: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every widget, those inside tabs included."""
    for each in children:
        yield each
        for tab in each.get("children", ()):
            yield from widgets(tab["children"])


async def test_the_menu_leads_to_the_layers_root(ask: Asking) -> None:
    """Which is the one dashboard of the layer for all services that is a root."""
    (kubernetes,) = (await ask.data(MENU))["getMenuItems"]
    (service,) = kubernetes["subItems"]

    assert ("Kubernetes", "kubernetes", "kubernetes") == (
        kubernetes["title"], kubernetes["icon"], kubernetes["i18nKey"],
    )  # fmt: skip
    assert ("Service", "K8S_SERVICE", True, "kubernetes_service") == (
        service["title"], service["layer"], service["activate"], service["i18nKey"],
    )  # fmt: skip
    roots = [key for key, each in (await dashboards(ask)).items() if each["isRoot"]]
    assert ["K8S_SERVICE_All_K8S-Service-Root"] == roots


async def test_a_menu_item_without_services_is_not_active(ask: Asking) -> None:
    """Nor is what holds it."""

    async def none() -> list[Any]:
        return []

    ask.rows.services = none  # type: ignore[method-assign]
    (kubernetes,) = (await ask.data(MENU))["getMenuItems"]
    assert (False, False) == (kubernetes["activate"], kubernetes["subItems"][0]["activate"])


async def test_each_dashboard_leads_to_the_next(ask: Asking) -> None:
    """From the services to a service, its pods, the profiling of one, and an edge."""
    found = await dashboards(ask)
    root = found["K8S_SERVICE_All_K8S-Service-Root"]
    (services,) = widgets(root["children"])
    service = found[f"K8S_SERVICE_Service_{services['graph']['dashboardName']}"]
    (pods,) = [each for each in widgets(service["children"]) if each["type"] == "Widget"]
    pod = found[f"K8S_SERVICE_ServiceInstance_{pods['graph']['dashboardName']}"]
    (profiling,) = [each for each in widgets(pod["children"]) if each["type"] == "NetworkProfiling"]

    assert ("ServiceList", "InstanceList") == (services["graph"]["type"], pods["graph"]["type"])
    assert f"K8S_SERVICE_ProcessRelation_{profiling['linkDashboard']}" in found
    assert (True, True) == (service["isDefault"], pod["isDefault"])


async def test_every_chart_asks_for_what_there_is(ask: Asking) -> None:
    """Each expression reads, and each metric is of the shipped rules; lists come by top_n."""
    (edge,) = [each for key, each in (await dashboards(ask)).items() if "_ProcessRelation_" in key]
    (tabs,) = edge["children"]

    assert ["TCP", "HTTP/1.x", "HTTP Requests"] == [tab["name"] for tab in tabs["children"]]
    assert [32, 10, 3] == [len(tab["children"]) for tab in tabs["children"]]
    for widget in (each for tab in tabs["children"] for each in tab["children"]):
        (expression,) = widget["expressions"]
        parts = [node for node, _ in tree.walk(parse(expression))]
        names = {node.name for node in parts if isinstance(node, tree.MetricRef)}
        is_list = any(isinstance(node, tree.TopN) for node in parts)
        assert ("TopList" if is_list else "Line") == widget["graph"]["type"]
        assert names <= (RECORDS if is_list else KNOWN)


async def test_no_widget_lies_on_another(ask: Asking) -> None:
    """On the grid of 24 columns, and each has a name of its own."""
    for dashboard in (await dashboards(ask)).values():
        for children in [dashboard["children"]] + [
            tab["children"] for each in dashboard["children"] for tab in each.get("children", ())
        ]:
            cells = [
                (x, y)
                for each in children
                for x in range(each["x"], each["x"] + each["w"])
                for y in range(each["y"], each["y"] + each["h"])
            ]
            assert len(cells) == len(set(cells))
            assert max(x for x, _ in cells) < 24
            assert len(children) == len({each["i"] for each in children})


async def test_one_template_by_its_id(ask: Asking) -> None:
    """And none by another."""
    query = "query ($id: String!) { getTemplate(id: $id) { id } }"

    assert {"id": "K8S-Service-Root"} == (await ask.data(query, id="K8S-Service-Root"))[
        "getTemplate"
    ]
    assert (await ask.data(query, id="nothing"))["getTemplate"] is None


@pytest.mark.parametrize("operation", ["addTemplate", "changeTemplate"])
async def test_a_template_is_not_changed_here(ask: Asking, operation: str) -> None:
    """And the UI is told so, not shown an error."""
    kind = {"addTemplate": "New", "changeTemplate": ""}[operation]
    setting = {"configuration": "{}"} | ({} if kind else {"id": "x"})
    query = f"""mutation ($setting: {kind}DashboardSetting!) {{
      {operation}(setting: $setting) {{ status message }}
    }}"""

    found = (await ask.data(query, setting=setting))[operation]
    assert (False, True) == (found["status"], "not changed here" in found["message"])
