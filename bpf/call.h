/* System calls on sockets: which ones, what they say in registers, and the socket they mean. */
#ifndef PODWIRE_CALL_H
#define PODWIRE_CALL_H

#include "http.h"
#include "rung.h"

#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1
#define TS_COMPAT 2
#define EINTR 4
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
#define ERESTARTSYS 512

/* Where a call's bytes are said to lie. */
enum form {
	FORM_NONE,
	FORM_BUFFER,   /* fd, buffer, size */
	FORM_VECTOR,   /* fd, iovec, count */
	FORM_MESSAGE,  /* fd, msghdr */
	FORM_MESSAGES, /* fd, mmsghdr, count */
	FORM_SENDFILE, /* out fd, in fd */
	FORM_SPLICE,   /* in fd, offset, out fd */
	FORM_LAST_TRANSFER = FORM_SPLICE,
	FORM_CONNECT,
	FORM_ACCEPT,
	FORM_CLOSE,
	FORM_COMPAT, /* means a socket among the 32-bit calls only */
	FORM_MASK = 15,
	IS_READ = 16,
};

/* x86_64 call numbers; other architectures have their own table. */
#define CALLS 373
#define RECVFROM 45
#define RECVMSG 47
#define RECVMMSG 299
#define COMPAT_READ 3
#define SOCKETCALL 102
static const u8 kinds[CALLS] = {
	[0] = FORM_BUFFER | IS_READ,
	[1] = FORM_BUFFER,
	[3] = FORM_CLOSE,
	[4] = FORM_COMPAT,
	[19] = FORM_VECTOR | IS_READ,
	[20] = FORM_VECTOR,
	[40] = FORM_SENDFILE,
	[42] = FORM_CONNECT,
	[43] = FORM_ACCEPT,
	[44] = FORM_BUFFER,
	[RECVFROM] = FORM_BUFFER | IS_READ,
	[46] = FORM_MESSAGE,
	[RECVMSG] = FORM_MESSAGE | IS_READ,
	[SOCKETCALL] = FORM_COMPAT,
	[145] = FORM_COMPAT,
	[146] = FORM_COMPAT,
	[275] = FORM_SPLICE,
	[288] = FORM_ACCEPT,
	[RECVMMSG] = FORM_MESSAGES | IS_READ,
	[307] = FORM_MESSAGES,
	[327] = FORM_VECTOR | IS_READ,
	[328] = FORM_VECTOR,
	[337] = FORM_COMPAT,
	[345] = FORM_COMPAT,
	[369] = FORM_COMPAT,
	[370] = FORM_COMPAT,
	[371] = FORM_COMPAT,
	[372] = FORM_COMPAT,
};

#define ARRIVED 4 /* words: too much of it is ciphertext for two to be alike */

struct call {
	u64 start_ns;
	u64 sk;
	u32 slot; /* of the flow of a socket that is being closed: its state may be gone afterwards */
	u8 kind;
	u8 is_entered; /* between a call's start and its end */
	u8 is_in_tls;  /* a TLS library of the thread is at work; what follows is of its call */
	s8 last;       /* what the last transfer came to: bytes, the end (0), or an error */
	u64 tls_sk;    /* the socket that the library used, */
	u8 is_torn;    /* or several */
	u8 is_apart;   /* its library is handed ciphertext in memory: proof.h */
	u8 is_fresh;   /* what arrived is in no session's hands yet */
	u8 layout;     /* of the last proof */
	u8 done;       /* the moment of a call that a lane has done and the last one has not seen */
	u8 moment;     /* the last that any has done */
	u8 padding[2];
	u64 arrived_sk; /* the TLS socket that the thread read last, */
	u64 arrived[ARRIVED]; /* and what that began with */
};

/* Beside each thread of a watched process: the call it is in. */
#ifdef ELDER
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct call);
} calls SEC(".maps");

inline_always struct call *call_of(struct task_struct *task)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread), none = {};

	if (call)
		return call;
	bpf_map_update_elem(&calls, &thread, &none, MAP_NOEXIST);
	return bpf_map_lookup_elem(&calls, &thread);
}

inline_always struct call *call_known_of(struct task_struct *task)
{
	u64 thread = (u64)OF(task, tgid) << 32 | (u32)OF(task, pid);

	return bpf_map_lookup_elem(&calls, &thread);
}
#else
struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

inline_always struct call *call_of(struct task_struct *task)
{
	return bpf_task_storage_get(&calls, task, 0, STORAGE_CREATE);
}

