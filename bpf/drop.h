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
	SKB_DROP_REASON_TCP_OLD_ACK,
	SKB_DROP_REASON_TCP_OVERWINDOW,
	SKB_DROP_REASON_QUEUE_PURGE,
	SKB_DROP_REASON_SOCKET_FILTER,
};

#define REASON(name)                                                                               \
	__builtin_preserve_enum_value(*(typeof(enum skb_drop_reason) *)name, 1)

#define ETH_P_IP 0x0008	  /* network order, as it stands in an skb */
#define ETH_P_IPV6 0xdd86

inline_always int is_ordinary(u32 reason)
{
	return reason == REASON(SKB_NOT_DROPPED_YET) || reason == REASON(SKB_CONSUMED) ||
	       reason == REASON(SKB_DROP_REASON_NOT_SPECIFIED) ||
	       reason == REASON(SKB_DROP_REASON_TCP_OLD_DATA) ||
	       reason == REASON(SKB_DROP_REASON_TCP_OFOMERGE) ||
	       reason == REASON(SKB_DROP_REASON_TCP_OLD_ACK) ||
	       reason == REASON(SKB_DROP_REASON_QUEUE_PURGE);
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
	return 0;
}

apart int count_drop(struct tuple *tuple)
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
		add(connection->drops, 1);
		return 0;
	}
	flow = flow_of(&connection->key);
	if (flow)
		add(flow->drops, 1);
	return 0;
}

SEC("tp_btf/kfree_skb")
int drop(u64 *context)
{
	struct sk_buff *skb = (struct sk_buff *)context[0];
	struct tuple tuple = {};

	if (is_ordinary(context[2]) || read_tuple(skb, &tuple))
		return 0;
	count_drop(&tuple);
	reverse(&tuple);
	count_drop(&tuple);
	return 0;
}

#endif
