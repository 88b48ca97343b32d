"""
The menu and the dashboards that SkyWalking's UI asks for at its start (contract 6.5 to 6.7).

In: `dashboards.yaml`.  Out: menu items, and templates as the UI's widgets on its grid of 24
columns.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from ariadne import QueryType

from podwire.query.context import Info, source_of

query = QueryType()

SOURCE = Path(__file__).parent / "dashboards.yaml"
LAYER = "K8S_SERVICE"
TOP_N = 50
COLUMNS = 24
CHART = (8, 13)
"""Width and height of a chart; three stand beside each other."""

TALL = 50

Widget = dict[str, Any]
WRITTEN: Mapping[str, Any] = yaml.safe_load(SOURCE.read_text())


@query.field("getMenuItems")
async def get_menu_items(_: object, info: Info) -> list[dict[str, Any]]:
    """An item is active when there are services in its layer."""
    layers = {layer for each in await source_of(info).services() for layer in each.layers}
    return [_menu_item(each, layers) for each in WRITTEN["menu"]]


def _menu_item(written: Mapping[str, Any], layers: set[str]) -> dict[str, Any]:
    items = [_menu_item(each, layers) for each in written.get("items", ())]
    return {
        "title": written["title"],
        "icon": written.get("icon", ""),
        "layer": written.get("layer", ""),
        "activate": written.get("layer") in layers or any(each["activate"] for each in items),
        "description": written["description"],
        "documentLink": "",
        "i18nKey": written["key"],
        "subItems": items,
    }


@query.field("getAllTemplates")
def get_all_templates(*_: object) -> list[dict[str, str]]:
    return TEMPLATES


@query.field("getTemplate")
def get_template(_: object, info: Info, id: str) -> dict[str, str] | None:  # noqa: A002
    return next((each for each in TEMPLATES if each["id"] == id), None)


def template(written: Mapping[str, Any]) -> dict[str, str]:
    """A dashboard as the UI stores it: an id, and everything else as text."""
    configuration = {
        "name": written["name"],
        "id": written["name"],
        "layer": LAYER,
        "entity": written["entity"],
        "isRoot": written.get("is_root", False),
        "isDefault": written.get("is_default", False),
        "children": _children(written),
    }
    return {"id": written["name"], "configuration": json.dumps(configuration)}


def _children(written: Mapping[str, Any]) -> list[Widget]:
    if "tabs" not in written:
        return list(_widgets(written, map(str, count())))
    tabs = [
        {"name": tab["name"], "children": list(_widgets(tab, (f"0-{n}-{m}" for m in count())))}
        for n, tab in enumerate(written["tabs"])
    ]
    return [_placed("Tab", "0", (0, 0, COLUMNS, TALL), children=tabs, activedTabIndex=0)]


def _widgets(written: Mapping[str, Any], names: Iterator[str]) -> Iterator[Widget]:
    """Wide ones below each other, then charts and lists three in a row."""
    for row, each in enumerate(written.get("widgets", ())):
        yield _wide(each, next(names), row)
    for kind, graph in (("charts", LINE), ("lists", TOP_LIST)):
        for place, (title, tip, expression) in enumerate(written.get(kind, ())):
            yield _chart(title, tip, expression, next(names), place, graph)


LINE = {"type": "Line", "showXAxis": True, "showYAxis": True}
TOP_LIST = {"type": "TopList", "color": "purple"}


def _wide(written: Mapping[str, Any], name: str, row: int) -> Widget:
    place = (0, row * TALL, COLUMNS, TALL)
    if written["type"] == "NetworkProfiling":
        return _placed("NetworkProfiling", name, place, linkDashboard=written["leads_to"])
    graph = {"type": written["type"], "dashboardName": written["leads_to"]}
    return _placed(
        "Widget", name, place, graph=graph, **_titled(written["title"], ""), **_asking([])
    )


def _chart(
    title: str, tip: str, expression: str, name: str, place: int, graph: Mapping[str, Any]
) -> Widget:
    width, height = CHART
    row, column = divmod(place, COLUMNS // width)
    is_list = graph is TOP_LIST
    return _placed(
        "Widget",
        name,
        (column * width, row * height, width, height),
        graph=dict(graph),
        **_titled(title, tip),
        **_asking([expression], [{"topN": str(TOP_N)}] if is_list else [{}]),
    )


def _placed(kind: str, name: str, place: tuple[int, int, int, int], **rest: Any) -> Widget:
    x, y, width, height = place
    return {"x": x, "y": y, "w": width, "h": height, "i": name, "type": kind, **rest}


def _titled(title: str, tip: str) -> Widget:
    widget = {"title": title, "name": title.replace(" ", "_"), "tips": tip}
    return {"widget": widget, "associate": []}


def _asking(expressions: list[str], config: Sequence[Mapping[str, str]] = ()) -> Widget:
    return {"expressions": expressions, "metricConfig": list(config)}


TEMPLATES = [template(each) for each in WRITTEN["dashboards"]]
