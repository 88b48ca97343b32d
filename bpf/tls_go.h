/*
 * Go's own TLS. Goroutines move between threads and their stacks move, so a call is kept by its
 * goroutine, and ends at the function's own returns; arguments and results are in registers (Go
 * 1.17). The socket is the one that the connection's fields lead to, at each call anew.
 */
#ifndef PODWIRE_TLS_GO_H
#define PODWIRE_TLS_GO_H

struct go_key {
	u64 goroutine;
	u32 pid;
	u32 padding;
};

/* Goroutines that are inside a call. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct go_key);
	__type(value, struct tls_call);
} goroutines SEC(".maps");

/* Where fields lie, in bytes, in one program's version of Go. */
struct go_layout {
	u32 conn; /* of tls.Conn: an interface, whose second word is a *net.TCPConn */
	u32 fd;	  /* of that: a *net.netFD */
	u32 sysfd; /* of that, like what follows */
	u32 family;
	u32 sotype;
};

/* Key: a link's cookie. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct go_layout);
} go_layouts SEC(".maps");

enum { SOCK_STREAM = 1, EOF_SIZE = 3 };

/* The socket that the connection's fields lead to; 0 when they are not what they should be. */
inline_always u64 sock_of_go(struct task_struct *task, const struct tls_call *call)
{
	u32 place = call->place;
	struct go_layout *layout = bpf_map_lookup_elem(&go_layouts, &place);
	u64 tcp, fd;

	if (!layout)
		return 0;
	tcp = word_at(call->session + layout->conn + 8);
	fd = tcp ? word_at(tcp + layout->fd) : 0;
	if (!fd || word_at(fd + layout->sotype) != SOCK_STREAM)
		return 0;
	if (word_at(fd + layout->family) != AF_INET && word_at(fd + layout->family) != AF_INET6)
		return 0;
	return sock_of(task, word_at(fd + layout->sysfd));
}

/* Before it returns, the program may read the answer elsewhere, and even close the connection. */
inline_always void begin_write(struct task_struct *task, struct tls_call *call, u64 goroutine)
{
	u64 sk = sock_of_go(task, call);
	struct connection *connection = sk ? bpf_map_lookup_elem(&connections, &sk) : 0;

	if (!connection)
		return;
	connection->writer = goroutine;
	call->sk = sk;
	call->sequence = FIELD(struct tcp_sock, sk, write_seq);
}

inline_always int enter_go(struct registers *regs, u32 form)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct go_key key = {.goroutine = regs->r14, .pid = task->tgid};
	struct tls_call call = {}, *before;

	if (!is_marked(key.pid))
		return 0;
	before = bpf_map_lookup_elem(&goroutines, &key);
	if (before && before->session != regs->ax && regs->sp < before->sp)
		lose_plaintext(LOSS_TLS_NESTED); /* the outer one's, which is forgotten */
	call.session = regs->ax;
	call.buffer = regs->bx;
	call.start_ns = bpf_ktime_get_ns();
	call.place = bpf_get_attach_cookie(regs);
	call.since_ns = attached_since(call.place);
	call.sp = regs->sp;
	call.form = form;
	if (form == TLS_GO_WRITE) {
		call.size = regs->cx;
		begin_write(task, &call, key.goroutine);
	}
	if (bpf_map_update_elem(&goroutines, &key, &call, MAP_ANY))
		count_loss(LOSS_SESSIONS_FULL);
	return 0;
}

/* The socket of a call that returns: a write's is known, unless another one has begun since. */
inline_always u64 sock_at_end(struct task_struct *task, const struct tls_call *call, u64 goroutine)
{
	u64 sk = call->sk;
	struct connection *connection = sk ? bpf_map_lookup_elem(&connections, &sk) : 0;

	if (!connection || connection->writer != goroutine)
		return sock_of_go(task, call);
	connection->writer = 0;
	return sk;
}

/* Whether an error is io.EOF, by its text: it is what a session's end is told by. */
inline_always int is_end_of_file(u64 error)
{
	u64 text[2] = {};
	u8 letters[EOF_SIZE] = {};

	bpf_probe_read_user(text, sizeof(text), (void *)error);
	if (text[1] != EOF_SIZE)
		return 0;
	bpf_probe_read_user(letters, sizeof(letters), (void *)text[0]);
	return letters[0] == 'E' && letters[1] == 'O' && letters[2] == 'F';
}

ENTRY(go_read, enter_go, TLS_GO_READ)
ENTRY(go_write, enter_go, TLS_GO_WRITE)

/* Whoever takes a call out of the map tells it: two threads may want to. */
inline_always int take_call(struct tls_thread *thread, const struct go_key *key,
			    const struct tls_call *call)
{
	thread->call = *call;
	return !bpf_map_delete_elem(&goroutines, key);
}

/* Whether the socket has taken all of a write: its ciphertext is longer than the plaintext. */
inline_always int is_written(const struct tls_call *call, u64 sk)
{
	u32 written = FIELD(struct tcp_sock, sk, write_seq) - call->sequence;

	return call->sk == sk && call->size && written > call->size;
}

/* What is read may answer a write that has not returned: if it is done, it is told first. */
inline_always void tell_unreturned(struct tls_thread *thread, struct connection *connection, u64 sk,
				   u32 pid)
{
	struct go_key key = {.goroutine = connection->writer, .pid = pid};
	struct tls_call *call = bpf_map_lookup_elem(&goroutines, &key);

	if (!call || !is_written(call, sk) || !take_call(thread, &key, call))
		return;
	connection->writer = 0;
	tell_plaintext(thread, connection, sk, pid, thread->call.size);
}

inline_always void end_go(struct tls_thread *thread, struct task_struct *task,
			  struct registers *regs, const struct go_key *key,
			  const struct tls_call *call)
{
	u64 sk = sock_at_end(task, call, key->goroutine);
	struct connection *connection = sk ? bpf_map_lookup_elem(&connections, &sk) : 0;
	s64 bytes = regs->ax;

	if (bytes > 0 && connection && connection->writer && call->form == TLS_GO_READ)
		tell_unreturned(thread, connection, sk, key->pid);
	if (!take_call(thread, key, call))
		return; /* told above, by another thread */
	if (bytes > 0)
		tell_plaintext(thread, connection, sk, key->pid, bytes);
	else if (connection && thread->call.form == TLS_GO_READ && is_end_of_file(regs->cx))
		end_plaintext(thread, connection, sk);
}

SEC("uprobe")
int go_leave(struct registers *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct go_key key = {.goroutine = regs->r14, .pid = task->tgid};
	struct tls_thread *thread;
	struct tls_call *call;

	keep_own_stack(regs);
	if (!is_marked(key.pid))
		return 0;
	call = bpf_map_lookup_elem(&goroutines, &key);
	if (!call)
		return 0; /* it was underway when nobody watched, or is told of */
	thread = bpf_task_storage_get(&tls_threads, task, 0, STORAGE_CREATE);
	if (!thread) {
		count_loss(LOSS_CALLS_FULL);
		return 0;
	}
	end_go(thread, task, regs, &key, call);
	return 0;
}

#endif
