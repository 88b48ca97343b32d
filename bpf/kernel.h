/* What a BPF program may call: helpers by their number, map declarations, guarded reads. */
#ifndef PODWIRE_KERNEL_H
#define PODWIRE_KERNEL_H

#include "vmlinux.h"

#define SEC(name) __attribute__((section(name), used))
#define inline_always static inline __attribute__((always_inline))
#define apart static __attribute__((noinline, unused))
/*
 * Verified once, by itself; weak, so that the compiler keeps checks of what it returns. One that
 * takes numbers alone is `lone`: every kernel since 5.6 knows those, pointers came with 5.13.
 */
#define lone __attribute__((noinline, weak))

/*
 * The elder build of the same programs is for kernels that lack what the other one calls: bpf_loop
 * (5.17), pointers to global functions (5.13), atomics that fetch (5.12), what is stored beside a
 * task and typed pointers to the current one (5.11). It is chosen by whether bpf_loop is there.
 */
#ifdef ELDER
#define global apart
#define whole inline_always /* of a lone function that finds its pointers by itself */
#define aside apart	    /* its stack is too much for whoever calls on and on */
#define near inline_always  /* a frame less in the longest chain of calls */
#else
#define aside inline_always
#define near apart
#define global lone
#define whole lone
#endif

#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PROG_ARRAY = 3,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_STACK = 23,
	MAP_RINGBUF = 27,
	MAP_TASK_STORAGE = 29,
};
enum { MAP_ANY = 0, MAP_NOEXIST = 1 };
enum { NO_PREALLOC = 1, MMAPABLE = 1024 };
enum { STORAGE_CREATE = 1 };
enum { NO_WAKEUP = 1 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static long (*const bpf_tail_call)(void *context, void *programs, u32 place) = (void *)12;
static u64 (*const bpf_jiffies64)(void) = (void *)118;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;
static long (*const bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*const bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const bpf_ringbuf_output)(void *map, const void *data, u64 size,
					u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *map, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *record, u64 flags) = (void *)132;
static void *(*const bpf_task_storage_get)(void *map, struct task_struct *task, void *value,
					   u64 flags) = (void *)156;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static struct pt_regs *(*const bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static struct socket *(*const bpf_sock_from_file)(struct file *file) = (void *)162;
static u64 (*const bpf_get_attach_cookie)(void *context) = (void *)174;
static long (*const bpf_loop)(u32 times, void *callback, void *context, u64 flags) = (void *)181;

/* Copy a field of a kernel structure wherever it lies on this kernel; 0 on success. */
#define READ(to, place)                                                                            \
	bpf_probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&(place)))

/*
 * A kernel address as a structure whose fields are plain loads, where the kernel has it (6.2); a
 * helper call a field costs ten times as much. Neither can fault: what is not there reads as zero.
 * The address is evaluated by itself: inside READ, a field of ours in it would be looked for in the
 * kernel's types, and then in its modules', which takes SYS_ADMIN.
 */
extern void *bpf_rdonly_cast(const void *address, u32 type)
	__attribute__((section(".ksyms"), weak));

#define TYPE_ID_TARGET 1
#ifndef ELDER
#define VIEW(type, address)                                                                        \
	((type *)bpf_rdonly_cast((void *)(address),                                                \
				 __builtin_btf_type_id(*(typeof(type) *)0, TYPE_ID_TARGET)))
#define FIELD(type, address, field)                                                                \
	({                                                                                         \
		typeof(((type *)0)->field) value_ = 0;                                             \
		type *address_ = (type *)(address);                                                \
		if (bpf_rdonly_cast)                                                               \
			value_ = VIEW(type, address_)->field;                                      \
		else                                                                               \
			READ(value_, address_->field);                                             \
		value_;                                                                            \
	})
/* A field of the current task, or of what hangs on it. */
#define OF(address, field) ((address)->field)
#define current() bpf_get_current_task_btf()
#define regs_of(task) bpf_task_pt_regs(task)
#define LOOP(times, step, context) bpf_loop(times, step, context, 0)
#else
#define FIELD(type, address, field) OF((type *)(address), field)
#define OF(address, field)                                                                         \
	({                                                                                         \
		typeof((address)->field) value_ = 0;                                               \
		typeof(address) address_ = (address);                                              \
		READ(value_, address_->field);                                                     \
		value_;                                                                            \
	})
#define current() ((struct task_struct *)bpf_get_current_task())
#define STACK_BYTES 16384 /* on x86_64; what a task was doing in user space lies at its end */
#define regs_of(task)                                                                              \
	((struct pt_regs *)(OF(task, stack) + STACK_BYTES -                                        \
			    __builtin_preserve_type_info(*(struct pt_regs *)0, 1)))
#define LOOP(times, step, context)                                                                 \
	for (u32 index_ = 0; index_ < (times); index_++)                                           \
		if (step(index_, context))                                                         \
			break
#endif

/* Code for it lies apart from what runs at every call: a cold cache is most of our cost. */
#define rarely(condition) __builtin_expect(!!(condition), 0)

/* Keep the compiler from knowing a value: what the verifier must see checked stays checked. */
#define hide(value) __asm__ volatile("" : "+r"(value))

/* Set before the programs are loaded: the verifier drops what they switch off. */
#define knob const volatile

/* For every kernel: compilers that know the atomics of 5.12 write nothing else by themselves. */
#define add_in_words(target, value)                                                                \
	({                                                                                         \
		if (sizeof(target) == 8)                                                           \
			__asm__ volatile("lock *(u64 *)(%0 + 0) += %1"                             \
					 :                                                         \
					 : "r"(&(target)), "r"((u64)(value))                       \
					 : "memory");                                              \
		else                                                                               \
			__asm__ volatile("lock *(u32 *)(%0 + 0) += %1"                             \
					 :                                                         \
					 : "r"(&(target)), "w"((u32)(value))                       \
					 : "memory");                                              \
	})

/* What several CPUs do to one value at once, each knowing what it was before. */
#ifndef ELDER
#define add(target, value) __sync_fetch_and_add(&(target), (value))
#define add_fetching(target, value) add(target, value)
#define exchange(target, value) __sync_lock_test_and_set(&(target), value)
#define claim(target, value) __sync_val_compare_and_swap(&(target), 0, value)
#define hold() 1
#define let_go()
#else
#define add(target, value) add_in_words(target, value)
/* These are one step among several CPUs only while what is behind hold() is done. */
#define add_fetching(target, value)                                                                \
	({                                                                                         \
		add(target, value);                                                                \
		(target) - (value);                                                                \
	})
#define exchange(target, value)                                                                    \
	({                                                                                         \
		typeof(target) before_ = (target);                                                 \
		(target) = (value);                                                                \
		before_;                                                                           \
	})
#define claim(target, value) exchange(target, before_ ? before_ : (value))

/* Key: 0, while somebody holds it: a map refuses a second one, and that is one step. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} held SEC(".maps");

/* Wait for one's turn, which is short; 0 when it did not come: then nothing may be done. */
inline_always int hold(void)
{
	u32 zero = 0;

	return !bpf_map_update_elem(&held, &zero, &zero, MAP_NOEXIST) ||
	       !bpf_map_update_elem(&held, &zero, &zero, MAP_NOEXIST) ||
	       !bpf_map_update_elem(&held, &zero, &zero, MAP_NOEXIST) ||
	       !bpf_map_update_elem(&held, &zero, &zero, MAP_NOEXIST);
}

inline_always void let_go(void)
{
	u32 zero = 0;

	bpf_map_delete_elem(&held, &zero);
}
#endif

#endif
