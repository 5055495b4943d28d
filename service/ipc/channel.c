/* Sending and receiving of frames.
 *
 * The kernel keeps message bounds, so there is no reassembly.  The queue holds encoded frames in
 * order; a frame leaves it when there is credit (or it needs none: control messages overtake data
 * that waits for credit, but not frames that wait for the socket) and the socket takes it. Received
 * frames are decoded in place, in one buffer per channel. */
#include "service/ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define QUEUE_LIMIT (16U << 20)
#define READ_BUDGET 64 /* messages a turn */
#define GRANT_AT    (CHANNEL_WINDOW / 4)
#define FDS_MAX     4 /* room for stray descriptors, so that they can be closed */

struct queued {
    TAILQ_ENTRY(queued) entry;
    size_t len;
    int fd; /* -1: none */
    uint8_t frame[];
};
TAILQ_HEAD(queue, queued);

struct channel {
    struct loop *loop;
    struct channel_opts opts;
    char peer[48];
    struct io io;
    struct task report; /* tells `closed` or `ready` in the next turn */
    struct queue data, control;
    size_t waiting;
    uint32_t credit;  /* what we may send */
    uint32_t handled; /* what we have to grant */
    unsigned holds;
    int status; /* why it is dead */
    char why[128];
    bool dead, told, was_full, freed, busy;
    bool no_limit; /* for the message that is being sent */
    struct buf scratch;
    uint8_t frame[IPC_FRAME_MAX + 1]; /* one more: shows a frame that is too long */
};

static void channel_fail(struct channel *c, int status, const char *fmt, ...) PRINTF(3, 4);
static void channel_flush(struct channel *c);

static void channel_fail(struct channel *c, int status, const char *fmt, ...)
{
    va_list ap;

    if (c->dead)
        return;
    va_start(ap, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
    c->dead = true;
    c->status = status;
    io_remove(c->loop, &c->io);
    loop_post(c->loop, &c->report);
}

static void channel_report(struct task *t)
{
    struct channel *c = CONTAINER_OF(t, struct channel, report);

    if (c->dead) {
        if (!c->told && c->opts.closed) {
            c->told = true;
            c->opts.closed(c->opts.user, c->status, c->why);
        }
        return;
    }
    if (c->was_full && channel_idle(c) && c->opts.ready) {
        c->was_full = false;
        c->opts.ready(c->opts.user);
    }
}

static void channel_arm(struct channel *c)
{
    bool blocked = !TAILQ_EMPTY(&c->control) || (!TAILQ_EMPTY(&c->data) && c->credit);
    uint32_t events = (uint32_t)EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0U);
    int r;

    if (c->dead)
        return;
    r = io_want(c->loop, &c->io, events);
    if (r < 0)
        channel_fail(c, r, "the socket cannot be watched: %s", strerror(-r));
}

