"""
Our manifests, rendered by helm: `python -m kube.manifests` writes the plain ones.

In: the chart and values.  Out: YAML. One truth: the base is what the chart gives by default.
"""

import subprocess
from pathlib import Path

from kube import build

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "podwire"
PLAIN = DEPLOY / "kustomize" / "podwire.yaml"
KUBE_VERSION = "1.37"


class HelmError(ValueError):
    """The chart refuses these values."""


def rendered(*values: str, release: str = "podwire") -> str:
    """What `helm template` makes of the chart. Raises `HelmError`."""
    settings = [word for value in values for word in ("--set", value)]
    command = (build.built("helm"), "template", release, CHART, "--namespace", "podwire")
    done = subprocess.run(
        [*command, "--kube-version", KUBE_VERSION, *settings], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise HelmError(done.stderr)
    return done.stdout


def plain() -> str:
    """The plain manifests: helm's words about itself have no meaning there."""
    lines = rendered().splitlines(keepends=True)
    return "".join(each for each in lines if "# Source:" not in each and ": Helm" not in each)


if __name__ == "__main__":
    PLAIN.write_text(plain())
