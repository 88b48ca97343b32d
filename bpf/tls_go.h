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
	if (bpf_map_update_elem(&goroutines, &key, &call, MAP_ANY))
		count_loss(LOSS_SESSIONS_FULL);
	return 0;
}

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

SEC("uprobe")
int go_read(struct registers *regs)
{
	return enter_go(regs, TLS_GO_READ);
}

SEC("uprobe")
int go_write(struct registers *regs)
{
	return enter_go(regs, TLS_GO_WRITE);
}

inline_always void end_go(struct tls_thread *thread, struct task_struct *task,
			  struct registers *regs)
{
	u64 sk = sock_of_go(task, &thread->call);
	struct connection *connection = sk ? bpf_map_lookup_elem(&connections, &sk) : 0;
	s64 bytes = regs->ax;

	if (bytes > 0)
		tell_plaintext(thread, connection, sk, task->tgid, bytes);
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

	if (!is_marked(key.pid))
		return 0;
	call = bpf_map_lookup_elem(&goroutines, &key);
	if (!call)
		return 0; /* it was underway when nobody watched */
	thread = bpf_task_storage_get(&tls_threads, task, 0, STORAGE_CREATE);
	if (!thread) {
		count_loss(LOSS_CALLS_FULL);
		return 0;
	}
	thread->call = *call;
	bpf_map_delete_elem(&goroutines, &key);
	end_go(thread, task, regs);
	return 0;
}

#endif
