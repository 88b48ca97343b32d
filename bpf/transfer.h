/* A call that moved bytes: whose they are, what they say, and how long it took. */
#ifndef PODWIRE_TRANSFER_H
#define PODWIRE_TRANSFER_H

/* What the first bytes are: TLS is told by its record header, HTTP by http.h. */
apart int classify(struct connection *connection, struct work *work)
{
	u8 head[3] = {};

	if (!connection || !work)
		return 0;
	if (!work->in_segment)
		next_segment(work);
	if (work->has_memory && work->in_segment >= 3 && work->left >= 3)
		bpf_probe_read_user(head, sizeof(head), (void *)work->base);
	if (head[0] >= 0x14 && head[0] <= 0x17 && head[1] == 3 && head[2] <= 4) {
		connection->key.tls = 1;
		stop_http(connection);
	}
	name_ends(connection);
	return 0;
}

struct lengths {
	u64 at;
	u64 sum;
};

static long add_length(u32 index, void *context)
{
	struct lengths *lengths = context;
	u32 length = 0;

	bpf_probe_read_user(&length, sizeof(length),
			    (void *)(lengths->at + __builtin_offsetof(struct message_header, length)));
	lengths->at += sizeof(struct message_header);
	lengths->sum += length;
	return 0;
}

#define MOST_MESSAGES 1024 /* of one call, as the kernel takes them */

/* The bytes of so many messages; each says its own. */
lone u64 length_of_messages(u64 at, u64 messages)
{
	struct lengths lengths = {.at = at};

	LOOP(messages < MOST_MESSAGES ? messages : MOST_MESSAGES, add_length, &lengths);
	return lengths.sum;
}

/* The payload lies in several pieces: point at where they are told. */
apart int locate_pieces(struct work *work, u32 form, u64 count)
{
	u64 header[4] = {};

	if (!work)
		return 0;
	work->in_segment = 0;
	work->has_second = 0;
	work->in_message = work->left;
	if (form == FORM_VECTOR) {
		work->vector = work->base;
		work->vectors = count;
	} else if (form == FORM_MESSAGE) {
		if (bpf_probe_read_user(header, sizeof(header), (void *)work->base))
			work->has_memory = 0;
		work->vector = header[2];
		work->vectors = header[3];
	} else {
		work->in_message = 0;
	}
	return 0;
}

/* Point at the payload in user memory. */
inline_always void locate(struct work *work, u8 form, struct pt_regs *regs)
{
	work->base = FIELD(struct pt_regs, regs, si);
	if (form != FORM_BUFFER)
		locate_pieces(work, form, FIELD(struct pt_regs, regs, dx));
}

aside void prepare(struct work *work, const struct call *call, struct pt_regs *regs,
			   u64 result, u64 flags)
{
	u8 form = call->kind & FORM_MASK;

	work->now_ns = bpf_ktime_get_ns();
	work->start_ns = call->start_ns;
	work->direction = call->kind & IS_READ ? INGRESS : EGRESS;
	work->sk = call->sk;
	work->vectors = 0;
	work->messages = 0;
	work->in_message = 0;
	work->has_memory = form < FORM_SENDFILE && !(flags & MSG_TRUNC);
	if (rarely(form == FORM_MESSAGES)) {
		work->more = FIELD(struct pt_regs, regs, si);
		work->messages = result;
		result = length_of_messages(work->more, result);
	}
	work->left = result;
	work->in_segment = result;
	if (work->has_memory)
		locate(work, form, regs);
}

/* One sample a call, of the kernel's own smoothed value. */
inline_always void count_rtt(u64 sk, struct flow *flow)
{
	u32 srtt_us = FIELD(struct tcp_sock, sk, srtt_us) >> 3;

	if (srtt_us)
		count_operation(&flow->rtt, 0, srtt_us, (u64)srtt_us * 1000);
}

/* It was established in the background, and nobody told us when. */
apart int meet_opened(u64 sk, struct connection *connection)
{
	if (!connection)
		return 0;
	connection->opening = OPENING_NONE;
	read_ends((struct sock *)sk, connection);
	set_role(connection, ROLE_CLIENT);
	register_ends(sk, connection);
	return 0;
}

/* Segments with data that crossed this way since the call before. */
inline_always void note_segments(struct connection *connection, struct work *work)
{
	u32 now = work->direction == EGRESS ? FIELD(struct tcp_sock, work->sk, data_segs_out) :
					      FIELD(struct tcp_sock, work->sk, data_segs_in);
	u32 *before = &connection->segments[work->direction & 1];

	work->segments = now - *before;
	*before = now;
}

