/* One watched TCP socket: whom it belongs to, whom it talks to, and what is not counted yet. */
#ifndef PODWIRE_CONNECTION_H
#define PODWIRE_CONNECTION_H

#include "flow.h"
#include "lane.h"

enum { AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6 };
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
};
enum { S_IFMT = 0170000, S_IFSOCK = 0140000 };
enum direction { EGRESS, INGRESS };

#define QUEUE 32 /* requests remembered on one connection; a power of two */

enum opening { OPENING_NONE, OPENING_UNDERWAY, OPENING_DONE };

/* A remembered request is the time of its start, and what its answer's framing depends on. */
#define REQUEST_IS_HEAD (1ULL << 63)
#define REQUEST_IS_CONNECT (1ULL << 62)
#define REQUEST_START_NS (REQUEST_IS_CONNECT - 1)

/* The HTTP message going one way; http.h moves it. */
struct message {
	u64 start_ns;
	u64 bytes;
	u64 remaining;
	u64 length; /* said by Content-Length; out of step, the bytes that are kept, `column` of them */
	u16 candidates;
	u16 status;
	u8 state;
	u8 column;
	u8 matched;
	u8 which;
	u16 flags;
	u8 owns_page; /* a request's page is the queue's */
	u8 padding;
	u32 page; /* where it is recorded, or 0 */
};

/* A response that came before the call that wrote its request returned. */
struct early {
	u64 end_ns;
	u64 bytes;
	u32 status;
	u32 is_waiting;
	u32 page; /* where the response is recorded, or 0 */
	u32 request; /* where its request is, once it is known */
};

struct connection {
	struct flow_key key;
	u64 slot_for[2]; /* the parts of the key that change, as they were when the slot was found */
	u32 slot;
	u32 opener; /* the process that connected or accepted */
	u64 opening_ns; /* start, then duration, of connect or accept */
	u32 netns;
	u16 local_port;
	u16 peer_port;
	u8 opening;
	u8 is_classified;
	u8 is_from_middle; /* first seen when it was open already */
	u8 is_http; /* proven by a whole method or version */
	u8 has_pipelined;
	u8 is_ended;	 /* our FIN was queued */
	u8 is_sequenced; /* its sequence numbers are known from their beginning */
	u8 is_readable;	 /* TLS, and its plaintext is seen: messages are of that */
	u8 is_tls_told;	 /* it is counted among its flow's TLS connections */
	u8 is_joining;	 /* its plaintext is seen from a write on, and no read has been seen yet */
	u8 is_read;	 /* one has */
	u8 is_closed;	 /* its last numbers are below: the program may set the socket's back */
	u8 done;	 /* a reset that the last lane has not seen */
	u64 since_ns; /* when it was first seen */
	u64 arrived_ns; /* when ciphertext was read that no plaintext has been seen of */
	u64 session;  /* what a TLS library that uses it calls it in its process, or 0 */
	u64 writer;   /* a goroutine that is inside Go's write to it, or 0 */
	u32 session_pid;
	u32 total_retrans;	   /* of them, so many are counted */
	u32 handshake_retransmits; /* not counted yet, like what follows */
	u32 drops;
	u16 resets_sent;
	u16 resets_received;
	u64 called[2]; /* bytes that calls wrote and read */
	u32 sequence[2]; /* where the socket's own count of them began */
	u32 segments[2]; /* with data, after the last call each way */
	u32 last[2];	 /* where it stood when the socket closed */
	u32 last_received;
	u32 calling;	 /* by direction: a call was in it when that was last looked at */
	u32 crossed[2];	 /* bytes, by sequence numbers, when that was last looked at */
	u64 uncalled[2]; /* counted of those that no call moved */
	struct facts facts; /* counted so far */
	u32 pushed;
	u32 popped;
	u64 queue[QUEUE];
	struct message messages[2];
	struct early early;
	struct early late; /* answers a request that has not ended */
	u32 request_pages[QUEUE]; /* beside the queue */
};

struct tuple {
	struct address local;
	struct address peer;
	u16 local_port;
	u16 peer_port;
	u32 netns; /* of loopback addresses only: others are unique among namespaces */
};

