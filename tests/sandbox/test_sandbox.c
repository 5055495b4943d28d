/* What each role may and may not do after privilege_drop(): each attempt runs in a child of its
 * own, which drops to the role, tries one thing and tells the errno by its exit status. */
#include "service/privilege/privilege.h"

#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

/* Each attempt: 0 or the errno. */
static int done(long r)
{
    return r < 0 ? errno : 0;
}

static int try_socket(int family, int type, int protocol)
{
    return done(socket(family, type, protocol));
}

static int tcp(void)
{
    return try_socket(AF_INET, SOCK_STREAM, 0);
}
static int tcp6(void)
{
    return try_socket(AF_INET6, SOCK_STREAM, 0);
}
static int udp(void)
{
    return try_socket(AF_INET, SOCK_DGRAM, 0);
}
static int unix_socket(void)
{
    return try_socket(AF_UNIX, SOCK_STREAM, 0);
}
static int packet(void)
{
    return try_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}
static int raw(void)
{
    return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static int routes(void)
{
    return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
static int vsock(void)
{
    return try_socket(AF_VSOCK, SOCK_STREAM, 0);
}
static int memory(void)
{
    return done((long)malloc(1 << 20) ? 0 : -1);
}
static int epoll(void)
{
    return done(epoll_create1(EPOLL_CLOEXEC));
}
static int read_file(void)
{
    return done(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}
static int write_file(void)
{
    return done(open("/tmp/muster-sandbox", O_WRONLY | O_CREAT | O_TRUNC, 0600));
}
static int unlink_file(void)
{
    return done(unlink("/tmp/muster-sandbox"));
}
static int make_directory(void)
{
    return done(mkdir("/tmp/muster-sandbox.d", 0700));
}
static int run_program(void)
{
    return done(execl("/bin/true", "true", (char *)NULL));
}
static UNUSED int fork_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return done(pid);
}
static UNUSED int trace(void)
{
    return done(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}
static int kill_parent(void)
{
    return done(kill(getppid(), 0));
}
static int signal_parent_thread(void)
{
    return done(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static int limit_parent(void)
{
    struct rlimit same;

    if (prlimit(0, RLIMIT_CPU, NULL, &same) < 0)
        return ENOSYS; /* its own ones may be read */
    return done(prlimit(getppid(), RLIMIT_CPU, &same, NULL));
}
static int signal_parent_by_descriptor(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fcntl(fd, F_GETFL) < 0)
        return ENOSYS;
    return done(fcntl(fd, F_SETOWN, getppid()));
}
static int mount_proc(void)
{
    return done(mount("proc", "/mnt", "proc", 0, NULL));
}
static int new_namespace(void)
{
    return done(unshare(CLONE_NEWUSER));
}
static int become_root(void)
{
    return done(syscall(SYS_setuid, 0));
}
static int load_bpf(void)
{
    return done(syscall(SYS_bpf, 0, NULL, 0));
}
static int io_uring(void)
{
    return done(syscall(SYS_io_uring_setup, 1, NULL));
}
static int type_into_terminal(void)
{
    char c = 'x';

    return done(ioctl(0, TIOCSTI, &c));
}
static int readable_by_ptrace(void)
{
    return prctl(PR_GET_DUMPABLE) == 1 ? 0 : EPERM;
}

#define ANY (-1) /* root differs from a user: not judged */

static const struct attempt {
    const char *name;
    int (*run)(void);
    int want[PRIVILEGE_ROLES]; /* core, scanner, script */
} attempts[] = {
    {"memory", memory, {0, 0, 0}},
    {"epoll", epoll, {0, 0, 0}},
    {"TCP socket", tcp, {0, 0, 0}},
    {"TCP socket, IPv6", tcp6, {0, 0, 0}},
    {"UDP socket", udp, {0, 0, 0}},
    {"Unix socket", unix_socket, {0, EPERM, EPERM}},
    {"netlink socket", routes, {0, 0, 0}},
    {"packet socket", packet, {EPERM, ANY, EPERM}},
    {"raw socket", raw, {EPERM, ANY, EPERM}},
    {"socket of another family", vsock, {EPERM, EPERM, EPERM}},
    {"read a file", read_file, {0, 0, 0}},
    {"write a file", write_file, {EPERM, EPERM, EPERM}},
    {"remove a file", unlink_file, {EPERM, EPERM, EPERM}},
    {"make a directory", make_directory, {EPERM, EPERM, EPERM}},
    {"run a program", run_program, {EPERM, EPERM, EPERM}},
#ifndef __SANITIZE_ADDRESS__
    {"fork", fork_process, {ANY, EPERM, EPERM}},
    {"trace the parent", trace, {EPERM, EPERM, EPERM}},
#endif
    {"signal the parent", kill_parent, {EPERM, EPERM, EPERM}},
    {"signal a thread of the parent", signal_parent_thread, {EPERM, EPERM, EPERM}},
    {"limit the parent", limit_parent, {EPERM, EPERM, EPERM}},
    {"signal the parent by a descriptor", signal_parent_by_descriptor, {EPERM, EPERM, EPERM}},
    {"mount", mount_proc, {EPERM, EPERM, EPERM}},
    {"a new namespace", new_namespace, {EPERM, EPERM, EPERM}},
    {"change the user", become_root, {EPERM, EPERM, EPERM}},
    {"bpf", load_bpf, {EPERM, EPERM, EPERM}},
    {"io_uring", io_uring, {EPERM, EPERM, EPERM}},
    {"type into a terminal", type_into_terminal, {EPERM, EPERM, EPERM}},
    {"be readable by ptrace", readable_by_ptrace, {EPERM, EPERM, EPERM}},
};

#define DROP_FAILED 254
#define KILLED      255

/* The errno of an attempt made in the role, or KILLED. */
static int attempt_run(enum privilege_role role, int (*run)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct privilege_opts o = {.role = role};
        struct err e = {0};

        if (privilege_drop(&o, &e) < 0) {
            fprintf(stderr, "%s\n", err_text(&e));
            _exit(DROP_FAILED);
        }
        _exit(run());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

static void role_is_confined(enum privilege_role role)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        int want = attempts[i].want[role], got = attempt_run(role, attempts[i].run);

        if (want == ANY ? got == KILLED : got != want) {
            fprintf(stderr, "%s: expected %s, got %s\n", attempts[i].name,
                    want ? strerror(want) : "success", got ? strerror(got) : "success");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void the_core_has_its_files_and_sockets_and_nothing_else(void **state)
{
    (void)state;
    role_is_confined(PRIVILEGE_CORE);
}

static void the_scanner_has_its_sockets_and_nothing_else(void **state)
{
    (void)state;
    role_is_confined(PRIVILEGE_SCANNER);
}

static void the_script_role_has_its_sockets_and_nothing_else(void **state)
{
    (void)state;
    role_is_confined(PRIVILEGE_SCRIPT);
}

static void the_scanner_keeps_raw_sockets_where_it_had_them(void **state)
{
    int before = packet();

    (void)state;
    assert_int_equal(attempt_run(PRIVILEGE_SCANNER, packet), before);
}

/* Directory that exists only for these tests. */
static char allowed[] = "/tmp/muster-sandbox-XXXXXX";

static int read_inside(void)
{
    char path[64];

    snprintf(path, sizeof path, "%s/data", allowed);
    return done(open(path, O_RDONLY | O_CLOEXEC));
}

static int narrow_then(int (*run)(void))
{
    const char *const dirs[] = {allowed, "/nonexistent"};
    struct err e = {0};
    int r = privilege_read_only(dirs, ARRAY_LEN(dirs), &e);

    return r < 0 ? -r : run();
}
static int read_allowed(void)
{
    return narrow_then(read_inside);
}
static int read_elsewhere(void)
{
    return narrow_then(read_file);
}
static int read_around(void)
{
    char path[64];
    const char *const dirs[] = {allowed};
    struct err e = {0};
    int r = privilege_read_only(dirs, 1, &e);

    snprintf(path, sizeof path, "%s/../../etc/passwd", allowed);
    return r < 0 ? -r : done(open(path, O_RDONLY | O_CLOEXEC));
}

static void scripts_read_below_their_directories_alone(void **state)
{
    char path[64];
    int fd;

    (void)state;
    memcpy(allowed + strlen(allowed) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(allowed));
    snprintf(path, sizeof path, "%s/data", allowed);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    close(fd);
    if (attempt_run(PRIVILEGE_SCRIPT, read_allowed) == ENOTSUP)
        fprintf(stderr, "the kernel has no Landlock: the file system is not judged\n");
    else {
        assert_int_equal(attempt_run(PRIVILEGE_SCRIPT, read_allowed), 0);
        assert_int_equal(attempt_run(PRIVILEGE_SCRIPT, read_elsewhere), EACCES);
        assert_int_equal(attempt_run(PRIVILEGE_SCRIPT, read_around), EACCES);
    }
    unlink(path);
    rmdir(allowed);
}

static void in_ci_a_denied_call_kills(void **state)
{
    (void)state;
    setenv("MUSTER_SECCOMP", "kill", 1);
    assert_int_equal(attempt_run(PRIVILEGE_SCRIPT, load_bpf), KILLED);
    assert_int_equal(attempt_run(PRIVILEGE_SCRIPT, tcp), 0);
    unsetenv("MUSTER_SECCOMP");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_core_has_its_files_and_sockets_and_nothing_else),
    cmocka_unit_test(the_scanner_has_its_sockets_and_nothing_else),
    cmocka_unit_test(the_script_role_has_its_sockets_and_nothing_else),
    cmocka_unit_test(the_scanner_keeps_raw_sockets_where_it_had_them),
    cmocka_unit_test(scripts_read_below_their_directories_alone),
    cmocka_unit_test(in_ci_a_denied_call_kills),
};

TEST_MAIN(tests)
