"""
Socket events of watched processes become flows: the only code that knows libbpf.

In: BPF maps filled by `bpf/`.  Out: `model.flow.Flow` batches for the agent, once per drain.
"""