/* 1: sent; 0: the socket is full; negative: dead. */
static int frame_write(struct channel *c, const uint8_t *frame, size_t len, int fd)
{
    struct iovec iov = {.iov_base = (void *)frame, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};

    if (fd >= 0) {
        struct cmsghdr *cm;

        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        cm = CMSG_FIRSTHDR(&msg);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cm), &fd, sizeof fd);
    }
    if (sendmsg(c->opts.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return 1;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
        return 0;
    if (errno == EPIPE || errno == ECONNRESET)
        return -EPIPE; /* what the peer said before is still to be read: the end is seen there */
    channel_fail(c, -errno, "sending failed: %s", strerror(errno));
    return -EPIPE;
}

static struct queued *queued_free(struct queued *q)
{
    if (q && q->fd >= 0)
        close(q->fd);
    free(q);
    return NULL;
}

static void queue_drop(struct queue *queue)
{
    struct queued *q;

    while ((q = TAILQ_FIRST(queue))) {
        TAILQ_REMOVE(queue, q, entry);
        queued_free(q);
    }
}

/* Sends what can go of one queue.  False: the socket is full. */
static bool queue_flush(struct channel *c, struct queue *queue, bool costs)
{
    struct queued *q;

    while (!c->dead && (q = TAILQ_FIRST(queue)) && (!costs || c->credit)) {
        if (frame_write(c, q->frame, q->len, q->fd) == 0)
            return false;
        if (costs)
            c->credit--;
        TAILQ_REMOVE(queue, q, entry);
        c->waiting -= q->len;
        queued_free(q);
    }
    return true;
}

static void channel_flush(struct channel *c)
{
    if (queue_flush(c, &c->control, false))
        queue_flush(c, &c->data, true);
    if (c->was_full && channel_idle(c))
        loop_post(c->loop, &c->report);
    channel_arm(c);
}

static int queue_add(struct channel *c, bool costs, int fd)
{
    size_t limit = c->opts.queue_limit ? c->opts.queue_limit : QUEUE_LIMIT;
    struct queued *q;

    c->was_full = true;
    if (costs && !c->no_limit && c->waiting + c->scratch.len > limit)
        return -ENOBUFS;
    q = malloc(sizeof *q + c->scratch.len);
    if (!q)
        return -ENOMEM;
    q->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (fd >= 0 && q->fd < 0) {
        int r = -errno;

        free(q);
        return r;
    }
    q->len = c->scratch.len;
    memcpy(q->frame, c->scratch.data, q->len);
    if (costs)
        TAILQ_INSERT_TAIL(&c->data, q, entry);
    else
        TAILQ_INSERT_TAIL(&c->control, q, entry);
    c->waiting += q->len;
    return 0;
}

static int channel_put(struct channel *c, const struct ipc_message *m, uint32_t id,
                       const void *value, int fd)
{
    bool costs = !(m->flags & IPC_FREE);
    bool wait = costs ? !TAILQ_EMPTY(&c->data) || !c->credit : !TAILQ_EMPTY(&c->control);
    int r;

    buf_clear(&c->scratch);
    r = ipc_encode(&c->scratch, m, id, value);
    if (r < 0)
        return r;
    if (!wait) {
        r = frame_write(c, (const uint8_t *)c->scratch.data, c->scratch.len, fd);
        if (r < 0)
            return r;
        if (r > 0) {
            c->credit -= costs;
            return 0;
        }
    }
    r = queue_add(c, costs, fd);
    channel_arm(c);
    return r;
}

int channel_send_fd(struct channel *c, uint16_t type, uint32_t id, const void *value, int fd)
{
    const struct ipc_message *m = ipc_message_find(type);

    if (!m || !(m->routes & c->opts.send) || (m->n_fields && !value) ||
        (fd >= 0) != !!(m->flags & IPC_CARRIES_FD))
        return -EINVAL;
    if (c->dead)
        return -EPIPE;
    return channel_put(c, m, id, value, fd);
}

int channel_send(struct channel *c, uint16_t type, uint32_t id, const void *value)
{
    return channel_send_fd(c, type, id, value, -1);
}

int channel_send_always(struct channel *c, uint16_t type, uint32_t id, const void *value)
{
    int r;

    c->no_limit = true;
    r = channel_send(c, type, id, value);
    c->no_limit = false;
    return r;
}

int channel_send_scope(struct channel *c, uint32_t id, enum ipc_scope which,
                       const struct addr_set *set)
{
    size_t sent = 0;
    int r = 0;

    while (r == 0 && sent < set->n) {
        CLEANUP(buf_done) struct buf piece = {0};
        struct ipc_scope_msg m = {.which = which};

        sent += ipc_ranges_put(&piece, set, sent, IPC_PIECE_MAX);
        if (piece.failed)
            return -ENOMEM;
        m.ranges = (struct ipc_bytes){(const uint8_t *)piece.data, piece.len};
        r = channel_send(c, MSG_SCOPE, id, &m);
    }
    return r;
}

/* Grants what was handled, in one message for many. */
static void channel_grant(struct channel *c)
{
    uint32_t n = c->handled;

    if (n < GRANT_AT || c->holds || c->dead)
        return;
    c->handled = 0;
    if (channel_put(c, ipc_message_find(MSG_CREDIT), n, NULL, -1) < 0)
        c->handled = n;
}

static void credit_take(struct channel *c, uint32_t n)
{
    if (n > CHANNEL_WINDOW || c->credit + n > CHANNEL_WINDOW) {
        channel_fail(c, -EBADMSG, "granted %u messages beyond the window", n);
        return;
    }
    c->credit += n;
    channel_flush(c);
}

/* Decodes and hands over one frame. */
static void frame_take(struct channel *c, size_t len, int *fd)
{
    const struct ipc_message *m;
    struct ipc_header h;
    union ipc_any value;

    if (len > IPC_FRAME_MAX || ipc_decode_header(&h, c->frame, len) < 0) {
        channel_fail(c, -EBADMSG, "a frame of %zu bytes without a proper header", len);
        return;
    }
    m = ipc_message_find(h.type);
    if (!m || !(m->routes & c->opts.receive)) {
        channel_fail(c, -EBADMSG, "a message of type %u, which it may not send", h.type);
        return;
    }
    if (ipc_decode(m, &value, c->frame, len) < 0 || (*fd >= 0) != !!(m->flags & IPC_CARRIES_FD)) {
        channel_fail(c, -EBADMSG, "a malformed message '%s' of %zu bytes", m->name, len);
        return;
    }
    if (m->type == MSG_CREDIT) {
        credit_take(c, h.id);
        return;
    }
    if (!(m->flags & IPC_FREE))
        c->handled++;
    c->opts.message(c->opts.user, m, h.id, &value, fd);
}

/* Keeps the first descriptor of a message and closes all others.  *ret -1: none. */
static void fds_take(struct msghdr *msg, int *ret)
{
    *ret = -1;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
        size_t n = cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS
                       ? (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                       : 0;

        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cm) + i * sizeof fd, sizeof fd);
            if (*ret < 0)
                *ret = fd;
            else
                close(fd);
        }
    }
}

