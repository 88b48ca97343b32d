/* What TCP says of its sockets: established, closing, gone, sent again, reset. */
#ifndef PODWIRE_STATE_H
#define PODWIRE_STATE_H

inline_always void end_stream(u64 sk, struct connection *connection, struct work *work,
			      u64 start_ns, u8 direction)
{
	work->sk = sk;
	work->key = connection->key;
	work->now_ns = bpf_ktime_get_ns();
	work->start_ns = start_ns;
	work->direction = direction;
	end_direction(connection, work);
}

inline_always void open_connection(u64 sk, struct connection *connection)
{
	read_ends((struct sock *)sk, connection);
	set_role(connection, ROLE_CLIENT);
	connection->opening_ns = bpf_ktime_get_ns() - connection->opening_ns;
	connection->opening = OPENING_DONE;
	connection->handshake_retransmits = FIELD(struct tcp_sock, sk, total_retrans);
	begin_sequence(sk, connection);
	register_ends(sk, connection);
}

/* It was never established: an errno, or 0 when the program gave it up. */
apart int fail_connection(u64 sk, struct connection *connection, u32 error)
{
	struct flow *flow;

	if (!connection)
		return 0;
	read_ends((struct sock *)sk, connection);
	set_role(connection, ROLE_CLIENT);
	connection->opening = OPENING_NONE;
	connection->handshake_retransmits = FIELD(struct tcp_sock, sk, total_retrans);
	settle(connection);
	flow = flow_of(connection, &connection->key);
	count_reason(connection->slot, WHAT_CONNECT_FAILED, error);
	if (flow) {
		count_retransmits(sk, connection, flow);
		add(flow->holders, -1);
	}
	give_back_socket(connection->opener);
	bpf_map_delete_elem(&connections, &sk);
	return 0;
}

/* Nothing crosses it any more, and its numbers may soon be gone. */
inline_always void close_connection(u64 sk, struct connection *connection)
{
	if (connection->is_classified)
		count_facts(sk, connection);
	connection->last[EGRESS] = FIELD(struct tcp_sock, sk, write_seq);
	connection->last[INGRESS] = FIELD(struct tcp_sock, sk, copied_seq);
	connection->last_received = FIELD(struct tcp_sock, sk, rcv_nxt);
	connection->is_closed = 1;
}

/* Our end sends no more: it closed, shut down, or its process is gone. */
apart int end_sending(u64 sk, struct connection *connection, s32 state, u32 which)
{
	struct work *work = work_of(which);

	if (!connection || !work)
		return 0;
	end_stream(sk, connection, work, 0, EGRESS);
	if (state == TCP_LAST_ACK && is_read_out(sk))
		end_stream(sk, connection, work, 0, INGRESS);
	return 0;
}

/* A watched process asks to connect, and no call told of it: io_uring has none. */
inline_always void meet_connecting(u64 sk, u32 pid)
{
	struct connection *connection;

	if (!is_marked(pid) || !is_tcp(sk) || bpf_map_lookup_elem(&connections, &sk))
		return;
	connection = new_connection(sk, pid);
	if (!connection)
		return;
	set_role(connection, ROLE_CLIENT);
	connection->opening = OPENING_UNDERWAY;
	connection->opening_ns = connection->since_ns;
}

SEC("tp_btf/inet_sock_set_state")
int set_state(u64 *context)
{
	u64 sk = TOLD(set_state, context, 0, state_record, sk);
	s32 before = TOLD(set_state, context, 1, state_record, before);
	s32 state = TOLD(set_state, context, 2, state_record, state);
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct connection *connection;

	if (state == TCP_LISTEN) {
		if (is_watched(pid))
			register_listener(sk, pid);
		return 0;
	}
	if (state == TCP_SYN_SENT)
		meet_connecting(sk, pid);
	if (state != TCP_ESTABLISHED && state != TCP_FIN_WAIT1 && state != TCP_LAST_ACK &&
	    state != TCP_CLOSE)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (!connection)
		return 0;
	if (connection->opening == OPENING_UNDERWAY && state == TCP_ESTABLISHED)
		open_connection(sk, connection);
	else if (connection->opening == OPENING_UNDERWAY && state == TCP_CLOSE &&
		 before == TCP_SYN_SENT)
		fail_connection(sk, connection, FIELD(struct sock, sk, sk_err));
	else if (state == TCP_CLOSE)
		close_connection(sk, connection);
	if ((state != TCP_FIN_WAIT1 && state != TCP_LAST_ACK) || (lane && connection->is_ended))
		return 0;
	connection->is_ended = 1;
	end_sending(sk, connection, state, WORK_OF_STATES);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int retransmit(u64 *context)
{
	u64 sk = TOLD(retransmit, context, 0, packet_record, sk);
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);
	struct flow *flow;

	if (!connection || !connection->is_classified)
		return 0;
	flow = flow_of(connection, &connection->key);
	if (flow)
		count_retransmits(sk, connection, flow);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int send_reset(u64 *context)
{
	u64 sk = TOLD(send_reset, context, 0, packet_record, sk);
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (connection && !is_done(&connection->done, MOMENT_SENT))
		connection->resets_sent += 1;
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int receive_reset(u64 *context)
{
	u64 sk = TOLD(receive_reset, context, 0, sock_record, sk);
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (connection && !is_done(&connection->done, MOMENT_RECEIVED))
		connection->resets_received += 1;
	return 0;
}

/* A listener is gone: nobody connects to it any more. */
inline_always void destroy_listener(u64 sk)
{
	struct listener *listener = bpf_map_lookup_elem(&listeners, &sk);
	struct listener_key key;
	u32 *pid;

	if (!listener)
		return;
	key = listener->key;
	pid = bpf_map_lookup_elem(&ports, &key);
	if (pid && *pid == listener->pid)
		bpf_map_delete_elem(&ports, &key);
	bpf_map_delete_elem(&listeners, &sk);
}

/* What crossed by the socket's own sequence numbers, against what our calls moved. */
inline_always void check_bytes(u64 sk, struct connection *connection)
{
	struct flow *flow = flow_of(connection, &connection->key);
	u32 crossed[2];

	read_crossed(sk, connection, crossed);
	count_uncalled(connection, flow, EGRESS, crossed[EGRESS]);
	count_uncalled(connection, flow, INGRESS, crossed[INGRESS]);
}

/* The last look at a socket. */
apart int finish(u64 sk, struct connection *connection, u32 which)
{
	if (!connection)
		return 0;
	settle(connection);
	if (!connection->is_ended && !FIELD(struct sock, sk, sk_err))
		end_sending(sk, connection, TCP_FIN_WAIT1, which); /* nobody told us */
	count_facts(sk, connection);
	finish_messages(connection);
	if (connection->is_sequenced)
		check_bytes(sk, connection);
	return 0;
}

/* A connection is over: what it held is free for others. */
apart int end_connection(u64 sk, struct connection *connection, u32 which)
{
	struct flow *flow;

	if (!connection)
		return 0;
	finish(sk, connection, which);
	flow = flow_in(connection->slot);
	if (flow)
		add(flow->holders, -1);
	forget_ends(sk, connection);
	forget_session(sk, connection);
	give_back_socket(connection->opener);
	bpf_map_delete_elem(&connections, &sk);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy(u64 *context)
{
	u64 sk = TOLD(destroy, context, 0, sock_record, sk);
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (connection)
		end_connection(sk, connection, WORK_OF_ENDS);
	else
		destroy_listener(sk);
	return 0;
}

#endif
