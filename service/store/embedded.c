/* The embedded server's life as its owner sees it: where things are, prepare, start, ready, stop.
 *
 * Everything that must not run as root goes through embedded_child.c.  Settings are given on the
 * command line, so that postgresql.conf stays the administrator's.  Readiness is read from
 * postmaster.pid (line 8), as pg_ctl does: no connection is made, so a monitor that parses nothing
 * foreign can ask. */
#include "service/store/embedded_priv.h"

#include "engine/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SOCKET_NAME "/.s.PGSQL.5432"

static bool executable(const char *dir, const char *name)
{
    char path[PATH_MAX];

    return (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) < sizeof path &&
           access(path, X_OK) == 0;
}

/* Debian keeps the programs of each major version in a directory of their own; other systems have
 * them in the path. */
static char *find_bindir(const char *given, struct err *e)
{
    static const char *const places[] = {
        "/usr/lib/postgresql/15/bin",
        "/usr/pgsql-15/bin",
        "/usr/local/pgsql/bin",
        "/usr/local/bin",
        "/usr/bin",
    };

    if (given) {
        if (executable(given, "postgres") && executable(given, "initdb"))
            return strdup(given);
        err_set(e, -ENOENT, "%s: no programs postgres and initdb in it", given);
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (executable(places[i], "postgres") && executable(places[i], "initdb"))
            return strdup(places[i]);
    err_set(e, -ENOENT,
            "no PostgreSQL server found in %s; apt-get install postgresql-15, or set database: to "
            "a connection string",
            places[0]);
    return NULL;
}

static uint64_t name_hash(const char *dir)
{
    struct siphash_key key = {.k0 = 0x6d7573746572,
                              .k1 = 0x6462}; /* a name, not a secret: always the same */

    return siphash(&key, dir, strlen(dir));
}

/* Where the socket is: DIR/run when its path fits into a sockaddr_un, else a short directory of
 * this user. */
static int socket_dir(const char *dir, char ret[PATH_MAX])
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    size_t max = sizeof((struct sockaddr_un *)0)->sun_path - sizeof SOCKET_NAME;

    if ((size_t)snprintf(ret, PATH_MAX, "%s/run", dir) <= max)
        return 0;
    if (!runtime || (size_t)snprintf(ret, PATH_MAX, "%s/pg", runtime) > max)
        snprintf(ret, PATH_MAX, "/tmp/muster-%u-%016llx", (unsigned)geteuid(),
                 (unsigned long long)name_hash(dir));
    return strlen(ret) <= max ? 0 : -ENAMETOOLONG;
}

/* A word of a connection string. */
static void quote(char *out, size_t cap, const char *s)
{
    size_t n = 0;

    out[n++] = '\'';
    for (; *s && n + 3 < cap; s++) {
        if (*s == '\'' || *s == '\\')
            out[n++] = '\\';
        out[n++] = *s;
    }
    out[n++] = '\'';
    out[n] = 0;
}

static char *conninfo_of(const char *socket)
{
    char host[PATH_MAX * 2], *text = NULL;

    quote(host, sizeof host, socket);
    return asprintf(&text, "host=%s port=5432 user=muster dbname=muster", host) < 0 ? NULL : text;
}

char *embedded_conninfo_for(const char *dir)
{
    char full[PATH_MAX], socket[PATH_MAX];

    if (!realpath(dir, full))
        snprintf(full, sizeof full, "%s", dir);
    return socket_dir(full, socket) < 0 ? NULL : conninfo_of(socket);
}

/* Whose a directory may be that is there already.  Root takes over what an ordinary user began in
 * the state directory, but not in /tmp, where everybody may have begun it. */
enum owner { OWNER_SELF, OWNER_ANY_FOR_ROOT };

