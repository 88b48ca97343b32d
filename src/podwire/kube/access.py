"""
Where the API server is, and as whom it is asked.

In: a kubeconfig, or the files that a pod is given.  Out: an `Access`.
A token file is read at every request: the kubelet writes a new token every hour.
"""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


class Misconfigured(ValueError):
    """The operator must mend how the API server is reached; the message says where."""


@dataclass(frozen=True, slots=True)
class Access:
    """A server and the credentials for it."""

    server: str
    tls: ssl.SSLContext
    token: Callable[[], str]
    """Empty when a client certificate says who we are."""


def find(kubeconfig: Path | None, environment: Mapping[str, str] = os.environ) -> Access | None:
    """The access of a kubeconfig or of this pod; None outside a cluster. Raises `Misconfigured`."""
    if kubeconfig is not None:
        return from_kubeconfig(kubeconfig)
    if environment.get(HOST):
        return from_pod(environment)
    return None


def from_pod(environment: Mapping[str, str], files: Path = POD_FILES) -> Access:
    """The service account of the pod we run in."""
    host, port = environment[HOST], environment.get(PORT, "443")
    host = f"[{host}]" if ":" in host else host
    try:
        tls = ssl.create_default_context(cafile=files / "ca.crt")
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"{files / 'ca.crt'} cannot be used ({error}): the pod needs its service account's "
            "token mounted (automountServiceAccountToken)"
        ) from error
    return Access(f"https://{host}:{port}", tls, lambda: _read(files / "token"))


def from_kubeconfig(path: Path) -> Access:
    """The current context of a kubeconfig."""
    try:
        content = yaml.safe_load(path.read_text())
        return _access(content if isinstance(content, dict) else {}, path.parent)
    except (Misconfigured, ssl.SSLError, binascii.Error) as error:
        raise Misconfigured(f"{path}: {error}") from error
    except OSError as error:
        place = error.filename or path
        raise Misconfigured(f"{place} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _access(content: Mapping[str, Any], folder: Path) -> Access:
    context = _named(content, "contexts", content.get("current-context"), "context")
    cluster = _named(content, "clusters", context.get("cluster"), "cluster")
    user = _named(content, "users", context.get("user"), "user")
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith("https://"):
        raise Misconfigured("the cluster's server must be an https:// address")
    return Access(server.rstrip("/"), _tls(cluster, user, folder), _token(user, folder))


def _named(content: Mapping[str, Any], section: str, name: Any, key: str) -> Mapping[str, Any]:
    for each in content.get(section) or ():
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get(key), dict):
            found: Mapping[str, Any] = each[key]
            return found
    raise Misconfigured(f"{section} holds no {key} named {name!r}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify") is True:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", folder)
    key = _bytes(user, "client-key", folder)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads files only
            file.write(certificate + b"\n" + key)
            file.flush()
            tls.load_cert_chain(file.name)
    return tls


def _token(user: Mapping[str, Any], folder: Path) -> Callable[[], str]:
    if "exec" in user or "auth-provider" in user:
        raise Misconfigured("plugins that fetch credentials are not run: give the user a token")
    if file := user.get("tokenFile"):
        return lambda: _read(folder / str(file))
    token = str(user.get("token") or "")
    return lambda: token


def _bytes(section: Mapping[str, Any], key: str, folder: Path) -> bytes:
    if data := section.get(f"{key}-data"):
        return base64.b64decode(str(data), validate=True)
    return (folder / str(section[key])).read_bytes() if section.get(key) else b""


def _read(file: Path) -> str:
    """A token that is not there yet or no more is none: the server says what that means."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
