/* Which role may call the kernel for what, and why: everything else is denied.
 *
 * Each line is a call, the roles that need it, and the reason.  Calls with a condition compare one
 * argument; a broad line for the same call would undo the narrow one, so a call has either
 * conditions or none.  Names that this machine's kernel headers do not know are left out.
 * tests/sandbox holds the table against what the roles really do. */
#include "service/privilege/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define CORE    (1U << PRIVILEGE_CORE)
#define SCANNER (1U << PRIVILEGE_SCANNER)
#define SCRIPT  (1U << PRIVILEGE_SCRIPT)
#define ALL     (CORE | SCANNER | SCRIPT)
#define WORKERS (SCANNER | SCRIPT)

struct call {
    const char *name;
    unsigned roles;
    const char *why;
};

static const struct call calls[] = {
    /* memory */
    {"brk", ALL, "malloc"},
    {"mmap", ALL, "malloc, packet rings"},
    {"munmap", ALL, "malloc"},
    {"mremap", ALL, "realloc"},
    {"mprotect", ALL, "malloc arenas, RELRO; W+X is denied by the unit"},
    {"madvise", ALL, "malloc gives memory back"},
    /* descriptors */
    {"read", ALL, "files, timers, signals"},
    {"pread64", ALL, "libc reads files"},
    {"readv", ALL, "libc"},
    {"write", ALL, "stderr, eventfd"},
    {"writev", ALL, "stderr"},
    {"pwrite64", CORE, "spill files"},
    {"ftruncate", CORE, "the same"},
    {"close", ALL, "descriptors"},
    {"lseek", ALL, "stdio"},
    {"fstat", ALL, "stdio"},
    {"newfstatat", ALL, "stat; Landlock and modes decide what it shows"},
    {"statx", ALL, "stat of newer libc"},
    {"dup", ALL, "descriptors that are handed over"},
    {"dup3", ALL, "the same"},
    {"pipe2", CORE, "libcurl's wake-up pipe"},
    {"eventfd2", ALL, "wake-ups"},
    {"memfd_create", CORE, "journal entries that are too long for a datagram"},
    {"poll", ALL, "libraries that wait for a moment"},
    {"ppoll", ALL, "the same"},
    {"select", ALL, "the same"},
    {"pselect6", ALL, "the same"},
    /* the loop */
    {"epoll_create1", ALL, "loop"},
    {"epoll_ctl", ALL, "loop"},
    {"epoll_wait", ALL, "loop"},
    {"epoll_pwait", ALL, "loop"},
    {"epoll_pwait2", ALL, "loop"},
    {"timerfd_create", ALL, "loop"},
    {"timerfd_settime", ALL, "loop"},
    {"timerfd_gettime", ALL, "loop"},
    {"signalfd4", ALL, "loop"},
    {"inotify_init1", CORE, "sd-event, resolver configuration"},
    {"inotify_add_watch", CORE, "the same"},
    {"inotify_rm_watch", CORE, "the same"},
    /* time */
    {"clock_gettime", ALL, "where the vDSO has none"},
    {"clock_getres", ALL, "the same"},
    {"clock_nanosleep", ALL, "libraries that wait for a moment"},
    {"nanosleep", ALL, "the same"},
    {"gettimeofday", ALL, "the same"},
    {"time", ALL, "the same"},
    /* itself */
    {"exit", ALL, "end"},
    {"exit_group", ALL, "end"},
    {"rt_sigaction", ALL, "signals"},
    {"rt_sigprocmask", ALL, "signals"},
    {"rt_sigreturn", ALL, "signals"},
    {"rt_sigtimedwait", ALL, "signals"},
    {"alarm", ALL, "the end of a role that hangs when the monitor has died"},
    {"timer_create", SCRIPT, "interrupting scripts"},
    {"timer_settime", SCRIPT, "the same"},
    {"timer_delete", SCRIPT, "the same"},
    {"sigaltstack", ALL, "stack of the blame handler"},
    {"restart_syscall", ALL, "interrupted waits"},
    {"getpid", ALL, "sd-event, logs"},
    {"gettid", ALL, "abort()"},
    {"getppid", ALL, "is the monitor still there?"},
    {"getuid", ALL, "libpq, permission checks of libraries"},
    {"geteuid", ALL, "the same"},
    {"getgid", ALL, "the same"},
    {"getegid", ALL, "the same"},
    {"getrandom", ALL, "random numbers"},
    {"futex", ALL, "locks of libraries"},
    {"set_robust_list", ALL, "thread start"},
    {"rseq", ALL, "thread start"},
    {"set_tid_address", ALL, "thread start"},
    {"arch_prctl", ALL, "thread-local storage"},
    {"sched_yield", ALL, "locks of libraries"},
    {"sched_getaffinity", ALL, "number of processors (libc, OpenSSL)"},
    {"getcpu", ALL, "malloc"},
    {"getrusage", ALL, "CPU time of scripts and scans"},
    {"times", ALL, "os.clock"},
    {"uname", ALL, "libraries"},
    {"sysinfo", ALL, "qsort asks how much memory there is"},
    {"membarrier", ALL, "libc"},
    {"clone", CORE, "a thread of libcurl or the resolver of libc"},
    {"clone3", CORE, "the same"},
    /* sockets: socket() itself is below, by family */
    {"connect", ALL, "targets, webhooks, database"},
    {"bind", ALL, "source address, packet socket"},
    {"listen", SCRIPT, "nsock-style bound sockets"},
    {"accept4", SCRIPT, "the same"},
    {"getsockname", ALL, "sockets"},
    {"getpeername", ALL, "sockets"},
    {"getsockopt", ALL, "sockets"},
    {"setsockopt", ALL, "sockets"},
    {"shutdown", ALL, "sockets"},
    {"sendto", ALL, "sockets"},
    {"recvfrom", ALL, "sockets"},
    {"sendmsg", ALL, "sockets"},
    {"recvmsg", ALL, "sockets"},
    {"sendmmsg", ALL, "sockets"},
    {"recvmmsg", ALL, "sockets"},
    {"socketpair", CORE, "libcurl's wake-up pair"},
    /* files: openat() itself is below, by flags */
    {"access", CORE | SCRIPT, "is it there?"},
    {"faccessat", CORE | SCRIPT, "the same"},
    {"faccessat2", CORE | SCRIPT, "the same"},
    {"readlink", CORE | SCRIPT, "realpath"},
    {"readlinkat", CORE | SCRIPT, "the same"},
    {"getcwd", CORE | SCRIPT, "the same"},
    {"getdents64", CORE | SCRIPT, "script directories"},
    {"fadvise64", CORE | SCRIPT, "stdio"},
    {"landlock_create_ruleset", SCRIPT, "narrowing further, when the directories are known"},
    {"landlock_add_rule", SCRIPT, "the same"},
    {"landlock_restrict_self", SCRIPT, "the same"},
#ifdef __SANITIZE_ADDRESS__
    {"open", ALL, "AddressSanitizer: /proc/self/maps"},
    {"readlink", ALL, "AddressSanitizer"},
    {"rt_sigqueueinfo", ALL, "AddressSanitizer"},
    {"clone", ALL, "LeakSanitizer: its tracer"},
    {"ptrace", ALL, "LeakSanitizer: its tracer"},
    {"wait4", ALL, "LeakSanitizer: its tracer"},
    {"prctl", ALL, "LeakSanitizer: its tracer"},
    {"getdents64", ALL, "LeakSanitizer: /proc/self/task"},
    {"sched_setaffinity", ALL, "AddressSanitizer"},
#endif
};

