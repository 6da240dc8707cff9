/* confine - see confine.h
 *
 * A seccomp filter is a list of system calls and one default.  Two are stacked: the first one, at the start,
 * refuses a list (network, processes, other programs, other processes' memory); the second one allows a list
 * and refuses the rest.  Both refuse another architecture's numbers by ending the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

#include "agents/execution/confine.h"

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif
#define CALLS_MAX 96
#define REFUSE    (SECCOMP_RET_ERRNO | EPERM)
#define X32_BIT   0x40000000u           /* x86-64's second set of numbers */

static const int refused_at_start[] = {
    __NR_socket, __NR_socketpair, __NR_connect, __NR_bind, __NR_listen, __NR_accept, __NR_accept4, __NR_execve,
    __NR_execveat, __NR_clone3, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kill, __NR_tkill,
    __NR_bpf, __NR_userfaultfd, __NR_perf_event_open, __NR_keyctl, __NR_add_key, __NR_request_key, __NR_mount,
    __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_unshare, __NR_setns, __NR_init_module, __NR_finit_module,
    __NR_io_uring_setup, __NR_pidfd_open, __NR_pidfd_getfd, __NR_shmget, __NR_memfd_create, __NR_clone,
#ifdef __NR_fork
    __NR_fork, __NR_vfork,
#endif
};

static const int allowed_at_end[] = {
    __NR_read, __NR_write, __NR_pwrite64, __NR_fdatasync, __NR_close, __NR_lseek, __NR_fstat, __NR_newfstatat,
    __NR_sendto, __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_ppoll, __NR_clock_gettime, __NR_clock_nanosleep,
    __NR_brk, __NR_munmap, __NR_mremap, __NR_madvise, __NR_munlock, __NR_futex, __NR_getrandom, __NR_getpid,
    __NR_gettid, __NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_restart_syscall, __NR_tgkill, __NR_exit,
    __NR_exit_group, __NR_getrusage, __NR_sched_yield, __NR_sigaltstack, __NR_membarrier, __NR_rseq,
#ifdef __NR_poll
    __NR_poll,
#endif
};

static struct sock_filter step(uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    return (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

/* list[] -> match, everything else -> other.  mmap and mprotect, when they are on neither side, pass unless they
 * ask for executable memory. */
static bool filter(const int *list, size_t n, uint32_t match, uint32_t other, bool memory)
{
    struct sock_filter f[CALLS_MAX];
    size_t i = 0;
    if (ARCH == 0 || n + 16 > CALLS_MAX)
        return false;
    f[i++] = step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    f[i++] = step(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    f[i++] = step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
    f[i++] = step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
    f[i++] = step(BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    f[i++] = step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
    if (memory) {
        f[i++] = step(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, __NR_mmap);
        f[i++] = step(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, __NR_mprotect);
        f[i++] = step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args[2]));
        f[i++] = step(BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
        f[i++] = step(BPF_RET | BPF_K, 0, 0, REFUSE);
        f[i++] = step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    }
    for (size_t k = 0; k < n; k++) {
        f[i++] = step(BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(n - k), 0, (uint32_t)list[k]);
    }
    f[i++] = step(BPF_RET | BPF_K, 0, 0, other);
    f[i++] = step(BPF_RET | BPF_K, 0, 0, match);
    const struct sock_fprog program = {.len = (unsigned short)i, .filter = f};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void close_others(const int *keep, size_t n)
{
    int most = STDERR_FILENO;
    for (size_t i = 0; i < n; i++)
        most = keep[i] > most ? keep[i] : most;
    for (int fd = 0; fd < most; fd++) {
        bool stays = fd == STDERR_FILENO;
        for (size_t i = 0; i < n; i++)
            stays = stays || keep[i] == fd;
        if (!stays)
            close(fd);
    }
    (void)syscall(SYS_close_range, most + 1, ~0u, 0);
}

void confine_begin(const int *keep, size_t n, struct confined *ret)
{
    const struct rlimit none = {0, 0};
    *ret = (struct confined){.no_new_privs = 0};
    close_others(keep, n);
    ret->no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    ret->no_dump = setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
    ret->seccomp = filter(refused_at_start, sizeof refused_at_start / sizeof *refused_at_start, REFUSE,
                          SECCOMP_RET_ALLOW, false);
}

int confine_user(uid_t uid)
{
    if (uid == 0 || geteuid() != 0)
        return ERR_OK;
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        return ERR_PERMISSION;
    return prctl(PR_SET_DUMPABLE, 0) == 0 ? ERR_OK : ERR_PERMISSION;
}

/* Every right over files that this kernel knows is handled, and none is given back. */
static bool landlock(void)
{
    static const uint64_t all[] = {0, (1u << 13) - 1, (1u << 14) - 1, (1u << 15) - 1, (1u << 15) - 1, (1u << 16) - 1};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return false;
    const struct landlock_ruleset_attr a = {.handled_access_fs = all[abi < 5 ? abi : 5]};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof a.handled_access_fs, 0);
    if (fd < 0)
        return false;
    bool ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close(fd);
    return ok;
}

void confine_end(struct confined *ret)
{
    if (ret->ended)
        return;
    ret->ended = 1;
    ret->landlock = landlock();
    ret->files_closed = filter(allowed_at_end, sizeof allowed_at_end / sizeof *allowed_at_end, SECCOMP_RET_ALLOW,
                               REFUSE, true);
    ret->seccomp = ret->seccomp && ret->files_closed;
}

void confine_missing(const struct confined *c, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s%s%s", c->no_new_privs ? "" : "no_new_privs ", c->no_dump ? "" : "core-dumps ",
             c->seccomp ? "" : "seccomp ", c->landlock ? "" : "landlock ");
}
