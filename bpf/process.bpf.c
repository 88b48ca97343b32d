/*
 * Tells of processes that begin, become another program, or end: their pid, and nothing else.
 * Who they are, user space reads from /proc. These hooks stay attached while nothing is measured.
 */
#include "kernel.h"

char LICENSE[] SEC("license") = "GPL";

enum { NEWS_BYTES = 256 << 10 };

struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, NEWS_BYTES);
} news SEC(".maps");

/* How many news found no room: then user space looks at everything. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} missed SEC(".maps");

inline_always void tell(u32 pid)
{
	u32 key = 0;
	u64 *count;

	if (bpf_ringbuf_output(&news, &pid, sizeof(pid), 0) == 0)
		return;
	count = bpf_map_lookup_elem(&missed, &key);
	if (count)
		add_in_words(*count, 1);
}

SEC("raw_tp/sched_process_exec")
int executed(u64 *context)
{
	tell(bpf_get_current_pid_tgid() >> 32);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int forked(u64 *context)
{
	struct task_struct *child = (struct task_struct *)context[1];
	u32 pid = 0, thread = 0;

	READ(pid, child->tgid);
	READ(thread, child->pid);
	if (pid == thread)
		tell(pid);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int exited(u64 *context)
{
	u64 thread = bpf_get_current_pid_tgid();
	u32 pid = thread >> 32;

	if (pid == (u32)thread)
		tell(pid);
	return 0;
}
