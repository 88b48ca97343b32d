/*
 * Calls of TLS libraries in watched processes: what they read and write in clear.
 *
 * In: entries and returns of the libraries' functions, wherever user space found them.  Out: the
 * maps of socket.bpf.c, which are this object's too.  Which socket a call used is learned from the
 * system calls inside it, at each call anew.
 */
#include "plaintext.h"
#include "proof.h"

char LICENSE[] SEC("license") = "GPL";

/* A call inside another one of its thread: a library's own way to itself, or TLS inside TLS. */
inline_always int is_nested(const struct call *outer, const struct tls_thread *thread, u64 sp)
{
	return outer->is_in_tls && sp < thread->call.sp;
}

inline_always int enter_tls(struct registers *regs, u32 form)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct session_key key = {.address = regs->di, .pid = task->tgid};
	struct tls_thread *thread;
	struct call *outer;

	if (!is_marked(task->tgid))
		return 0;
	outer = bpf_task_storage_get(&calls, task, 0, STORAGE_CREATE);
	thread = bpf_task_storage_get(&tls_threads, task, 0, STORAGE_CREATE);
	if (!outer || !thread) {
		count_loss(LOSS_CALLS_FULL);
		return 0;
	}
	if (is_nested(outer, thread, regs->sp)) {
		if (thread->call.session != regs->di && form != TLS_OTHER)
			lose_plaintext(LOSS_TLS_NESTED);
		return 0;
	}
	if (outer->is_fresh)
		prove_session(outer, &key);
	thread->call.session = regs->di;
	thread->call.buffer = form == TLS_SENDFILE ? 0 : regs->si;
	thread->call.size_at = regs->cx;
	thread->call.start_ns = bpf_ktime_get_ns();
	thread->call.place = bpf_get_attach_cookie(regs);
	thread->call.since_ns = attached_since(thread->call.place);
	thread->call.sp = regs->sp;
	thread->call.form = form;
	thread->call.is_apart = outer->is_apart;
	outer->tls_sk = 0;
	outer->is_torn = 0;
	outer->last = 1;
	outer->is_in_tls = 1;
	return 0;
}

ENTRY(tls_read, enter_tls, TLS_READ)
ENTRY(tls_write, enter_tls, TLS_WRITE)
ENTRY(tls_read_ex, enter_tls, TLS_READ_EX)
ENTRY(tls_write_ex, enter_tls, TLS_WRITE_EX)
ENTRY(tls_sendfile, enter_tls, TLS_SENDFILE)
ENTRY(tls_other, enter_tls, TLS_OTHER)

/* Its address may be another session's from here on. */
SEC("uprobe")
int tls_free(struct registers *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct session_key key = {.address = regs->di, .pid = task->tgid};

	if (is_marked(task->tgid))
		bpf_map_delete_elem(&sessions, &key);
	return 0;
}

/* What a call moved; 0 when it moved nothing. */
inline_always u64 moved_by(const struct tls_call *call, u64 result)
{
	s64 moved = call->form == TLS_SENDFILE ? (s64)result : (s32)result;
	u64 size = 0;

	if (moved <= 0 || call->form == TLS_OTHER)
		return 0;
	if (call->form != TLS_READ_EX && call->form != TLS_WRITE_EX)
		return moved;
	bpf_probe_read_user(&size, sizeof(size), (void *)call->size_at);
	return size;
}

/* Nothing was read: because nothing will come any more, or nothing has come yet? */
inline_always int is_at_end(const struct call *outer, const struct tls_call *call, s32 result)
{
	if (call->form == TLS_READ)
		return !result || !outer->last;
	return call->form == TLS_READ_EX && outer->tls_sk && outer->last >= 0;
}

inline_always void end_call(struct call *outer, struct tls_thread *thread, u32 pid, u64 result)
{
	struct session_key key = {.address = thread->call.session, .pid = pid};
	u64 bytes = moved_by(&thread->call, result), sk = outer->tls_sk;
	struct connection *connection;

	if (outer->is_torn) {
		if (bytes)
			lose_plaintext(LOSS_TLS_TORN);
		bpf_map_delete_elem(&sessions, &key);
		return;
	}
	if (sk) {
		connection = bpf_map_lookup_elem(&connections, &sk);
		if (connection)
			remember_session(sk, connection, &key);
	} else {
		connection = connection_of(&key, &sk);
		if (!connection && outer->last > 0)
			outer->is_apart = 1; /* it called nobody */
	}
	if (bytes)
		tell_plaintext(thread, connection, sk, pid, bytes);
	else if (connection && is_at_end(outer, &thread->call, result))
		end_plaintext(thread, connection, sk);
}

SEC("uretprobe")
int tls_leave(struct registers *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tls_thread *thread;
	struct call *outer;

	keep_own_stack(regs);
	if (!is_marked(task->tgid))
		return 0;
	outer = bpf_task_storage_get(&calls, task, 0, 0);
	thread = bpf_task_storage_get(&tls_threads, task, 0, 0);
	if (!outer || !thread || !outer->is_in_tls || regs->sp <= thread->call.sp)
		return 0; /* a nested one's, or one that was underway when nobody watched */
	outer->is_in_tls = 0;
	end_call(outer, thread, task->tgid, regs->ax);
	return 0;
}

#include "tls_go.h"
