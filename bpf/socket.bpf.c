/*
 * Counts what watched processes do with their TCP sockets.
 *
 * In: system calls and TCP events of the whole host.  Out: the maps of flow.h, loss.h.
 * Whoever is not watched costs a comparison of the call's number and a look at one bit.
 */
#include "fact.h"
#include "call.h"

char LICENSE[] SEC("license") = "GPL";

#include "session.h"
#include "state.h"
#include "transfer.h"

inline_always void begin_close(struct call *call, u32 pid)
{
	u64 sk = call->sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (!connection || connection->opening == OPENING_UNDERWAY)
		return;
	connection->key.pid = pid;
	settle(connection);
	call->slot = slot_for(connection, &connection->key);
}

inline_always void begin_connect(u64 sk, u32 pid, u64 now_ns)
{
	struct connection *connection;

	if (!is_tcp(sk) || FIELD(struct sock, sk, __sk_common.skc_state) != TCP_CLOSE)
		return;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (connection)
		end_connection(sk, connection, WORK_OF_CONNECTS); /* the socket's last one */
	connection = new_connection(sk, pid);
	if (!connection)
		return;
	set_role(connection, ROLE_CLIENT);
	connection->opening = OPENING_UNDERWAY;
	connection->opening_ns = now_ns;
}

/* The socket of a call, as its registers say. */
inline_always u64 sock_in(struct task_struct *task, struct pt_regs *regs, u8 kind, u8 *is_read)
{
	u64 sk = sock_of(task, FIELD(struct pt_regs, regs, di));

	*is_read = !!(kind & IS_READ);
	if ((kind & FORM_MASK) != FORM_SPLICE)
		return sk;
	*is_read = !!sk;
	return sk ? sk : sock_of(task, FIELD(struct pt_regs, regs, dx));
}

inline_always void begin_call(struct call *call, struct task_struct *task, struct pt_regs *regs,
			      u8 kind)
{
	u8 is_read;

	call->slot = 0;
	call->sk = sock_in(task, regs, kind, &is_read);
	call->kind = (kind & FORM_MASK) | (is_read ? IS_READ : 0);
	call->start_ns = call->sk ? bpf_ktime_get_ns() : 0;
}

/* A call that waited already when its process was not watched: its time counts from now. */
apart int begin_late(struct call *call, struct task_struct *task, struct pt_regs *regs, u64 number)
{
	if (call && number < CALLS)
		begin_call(call, task, regs, kinds[number]);
	return 0;
}

inline_always void enter_watched(struct task_struct *task, struct pt_regs *regs, u8 kind)
{
	struct call *call = call_of(task);
	u8 form;

	if (!call) {
		if (lane + 1 == lanes)
			count_loss(LOSS_CALLS_FULL);
		return;
	}
	if (is_told(call, MOMENT_ENTER))
		return;
	call->is_entered = 1;
	begin_call(call, task, regs, kind);
	form = call->kind & FORM_MASK;
	if (form <= FORM_LAST_TRANSFER || !call->sk)
		return;
	if (form == FORM_CONNECT)
		begin_connect(call->sk, OF(task, tgid), call->start_ns);
	if (form == FORM_CLOSE)
		begin_close(call, OF(task, tgid));
}

SEC("tp_btf/sys_enter")
int enter(u64 *context)
{
	u64 number = TOLD(enter, context, 1, call_record, number), start_ns;
	struct task_struct *task;
	struct pt_regs *regs;

	if (number >= CALLS || !kinds[number])
		return 0;
	task = current();
	if (!is_marked(OF(task, tgid)))
		return 0;
	regs = enter_is_plain ? regs_of(task) : (struct pt_regs *)context[0];
	if (rarely(is_compat(task))) {
		if (!lane)
			count_compat(task, regs, number);
		return 0;
	}
	if (kinds[number] == FORM_COMPAT)
		return 0;
	start_ns = begin_cost();
	enter_watched(task, regs, kinds[number]);
	end_cost(COST_ENTER, start_ns);
	return 0;
}

inline_always void end_accept(const struct call *call, struct task_struct *task, u32 fd)
{
	u64 sk = sock_of(task, fd);
	struct connection *connection = sk && is_tcp(sk) ? new_connection(sk, OF(task, tgid)) : 0;

	if (!connection)
		return;
	set_role(connection, ROLE_SERVER);
	connection->opening = OPENING_DONE;
	connection->opening_ns = bpf_ktime_get_ns() - call->start_ns;
	connection->handshake_retransmits = FIELD(struct tcp_sock, sk, total_retrans);
	begin_sequence(sk, connection);
	register_ends(sk, connection);
}

inline_always void end_connect(const struct call *call, s64 result)
{
	u64 sk = call->sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &sk);

	if (!connection || connection->opening != OPENING_UNDERWAY)
		return;
	if (!result)
		open_connection(sk, connection);
	else if (result != -EINPROGRESS && result != -EALREADY && result != -EINTR &&
		 result != -ERESTARTSYS && result != -EISCONN)
		fail_connection(sk, connection, -result);
}

inline_always void end_close(const struct call *call)
{
	struct flow *flow = flow_in(call->slot);
	u64 time_ns = bpf_ktime_get_ns() - call->start_ns;

	if (flow)
		count_operation(&flow->close, 0, time_ns, time_ns);
}

inline_always void leave_watched(struct task_struct *task, struct pt_regs *regs, u64 number,
				 s64 result)
{
	struct call *call = call_of(task);
	u8 form;

	if (!call || is_told(call, MOMENT_LEAVE))
		return;
	if (rarely(!call->is_entered))
		begin_late(call, task, regs, number);
	call->is_entered = 0;
	if (!call->sk)
		return;
	form = call->kind & FORM_MASK;
	if (form <= FORM_LAST_TRANSFER)
		end_transfer(call, task, regs, number, result);
	else if (form == FORM_CONNECT)
		end_connect(call, result);
	else if (form == FORM_CLOSE)
		end_close(call);
	else if (result >= 0)
		end_accept(call, task, result);
}

SEC("tp_btf/sys_exit")
int leave(u64 *context)
{
	struct task_struct *task;
	struct pt_regs *regs;
	u64 number, start_ns;

	if (leave_is_plain) {
		number = ((struct call_record *)context)->number;
	} else {
		regs = (struct pt_regs *)context[0];
		number = FIELD(struct pt_regs, regs, orig_ax);
	}
	if (number >= CALLS || !kinds[number])
		return 0;
	task = current();
	if (!is_marked(OF(task, tgid)) || is_compat(task) || kinds[number] == FORM_COMPAT)
		return 0;
	start_ns = begin_cost();
	if (leave_is_plain)
		regs = regs_of(task);
	leave_watched(task, regs, number, TOLD(leave, context, 1, call_record, result));
	end_cost(COST_LEAVE, start_ns);
	return 0;
}

#include "process.h"
#include "survey.h"
#include "drop.h"
