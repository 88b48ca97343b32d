"""An agent may open as many files as the system lets it."""

import resource

from podwire.app.agent import allow_files


def test_the_agent_has_room_for_the_probes_of_a_full_node() -> None:
    """Two hundred containers with a library each take two thousand descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_files()
        assert (before[1], before[1]) == resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
