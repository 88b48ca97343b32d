/*
 * Counts what watched processes do with their TCP sockets.
 *
 * In: system calls and TCP events of the whole host.  Out: the maps of flow.h, loss.h.
 * Whoever is not watched costs a comparison of the call's number and one look-up.
 */
#include "http.h"

char LICENSE[] SEC("license") = "GPL";

#define MSG_PEEK 2
#define EINPROGRESS 115

enum kind {
	KIND_NONE,
	KIND_WRITE,    /* fd, buffer, size */
	KIND_READ,
	KIND_WRITE_VECTOR, /* fd, iovec, count */
	KIND_READ_VECTOR,
	KIND_WRITE_MESSAGE, /* fd, msghdr */
	KIND_READ_MESSAGE,
	KIND_SENDFILE, /* out fd, in fd */
	KIND_CONNECT,
	KIND_ACCEPT,
	KIND_CLOSE,
};

/* x86_64 call numbers; other architectures have their own table. */
#define CALLS 300
static const u8 kinds[CALLS] = {
	[0] = KIND_READ,	  [1] = KIND_WRITE,	    [3] = KIND_CLOSE,
	[19] = KIND_READ_VECTOR,  [20] = KIND_WRITE_VECTOR, [40] = KIND_SENDFILE,
	[42] = KIND_CONNECT,	  [43] = KIND_ACCEPT,	    [44] = KIND_WRITE,
	[45] = KIND_READ,	  [46] = KIND_WRITE_MESSAGE, [47] = KIND_READ_MESSAGE,
	[288] = KIND_ACCEPT,
};

struct call {
	u64 start_ns;
	u64 sk;
	struct flow_key key; /* of a socket that is being closed: its state may be gone afterwards */
	u8 kind;
	u8 is_entered; /* between a call's start and its end */
	u8 is_counted;
	u8 padding[5];
};

/* Beside each thread of a watched process: the call it is in. */
struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/* What a call carries is too much for the stack; programs on one CPU do not interrupt each other. */
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct work);
} works SEC(".maps");

/* The sock behind a file descriptor of the current process, or 0 when it is no socket. */
apart u64 sock_of(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	struct file *file = 0;
	struct inode *inode = 0;
	struct socket *socket = 0;
	struct sock *sk = 0;
	u16 mode = 0;

	if (fd >= table->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	if (!file || READ(inode, file->f_inode) || READ(mode, inode->i_mode))
		return 0;
	if ((mode & S_IFMT) != S_IFSOCK)
		return 0;
	READ(socket, file->private_data);
	READ(sk, socket->sk);
	return (u64)sk;
}

inline_always void end_stream(struct call *call, struct connection *connection, u8 direction)
{
	u32 zero = 0;
	struct work *work = bpf_map_lookup_elem(&works, &zero);

	if (!work)
		return;
	work->key = connection->key;
	work->now_ns = bpf_ktime_get_ns();
	work->start_ns = call->start_ns;
	work->direction = direction;
	end_direction(connection, work);
}

inline_always void begin_close(struct call *call, u32 pid)
{
	u64 sk = call->sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (!connection)
		return;
	connection->key.pid = pid;
	settle(connection);
	end_stream(call, connection, EGRESS);
	end_stream(call, connection, INGRESS);
	call->key = connection->key;
	call->is_counted = 1;
}

inline_always void begin_connect(u64 sk, u32 pid, u64 now_ns)
{
	struct connection *connection = is_tcp(sk) ? new_connection(sk, pid) : 0;

	if (!connection)
		return;
	set_role(connection, ROLE_CLIENT);
	connection->opening = OPENING_UNDERWAY;
	connection->opening_ns = now_ns;
}

SEC("tp_btf/sys_enter")
int enter(u64 *context)
{
	struct pt_regs *regs = (struct pt_regs *)context[0];
	u64 number = context[1];
	struct call *call;
	u32 pid;

	if (number >= CALLS || !kinds[number])
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	if (!is_watched(pid))
		return 0;
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, STORAGE_CREATE);
	if (!call) {
		count_loss(LOSS_CALLS_FULL);
		return 0;
	}
	call->is_entered = 1;
	call->is_counted = 0;
	call->kind = kinds[number];
	call->sk = sock_of(regs->di);
	if (!call->sk)
		return 0;
	call->start_ns = bpf_ktime_get_ns();
	if (call->kind == KIND_CONNECT)
		begin_connect(call->sk, pid, call->start_ns);
	if (call->kind == KIND_CLOSE)
		begin_close(call, pid);
	return 0;
}