/* A call that is allowed only with this value of one argument (under a mask). */
struct narrow {
    const char *name;
    unsigned roles;
    unsigned arg;
    uint64_t mask, value;
    const char *why;
};

#define EXACTLY UINT64_MAX
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)

static const struct narrow narrows[] = {
    {"socket", CORE, 0, EXACTLY, AF_UNIX, "database, journal"},
    {"socket", ALL, 0, EXACTLY, AF_INET, "targets, webhooks, resolver"},
    {"socket", ALL, 0, EXACTLY, AF_INET6, "the same"},
    {"socket", SCANNER, 0, EXACTLY, AF_PACKET, "raw frames; needs CAP_NET_RAW"},
    {"socket", ALL, 0, EXACTLY, AF_NETLINK,
     "interfaces, routes; changing them takes CAP_NET_ADMIN"},
    {"openat", ALL, 2, WRITING, 0, "reading; for the script role Landlock says where"},
    {"openat", CORE, 2, EXACTLY, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, "spill files"},
    {"fcntl", ALL, 1, EXACTLY, F_GETFL, "non-blocking; F_SETOWN would signal the monitor"},
    {"fcntl", ALL, 1, EXACTLY, F_SETFL, "the same"},
    {"fcntl", ALL, 1, EXACTLY, F_GETFD, "close-on-exec"},
    {"fcntl", ALL, 1, EXACTLY, F_SETFD, "the same"},
    {"fcntl", ALL, 1, EXACTLY, F_DUPFD_CLOEXEC, "descriptors that are handed over"},
    {"fcntl", ALL, 1, EXACTLY, F_DUPFD, "the same, of libraries"},
    {"fcntl", CORE, 1, EXACTLY, F_ADD_SEALS, "journal entries that are too long for a datagram"},
    {"fcntl", CORE, 1, EXACTLY, F_GET_SEALS, "the same"},
    {"prlimit64", ALL, 0, EXACTLY, 0, "own limits; those of the monitor have the same user"},
    {"prctl", ALL, 0, EXACTLY, PR_SET_NAME, "thread names"},
    {"prctl", ALL, 0, EXACTLY, PR_SET_VMA, "malloc names its arenas"},
    {"prctl", ALL, 0, EXACTLY, PR_SET_NO_NEW_PRIVS, "Landlock, later"},
    {"ioctl", ALL, 1, EXACTLY, FIONREAD, "how much is there to read"},
    {"ioctl", ALL, 1, EXACTLY, FIONBIO, "non-blocking sockets of libraries"},
    {"ioctl", ALL, 1, EXACTLY, TCGETS, "isatty() of stdio"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFNAME, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFINDEX, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFFLAGS, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFADDR, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFNETMASK, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFHWADDR, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFMTU, "interfaces"},
    {"ioctl", WORKERS, 1, EXACTLY, SIOCGIFCONF, "interfaces"},
    {"ioctl", SCANNER, 1, EXACTLY, SIOCETHTOOL, "libpcap: time stamps and offloads"},
    {"ioctl", SCANNER, 1, EXACTLY, SIOCGSTAMP, "libpcap"},
};

