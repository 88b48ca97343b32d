"""How the API server is reached: by a kubeconfig or a pod's own files, and their mistakes."""

import asyncio
import base64
import contextlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from kube.bad import wait_for
from kube.server import Server
from podwire.kube import access, watch
from podwire.kube.access import Access, Misconfigured
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory


async def is_let_in(found: Access) -> bool:
    """Whether the server answers every list."""
    async with HttpApi(found) as api:
        followed = watch.of_cluster(api, Directory())
        task = asyncio.create_task(followed.run())
        await wait_for(lambda: not {"starting", "listing"} & set(followed.states().values()), "all")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return followed.is_synced


async def test_a_kubeconfig_lets_us_in(api_server: Server) -> None:
    """Its server, its authority and its token."""
    assert await is_let_in(access.from_kubeconfig(api_server.kubeconfig))


async def test_a_pod_s_own_files_let_us_in(api_server: Server, tmp_path: Path) -> None:
    """The service account's token and authority, and the server the environment names."""
    host, _, port = api_server.url.removeprefix("https://").rpartition(":")
    (tmp_path / "ca.crt").write_text((api_server.folder / "certs/apiserver.crt").read_text())
    (tmp_path / "token").write_text(api_server.token)

    assert await is_let_in(access.from_pod({access.HOST: host, access.PORT: port}, tmp_path))


async def test_a_new_token_is_used_when_it_is_there(api_server: Server, tmp_path: Path) -> None:
    """The kubelet renews it every hour; nothing has to be started again."""
    host, _, port = api_server.url.removeprefix("https://").rpartition(":")
    (tmp_path / "ca.crt").write_text((api_server.folder / "certs/apiserver.crt").read_text())
    (tmp_path / "token").write_text("old")
    found = access.from_pod({access.HOST: host, access.PORT: port}, tmp_path)
    assert not await is_let_in(found)

    (tmp_path / "token").write_text(api_server.token + "\n")

    assert await is_let_in(found)


async def test_a_server_with_another_certificate_is_not_trusted(api_server: Server) -> None:
    """Though the token would be right."""
    stranger = trustme.CA().cert_pem.bytes().decode()
    tls = ssl.create_default_context(cadata=stranger)

    assert not await is_let_in(Access(api_server.url, tls, lambda: api_server.token))


def test_outside_a_cluster_there_is_no_access() -> None:
    """Nothing is guessed."""
    assert access.find(None, {}) is None


def kubeconfig(**changes: Any) -> dict[str, Any]:
    """A kubeconfig of one context with something changed."""
    parts: dict[str, Any] = {"cluster": {"server": "https://h"}, "user": {"token": "t"}, **changes}
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": parts["cluster"]}],
        "users": [{"name": "u", "user": parts["user"]}],
    }


GARBAGE = base64.b64encode(b"no certificate").decode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", "is not YAML"),
        ("", "contexts holds no context named None"),
        (kubeconfig(cluster={"server": "http://h"}), "server must be an https:// address"),
        (kubeconfig(cluster="x"), "clusters holds no cluster named 'k'"),
        (kubeconfig(user={"exec": {"command": "aws"}}), "plugins that fetch credentials"),
        (
            kubeconfig(cluster={"server": "https://h", "certificate-authority": "nowhere"}),
            "nowhere cannot be read",
        ),
        (
            kubeconfig(cluster={"server": "https://h", "certificate-authority-data": GARBAGE}),
            "kubeconfig: ",
        ),
        (
            kubeconfig(cluster={"server": "https://h", "certificate-authority-data": "%"}),
            "kubeconfig: ",
        ),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said(
    tmp_path: Path, content: str | dict[str, Any], complaint: str
) -> None:
    """One sentence that names the file."""
    path = tmp_path / "kubeconfig"
    path.write_text(content if isinstance(content, str) else json.dumps(content))

    with pytest.raises(Misconfigured, match=complaint):
        access.from_kubeconfig(path)


def test_a_pod_without_its_token_is_told_what_it_needs(tmp_path: Path) -> None:
    """The setting of the manifest by its name."""
    with pytest.raises(Misconfigured, match="automountServiceAccountToken"):
        access.from_pod({access.HOST: "10.96.0.1"}, tmp_path)
