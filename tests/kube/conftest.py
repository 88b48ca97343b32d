"""An API server with podwire installed in it."""

import pytest

from kube import manifests, server
from kube.server import Server, apply


@pytest.fixture(scope="session")
def installed(api_server: Server) -> Server:
    """Our base, really applied: service accounts and their rights exist."""
    text = (manifests.PLAIN.parent / "namespace.yaml").read_text() + "\n---\n"
    for content in server.documents(text + manifests.PLAIN.read_text()):
        answer = apply(api_server, content, dry=False)
        assert answer.is_success, answer.text
    return api_server