/* A name without a number on this machine is no fault of ours. */
static int call_number(const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr == __NR_SCMP_ERROR ? -1 : nr;
}

static int add_calls(scmp_filter_ctx ctx, unsigned role)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(calls) && r == 0; i++) {
        int nr = call_number(calls[i].name);

        if (calls[i].roles & role && nr >= 0)
            r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
    }
    return r;
}

static int add_narrows(scmp_filter_ctx ctx, unsigned role)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(narrows) && r == 0; i++) {
        const struct narrow *n = &narrows[i];
        const struct scmp_arg_cmp same = {n->arg, SCMP_CMP_MASKED_EQ, n->mask & UINT32_MAX,
                                          n->value};
        int nr = call_number(n->name);

        if (n->roles & role && nr >= 0)
            r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &same);
    }
    return r;
}

/* abort() signals its own thread; the same call must not reach the monitor, which has the same
 * user. */
static int add_self_signals(scmp_filter_ctx ctx)
{
    const struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};

    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

int syscalls_filter(enum privilege_role role, uint32_t deny_action, struct err *e)
{
    scmp_filter_ctx ctx = seccomp_init(deny_action);
    int r;

    if (!ctx)
        return err_set(e, -ENOMEM, "seccomp: out of memory");
    r = add_calls(ctx, 1U << role);
    if (r == 0)
        r = add_narrows(ctx, 1U << role);
    if (r == 0)
        r = add_self_signals(ctx);
    if (r == 0)
        r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r < 0 ? err_set(e, r, "seccomp: %s", strerror(-r)) : 0;
}
