"""Endpoints are known by their metrics."""

import pytest

from podwire.model.identity import endpoint_id

from .asking import SERVICE, Asking

FIND = """query ($keyword: String, $limit: Int!, $duration: Duration) {
  findEndpoint(serviceId: "%s", keyword: $keyword, limit: $limit, duration: $duration) { id name }
}"""


@pytest.fixture
def listed(ask: Asking) -> Asking:
    """Three endpoints of the service, and one of another whose name begins alike."""
    paths = [endpoint_id(SERVICE, path) for path in ("/cart", "/buy", "/cart/items")]
    ask.rows.listed = [*paths, endpoint_id("eA==.1", "/cart")]
    return ask


async def test_endpoints_are_found_by_part_of_their_name(listed: Asking) -> None:
    """By name, as many as are wanted, of that service alone."""

    async def names(**variables: object) -> list[str]:
        found = await listed.data(FIND % SERVICE, **({"limit": 20} | variables))
        return [each["name"] for each in found["findEndpoint"]]

    assert ["/buy", "/cart", "/cart/items"] == await names()
    assert ["/cart", "/cart/items"] == await names(keyword="cart")
    assert ["/cart"] == await names(keyword="cart", limit=1)
    assert [] == await names(limit=0)


async def test_the_older_and_the_named_question_find_the_same(listed: Asking) -> None:
    """Three ways to ask for one thing."""
    query = f"""{{
      a: searchEndpoint(keyword: "buy", serviceId: "{SERVICE}", limit: 5) {{ id }}
      b: findEndpointByName(
        keyword: "buy", service: {{serviceName: "shop::cart"}}, limit: 5
      ) {{ id }}
    }}"""
    expected = [{"id": endpoint_id(SERVICE, "/buy")}]

    assert {"a": expected, "b": expected} == await listed.data(query)


async def test_an_id_says_what_an_endpoint_is_called(ask: Asking) -> None:
    """And what is no id names nothing."""
    query = "query ($id: ID!) { getEndpointInfo(endpointId: $id) { name serviceId serviceName } }"

    found = await ask.data(query, id=endpoint_id(SERVICE, "/buy"))
    assert {"name": "/buy", "serviceId": SERVICE, "serviceName": "shop::cart"} == (
        found["getEndpointInfo"]
    )
    assert (await ask.data(query, id="nothing"))["getEndpointInfo"] is None