struct end {
	u64 sk;
	u32 pid;
	u32 netns;
};

struct listener_key {
	u32 netns;
	u16 port;
	u16 padding;
};

struct listener {
	struct listener_key key;
	u32 pid;
	u32 before; /* drops before anybody watched */
	u32 drops;  /* connections that the socket had no room for */
};

/* Key: process to watch. Value: its open connections. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, u32);
	__type(value, u64);
} watched SEC(".maps");

/* A bit for each pid that `watched` holds: whoever has none costs nothing more. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 512);
	__type(key, u32);
	__type(value, u64);
} marks SEC(".maps");

/* Key: address of a kernel sock. Value: what we know of it, until it is destroyed. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, NO_PREALLOC);
	__type(key, u64);
	__type(value, struct connection);
} connections SEC(".maps");

/* Key: both ends as one socket sees them. Value: that socket and its process. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct tuple);
	__type(value, struct end);
} tuples SEC(".maps");

/* Key: network namespace and port. Value: the watched process that listens there. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct listener_key);
	__type(value, u32);
} ports SEC(".maps");

/* Key: address of a listening sock. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, u64);
	__type(value, struct listener);
} listeners SEC(".maps");

/* One connection of zeros: too large for the stack. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct connection);
} unknown SEC(".maps");

knob u32 sockets_of_process = 1024;

inline_always u16 swap16(u16 value)
{
	return (u16)(value << 8 | value >> 8);
}

inline_always int is_watched(u32 pid)
{
	return bpf_map_lookup_elem(&watched, &pid) != 0;
}

/* The same for strangers, of whom there are most: without a helper's call. */
#ifdef ELDER
#define is_marked is_watched
#define mark(pid, is_on)
#else
inline_always int is_marked(u32 pid)
{
	u32 word = pid / 64;
	u64 *bits = bpf_map_lookup_elem(&marks, &word);

	return bits ? *bits >> (pid & 63) & 1 : is_watched(pid);
}

inline_always void mark(u32 pid, int is_on)
{
	u32 word = pid / 64;
	u64 *bits = bpf_map_lookup_elem(&marks, &word), bit = 1ULL << (pid & 63);

	if (!bits)
		return;
	if (is_on)
		__sync_fetch_and_or(bits, bit);
	else
		__sync_fetch_and_and(bits, ~bit);
}
#endif

inline_always void map_ipv4(struct address *to, u32 address)
{
	__builtin_memset(to, 0, sizeof(*to));
	to->bytes[10] = 0xff;
	to->bytes[11] = 0xff;
	__builtin_memcpy(&to->bytes[12], &address, 4);
}

inline_always int is_loopback(const struct address *address)
{
	const u64 *halves = (const u64 *)address;

	if (halves[0])
		return 0;
	return (address->bytes[10] == 0xff && address->bytes[12] == 127) ||
	       halves[1] == 0x0100000000000000ULL;
}

inline_always int is_same(const struct address *a, const struct address *b)
{
	const u64 *left = (const u64 *)a, *right = (const u64 *)b;

	return left[0] == right[0] && left[1] == right[1];
}

inline_always u32 netns_of(struct sock *sk)
{
	struct net *net = 0;
	u32 inum = 0;

	READ(net, sk->__sk_common.skc_net.net);
	READ(inum, net->ns.inum);
	return inum;
}

apart int is_tcp(u64 address)
{
	struct sock *sk = (struct sock *)address;
	u16 family = 0, protocol = 0;

	READ(family, sk->__sk_common.skc_family);
	READ(protocol, sk->sk_protocol);
	return (family == AF_INET || family == AF_INET6) && protocol == IPPROTO_TCP;
}

/* Fill in both ends; what is not known yet stays zero. */
apart int read_ends(struct sock *sk, struct connection *connection)
{
	u32 local = 0, peer = 0;
	u16 family = 0, port = 0;

	if (!connection)
		return 0;
	READ(family, sk->__sk_common.skc_family);
	if (family == AF_INET) {
		READ(local, sk->__sk_common.skc_rcv_saddr);
		READ(peer, sk->__sk_common.skc_daddr);
		map_ipv4(&connection->key.local, local);
		map_ipv4(&connection->key.peer, peer);
	} else {
		READ(connection->key.local, sk->__sk_common.skc_v6_rcv_saddr);
		READ(connection->key.peer, sk->__sk_common.skc_v6_daddr);
	}
	READ(connection->local_port, sk->__sk_common.skc_num);
	READ(port, sk->__sk_common.skc_dport);
	connection->peer_port = swap16(port);
	connection->netns = netns_of(sk);
	return 0;
}

