/* Running PostgreSQL's programs: they refuse root.
 *
 * As root, a user namespace with one mapping (our uid outside = an ordinary uid inside) satisfies
 * them while every file stays root's: a checkout below /root works.  The inner uid must have a
 * passwd entry, because initdb looks itself up.  Where the kernel denies namespaces, the programs
 * run as an ordinary user, and the data are given to that one. Between fork and exec only
 * async-signal-safe calls are made. */
#include "service/store/embedded_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TICK_MS 200

/* Exit statuses of a child that never became the program. */
enum { CHILD_NO_IDENTITY = 125, CHILD_NO_EXEC = 127 };

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text);
}

/* Makes us `uid` in a namespace of our own.  The texts were formatted before the fork. */
static bool enter_space(const char *uid_map, const char *gid_map)
{
    return unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", uid_map) && write_file("/proc/self/gid_map", gid_map);
}

static bool become_user(const struct embedded *x)
{
    return setgroups(0, NULL) == 0 && setresgid(x->gid, x->gid, x->gid) == 0 &&
           setresuid(x->uid, x->uid, x->uid) == 0;
}

/* All that a child needs and may not compute after the fork. */
struct maps {
    char uid[48], gid[48];
    pid_t parent;
};

static void format_maps(const struct embedded *x, struct maps *m)
{
    snprintf(m->uid, sizeof m->uid, "%u %u 1", (unsigned)x->uid, (unsigned)geteuid());
    m->parent = getpid();
    snprintf(m->gid, sizeof m->gid, "%u %u 1", (unsigned)x->gid, (unsigned)getegid());
}

static bool change_identity(const struct embedded *x, const struct maps *m)
{
    switch (x->identity) {
    case IDENTITY_SPACE:
        return enter_space(m->uid, m->gid);
    case IDENTITY_USER:
        return become_user(x);
    case IDENTITY_SELF:
        break;
    }
    return true;
}

static const struct passwd *plain_user(void)
{
    static const char *const names[] = {"muster", "postgres", "daemon"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct passwd *p = getpwnam(names[i]);

        if (p && p->pw_uid != 0)
            return p;
    }
    return NULL;
}

/* A child that tries the namespace and says whether it worked. */
static bool space_works(const struct embedded *x)
{
    struct maps m;
    int status = -1;
    pid_t pid;

    format_maps(x, &m);
    pid = fork();
    if (pid == 0)
        _exit(enter_space(m.uid, m.gid) && geteuid() == x->uid ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int embedded_choose_identity(struct embedded *x, struct err *e)
{
    const struct passwd *p;

    x->identity = IDENTITY_SELF;
    if (geteuid() != 0)
        return 0;
    p = plain_user();
    if (!p)
        return err_set(e, -EPERM,
                       "PostgreSQL refuses to run as root, and there is no user muster or postgres "
                       "to run it as");
    x->uid = p->pw_uid;
    x->gid = p->pw_gid;
    x->identity = space_works(x) ? IDENTITY_SPACE : IDENTITY_USER;
    return 0;
}

/* ------------------------------------------------------------------ children */

static void child_main(const struct embedded *x, const struct embedded_job *job,
                       const struct maps *m, const int pipes[4]) __attribute__((noreturn));

/* pipes: read and write end of standard input, then of the output; -1: none. */
static void child_main(const struct embedded *x, const struct embedded_job *job,
                       const struct maps *m, const int pipes[4])
{
    static char *const environment[] = {(char *)"PATH=/usr/bin:/bin", (char *)"LC_ALL=C",
                                        (char *)"TZ=UTC", NULL};
    int said = pipes[3] >= 0 ? pipes[3] : job->log_fd > 0 ? job->log_fd : -1;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid(); /* a terminal's ^C is for the monitor, which then stops the server in order */
    umask(0077);
    if (pipes[0] >= 0)
        dup2(pipes[0], STDIN_FILENO);
    else
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    if (said >= 0) {
        dup2(said, STDOUT_FILENO);
        dup2(said, STDERR_FILENO);
    }
    if (!change_identity(x, m) || chdir("/") < 0)
        _exit(CHILD_NO_IDENTITY);
    prctl(PR_SET_PDEATHSIG, SIGINT); /* after the change of identity, which clears it */
    if (getppid() != m->parent)
        _exit(CHILD_NO_IDENTITY); /* it died before the line above */
    execve(job->argv[0], (char *const *)job->argv, environment);
    _exit(CHILD_NO_EXEC);
}

static void close_pipes(int pipes[4])
{
    for (int i = 0; i < 4; i++) {
        if (pipes[i] >= 0)
            close(pipes[i]);
        pipes[i] = -1;
    }
}

static int start(const struct embedded *x, const struct embedded_job *job, int pipes[4],
                 pid_t *ret_pid)
{
    struct maps m;
    pid_t pid;

    for (int i = 0; i < 4; i++)
        pipes[i] = -1;
    if ((job->in && pipe2(pipes, O_CLOEXEC) < 0) || (job->out && pipe2(pipes + 2, O_CLOEXEC) < 0)) {
        close_pipes(pipes);
        return -errno;
    }
    format_maps(x, &m);
    pid = fork();
    if (pid < 0) {
        int code = -errno;

        close_pipes(pipes);
        return code;
    }
    if (pid == 0)
        child_main(x, job, &m, pipes);
    *ret_pid = pid;
    return 0;
}

int embedded_spawn(const struct embedded *x, const struct embedded_job *job, pid_t *ret_pid,
                   struct err *e)
{
    int pipes[4];
    int r = start(x, job, pipes, ret_pid);

    if (r < 0)
        return err_set(e, r, "%s: %s", job->argv[0], strerror(-r));
    close_pipes(pipes);
    return 0;
}

/* Reads the output until it ends; keeps the last part of it. */
static void drain(const struct embedded_job *job, int fd)
{
    size_t len = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char piece[512];
        ssize_t n;

        if (job->tick)
            job->tick(job->user);
        if (poll(&p, 1, TICK_MS) == 0)
            continue;
        n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (len + (size_t)n >= job->out_cap) {
            size_t keep = job->out_cap / 2 < len ? job->out_cap / 2 : len;

            if (keep + (size_t)n >= job->out_cap)
                keep = 0;
            memmove(job->out, job->out + len - keep, keep);
            len = keep;
        }
        if (len + (size_t)n < job->out_cap) {
            memcpy(job->out + len, piece, (size_t)n);
            len += (size_t)n;
        }
    }
    job->out[len] = 0;
}

static const char *last_line(char *out)
{
    size_t len = strlen(out);
    const char *line;

    while (len && out[len - 1] == '\n')
        out[--len] = 0;
    line = strrchr(out, '\n');
    return line ? line + 1 : out;
}

static int judge(const struct embedded_job *job, int status, struct err *e)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NO_EXEC)
        return err_set(e, -ENOEXEC, "%s can not be run", job->argv[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NO_IDENTITY)
        return err_set(e, -EPERM, "%s: the kernel did not let it run as an ordinary user",
                       job->argv[0]);
    return err_set(e, -EIO, "%s failed (%s %d): %.300s", job->argv[0],
                   WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                   job->out ? last_line(job->out) : "");
}

