/*
 * Packets that never reached their socket.
 *
 * A dropped packet has no socket yet, so it is told by its addresses, wherever on this host it
 * was dropped; both ends count it, each for its own flow. Reasons that end a packet's life in the
 * ordinary way are not drops.
 */
#ifndef PODWIRE_DROP_H
#define PODWIRE_DROP_H

enum skb_drop_reason {
	SKB_NOT_DROPPED_YET,
	SKB_CONSUMED,
	SKB_DROP_REASON_NOT_SPECIFIED,
	SKB_DROP_REASON_TCP_OLD_DATA,
	SKB_DROP_REASON_TCP_OFOMERGE,
	SKB_DROP_REASON_TCP_OFO_DROP,
	SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK,
	SKB_DROP_REASON_TCP_OLD_ACK,
	SKB_DROP_REASON_TCP_OLD_SEQUENCE,
	SKB_DROP_REASON_QUEUE_PURGE,
	SKB_DROP_REASON_OTHERHOST,
};

struct trace_event_raw_kfree_skb {
	void *skbaddr;
	enum skb_drop_reason reason;
} __attribute__((preserve_access_index));

/* Whether it is this reason, by the number that this kernel gives it. */
#define IS(reason, name)                                                                           \
	(__builtin_preserve_enum_value(*(typeof(enum skb_drop_reason) *)name, 0) &&                \
	 (reason) == __builtin_preserve_enum_value(*(typeof(enum skb_drop_reason) *)name, 1))

#define ETH_P_IP 0x0008	  /* network order, as it stands in an skb */
#define ETH_P_IPV6 0xdd86

/*
 * The end of a packet that lost nothing: its bytes had come before (OLD_DATA, OLD_SEQUENCE,
 * OFOMERGE) or came in another one while it waited out of order (OFO_DROP), it only confirmed what
 * was confirmed (OLD_ACK, PAWS_ACK), it was somebody else's copy (OTHERHOST), or its socket closed
 * (QUEUE_PURGE).
 */
inline_always int is_ordinary(u32 reason)
{
	return IS(reason, SKB_NOT_DROPPED_YET) || IS(reason, SKB_CONSUMED) ||
	       IS(reason, SKB_DROP_REASON_NOT_SPECIFIED) ||
	       IS(reason, SKB_DROP_REASON_TCP_OLD_DATA) ||
	       IS(reason, SKB_DROP_REASON_TCP_OFOMERGE) ||
	       IS(reason, SKB_DROP_REASON_TCP_OFO_DROP) ||
	       IS(reason, SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK) ||
	       IS(reason, SKB_DROP_REASON_TCP_OLD_ACK) ||
	       IS(reason, SKB_DROP_REASON_TCP_OLD_SEQUENCE) ||
	       IS(reason, SKB_DROP_REASON_QUEUE_PURGE) || IS(reason, SKB_DROP_REASON_OTHERHOST);
}

/* The namespace of a packet: of its device, or of the socket that sent it. */
apart u32 netns_of_packet(struct sk_buff *skb)
{
	struct net_device *device = 0;
	struct sock *sk = 0;
	struct net *net = 0;
	u32 inum = 0;

	READ(device, skb->dev);
	READ(sk, skb->sk);
	if (device)
		READ(net, device->nd_net.net);
	else if (sk)
		READ(net, sk->__sk_common.skc_net.net);
	if (net)
		READ(inum, net->ns.inum);
	return inum;
}

/* Both ends as the sender sees them; 0 when it is a TCP packet. */
apart int read_tuple(struct sk_buff *skb, struct tuple *tuple)
{
	unsigned char *head = 0;
	u16 network = 0, protocol = 0, ports[2] = {};
	u8 ip[40] = {};
	u32 transport, address;

	if (!tuple)
		return -1;
	READ(head, skb->head);
	READ(network, skb->network_header);
	READ(protocol, skb->protocol);
	if (!network || bpf_probe_read_kernel(ip, sizeof(ip), head + network))
		return -1;
	if (protocol == ETH_P_IP && ip[9] == IPPROTO_TCP) {
		__builtin_memcpy(&address, &ip[12], 4);
		map_ipv4(&tuple->local, address);
		__builtin_memcpy(&address, &ip[16], 4);
		map_ipv4(&tuple->peer, address);
		transport = (ip[0] & 15) * 4;
	} else if (protocol == ETH_P_IPV6 && ip[6] == IPPROTO_TCP) {
		__builtin_memcpy(&tuple->local, &ip[8], 16);
		__builtin_memcpy(&tuple->peer, &ip[24], 16);
		transport = 40;
	} else {
		return -1;
	}
	if (bpf_probe_read_kernel(ports, sizeof(ports), head + network + transport))
		return -1;
	tuple->local_port = swap16(ports[0]);
	tuple->peer_port = swap16(ports[1]);
	if (is_loopback(&tuple->peer))
		tuple->netns = netns_of_packet(skb);
	return 0;
}

apart int count_drop(struct tuple *tuple, u32 reason)
{
	struct end *end = bpf_map_lookup_elem(&tuples, tuple);
	struct connection *connection;
	struct flow *flow;

	if (!end)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &end->sk);
	if (!connection)
		return 0;
	if (!connection->is_classified) {
		add(connection->drops, 1); /* for a reason that is not remembered */
		return 0;
	}
	flow = flow_of(connection, &connection->key);
	if (!flow)
		return 0;
	count_reason(connection->slot, WHAT_DROP, reason);
	add(flow->drops, 1);
	return 0;
}

SEC("tp_btf/kfree_skb")
int drop(u64 *context)
{
	struct sk_buff *skb =
		(struct sk_buff *)TOLD(drop, context, 0, trace_event_raw_kfree_skb, skbaddr);
	struct tuple tuple = {};
	u32 reason = TOLD(drop, context, 2, trace_event_raw_kfree_skb, reason);

	if (is_ordinary(reason) || read_tuple(skb, &tuple))
		return 0;
	count_drop(&tuple, reason);
	reverse(&tuple);
	count_drop(&tuple, reason);
	return 0;
}

#endif
