/* What user space asks for: whom to watch from now on, what was open before, how things stand. */
#ifndef PODWIRE_SURVEY_H
#define PODWIRE_SURVEY_H

/* The bit of every task says whether `watched` holds its process. */
SEC("iter/task")
int choose(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	u32 pid;

	if (!task)
		return 0;
	pid = task->tgid;
	if (is_marked(pid) != is_watched(pid))
		mark(pid, is_watched(pid));
	return 0;
}

inline_always u64 sock_opened(struct file *file)
{
#ifdef ELDER
	return sock_in_file(file);
#else
	struct socket *socket = bpf_sock_from_file(file);

	return socket ? (u64)socket->sk : 0;
#endif
}

/* Sockets that were open before anybody watched, in every network namespace. */
SEC("iter/task_file")
int survey(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	u8 state = 0;
	u32 pid;
	u64 sk;

	if (!task || !file)
		return 0;
	pid = task->tgid;
	if (!is_watched(pid))
		return 0;
	sk = sock_opened(file);
	if (!sk || !is_tcp(sk))
		return 0;
	READ(state, ((struct sock *)sk)->__sk_common.skc_state);
	if (state == TCP_LISTEN && !bpf_map_lookup_elem(&listeners, &sk))
		register_listener(sk, pid);
	if (state == TCP_ESTABLISHED && !bpf_map_lookup_elem(&connections, &sk))
		meet(sk, pid);
	return 0;
}

/* Which connections a call is in: its bytes may have crossed already, and it tells of them later. */
SEC("iter/task")
int underway(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct connection *connection;
	struct usage *usage;
	struct call *call;
	u32 zero = 0;
	u64 sk;

	if (!task) {
		usage = bpf_map_lookup_elem(&usages, &zero);
		if (usage)
			usage->is_checked = 1;
		return 0;
	}
	if (!is_watched(task->tgid))
		return 0;
	call = call_known_of(task);
	if (!call || !call->is_entered || !call->sk)
		return 0;
	sk = call->sk;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (connection)
		connection->calling |= call->kind & IS_READ ? 1 << INGRESS : 1 << EGRESS;
	return 0;
}

inline_always void end_gathering(struct usage *usage)
{
	usage->ticks = bpf_jiffies64();
	usage->ns = bpf_ktime_get_ns();
	usage->has_unexplained = usage->is_unexplained;
	usage->is_unexplained = 0;
	usage->is_checked = 0;
}

/* How every open connection stands, by its socket; once a drain. */
SEC("iter/bpf_map_elem")
int gather(struct bpf_iter__bpf_map_elem *context)
{
	u64 *address = context->key, sk;
	struct connection *connection;
	struct usage *usage;
	u32 zero = 0;

	usage = bpf_map_lookup_elem(&usages, &zero);
	if (!usage)
		return 0;
	if (!address) {
		end_gathering(usage);
		return 0;
	}
	sk = *address;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (!connection)
		return 0;
	if (look_crossed(sk, connection, usage->is_checked))
		usage->is_unexplained = 1;
	if (connection->is_classified)
		count_facts(sk, connection);
	return 0;
}

/* Connections that a listener had no room for, as its socket counts them. */
SEC("iter/bpf_map_elem")
int overflow(struct bpf_iter__bpf_map_elem *context)
{
	u64 *address = context->key, sk;
	struct listener *listener;

	if (!address)
		return 0;
	sk = *address;
	listener = bpf_map_lookup_elem(&listeners, &sk);
	if (listener)
		listener->drops = FIELD(struct sock, sk, sk_drops.counter) - listener->before;
	return 0;
}

#endif