/* Until a TLS library's read is seen: the first that came after the first write, or the last. */
inline_always void note_ciphertext(struct connection *connection, const struct work *work)
{
	if (work->direction == INGRESS && (!connection->is_joining || !connection->arrived_ns))
		connection->arrived_ns = work->now_ns;
}

inline_always void count_transfer(struct call *call, struct connection *connection,
				  struct work *work, u32 pid)
{
	u64 bytes = work->left, time_ns = work->now_ns - work->start_ns;
	struct flow *flow;

	connection->key.pid = pid;
	if (rarely(connection->opening == OPENING_UNDERWAY))
		meet_opened(call->sk, connection);
	if (rarely(!connection->is_classified))
		classify(connection, work);
	work->key = connection->key;
	note_segments(connection, work);
	if (!connection->key.tls)
		follow_http(connection, work);
	else if (!connection->is_read)
		note_ciphertext(connection, work);
	if (rarely(!connection->is_classified)) {
		if (!connection->key.tls &&
		    connection->messages[work->direction & 1].state == MESSAGE_TOKEN)
			connection->key.protocol = PROTOCOL_HTTP1; /* so far it reads like it */
		settle(connection);
		tell_tls(connection);
	}
	work->key.protocol = connection->key.protocol;
	add(connection->called[work->direction & 1], bytes);
	flow = flow_of(connection, &work->key);
	if (!flow)
		return;
	count_operation(work->direction == EGRESS ? &flow->write : &flow->read, bytes, time_ns,
			time_ns);
	count_rtt(call->sk, flow);
}

/* The peer sends no more, and all of it was read. */
inline_always void end_reading(struct call *call, struct connection *connection)
{
	struct work *work = work_of(WORK_OF_CALLS);

	if (connection->is_readable)
		return; /* its library may hold plaintext back */
	if (work && FIELD(struct sock, call->sk, sk_shutdown) & RCV_SHUTDOWN)
		end_stream(call->sk, connection, work, call->start_ns, INGRESS);
}

/* A socket that nobody told us of: it was open before, or came in an unseen way. */
apart struct connection *meet(u64 sk, u32 pid)
{
	struct connection *connection = is_tcp(sk) ? new_connection(sk, pid) : 0;

	if (!connection)
		return 0;
	connection->is_from_middle = 1;
	connection->segments[EGRESS] = FIELD(struct tcp_sock, sk, data_segs_out);
	connection->segments[INGRESS] = FIELD(struct tcp_sock, sk, data_segs_in);
	set_states(connection, MESSAGE_LOST);
	forget_facts(sk, connection);
	register_ends(sk, connection);
	return connection;
}

/* Inside a call of a TLS library: this is the socket that it uses. */
inline_always void note_socket(struct call *call, struct connection *connection)
{
	if (call->tls_sk && call->tls_sk != call->sk)
		call->is_torn = 1;
	call->tls_sk = call->sk;
	if (!connection->is_classified)
		connection->key.tls = 1; /* met in the middle, perhaps in the middle of a record */
}

/* Whoever takes these bytes from memory in a moment is this socket's session. */
apart int note_arrival(struct call *call, struct work *work)
{
	if (!call || !work)
		return 0;
	call->is_fresh = 0;
	if (!work->in_segment && !next_segment(work))
		return 0;
	if (!work->has_memory || work->in_segment < sizeof(call->arrived) ||
	    bpf_probe_read_user(call->arrived, sizeof(call->arrived), (void *)work->base))
		return 0;
	call->arrived_sk = call->sk;
	call->is_fresh = 1;
	return 0;
}

inline_always void end_transfer(struct call *call, struct task_struct *task, struct pt_regs *regs,
				u64 number, s64 result)
{
	u64 sk = call->sk, flags;
	struct connection *connection;
	struct work *work;

	call->last = result < 0 ? -1 : !!result;
	if (rarely(result < 0))
		return;
	flags = flags_of(regs, number);
	if (rarely(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		return;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (rarely(!connection))
		connection = result ? meet(sk, OF(task, tgid)) : 0;
	if (!connection)
		return;
	if (rarely(call->is_in_tls))
		note_socket(call, connection);
	if (rarely(!result)) {
		if (call->kind & IS_READ)
			end_reading(call, connection);
		return;
	}
	work = work_of(WORK_OF_CALLS);
	if (!work)
		return;
	work->number = number;
	prepare(work, call, regs, result, flags);
	if (work->left)
		count_transfer(call, connection, work, OF(task, tgid));
	if (call->is_apart && connection->key.tls && call->kind & IS_READ)
		note_arrival(call, work);
}

#endif
