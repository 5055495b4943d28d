/* See resolver.h.
 *
 * It is read, and not watched by inotify: it is small, often a link into another directory, and may
 * be a mount.  One that is away or cannot be read changes nothing, as in engine/loop/dns.c. */
#include "service/role/resolver.h"

#include "engine/base/buf.h"
#include "engine/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define CONF_MAX (64U << 10) /* bytes; more is no resolv.conf */
#define SEALS    (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* All of the file, or what has failed. */
static int conf_read(const char *path, struct buf *out)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char chunk[4096];
    ssize_t n = fd < 0 ? -1 : 0;

    while (fd >= 0 && !out->failed && (n = read(fd, chunk, sizeof chunk)) > 0)
        buf_add(out, chunk, (size_t)n);
    if (out->failed)
        return -EFBIG;
    return n < 0 ? -errno : 0;
}

/* Sealed, because all workers get the same one. */
static int conf_memfd(const char *data, size_t len)
{
    CLEANUP(closep) int fd = memfd_create("resolv.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int ret = fd;

    if (fd < 0)
        return -errno;
    if (len && write(fd, data, len) != (ssize_t)len)
        return -EIO;
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    fd = -1;
    return ret;
}

/* Known only when it was handed on: else the next look tries again. */
static void conf_tell(struct resolver *r, struct buf *text)
{
    CLEANUP(closep) int fd = conf_memfd(text->data, text->len);

    if (fd < 0) {
        log_event(LOG_WARNING, "what resolv.conf has become cannot be handed on, trying again",
                  "WHY", strerror(-fd));
        return;
    }
    free(r->known);
    r->known_len = text->len;
    r->known = buf_take(text);
    r->changed(r->user, fd);
}

static bool is_known(const struct resolver *r, const struct buf *text)
{
    return r->known && r->known_len == text->len &&
           (!text->len || memcmp(r->known, text->data, text->len) == 0);
}

static void on_look(struct timer *t)
{
    struct resolver *r = CONTAINER_OF(t, struct resolver, timer);
    CLEANUP(buf_done) struct buf text = {.limit = CONF_MAX};

    if (conf_read(r->path, &text) == 0 && !is_known(r, &text))
        conf_tell(r, &text);
    if (timer_set(r->loop, &r->timer, RESOLVER_LOOK) < 0)
        log_event(LOG_ERR, "out of memory, resolv.conf is not watched any more");
}

int resolver_watch(struct resolver *r)
{
    CLEANUP(buf_done) struct buf text = {.limit = CONF_MAX};

    r->timer.fire = on_look;
    if (conf_read(r->path, &text) == 0) {
        r->known_len = text.len;
        r->known = buf_take(&text);
    }
    return timer_set(r->loop, &r->timer, RESOLVER_LOOK);
}

void resolver_done(struct resolver *r)
{
    if (r->loop)
        timer_stop(r->loop, &r->timer);
    free(r->known);
    r->known = NULL;
}
