/* --script-trace: what sockets sent and received, readable.  Text goes as text, anything else as a
 * hex dump; long data is cut, since a trace is read by people. */
#include "engine/script/l_socket.h"

#include <ctype.h>
#include <syslog.h>

#define TRACE_BYTES 2048
#define HEX_WIDTH   16

static void add_end(struct buf *b, int known, const struct addr *a, uint16_t port)
{
    char text[ADDR_TEXT_MAX];

    if (known < 0)
        buf_str(b, "-");
    else
        buf_printf(b, a->family == ADDR_V6 ? "[%s]:%u" : "%s:%u", addr_format(a, text), port);
}

static void add_ends(struct buf *b, const struct conn *c, enum trace_event what)
{
    struct addr local = {0}, remote = {0};
    uint16_t local_port = 0, remote_port = 0;
    int l = -1, r = -1;

    if (c->stream) {
        l = stream_local(c->stream, &local, &local_port);
        r = stream_remote(c->stream, &remote, &remote_port);
    } else if (c->udp) {
        l = dgram_local(c->udp, &local, &local_port);
    }
    if (r < 0 && c->peer.family != ADDR_NONE) {
        remote = c->peer;
        remote_port = c->peer_port;
        r = 0;
    }
    buf_str(b, c->protocol == SOCK_TCP ? "TCP " : "UDP ");
    add_end(b, l, &local, local_port);
    buf_str(b, what == TRACE_RECEIVE ? " < " : " > ");
    add_end(b, r, &remote, remote_port);
    buf_str(b, " | ");
}

static bool is_text(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isprint(data[i]) && data[i] != '\n' && data[i] != '\r' && data[i] != '\t')
            return false;
    return true;
}

static void add_hex(struct buf *b, const unsigned char *data, size_t len)
{
    for (size_t at = 0; at < len; at += HEX_WIDTH) {
        buf_printf(b, "\n%08zx: ", at);
        for (size_t i = at; i < at + HEX_WIDTH; i++)
            if (i < len)
                buf_printf(b, "%02x ", data[i]);
            else
                buf_str(b, "   ");
        buf_char(b, ' ');
        for (size_t i = at; i < at + HEX_WIDTH && i < len; i++)
            buf_char(b, isprint(data[i]) ? (char)data[i] : '.');
    }
}

static void add_data(struct buf *b, const unsigned char *data, size_t len)
{
    size_t shown = len < TRACE_BYTES ? len : TRACE_BYTES;

    buf_printf(b, " %zu bytes", len);
    if (is_text(data, shown)) {
        buf_char(b, '\n');
        buf_add(b, data, shown);
    } else {
        add_hex(b, data, shown);
    }
    if (shown < len)
        buf_printf(b, "\n(%zu more bytes)", len - shown);
}

void conn_trace(struct conn *c, enum trace_event what, const void *data, size_t len)
{
    static const char *const words[] = {"CONNECT", "SEND", "RECEIVE", "CLOSE"};
    const struct script_world *w = c->all->env.world;
    CLEANUP(buf_done) struct buf b = {0};

    if (!c->all->env.trace || !w || !w->log)
        return;
    add_ends(&b, c, what);
    buf_str(&b, words[what]);
    if (data)
        add_data(&b, data, len);
    if (!b.failed)
        w->log(w->user, LOG_INFO, sthread_script(c->holder->thread), b.data);
}
