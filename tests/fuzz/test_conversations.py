"""
A short, repeatable run of the HTTP machine against its model; `make fuzz` runs longer.

Through BPF_PROG_TEST_RUN hypothesis drives, and makes what it finds small; over real sockets there
are a thousand seeds. The truth is the model, and of good dialogues the composer's own book.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz import conversations, sockets
from fuzz.model import Call

pytestmark = pytest.mark.root

PROFILE = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
SEEDS, AT_ONCE = 1000, 100


@pytest.mark.parametrize("name", conversations.TARGETS)
def test_the_machine_counts_what_the_model_counts(name: str) -> None:
    """Requests, statuses, bytes, durations, what is unanswered and unpaired, and every loss."""

    @PROFILE
    @given(st.randoms(use_true_random=False))
    def compare(random: Random) -> None:
        conversations.TARGETS[name](random)

    compare()


@pytest.mark.parametrize("name", conversations.TARGETS)
def test_seeds_find_no_difference_either(name: str) -> None:
    """Plain seeds compose longer dialogues than hypothesis likes to draw."""
    for seed in range(250):
        conversations.TARGETS[name](Random(seed))


FOUND: dict[str, tuple[bytes, ...]] = {
    "a status line in two calls": (b">GET / HTTP/1.1\r\n\r\n", b"<HTTP/1.1", b"< 204 OK\r\n\r\n"),
    "a short line after a loss": (b"<HTTP/1.1 x", b">GET / HTTP/1.1\r\n\r\n"),
    "a response in the request's direction": (b">HTTP/1.",),
    "both in the request's direction": (b">PUT \n\nHTTP/1.",),
    "a colon as a digit": (b">PUT \nTransfer-Encoding: chunked\n\n:",),
    "an empty element": (b"<HTTP/1.0 200\nTransfer-Encoding: chunked,\n\n\n",),
    "an empty second line": (b">PUT \nTransfer-Encoding: chunked\nTransfer-Encoding: \n\n0\n\n",),
    "space inside a word": (b"<HTTP/1.0 200\nTransfer-Encoding: chu nked\n\n\n",),
    "a name with CR for a dash": (b"<HTTP/1.1 200\ncontent\rlength: 1\n\n12345678",),
    "a line without a version": (b"<HTTP/1.1 x", b">PUT x HTTP/1.\r\r\n\n"),
    "a line without a target": (b"<HTTP/1.1 x", b">OPTIONS HTTP/1.1\n\n"),
    "a name as long as Content-Length": (
        b">GET / HTTP/1.1\r\n\r\n",
        b"<HTTP/1.1 200 OK\r\nTransfer-Count:2\r\n\r\nno end yet",
    ),
    "a tunnel whose answer has no body": (b">CONNECT ", b"<HTTP/1.1 204\n\n", b">o"),
    "an upgrade before the request is whole": (b">GET ", b"<HTTP/1.1 101\n\n"),
}
"""Smallest streams that once made a difference; `>` is the client's way."""


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("is_client", [True, False])
def test_what_was_found_stays_mended(name: str, is_client: bool) -> None:
    """Machine and model agree on it at both ends."""
    calls = [
        Call(is_sent=line.startswith(b">") is is_client, data=line[1:], start_ns=1, now_ns=2)
        for line in FOUND[name]
    ]

    conversations.replay(calls, is_client=is_client)


def test_a_connection_joined_in_a_response_is_followed_from_the_next_request() -> None:
    """Its answer is an answer, though its way was lost."""
    lines = (b"<rest of a body", b">GET / HTTP/1.1\r\n\r\n", b"<HTTP/1.1 204 OK\r\n\r\n")
    calls = [Call(is_sent=line.startswith(b"<"), data=line[1:]) for line in lines]

    conversations.replay(calls, is_client=False, is_from_middle=True)


LINE = b"GET /target HTTP/1.1\r\n\r\n"
AHEAD: dict[str, tuple[bytes, ...]] = {
    "one byte": (LINE[:1], LINE[1:]),
    "all but the space": (LINE[:3], LINE[3:]),
    "two calls": (LINE[:1], LINE[1:2], LINE[2:]),
    "a byte of a body first": (b"G", LINE[:1], LINE[1:]),
}


@pytest.mark.parametrize("name", AHEAD)
def test_a_method_may_begin_in_the_calls_before(name: str) -> None:
    """Go's server reads one byte ahead: the request is proven, begins there, and has all bytes."""
    calls = [Call(is_sent=False, data=b"the rest of a body", now_ns=1)]
    calls += [Call(is_sent=False, data=each, now_ns=2) for each in AHEAD[name][:-1]]
    calls.append(Call(is_sent=False, data=AHEAD[name][-1], now_ns=3))
    calls.append(Call(is_sent=True, data=b"HTTP/1.1 204 OK\r\n\r\n", now_ns=7))

    found = conversations.replay(calls, is_client=False, is_from_middle=True)

    assert (1, len(LINE), {204: 1}, 5) == (
        *(found.requests, found.request_bytes),
        *(+found.responses, found.duration_ns),
    )


@pytest.mark.parametrize("parts", [(b"G", b"GET / HTTP/1"), (b"GET ", b"/ HTTP/1.1\r\n\r\n")])
def test_a_part_of_a_line_proves_nothing(parts: tuple[bytes, ...]) -> None:
    """A whole method alone may be anything's end, and a line without its end is none."""
    calls = [Call(is_sent=False, data=each) for each in (b"the rest of a body", *parts)]

    found = conversations.replay(calls, is_client=False, is_from_middle=True)

    assert 0 == found.requests


def test_what_lasts_until_the_close_is_over_with_a_proven_request() -> None:
    """Joined in a body: the answer to nobody ends where the next request line begins."""
    calls = [
        Call(is_sent=True, data=b"the rest of a body"),
        Call(is_sent=False, data=b"HTTP/1.1 200 OK\r\n\r\nhello"),
        Call(is_sent=True, data=b"GET / HTTP/1.1\r\n\r\n"),
    ]
    end = Call(is_sent=False, data=b"")

    found = conversations.replay(calls, is_client=True, is_from_middle=True, ends=[end])

    assert (1, {}, 0) == (found.requests, +found.responses, found.unpaired)


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
@pytest.mark.parametrize("talk", sockets.TARGETS.values(), ids=sockets.TARGETS)
def test_real_sockets_are_counted_like_the_model(
    talk: Callable[[Random], None], first: int
) -> None:
    """Both ends of each dialogue; sends, gathered sends, sendfile, reads of any size."""
    for seed in range(first, first + AT_ONCE):
        talk(Random(seed))
