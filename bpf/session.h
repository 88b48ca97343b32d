/* What a TLS library calls a session, and the socket that it was last seen to use. */
#ifndef PODWIRE_SESSION_H
#define PODWIRE_SESSION_H

struct session_key {
	u64 address; /* in its process */
	u32 pid;
	u32 padding;
};

/* Value: the socket; it means nothing once that socket's connection names another session. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct session_key);
	__type(value, u64);
} sessions SEC(".maps");

/* The socket is gone, or another session's. */
apart int forget_session(u64 sk, struct connection *connection)
{
	struct session_key key = {};
	u64 *used;

	if (!connection || !connection->session)
		return 0;
	key.address = connection->session;
	key.pid = connection->session_pid;
	connection->session = 0;
	used = bpf_map_lookup_elem(&sessions, &key);
	if (used && *used == sk)
		bpf_map_delete_elem(&sessions, &key);
	return 0;
}

/* For user space: processes that began to speak TLS, whose libraries are to be found. */
struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 4096);
} newcomers SEC(".maps");

/* Key: process. Value: when it was told of. */
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} announced SEC(".maps");

#define ANNOUNCED_NS 1000000000ULL /* a process is not told of again for so long */

inline_always void announce(u32 pid)
{
	u64 *before = bpf_map_lookup_elem(&announced, &pid), now_ns = bpf_ktime_get_ns();

	if (before && now_ns - *before < ANNOUNCED_NS)
		return;
	bpf_map_update_elem(&announced, &pid, &now_ns, MAP_ANY);
	bpf_ringbuf_output(&newcomers, &pid, sizeof(pid), 0); /* or it is found a second later */
}

/* A connection is TLS: its flow counts it, once. */
apart int tell_tls(struct connection *connection)
{
	struct flow *flow;

	if (!connection || !connection->key.tls || connection->is_tls_told)
		return 0;
	connection->is_tls_told = 1;
	announce(connection->key.pid);
	flow = flow_of(connection, &connection->key);
	if (flow)
		add(flow->tls_connections, 1);
	return 0;
}

#endif