/* Makes a directory that only we may enter. */
static int private_dir(const char *path, enum owner owner, struct err *e)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "%s: not a directory", path);
    if (st.st_uid != geteuid() && (owner == OWNER_SELF || geteuid() != 0))
        return err_set(e, -EACCES, "%s belongs to another user", path);
    if ((st.st_mode & 0077) && chmod(path, 0700) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

void embedded_freep(struct embedded **x)
{
    *x = embedded_free(*x);
}

struct embedded *embedded_free(struct embedded *x)
{
    if (!x)
        return NULL;
    free(x->bindir);
    free(x->conninfo);
    free(x);
    return NULL;
}

int embedded_new(struct embedded **ret, const char *dir, const char *bindir, struct err *e)
{
    CLEANUP(embedded_freep) struct embedded *x = calloc(1, sizeof *x);
    bool inside;
    int r;

    if (!x)
        return -ENOMEM;
    x->bindir = find_bindir(bindir, e);
    if (!x->bindir)
        return -ENOENT;
    r = private_dir(dir, OWNER_ANY_FOR_ROOT, e);
    if (r < 0)
        return r;
    if (!realpath(dir, x->dir))
        return err_set(e, -errno, "%s: %s", dir, strerror(errno));
    r = socket_dir(x->dir, x->socket);
    if (r < 0 || (size_t)snprintf(x->data, sizeof x->data, "%s/pgdata", x->dir) >= sizeof x->data)
        return err_set(e, -ENAMETOOLONG, "%s: too long for a socket", x->dir);
    inside = strncmp(x->socket, x->dir, strlen(x->dir)) == 0;
    r = private_dir(x->socket, inside ? OWNER_ANY_FOR_ROOT : OWNER_SELF, e);
    if (r < 0)
        return r;
    x->conninfo = conninfo_of(x->socket);
    if (!x->conninfo)
        return -ENOMEM;
    r = embedded_choose_identity(x, e);
    if (r < 0)
        return r;
    if (x->identity == IDENTITY_USER && chmod(x->dir, 0711) < 0) /* it has to get through */
        return err_set(e, -errno, "%s: %s", x->dir, strerror(errno));
    *ret = take(&x);
    return 0;
}

const char *embedded_conninfo(const struct embedded *x)
{
    return x->conninfo;
}

const char *embedded_bindir(const struct embedded *x)
{
    return x->bindir;
}

/* ------------------------------------------------------------------ prepare */

/* First line of a small file, without its newline.  -ENOENT ... */
static int first_line(const char *path, char *buf, size_t cap)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, cap - 1);

    if (n < 0)
        return -errno;
    buf[n] = 0;
    buf[strcspn(buf, "\n")] = 0;
    return 0;
}

/* "postgres (PostgreSQL) 15.20 (Debian ...)" -> 15 */
static int server_major(const struct embedded *x)
{
    char path[PATH_MAX], out[256];
    const char *argv[] = {path, "--version", NULL};
    const char *p;

    snprintf(path, sizeof path, "%s/postgres", x->bindir);
    if (embedded_run(x, &(struct embedded_job){.argv = argv, .out = out, .out_cap = sizeof out},
                     NULL) < 0)
        return -ENOEXEC;
    p = strpbrk(out, "0123456789");
    return p ? (int)strtol(p, NULL, 10) : -ENOEXEC;
}

static int check_version(const struct embedded *x, struct err *e)
{
    char path[PATH_MAX + 16], text[32];
    int r, have, major;

    snprintf(path, sizeof path, "%s/PG_VERSION", x->data);
    r = first_line(path, text, sizeof text);
    if (r < 0)
        return err_set(e, r,
                       "%s: %s; this is no database, or a broken one: move it away or restore it",
                       path, strerror(-r));
    have = (int)strtol(text, NULL, 10);
    major = server_major(x);
    if (major < 0)
        return err_set(e, major, "%s/postgres does not run", x->bindir);
    if (have != major)
        return err_set(e, -ENOTSUP,
                       "%s was made by PostgreSQL %d, and the server in %s is %d; install "
                       "postgresql-%d, or dump and restore",
                       x->data, have, x->bindir, major, have);
    return 0;
}

/* What the database starts with: an owner that is no superuser, and its database. */
static const char *const first_words = "CREATE ROLE muster LOGIN CREATEROLE;\n"
                                       "CREATE DATABASE muster OWNER muster;\n";

static int make_data(const struct embedded *x, const char *temp, const struct embedded_job *common,
                     struct err *e)
{
    char initdb[PATH_MAX], postgres[PATH_MAX];
    const char *init_argv[] = {initdb,  "-D", temp,   "-U",         "postgres",         "-A",
                               "trust", "-E", "UTF8", "--locale=C", "--data-checksums", "--no-sync",
                               NULL};
    const char *single_argv[] = {postgres, "--single", "-D", temp, "-F", "postgres", NULL};
    struct embedded_job job = *common;
    int r;

    snprintf(initdb, sizeof initdb, "%s/initdb", x->bindir);
    snprintf(postgres, sizeof postgres, "%s/postgres", x->bindir);
    job.argv = init_argv;
    r = embedded_run(x, &job, e);
    if (r < 0)
        return err_add(e, r, "making the database in %s", x->dir);
    job.argv = single_argv;
    job.in = first_words;
    r = embedded_run(x, &job, e);
    return r < 0 ? err_add(e, r, "making the database in %s", x->dir) : 0;
}

