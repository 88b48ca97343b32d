"""The comparison finds what is wrong, and only that."""

import pytest

from demo import books
from podwire.demo.compare import PREFIX, families
from podwire.demo.ledger import Expected

PAIR = ("gateway", "orders")


def wrong(answers: object, edges: list[Expected] | None = None) -> list[str]:
    """Names of the families that are wrong."""
    found = families(books.ledger(), answers, books.edges() if edges is None else edges)  # type: ignore[arg-type]
    return [family.name for family in found if not family.ok]


def test_a_truthful_backend_is_right_in_everything() -> None:
    """Every family of every edge is compared and holds."""
    assert [] == wrong(books.answers())


@pytest.mark.parametrize(
    "metric",
    [
        *("client_write_cpm", "client_read_cpm", "client_connect_cpm", "client_close_cpm"),
        *("client_retransmit_cpm", "client_drop_cpm"),
        *("client_write_total_bytes", "client_read_total_bytes"),
        *("http1_request_cpm", "http1_request_total_bytes", "http1_response_total_bytes"),
    ],
)
def test_a_count_that_is_off_by_one_is_wrong(metric: str) -> None:
    """Counts and bytes are exact."""
    answers = books.answers()
    answers[PAIR][PREFIX + metric][""][books.MINUTE] += 1

    assert f"{metric} gateway->orders" in wrong(answers)


def test_a_status_that_is_missing_is_wrong() -> None:
    """Statuses are compared one by one."""
    answers = books.answers()
    del answers[PAIR][PREFIX + "http1_response_status_cpm"]["500"]

    assert ["http1_response_status_cpm gateway->orders"] == wrong(answers)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("client_write_avg_exe_time", 5_100),
        ("client_connect_exe_time", 0),
        ("client_write_avg_rtt_time", 101),
        ("http1_client_duration", 8),
        ("http1_request_package_size", 102),
    ],
)
def test_a_time_outside_its_bounds_is_wrong(metric: str, value: int) -> None:
    """The program's own clock says what is possible."""
    answers = books.answers()
    for minute in answers[PAIR][PREFIX + metric][""]:
        answers[PAIR][PREFIX + metric][""][minute] = value

    assert [f"{metric} gateway->orders"] == wrong(answers)


def test_a_metric_without_any_value_is_wrong() -> None:
    """Nothing is not a number within bounds."""
    answers = books.answers()
    answers[PAIR][PREFIX + "client_read_avg_exe_time"] = {}
    answers[PAIR][PREFIX + "client_read_exe_time_percentile"] = {}

    assert [
        "client_read_avg_exe_time gateway->orders",
        "client_read_exe_time_percentile gateway->orders",
    ] == wrong(answers)


def test_an_edge_that_should_not_be_there_is_wrong() -> None:
    """The topology is exactly the shop's."""
    stray = Expected("orders", "gateway", "tcp", tls=False, real_target=True)

    assert ["topology"] == wrong(books.answers(), [*books.edges(), stray])
