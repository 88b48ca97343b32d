"""
Runs pytest on a real node, apart from the machine: `python -m e2e [pytest's arguments]`.

`python -m e2e undo` only removes what a run left that was killed itself.
"""

import os
import subprocess
import sys

from e2e import apart, images


def main(arguments: list[str]) -> int:
    """The exit status of pytest."""
    if os.geteuid() != 0:
        print("podwire: the end-to-end test needs root: it runs a kubelet", file=sys.stderr)
        return 2
    if arguments == ["undo"]:
        apart.undo()
        return 0
    if arguments == ["layers"]:
        images.keep_layers()
        return 0
    # What comes from registries comes now: the node's network leads nowhere.
    subprocess.run(("unshare", "--mount", sys.executable, "-m", "e2e", "layers"), check=True)
    return apart.run((sys.executable, "-m", "pytest", "tests/e2e", *arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
