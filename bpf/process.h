/* Processes that are born and end while others are watched. */
#ifndef PODWIRE_PROCESS_H
#define PODWIRE_PROCESS_H

SEC("tp_btf/sched_process_fork")
int fork(u64 *context)
{
	struct task_struct *child = (struct task_struct *)context[1];
	u32 parent = bpf_get_current_pid_tgid() >> 32, pid = 0;
	u64 none = 0;

	READ(pid, child->tgid);
	if (pid == parent || !is_watched(parent))
		return 0;
	if (bpf_map_update_elem(&watched, &pid, &none, MAP_ANY))
		count_loss(LOSS_PROCESSES_FULL);
	else
		mark(pid, 1);
	return 0;
}

/* The last thread ends its process; the first may end long before, or live on under exec. */
SEC("tp_btf/sched_process_exit")
int exit(u64 *context)
{
	struct task_struct *task = current();
	u32 pid = OF(task, tgid);

	if (OF(OF(task, signal), live.counter) || !is_watched(pid))
		return 0;
	mark(pid, 0);
	bpf_map_delete_elem(&watched, &pid);
	bpf_map_delete_elem(&shares, &pid);
	return 0;
}

#endif
