"""
Socket events of watched processes become flows: the only code that knows libbpf.

In: BPF maps filled by `bpf/`.  Out: `model.flow.Flow` batches for the agent, once per drain.
"""

from podwire.capture.births import Births
from podwire.capture.kernel import Kernel
from podwire.capture.library import Unavailable

__all__ = ["Births", "Kernel", "Unavailable"]
