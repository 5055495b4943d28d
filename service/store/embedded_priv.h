/* Inside of the embedded server: who runs it, and how programs are run as that. */
#pragma once

#include "service/store/embedded.h"

#include <limits.h>
#include <stddef.h>

enum embedded_identity {
    IDENTITY_SELF,  /* not root: as ourselves */
    IDENTITY_SPACE, /* root: in a user namespace that shows us as `uid` */
    IDENTITY_USER,  /* root: as `uid`; data and socket belong to it */
};

struct embedded {
    char dir[PATH_MAX], data[PATH_MAX], socket[PATH_MAX];
    char *bindir, *conninfo;
    enum embedded_identity identity;
    uid_t uid;
    gid_t gid;
};

struct embedded_job {
    const char *const *argv;
    const char *in; /* standard input; NULL: none */
    int log_fd;     /* where both streams go when `out` is NULL; 0: where ours go */
    char *out;      /* what it says (both streams), cut, terminated; NULL: goes where ours goes */
    size_t out_cap;
    void (*tick)(void *user);
    void *user;
};

/* How the server can be run here: looks whether the kernel allows the namespace.  -EPERM: root, and
 * no way. */
int embedded_choose_identity(struct embedded *x, struct err *e);
/* Runs to the end.  -ENOEXEC; -EIO: it failed, with its last line in *e. */
int embedded_run(const struct embedded *x, const struct embedded_job *job, struct err *e);
/* Starts and leaves; the child dies with us. */
int embedded_spawn(const struct embedded *x, const struct embedded_job *job, pid_t *ret_pid,
                   struct err *e);
/* Gives a tree to the one who runs the server. */
int embedded_own(const struct embedded *x, const char *path, struct err *e);
/* Makes the socket's directory one that we and the server may enter, and nobody else. */
int embedded_share(const struct embedded *x, const char *path, struct err *e);

/* Removes a tree; what is not there is fine. */
void embedded_remove(const char *path);
/* fsync of every file and directory below. */
int embedded_sync(const char *path);
