/* See teller.h. */
#include "service/role/teller.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

#define QUEUE_HIGH (8U << 20) /* bytes that wait, from which on no more hosts are asked for */

static void hold(struct teller *t)
{
    if (!t->held && channel_waiting(t->core) > QUEUE_HIGH) {
        t->held = true;
        channel_hold(t->core);
    }
}

void tell_ready(struct teller *t)
{
    if (t->held) {
        t->held = false;
        channel_resume(t->core);
    }
}

/* A channel that is dead is seen elsewhere. */
static int told(int r)
{
    if (r == 0 || r == -EPIPE)
        return 0;
    log_event(LOG_ERR, "a finding cannot be told, leaving it out", "WHY", strerror(-r));
    return r;
}

int tell(struct teller *t, uint16_t type, uint32_t id, const void *value)
{
    int r = told(channel_send(t->core, type, id, value));

    hold(t);
    return r;
}

void tell_always(struct teller *t, uint16_t type, uint32_t id, const void *value)
{
    if (told(channel_send_always(t->core, type, id, value)) == -ENOMEM)
        t->failed(t->user, "out of memory");
}

static int tell_pieces(struct teller *t, uint32_t job, enum ipc_piece which, const char *data,
                       size_t len)
{
    int r = 0;

    for (size_t at = 0; at < len && r == 0; at += IPC_PIECE_MAX) {
        size_t n = len - at < IPC_PIECE_MAX ? len - at : IPC_PIECE_MAX;
        const struct ipc_result_piece piece = {which, {(const uint8_t *)data + at, n}};

        r = tell(t, MSG_RESULT_PIECE, job, &piece);
    }
    return r;
}

static int tell_all_pieces(struct teller *t, uint32_t job, const struct script_result *r)
{
    size_t output_len = r->output_len < IPC_OUTPUT_MAX ? r->output_len : IPC_OUTPUT_MAX;
    size_t data_len = r->data ? strlen(r->data) : 0;
    int error = tell_pieces(t, job, PIECE_OUTPUT, r->output, r->output ? output_len : 0);

    if (error < 0)
        return error;
    return tell_pieces(t, job, PIECE_DATA, r->data, data_len <= IPC_DATA_MAX ? data_len : 0);
}

/* Error texts hold a traceback; what does not fit into the message is cut. */
static void cut_reason(struct script_result *r, char room[IPC_LIST_MAX])
{
    if (r->reason && strlen(r->reason) >= IPC_LIST_MAX) {
        memcpy(room, r->reason, IPC_LIST_MAX - 1);
        room[IPC_LIST_MAX - 1] = 0;
        r->reason = room;
    }
}

void tell_result(struct teller *t, uint32_t job, const struct script_result *r)
{
    struct script_result copy = *r;
    char reason[IPC_LIST_MAX];
    int error = tell_all_pieces(t, job, r);

    cut_reason(&copy, reason);
    if (error == 0)
        error = tell(t, MSG_RESULT, job, &copy);
    if (error == 0)
        return;
    copy.outcome = SCRIPT_SKIPPED;
    copy.reason = error == -ENOBUFS ? "left out, the queue is full" : "left out, it cannot be told";
    tell_always(t, MSG_RESULT, job, &copy);
}
