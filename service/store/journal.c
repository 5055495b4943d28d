/* One descriptor appends and one reads, as the sandbox of the core allows.  Every size is counted
 * here and not asked of the file: what is behind `size` was never promised to anybody. */
#include "service/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define HEADER_LEN  48
#define RECORD_HEAD 8
static const char magic[8] = "MUSTERJ1";

struct journal {
    int out, in; /* appends; reads */
    uint64_t limit, size;
    struct journal_owner owner;
};

static uint32_t checksum(const void *a, size_t a_len, const void *b, size_t b_len)
{
    uLong crc = crc32(0, a, (uInt)a_len);

    return (uint32_t)(b_len ? crc32(crc, b, (uInt)b_len) : crc);
}

static void put32(uint8_t *at, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> 8 * (3 - i));
}

bool journal_read_header(struct rbuf *in, struct journal_owner *ret)
{
    const uint8_t *at = rbuf_bytes(in, HEADER_LEN);
    struct rbuf tail;

    if (!at || memcmp(at, magic, sizeof magic) != 0)
        return false;
    tail = rbuf_of(at + 40, 8);
    if (rbuf_u32(&tail) != checksum(at, 40, NULL, 0) || rbuf_u32(&tail) != 0)
        return false;
    memcpy(ret->instance, at + 8, JOURNAL_ID_LEN);
    memcpy(ret->installation, at + 24, JOURNAL_ID_LEN);
    return true;
}

bool journal_read_record(struct rbuf *in, struct rbuf *ret)
{
    const uint8_t *head = rbuf_bytes(in, RECORD_HEAD), *data;
    struct rbuf h = rbuf_of(head, head ? RECORD_HEAD : 0);
    uint32_t len = rbuf_u32(&h), crc = rbuf_u32(&h);

    if (!head || len > JOURNAL_RECORD_MAX)
        return false;
    data = rbuf_bytes(in, len);
    if (!data || checksum(head, 4, data, len) != crc)
        return false;
    *ret = rbuf_of(data, len);
    return true;
}

static int read_whole(int fd, void *to, size_t len, uint64_t at)
{
    for (size_t n = 0; n < len;) {
        ssize_t r = pread(fd, (char *)to + n, len - n, (off_t)(at + n));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -ENOENT;
        n += (size_t)r;
    }
    return 0;
}

int journal_get(const struct journal *j, uint64_t *at, struct buf *ret)
{
    uint64_t from = *at ? *at : HEADER_LEN;
    uint8_t head[RECORD_HEAD];
    struct rbuf h = rbuf_of(head, 4), all, record;
    uint32_t len;
    int r = from < j->size ? read_whole(j->in, head, sizeof head, from) : -ENOENT;

    if (r < 0)
        return r;
    len = rbuf_u32(&h);
    if (len > JOURNAL_RECORD_MAX)
        return -EBADMSG;
    buf_clear(ret);
    if (!buf_room(ret, RECORD_HEAD + (size_t)len))
        return -ENOMEM;
    r = read_whole(j->in, ret->data, RECORD_HEAD + (size_t)len, from);
    if (r < 0)
        return r;
    ret->len = RECORD_HEAD + (size_t)len;
    ret->data[ret->len] = 0;
    all = rbuf_of(ret->data, ret->len);
    if (!journal_read_record(&all, &record))
        return -EBADMSG;
    buf_consume(ret, RECORD_HEAD);
    *at = from + RECORD_HEAD + len;
    return 0;
}

static int get_header(struct journal *j)
{
    uint8_t header[HEADER_LEN];
    struct rbuf in = rbuf_of(header, sizeof header);
    int r = read_whole(j->in, header, sizeof header, 0);

    if (r < 0)
        return r;
    return journal_read_header(&in, &j->owner) ? 0 : -EBADMSG;
}

/* Where the last whole record ends: the file does, or what follows is spoiled.  What cannot be read
 * now is no end, it may well be there at the next start. */
static int find_end(struct journal *j, uint64_t size)
{
    CLEANUP(buf_done) struct buf record = {0};
    uint64_t at = HEADER_LEN;
    int r = get_header(j);

    j->size = size;
    while (r == 0)
        r = journal_get(j, &at, &record);
    if (r != -ENOENT && r != -EBADMSG)
        return r;
    j->size = at > HEADER_LEN ? at : 0;
    return 0;
}

/* Takes back what is behind `size`. */
static int cut(struct journal *j)
{
    return ftruncate(j->out, (off_t)j->size) < 0 ? -errno : 0;
}

int journal_open(struct journal **ret, const char *path, uint64_t limit, struct err *e)
{
    struct journal *j = calloc(1, sizeof *j);
    struct stat st;
    int r = 0;

    if (!j)
        return -ENOMEM;
    j->limit = limit;
    j->in = -1;
    j->out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    if (j->out >= 0)
        j->in = open(path, O_RDONLY | O_CLOEXEC);
    if (j->in < 0 || fstat(j->in, &st) < 0)
        r = err_set(e, -errno, "journal '%s': %s", path, strerror(errno));
    else if ((r = find_end(j, (uint64_t)st.st_size)) < 0 ||
             (j->size != (uint64_t)st.st_size && (r = cut(j)) < 0))
        r = err_set(e, r, "journal '%s': %s", path, strerror(-r));
    if (r < 0) {
        journal_free(j);
        return r;
    }
    *ret = j;
    return 0;
}

struct journal *journal_free(struct journal *j)
{
    if (!j)
        return NULL;
    if (j->in >= 0)
        close(j->in);
    if (j->out >= 0)
        close(j->out);
    free(j);
    return NULL;
}

const struct journal_owner *journal_owner(const struct journal *j)
{
    return j->size ? &j->owner : NULL;
}

static int append(struct journal *j, const void *data, size_t len)
{
    for (size_t n = 0; n < len;) {
        ssize_t r = write(j->out, (const char *)data + n, len - n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -ENOSPC;
        n += (size_t)r;
    }
    return 0;
}

static int add_header(struct journal *j, const struct journal_owner *o)
{
    uint8_t header[HEADER_LEN] = {0};
    int r;

    memcpy(header, magic, sizeof magic);
    memcpy(header + 8, o->instance, JOURNAL_ID_LEN);
    memcpy(header + 24, o->installation, JOURNAL_ID_LEN);
    put32(header + 40, checksum(header, 40, NULL, 0));
    r = append(j, header, sizeof header);
    if (r == 0)
        j->owner = *o;
    return r;
}

int journal_add(struct journal *j, const struct journal_owner *o, const void *data, size_t len,
                uint64_t *ret_at)
{
    uint64_t start = j->size ? j->size : HEADER_LEN;
    uint8_t head[RECORD_HEAD];
    int r = 0;

    if (len > JOURNAL_RECORD_MAX || start + RECORD_HEAD + len > j->limit)
        return -ENOSPC;
    put32(head, (uint32_t)len);
    put32(head + 4, checksum(head, 4, data, len));
    if (!j->size)
        r = add_header(j, o);
    if (r == 0)
        r = append(j, head, sizeof head);
    if (r == 0)
        r = append(j, data, len);
    if (r < 0) {
        if (cut(j) < 0)
            j->limit = 0; /* what is behind the end would hide what comes: no more of this file */
        return r;
    }
    j->size = start + RECORD_HEAD + len;
    *ret_at = start;
    return 0;
}

int journal_clear(struct journal *j)
{
    j->size = 0;
    return cut(j);
}