/* One message.  False: nothing more now. */
static bool channel_read(struct channel *c)
{
    struct iovec iov = {.iov_base = c->frame, .iov_len = sizeof c->frame};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->opts.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd;

    if (n < 0) {
        /* A peer that left messages of ours unread ends with ECONNRESET, which Linux tells before
         * the peer's own last words; after that they and the end are read as usual. */
        if (errno == ECONNRESET)
            return true;
        if (errno != EAGAIN && errno != EINTR)
            channel_fail(c, -errno, "receiving failed: %s", strerror(errno));
        return false;
    }
    fds_take(&msg, &fd);
    if (n == 0)
        channel_fail(c, 0, "the channel was closed");
    else
        frame_take(c, (size_t)n, &fd);
    if (fd >= 0)
        close(fd);
    return true;
}

static void channel_destroy(void *object)
{
    struct channel *c = object;

    queue_drop(&c->data);
    queue_drop(&c->control);
    buf_done(&c->scratch);
    free(c);
}

static void channel_ready(struct io *io, uint32_t events)
{
    struct channel *c = CONTAINER_OF(io, struct channel, io);
    unsigned budget = READ_BUDGET;

    c->busy = true;
    if (events & EPOLLOUT)
        channel_flush(c);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        while (!c->freed && !c->dead && budget-- && channel_read(c))
            ;
    c->busy = false;
    if (c->freed)
        return;
    channel_grant(c);
    channel_arm(c);
}

int channel_new(struct channel **ret, struct loop *l, const struct channel_opts *o, struct err *e)
{
    struct channel *c = calloc(1, sizeof *c);
    int r;

    if (!c) {
        close(o->fd);
        return err_set(e, -ENOMEM, "out of memory");
    }
    c->loop = l;
    c->opts = *o;
    snprintf(c->peer, sizeof c->peer, "%s", o->peer ? o->peer : "peer");
    c->opts.peer = c->peer;
    c->io = (struct io){.ready = channel_ready, .fd = o->fd};
    c->report.run = channel_report;
    c->credit = CHANNEL_WINDOW;
    TAILQ_INIT(&c->data);
    TAILQ_INIT(&c->control);
    r = io_want(l, &c->io, EPOLLIN);
    if (r < 0) {
        close(o->fd);
        free(c);
        return err_set(e, r, "channel to %s: %s", o->peer, strerror(-r));
    }
    *ret = c;
    return 0;
}

struct channel *channel_free(struct channel *c)
{
    if (!c || c->freed)
        return NULL;
    c->freed = c->dead = c->told = true;
    io_remove(c->loop, &c->io);
    task_cancel(c->loop, &c->report);
    close(c->opts.fd);
    if (c->busy)
        loop_post_free(c->loop, channel_destroy, c); /* we are inside its own callback */
    else
        channel_destroy(c);
    return NULL;
}

void channel_freep(struct channel **c)
{
    channel_free(*c);
}

bool channel_idle(const struct channel *c)
{
    return !c->dead && c->credit && TAILQ_EMPTY(&c->data) && TAILQ_EMPTY(&c->control);
}

size_t channel_waiting(const struct channel *c)
{
    return c->waiting;
}

void channel_hold(struct channel *c)
{
    c->holds++;
}

void channel_resume(struct channel *c)
{
    c->holds--;
    channel_grant(c);
}

int channel_pair(int ret[2])
{
    int r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret);

    return r < 0 ? -errno : 0;
}