int embedded_run(const struct embedded *x, const struct embedded_job *job, struct err *e)
{
    int pipes[4], status = -1;
    pid_t pid;
    int r = start(x, job, pipes, &pid);

    if (r < 0)
        return err_set(e, r, "%s: %s", job->argv[0], strerror(-r));
    if (pipes[3] >= 0) {
        close(pipes[3]);
        pipes[3] = -1;
    }
    if (job->in && write(pipes[1], job->in, strlen(job->in)) < 0)
        r = -errno; /* it died: its status says more */
    if (pipes[1] >= 0) {
        close(pipes[1]);
        pipes[1] = -1;
    }
    if (job->out)
        drain(job, pipes[2]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    close_pipes(pipes);
    return judge(job, status, e);
}

/* ------------------------------------------------------------------ trees */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void embedded_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int sync_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    int fd, r = 0;

    (void)st, (void)ftw;
    if (type != FTW_F && type != FTW_D && type != FTW_DP)
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fsync(fd) < 0)
        r = -1;
    close(fd);
    return r;
}

int embedded_sync(const char *path)
{
    return nftw(path, sync_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : -errno;
}

/* nftw has no user pointer. */
static uid_t own_uid;
static gid_t own_gid;

static int own_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type, (void)ftw;
    return st->st_uid == own_uid ? 0 : lchown(path, own_uid, own_gid);
}

int embedded_own(const struct embedded *x, const char *path, struct err *e)
{
    struct stat st;

    if (x->identity == IDENTITY_SELF)
        return 0;
    own_uid = x->identity == IDENTITY_USER ? x->uid : geteuid();
    own_gid = x->identity == IDENTITY_USER ? x->gid : getegid();
    if (lstat(path, &st) == 0 && st.st_uid == own_uid)
        return 0;
    if (nftw(path, own_one, 16, FTW_PHYS) != 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

/* The roles of musterd have no right to pass by the permissions of others' files, so the directory
 * of the socket stays ours; a server that runs as another user gets in by its group. */
int embedded_share(const struct embedded *x, const char *path, struct err *e)
{
    if (x->identity != IDENTITY_USER)
        return embedded_own(x, path, e);
    if (chown(path, geteuid(), x->gid) < 0 || chmod(path, 0770) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    return 0;
}
