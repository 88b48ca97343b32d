"""The page in a real Chromium: what it shows is what the backend answers."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
"""Only for what would never come: a loaded machine draws late."""

expect.set_options(timeout=PATIENCE_MS)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

TOPOLOGY = """query ($podId: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $podId, duration: $duration) {
    nodes { id name }
    calls { source target }
  }
}"""

EXPRESSION = """query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  execExpression(expression: $expression, entity: $entity, duration: $duration) {
    results { metric { labels { key value } } values { id value } }
  }
}"""


COVERAGE = """query ($podId: ID!, $duration: Duration!, $source: ID!, $target: ID!) {
  tlsCoverage(serviceInstanceId: $podId, duration: $duration, source: $source, target: $target) {
    readable unread { why }
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of the system."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium is not None, "no Chromium: run ./setup.sh test"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab whose script errors fail the test."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(f"{error.message}: {error.stack}"))
    yield tab
    tab.close()
    assert [] == errors


@pytest.fixture
def watched(page: Page, shop_url: str) -> Page:
    """The page with the shop's pod on it and every edge drawn."""
    page.goto(shop_url)
    expect(page.get_by_test_id("edge").first).to_be_visible()
    return page


class Asking:
    """GraphQL as any other client sends it; it sees the page's queries to copy their window."""

    def __init__(self, url: str, page: Page) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self._page = page

    def ask(self, query: str, **variables: object) -> Any:
        body = {"query": query, "variables": variables}
        reply = self._client.post("/graphql", json=body).raise_for_status().json()
        assert "errors" not in reply, reply["errors"]
        return reply["data"]

    def overhear(self, operation: str, act: Callable[[], object]) -> dict[str, Any]:
        """Variables of the next query of this name that the page sends after the act."""

        def is_meant(request: Request) -> bool:
            return f"query {operation}(" in (request.post_data or "")

        with self._page.expect_request(is_meant) as caught:
            act()
        sent = caught.value.post_data_json or {}
        variables: dict[str, Any] = sent["variables"]
        return variables

    def wait_refreshed(self, operation: str) -> dict[str, Any]:
        """Variables of the page's next query of this name, once its answer is on the screen."""
        with self._page.expect_response(
            lambda answer: f"query {operation}(" in (answer.request.post_data or "")
        ) as caught:
            pass
        caught.value.finished()
        frame = "() => new Promise(shown => requestAnimationFrame(() => setTimeout(shown)))"
        for _ in range(2):
            self._page.evaluate(frame)
        sent = caught.value.request.post_data_json or {}
        variables: dict[str, Any] = sent["variables"]
        return variables

    def value(self, tile: Locator, variables: dict[str, Any], label: str = "") -> float:
        """What the backend answers for the metrics and the minute that a tile names."""
        metrics, at = tile.get_attribute("data-metric"), tile.get_attribute("data-at")
        assert metrics is not None
        inputs = {"entity": variables["n0"], "duration": variables["duration"]}
        answers = [
            self.ask(EXPRESSION, expression=metric, **inputs) for metric in metrics.split(" + ")
        ]
        return sum(
            value_at(result["values"], at)
            for answer in answers
            for result in answer["execExpression"]["results"]
            if label in ["", *(one["value"] for one in result["metric"]["labels"])]
        )


def value_at(values: list[dict[str, str | None]], at: str | None) -> float:
    """The value of one minute; the sum of all when none is named."""
    return sum(float(one["value"]) for one in values if one["value"] and at in ("", one["id"]))


@pytest.fixture
def asking(watched: Page, shop_url: str) -> Asking:
    return Asking(shop_url.split("#")[0].rstrip("/"), watched)


def an_edge(page: Page, protocol: str) -> Locator:
    return page.locator(f'[data-testid=edge][data-protocols="{protocol}"]').first


def filled_tile(page: Page, name: str) -> Locator:
    """A headline number once it has arrived."""
    tile = page.get_by_test_id(f"tile-{name}")
    expect(tile).not_to_have_attribute("data-value", "")
    return tile


@pytest.mark.parametrize(
    ("name", "label"), [("requests", ""), ("sent", ""), ("p95", "95"), ("retransmits", "")]
)
def test_a_number_of_the_panel_is_the_answer_of_graphql(
    watched: Page, asking: Asking, name: str, label: str
) -> None:
    """Clicking an edge shows the value that execExpression gives for the same metric and minute."""
    variables = asking.overhear("Metrics", an_edge(watched, "HTTP").click)
    tile = filled_tile(watched, name)
    pairs = []
    for _ in range(10):  # the shop goes on: a report may come in between showing and asking
        pairs.append((asking.value(tile, variables, label), float(shown(tile))))
        if pairs[-1][0] == pairs[-1][1]:
            return
        variables = asking.wait_refreshed("Metrics")
    pytest.fail(f"answered and shown: {pairs}")


def shown(tile: Locator) -> str:
    """The number of a tile, in the metric's own unit."""
    value = tile.get_attribute("data-value")
    assert value is not None
    return value


def test_every_edge_of_the_topology_is_drawn(watched: Page, asking: Asking) -> None:
    """The arrows are exactly the calls, from and to the processes they name."""
    variables = asking.overhear("Pod", watched.get_by_text("30 min").click)
    topology = asking.ask(TOPOLOGY, **variables)["getProcessTopology"]
    name = {node["id"]: node["name"] for node in topology["nodes"]}
    calls = {(name[call["source"]], name[call["target"]]) for call in topology["calls"]}
    edges = watched.get_by_test_id("edge")
    expect(edges).to_have_count(len(calls))
    drawn = {
        (edge.get_attribute("data-source"), edge.get_attribute("data-target"))
        for edge in edges.all()
    }
    assert calls == drawn


def test_a_link_leads_to_the_edge(watched: Page) -> None:
    """The address names the selected edge, so a reload shows the same panel."""
    an_edge(watched, "HTTP").click()
    panel = watched.get_by_test_id("edge-panel")
    ends = [panel.get_attribute("data-source"), panel.get_attribute("data-target")]
    watched.reload()
    expect(panel).to_have_attribute("data-source", ends[0] or "")
    expect(panel).to_have_attribute("data-target", ends[1] or "")


def test_an_edge_is_reached_by_keyboard(watched: Page) -> None:
    """Enter on a focused edge opens its panel, Escape closes it."""
    an_edge(watched, "HTTP").press("Enter")
    expect(watched.get_by_test_id("edge-panel")).to_be_visible()
    watched.keyboard.press("Escape")
    expect(watched.get_by_test_id("pod-panel")).to_be_visible()


def test_an_encrypted_edge_that_is_read_has_requests(watched: Page) -> None:
    """Its HTTP numbers come from its plaintext."""
    watched.locator('[data-testid=edge][data-protocols*="HTTPS"]').first.click()
    assert float(shown(filled_tile(watched, "requests"))) > 0


def test_an_encrypted_edge_says_what_of_it_was_read(watched: Page, asking: Asking) -> None:
    """The words are those that GraphQL gives for the same edge and window."""
    encrypted = watched.locator(
        '[data-testid=edge][data-protocols*="TLS"],[data-protocols*="HTTPS"]'
    )
    variables = asking.overhear("Tls", encrypted.first.click)
    note = watched.get_by_test_id("tls-note")
    expect(note).to_be_visible()
    found = []
    for _ in range(10):  # the shop goes on: what was not read a moment ago may be by now
        found.append((covered(asking, variables), note.inner_text()))
        if all(sentence in found[-1][1] for sentence in found[-1][0]):
            assert found[-1][0]
            return
        variables = asking.wait_refreshed("Tls")
    pytest.fail(f"answered and shown: {found}")


def covered(asking: Asking, variables: dict[str, Any]) -> set[str]:
    """What the backend says of an encrypted edge, in the words that the page must show."""
    return {
        sentence
        for row in asking.ask(COVERAGE, **variables)["tlsCoverage"]
        for sentence in (*(each["why"] for each in row["unread"]), *["in clear"][: row["readable"]])
    }


def test_the_page_recovers_by_itself(watched: Page) -> None:
    """While the backend is away a banner says what to do; it goes when the backend is back."""
    watched.route("**/graphql", lambda route: route.abort())
    expect(watched.get_by_test_id("problem")).to_contain_text("podwire backend")
    watched.unroute("**/graphql")
    expect(watched.get_by_test_id("problem")).to_have_count(0)
    expect(watched.get_by_test_id("live")).to_have_attribute("data-state", "live")


def test_a_task_is_started_from_the_form(watched: Page) -> None:
    """A form with a broken rule cannot be sent; a sound one starts a task that is listed."""
    tasks = watched.get_by_test_id("tasks").locator("li.running")
    before = tasks.count()
    watched.get_by_test_id("new-task").click()
    form = watched.get_by_test_id("task-form")
    form.get_by_placeholder("any").first.fill("soon")
    expect(watched.get_by_test_id("start")).to_be_disabled()
    form.get_by_placeholder("any").first.fill("100")
    watched.get_by_test_id("start").click()
    expect(tasks).to_have_count(before + 1)


def test_a_task_may_be_about_every_pod_of_the_service(watched: Page) -> None:
    """Chosen in the form, and said in the list."""
    whole = watched.get_by_test_id("tasks").locator("li.running", has_text="every pod")
    watched.get_by_test_id("new-task").click()
    watched.get_by_test_id("whole-service").check()
    watched.get_by_test_id("start").click()
    expect(whole).to_have_count(1)


RECORDED = """query ($traceId: ID!) {
  sampledEvents(traceId: $traceId) { event tags { key value } }
}"""


def test_a_sampled_request_opens_with_its_bytes(watched: Page, shop_url: str) -> None:
    """From the list of failed requests to the raw response, as the backend holds it."""
    selector = '[data-testid=edge][data-source="gateway"][data-target="orders"]'
    watched.locator(selector).click()
    watched.get_by_test_id("tab-requests").click()
    failed = watched.get_by_test_id("requests-status_5xx").get_by_test_id("sample")
    expect(failed.first).to_be_visible()
    asking = Asking(shop_url, watched)
    variables = asking.overhear("Recorded", failed.first.click)
    watched.get_by_test_id("part-response").click()
    body = watched.get_by_test_id("body").inner_text()

    events = asking.ask(RECORDED, **variables)["sampledEvents"]
    tags = [{tag["key"]: tag["value"] for tag in event["tags"]} for event in events]
    held = {each["data_content"] for each in tags if each.get("data_type") == "response"}
    assert body in {content.partition("\r\n\r\n")[2] for content in held}
    assert body
