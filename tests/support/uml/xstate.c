/* Lets User Mode Linux run where the processor's register state is larger than that kernel knows.
 *
 * UML up to 6.12 hands the host 2696 bytes of extended state (FP_SIZE). The host takes nothing but its
 * whole buffer and answers EFAULT (arch/x86/kernel/fpu/regset.c, xstateregs_set); with AMX that buffer has
 * 11008 bytes. Preloaded into the UML process, this completes what it writes with what the host has, whose
 * further components no guest uses.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define MOST_BYTES 65536

typedef long ptrace_function(enum __ptrace_request request, ...);

static ptrace_function *libc_ptrace;

/* Not on the stack, which is a small one of the kernel's. UML runs on one processor and is not preempted. */
static unsigned char whole[MOST_BYTES] __attribute__((aligned(64)));

__attribute__((constructor)) static void find_libc(void)
{
	libc_ptrace = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
}

static long set_extended_state(pid_t process, void *note, struct iovec *part)
{
	struct iovec all = { .iov_base = whole, .iov_len = sizeof(whole) };
	long result = libc_ptrace(PTRACE_GETREGSET, process, note, &all);

	if (result != 0 || all.iov_len <= part->iov_len)
		return libc_ptrace(PTRACE_SETREGSET, process, note, part);
	memcpy(whole, part->iov_base, part->iov_len);
	return libc_ptrace(PTRACE_SETREGSET, process, note, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	pid_t process;
	void *address, *data;

	va_start(rest, request);
	process = va_arg(rest, pid_t);
	address = va_arg(rest, void *);
	data = va_arg(rest, void *);
	va_end(rest);
	if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE)
		return set_extended_state(process, address, data);
	return libc_ptrace(request, process, address, data);
}