inline_always void tuple_of(const struct connection *connection, struct tuple *tuple)
{
	__builtin_memset(tuple, 0, sizeof(*tuple));
	tuple->local = connection->key.local;
	tuple->peer = connection->key.peer;
	tuple->local_port = connection->local_port;
	tuple->peer_port = connection->peer_port;
	tuple->netns = is_loopback(&tuple->peer) ? connection->netns : 0;
}

inline_always void reverse(struct tuple *tuple)
{
	struct address local = tuple->local;
	u16 port = tuple->local_port;

	tuple->local = tuple->peer;
	tuple->peer = local;
	tuple->local_port = tuple->peer_port;
	tuple->peer_port = port;
}

apart int register_ends(u64 sk, const struct connection *connection)
{
	struct tuple tuple;
	struct end end = {.sk = sk};

	if (!connection)
		return 0;
	end.pid = connection->key.pid;
	end.netns = connection->netns;
	tuple_of(connection, &tuple);
	if (bpf_map_update_elem(&tuples, &tuple, &end, MAP_ANY))
		count_loss(LOSS_SOCKETS_FULL);
	return 0;
}

/* Its addresses may be another's by now: a socket that was reset lives on until it is closed. */
apart int forget_ends(u64 sk, const struct connection *connection)
{
	struct tuple tuple;
	struct end *end;

	if (!connection)
		return 0;
	tuple_of(connection, &tuple);
	end = bpf_map_lookup_elem(&tuples, &tuple);
	if (end && end->sk == sk)
		bpf_map_delete_elem(&tuples, &tuple);
	return 0;
}

inline_always u32 listener_of(u32 netns, u16 port)
{
	struct listener_key key = {.netns = netns, .port = port};
	u32 *pid = bpf_map_lookup_elem(&ports, &key);

	return pid ? *pid : 0;
}

apart int register_listener(u64 address, u32 pid)
{
	struct sock *sk = (struct sock *)address;
	struct listener listener = {.pid = pid};

	listener.key.netns = netns_of(sk);
	READ(listener.key.port, sk->__sk_common.skc_num);
	READ(listener.before, sk->sk_drops.counter);
	bpf_map_update_elem(&ports, &listener.key, &pid, MAP_ANY);
	if (bpf_map_update_elem(&listeners, &address, &listener, MAP_ANY))
		count_loss(LOSS_SOCKETS_FULL);
	return 0;
}

/* The watched process at the other end in the same network namespace, or 0. */
inline_always u32 peer_pid_of(const struct connection *connection)
{
	struct tuple tuple;
	struct end *end;

	tuple_of(connection, &tuple);
	reverse(&tuple);
	end = bpf_map_lookup_elem(&tuples, &tuple);
	if (end && end->netns == connection->netns)
		return end->pid;
	if (connection->key.role == ROLE_CLIENT &&
	    (is_loopback(&connection->key.peer) ||
	     is_same(&connection->key.peer, &connection->key.local)))
		return listener_of(connection->netns, connection->peer_port);
	return 0;
}

inline_always int is_socket_within_share(u32 pid)
{
	u64 *sockets = bpf_map_lookup_elem(&watched, &pid);

	if (!sockets)
		return 1;
	if (add_fetching(*sockets, 1) < sockets_of_process)
		return 1;
	add(*sockets, -1);
	return 0;
}

inline_always void give_back_socket(u32 pid)
{
	u64 *sockets = bpf_map_lookup_elem(&watched, &pid);

	if (sockets && *sockets)
		add(*sockets, -1);
}