/* What the first bytes are: TLS is told by its record header, HTTP by http.h. */
inline_always void classify(struct connection *connection, struct work *work)
{
	struct vector first = {.base = work->base, .length = work->in_segment};
	u8 head[3] = {};

	if (!work->in_segment && work->vectors)
		bpf_probe_read_user(&first, sizeof(first), (void *)work->vector);
	if (work->has_memory && work->left >= 3)
		bpf_probe_read_user(head, sizeof(head), (void *)first.base);
	if (head[0] >= 0x14 && head[0] <= 0x17 && head[1] == 3 && head[2] <= 4) {
		connection->key.tls = 1;
		stop_http(connection);
	}
	name_ends(connection);
}

inline_always int prepare(struct work *work, const struct call *call, struct pt_regs *regs, u64 bytes)
{
	u64 header[4] = {};

	work->now_ns = bpf_ktime_get_ns();
	work->start_ns = call->start_ns;
	work->vectors = 0;
	work->base = 0;
	work->in_segment = bytes;
	work->left = bytes;
	work->has_memory = call->kind != KIND_SENDFILE;
	work->direction = call->kind == KIND_READ || call->kind == KIND_READ_VECTOR ||
			  call->kind == KIND_READ_MESSAGE;
	work->base = regs->si;
	if (call->kind == KIND_WRITE_VECTOR || call->kind == KIND_READ_VECTOR) {
		work->vector = work->base;
		work->vectors = regs->dx;
		work->in_segment = 0;
	} else if (call->kind == KIND_WRITE_MESSAGE || call->kind == KIND_READ_MESSAGE) {
		if (bpf_probe_read_user(header, sizeof(header), (void *)work->base)) {
			count_loss(LOSS_PAYLOAD_UNREAD);
			return -1;
		}
		work->vector = header[2];
		work->vectors = header[3];
		work->in_segment = 0;
	}
	return 0;
}

inline_always void count_transfer(struct call *call, struct connection *connection,
				  struct pt_regs *regs, u64 bytes, u32 pid)
{
	struct tcp_sock *tcp = (struct tcp_sock *)call->sk;
	u32 zero = 0, srtt = 0;
	struct work *work = bpf_map_lookup_elem(&works, &zero);
	struct flow *flow;
	u64 time_ns;

	if (!work || prepare(work, call, regs, bytes))
		return;
	connection->key.pid = pid;
	if (!connection->is_classified)
		classify(connection, work);
	work->key = connection->key;
	follow_http(connection, work);
	if (!connection->is_classified) {
		if (connection->messages[work->direction & 1].state == MESSAGE_TOKEN)
			connection->key.protocol = PROTOCOL_HTTP1; /* so far it reads like it */
		settle(connection);
	}
	flow = flow_of(&connection->key);
	if (!flow)
		return;
	time_ns = work->now_ns - work->start_ns;
	count_operation(work->direction == EGRESS ? &flow->write : &flow->read, bytes, time_ns,
			time_ns);
	READ(srtt, tcp->srtt_us);
	srtt >>= 3;
	if (srtt)
		count_operation(&flow->rtt, 0, srtt, (u64)srtt * 1000);
}

inline_always void end_accept(const struct call *call, u32 fd, u32 pid)
{
	u64 sk = sock_of(fd);
	struct connection *connection = sk && is_tcp(sk) ? new_connection(sk, pid) : 0;

	if (!connection)
		return;
	set_role(connection, ROLE_SERVER);
	connection->opening = OPENING_DONE;
	connection->opening_ns = bpf_ktime_get_ns() - call->start_ns;
	register_ends(sk, connection);
}

inline_always void end_connect(const struct call *call, s64 result)
{
	u64 sk = call->sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (!connection)
		return;
	if (!result) {
		connection->opening = OPENING_DONE;
		connection->opening_ns = bpf_ktime_get_ns() - call->start_ns;
		read_ends((struct sock *)sk, connection);
		set_role(connection, ROLE_CLIENT);
		register_ends(sk, connection);
	} else if (result != -EINPROGRESS) {
		bpf_map_delete_elem(&connections, &sk);
	}
}

inline_always void end_close(const struct call *call)
{
	struct flow *flow = call->is_counted ? flow_of(&call->key) : 0;
	u64 time_ns = bpf_ktime_get_ns() - call->start_ns;

	if (flow)
		count_operation(&flow->close, 0, time_ns, time_ns);
}

inline_always void end_transfer(struct call *call, struct pt_regs *regs, s64 result, u32 pid)
{
	struct connection *connection;
	u8 is_read = call->kind == KIND_READ || call->kind == KIND_READ_VECTOR ||
		     call->kind == KIND_READ_MESSAGE;
	u64 sk = call->sk;

	if (result < 0 || (regs->orig_ax == 45 && regs->r10 & MSG_PEEK) ||
	    (regs->orig_ax == 47 && regs->dx & MSG_PEEK))
		return;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (!connection && result && is_tcp(sk)) {
		connection = new_connection(sk, pid);
		if (!connection)
			return;
		connection->is_from_middle = 1;
		register_ends(sk, connection);
	}
	if (!connection)
		return;
	if (result)
		count_transfer(call, connection, regs, result, pid);
	else if (is_read)
		end_stream(call, connection, INGRESS);
}

