"""Where the page opens when its address names nothing: a backend that a played Rover speaks to."""

from pathlib import Path

import grpc
import pytest
from playwright.sync_api import Page, expect

from conformance import test_tasks as tasks
from conformance.message import message
from conformance.rover import Rover
from conformance.target import Target
from journey.test_page import browser, page
from journey.test_replay import started

__all__ = ["browser", "page"]

pytestmark = pytest.mark.browser


def test_the_page_opens_at_the_pod_under_a_task(page: Page, tmp_path: Path) -> None:
    """Not at what is first by name; without a task at the first that has processes."""
    with started(tmp_path, "backend") as (agents, http), grpc.insecure_channel(agents) as channel:
        target = Target(agents, http, channel)
        shop, idle = (Rover(target, service=name) for name in ("shop.demo", "idle.demo"))
        for each in (shop, idle):
            each.live("web")
        traced = message((1, "courier"), (2, "courier-0"))  # sorts first, and has no process
        target.call("ManagementService/keepAlive", traced)
        page.goto(f"http://{http}")
        expect(page.get_by_test_id("service")).to_have_value("idle.demo")
        tasks.created(shop, tasks.rule())
        page.goto("about:blank")
        page.goto(f"http://{http}")
        expect(page.get_by_test_id("service")).to_have_value("shop.demo")
        page.goto("about:blank")