/* From here on the socket's own sequence numbers say what crosses it. */
inline_always void begin_sequence(u64 sk, struct connection *connection)
{
	connection->sequence[EGRESS] = FIELD(struct tcp_sock, sk, write_seq);
	connection->sequence[INGRESS] = FIELD(struct tcp_sock, sk, copied_seq);
	connection->is_sequenced = 1;
}

/* A connection seen for the first time; 0 when there is no room. */
apart struct connection *new_connection(u64 sk, u32 pid)
{
	struct connection *connection;
	u32 zero = 0;

	connection = bpf_map_lookup_elem(&unknown, &zero);
	if (!connection)
		return 0;
	if (!is_socket_within_share(pid)) {
		count_loss(LOSS_SOCKETS_FULL);
		return 0;
	}
	bpf_map_update_elem(&connections, &sk, connection, MAP_ANY);
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (!connection) {
		give_back_socket(pid);
		count_loss(LOSS_SOCKETS_FULL);
		return 0;
	}
	connection->key.pid = pid;
	connection->opener = pid;
	connection->since_ns = bpf_ktime_get_ns();
	read_ends((struct sock *)sk, connection);
	return connection;
}

inline_always void set_role(struct connection *connection, u8 role)
{
	connection->key.role = role;
	connection->key.peer_port = role == ROLE_SERVER ? 0 : connection->peer_port;
}

/* Before anything is counted: which end this is, and who is at the other. */
inline_always void name_ends(struct connection *connection)
{
	if (connection->key.role == ROLE_UNKNOWN)
		set_role(connection, listener_of(connection->netns, connection->local_port) ?
					     ROLE_SERVER :
					     ROLE_CLIENT);
	if (!connection->key.peer_pid)
		connection->key.peer_pid = peer_pid_of(connection);
}

/* Find the connection's slot anew and hold it instead of the one before. */
global u32 hold_slot(struct connection *connection, const struct flow_key *key)
{
	struct flow *flow;
	u32 slot, before;

	if (!connection || !key)
		return 0;
	slot = slot_of(key);
	if (!hold())
		return slot;
	flow = flow_in(slot);
	if (flow)
		add(flow->holders, 1);
	before = exchange(connection->slot, slot);
	let_go();
	connection->slot_for[0] = ((const u64 *)key)[0];
	connection->slot_for[1] = ((const u64 *)key)[5];
	flow = flow_in(before);
	if (flow)
		add(flow->holders, -1);
	return slot;
}

/* Addresses of a connection stay; process, peer process, role and protocol may change. */
inline_always u32 slot_for(struct connection *connection, const struct flow_key *key)
{
	u32 slot = connection->slot;

	if (slot && connection->slot_for[0] == ((const u64 *)key)[0] &&
	    connection->slot_for[1] == ((const u64 *)key)[5])
		return slot;
	return hold_slot(connection, key);
}

/* The flow that this connection counts in; 0 when there is no room for it. */
inline_always struct flow *flow_of(struct connection *connection, const struct flow_key *key)
{
	u32 slot = slot_for(connection, key);

	return bpf_map_lookup_elem(&flows, &slot);
}

/* The first payload, or the end, tells the flow: count what waited for it. */
global int settle(struct connection *connection)
{
	struct flow_key opened;
	struct flow *flow;

	if (!connection)
		return 0;
	if (!connection->is_classified)
		name_ends(connection);
	connection->is_classified = 1;
	if (connection->opening == OPENING_DONE) {
		opened = connection->key;
		opened.pid = connection->opener;
		flow = flow_in(slot_of(&opened));
		if (flow)
			count_operation(&flow->connect, 0, connection->opening_ns,
					connection->opening_ns);
	}
	connection->opening = OPENING_NONE;
	if (!connection->drops && !connection->handshake_retransmits &&
	    !connection->resets_sent && !connection->resets_received)
		return 0;
	flow = flow_of(connection, &connection->key);
	if (!flow)
		return 0;
	add(flow->drops, connection->drops);
	add(flow->handshake_retransmits, connection->handshake_retransmits);
	add(flow->resets_sent, connection->resets_sent);
	add(flow->resets_received, connection->resets_received);
	connection->drops = connection->handshake_retransmits = 0;
	connection->resets_sent = connection->resets_received = 0;
	return 0;
}

#endif