static int sync_dir(const char *path)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int embedded_prepare(struct embedded *x, void (*tick)(void *user), void *user, struct err *e)
{
    char temp[PATH_MAX + 16], out[4096];
    struct embedded_job common = {.out = out, .out_cap = sizeof out, .tick = tick, .user = user};
    struct stat st;
    int r;

    if (lstat(x->data, &st) == 0) {
        r = check_version(x, e);
        return r < 0 ? r : embedded_own(x, x->data, e);
    }
    snprintf(temp, sizeof temp, "%s.new", x->data);
    embedded_remove(temp); /* of an attempt that was cut off */
    if (mkdir(temp, 0700) < 0)
        return err_set(e, -errno, "%s: %s", temp, strerror(errno));
    r = embedded_own(x, temp, e);
    if (r == 0)
        r = make_data(x, temp, &common, e);
    if (r == 0 && (embedded_sync(temp) < 0 || rename(temp, x->data) < 0 || sync_dir(x->dir) < 0))
        r = err_set(e, -errno, "%s: %s", x->data, strerror(errno));
    if (r < 0)
        embedded_remove(temp);
    return r;
}

/* ------------------------------------------------------------------ start and stop */

/* pid and state of postmaster.pid: lines 1 and 8.  False when there is none. */
static bool read_pidfile(const struct embedded *x, pid_t *ret_pid, bool *ret_ready)
{
    char path[PATH_MAX + 32], text[1024];
    CLEANUP(closep) int fd = -1;
    const char *line = text;
    ssize_t n;

    snprintf(path, sizeof path, "%s/postmaster.pid", x->data);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = 0;
    *ret_pid = (pid_t)strtol(text, NULL, 10);
    for (int i = 0; line && i < 7; i++) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    *ret_ready = line && strncmp(line, "ready", 5) == 0;
    return *ret_pid > 0;
}

/* Whether the process is a server of these data: pids are used again, also by other servers. */
static bool is_ours(const struct embedded *x, pid_t pid)
{
    char path[64], cwd[PATH_MAX], data[PATH_MAX];
    ssize_t n;

    if (kill(pid, 0) < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    n = readlink(path, cwd, sizeof cwd - 1);
    if (n < 0 || !realpath(x->data, data))
        return false;
    cwd[n] = 0;
    return strcmp(cwd, data) == 0;
}

static int forget_file(const char *dir, const char *name, struct err *e)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return unlink(path) < 0 && errno != ENOENT ? err_set(e, -errno, "%s: %s", path, strerror(errno))
                                               : 0;
}

/* What a server of an earlier life left behind: PostgreSQL starts over neither file when its
 * process number is another process's by now. */
static int clear_stale(const struct embedded *x, struct err *e)
{
    bool ready;
    pid_t pid;
    int r;

    if (read_pidfile(x, &pid, &ready) && is_ours(x, pid)) {
        kill(pid, SIGINT);
        return err_set(e, -EAGAIN,
                       "a database server of an earlier run (process %d) is still stopping",
                       (int)pid);
    }
    r = forget_file(x->data, "postmaster.pid", e);
    return r < 0 ? r : forget_file(x->socket, ".s.PGSQL.5432.lock", e);
}

/* The server's own log: the journal when we write there, else a file, anew with each start; a
 * terminal is for people. */
static int open_log(const struct embedded *x)
{
    char path[PATH_MAX + 16];

    if (getenv("JOURNAL_STREAM"))
        return -1;
    snprintf(path, sizeof path, "%s/postgres.log", x->dir);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int embedded_start(struct embedded *x, pid_t *ret_pid, struct err *e)
{
    char postgres[PATH_MAX];
    const char *argv[] = {
        postgres, "-D", x->data, "-k", x->socket, "-c", "listen_addresses=", "-c", "port=5432",
        "-c",
        /* the directory decides who may enter */
        "unix_socket_permissions=0777", "-c", "fsync=on", "-c", "full_page_writes=on", "-c",
        "synchronous_commit=on", "-c", "wal_compression=on", "-c", "max_connections=60", "-c",
        "logging_collector=off", "-c", "log_destination=stderr", "-c", "log_min_messages=warning",
        "-c", "log_line_prefix=", "-c", "autovacuum_naptime=15s", "-c", "jit=off", "-c",
        "log_checkpoints=off", "-c", "cluster_name=muster", NULL};
    struct embedded_job job = {.argv = argv};
    CLEANUP(closep) int log = -1;
    int r = clear_stale(x, e);

    if (r < 0)
        return r;
    r = embedded_share(x, x->socket, e);
    if (r < 0)
        return r;
    snprintf(postgres, sizeof postgres, "%s/postgres", x->bindir);
    log = open_log(x);
    job.log_fd = log;
    return embedded_spawn(x, &job, ret_pid, e);
}

bool embedded_ready(const struct embedded *x)
{
    bool ready = false;
    pid_t pid;

    return read_pidfile(x, &pid, &ready) && ready;
}

int embedded_stop(struct embedded *x, pid_t pid)
{
    (void)x;
    return kill(pid, SIGINT) < 0 ? -errno : 0;
}