/* A call that waited already when its process was not yet watched: its time counts from now. */
inline_always void begin_late(struct call *call, u8 kind, struct pt_regs *regs)
{
	call->kind = kind;
	call->is_counted = 0;
	call->start_ns = bpf_ktime_get_ns();
	call->sk = kind == KIND_CONNECT || kind == KIND_CLOSE ? 0 : sock_of(regs->di);
}

SEC("tp_btf/sys_exit")
int leave(u64 *context)
{
	struct pt_regs *regs = (struct pt_regs *)context[0];
	s64 result = context[1];
	u64 number = regs->orig_ax;
	struct call *call;
	u8 kind;
	u32 pid;

	kind = number < CALLS ? kinds[number] : KIND_NONE;
	if (!kind)
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	if (!is_watched(pid))
		return 0;
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, STORAGE_CREATE);
	if (!call)
		return 0;
	if (!call->is_entered)
		begin_late(call, kind, regs);
	call->is_entered = 0;
	if (!call->sk)
		return 0;
	if (kind == KIND_ACCEPT) {
		if (result >= 0)
			end_accept(call, result, pid);
	} else if (kind == KIND_CONNECT) {
		end_connect(call, result);
	} else if (kind == KIND_CLOSE) {
		end_close(call);
	} else {
		end_transfer(call, regs, result, pid);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int set_state(u64 *context)
{
	struct sock *sock = (struct sock *)context[0];
	u64 sk = context[0];
	s32 state = context[2];
	struct connection *connection;

	if (state == TCP_LISTEN) {
		struct listener_key key = {.netns = netns_of((struct sock *)sk)};
		u32 pid = bpf_get_current_pid_tgid() >> 32;

		if (!is_watched(pid))
			return 0;
		READ(key.port, sock->__sk_common.skc_num);
		bpf_map_update_elem(&listeners, &key, &pid, MAP_ANY);
		return 0;
	}
	if (state != TCP_ESTABLISHED)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (!connection || connection->opening != OPENING_UNDERWAY)
		return 0;
	read_ends((struct sock *)sk, connection);
	set_role(connection, ROLE_CLIENT);
	connection->opening_ns = bpf_ktime_get_ns() - connection->opening_ns;
	connection->opening = OPENING_DONE;
	register_ends(sk, connection);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int retransmit(u64 *context)
{
	u64 sk = context[0];

	count_retransmits(sk, bpf_map_lookup_elem(&connections, &sk));
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy(u64 *context)
{
	u64 sk = context[0];
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);
	struct tuple tuple;

	if (!connection)
		return 0;
	if (!connection->is_classified)
		settle(connection);
	count_retransmits(sk, connection);
	tuple_of(connection, &tuple);
	bpf_map_delete_elem(&tuples, &tuple);
	bpf_map_delete_elem(&connections, &sk);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int fork(u64 *context)
{
	struct task_struct *child = (struct task_struct *)context[1];
	u32 parent = bpf_get_current_pid_tgid() >> 32, pid = 0, one = 1;

	READ(pid, child->tgid);
	if (pid != parent && is_watched(parent))
		bpf_map_update_elem(&watched, &pid, &one, MAP_ANY);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int exit(u64 *context)
{
	u64 thread = bpf_get_current_pid_tgid();
	u32 pid = thread >> 32;

	if (pid == (u32)thread)
		bpf_map_delete_elem(&watched, &pid);
	return 0;
}

/* Sockets that were open before anybody watched, in every network namespace. */
SEC("iter/task_file")
int survey(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct connection *connection;
	struct socket *socket;
	struct sock *sock;
	u16 family = 0, protocol = 0;
	u8 state = 0;
	u32 pid;
	u64 sk;

	if (!task || !file)
		return 0;
	pid = task->tgid;
	if (!is_watched(pid))
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sock = socket->sk;
	sk = (u64)sock;
	READ(family, sock->__sk_common.skc_family);
	READ(protocol, sock->sk_protocol);
	READ(state, sock->__sk_common.skc_state);
	if ((family != AF_INET && family != AF_INET6) || protocol != IPPROTO_TCP)
		return 0;
	if (state == TCP_LISTEN) {
		struct listener_key key = {.netns = netns_of((struct sock *)sk)};

		READ(key.port, sock->__sk_common.skc_num);
		bpf_map_update_elem(&listeners, &key, &pid, MAP_ANY);
		return 0;
	}
	if (state != TCP_ESTABLISHED || bpf_map_lookup_elem(&connections, &sk))
		return 0;
	connection = new_connection(sk, pid);
	if (!connection)
		return 0;
	connection->is_from_middle = 1;
	register_ends(sk, connection);
	return 0;
}

#include "drop.h"