inline_always struct call *call_known_of(struct task_struct *task)
{
	return bpf_task_storage_get(&calls, task, 0, 0);
}
#endif

/* Whether it is another lane's; a moment that none was there for shows at the next one. */
inline_always int is_told(struct call *call, u8 moment)
{
	if (is_done(&call->done, moment))
		return 1;
	if (lanes > 1 && call->moment == moment)
		count_loss(LOSS_CALLS_MISSED);
	if (lanes > 1)
		call->moment = moment;
	return 0;
}

/* What we ourselves cost watched processes, on demand: reading the clock costs, too. */
knob u32 is_timed = 0;
enum cost { COST_ENTER, COST_LEAVE, COST_CLOCK, COSTS };
enum cost costs_named_in_btf;
struct cost_sum {
	u64 runs;
	u64 ns;
};
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, COSTS);
	__type(key, u32);
	__type(value, struct cost_sum);
} costs SEC(".maps");

inline_always void add_cost(enum cost what, u64 ns)
{
	u32 key = what;
	struct cost_sum *sum = bpf_map_lookup_elem(&costs, &key);

	if (!sum)
		return;
	sum->runs += 1;
	sum->ns += ns;
}

inline_always u64 begin_cost(void)
{
	return is_timed ? bpf_ktime_get_ns() : 0;
}

inline_always void end_cost(enum cost what, u64 start_ns)
{
	u64 end_ns;

	if (!is_timed)
		return;
	end_ns = bpf_ktime_get_ns();
	add_cost(what, end_ns - start_ns);
	add_cost(COST_CLOCK, bpf_ktime_get_ns() - end_ns);
}

/* The sock behind a file, a helper a field; 0 when it is no socket. */
apart u64 sock_in_file(struct file *file)
{
	struct inode *inode = 0;
	struct socket *socket = 0;
	struct sock *sk = 0;
	u16 mode = 0;

	if (!file || READ(inode, file->f_inode) || READ(mode, inode->i_mode))
		return 0;
	if ((mode & S_IFMT) != S_IFSOCK)
		return 0;
	READ(socket, file->private_data);
	READ(sk, socket->sk);
	return (u64)sk;
}

/* Where there are no plain loads: the same as below. */
inline_always u64 sock_by_helpers(u64 place)
{
	struct file *file = 0;

	bpf_probe_read_kernel(&file, sizeof(file), (void *)place);
	return sock_in_file(file);
}

/* The sock behind a file descriptor of the current process, or 0 when it is no socket. */
inline_always u64 sock_of(struct task_struct *task, u32 fd)
{
	struct fdtable *table = OF(OF(task, files), fdt);
	u64 place;

	if (fd >= OF(table, max_fds))
		return 0;
	place = (u64)OF(table, fd) + fd * 8ULL;
#ifdef ELDER
	return sock_by_helpers(place);
#else
	if (!bpf_rdonly_cast)
		return sock_by_helpers(place);
	struct file *file = VIEW(struct file, VIEW(struct list_head, place)->next);
	if ((file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	return (u64)VIEW(struct socket, file->private_data)->sk;
#endif
}

/* A 32-bit call has numbers and registers of its own: it is told apart, not understood. */
inline_always int is_compat(struct task_struct *task)
{
	return OF(task, thread_info.status) & TS_COMPAT;
}

/* Bytes that a 32-bit call moves are counted by sequence numbers, at a drain after. */
inline_always void count_compat(struct task_struct *task, struct pt_regs *regs, u64 number)
{
	u8 form = kinds[number] & FORM_MASK;

	if (form != FORM_COMPAT && number != COMPAT_READ)
		return;
	if (number == SOCKETCALL || sock_of(task, FIELD(struct pt_regs, regs, bx)))
		count_loss(LOSS_CALLS_COMPAT);
}

/* Whether the socket has read everything that its peer sent, up to and without its FIN. */
inline_always int is_read_out(u64 sk)
{
	u32 left = FIELD(struct tcp_sock, sk, rcv_nxt) - FIELD(struct tcp_sock, sk, copied_seq);

	return left <= 1;
}

/* Flags of a read: what was only looked at, or came from the error queue, was not read. */
inline_always u64 flags_of(struct pt_regs *regs, u64 number)
{
	if (number == RECVMSG)
		return FIELD(struct pt_regs, regs, dx);
	if (number == RECVFROM || number == RECVMMSG)
		return FIELD(struct pt_regs, regs, r10);
	return 0;
}

#endif
