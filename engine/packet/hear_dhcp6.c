/* Clients speak from their link-local address, so the frame itself names them; the message adds
 * names, class, DUID and the addresses of the lease that they hold or want.  Servers' messages tell
 * about the server only: the lease in them is the client's once it renews. */
#include "engine/packet/hear_dhcp6.h"

#include "engine/packet/hear_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    SOLICIT = 1,
    ADVERTISE,
    REQUEST,
    CONFIRM,
    RENEW,
    REBIND,
    REPLY,
    RELEASE,
    DECLINE,
    RECONFIGURE,
    INFORMATION_REQUEST,
};
enum {
    OPT_CLIENT_ID = 1,
    OPT_SERVER_ID = 2,
    OPT_IA_NA = 3,
    OPT_IA_ADDRESS = 5,
    OPT_REQUESTED = 6,
    OPT_VENDOR_CLASS = 16,
    OPT_FQDN = 39,
};

struct dhcp6 {
    uint8_t type;
    bool server;
    bool in_lease; /* inside an IA_NA option */
    struct hear_evidence e;
};

static void read_options(struct dhcp6 *d, struct rbuf *b);

static void read_requested(struct dhcp6 *d, struct rbuf *b)
{
    char text[HEAR_FACT_MAX + 1];
    size_t n = 0;

    while (rbuf_left(b) > 0 && n + 7 < sizeof text)
        n += (size_t)snprintf(text + n, sizeof text - n, n ? ",%u" : "%u", rbuf_u16(b));
    hear_add(&d->e, HEAR_PARAMETERS, text, n);
}

/* Enterprise number, then data with a length each; the first one names the class. */
static void read_class(struct dhcp6 *d, struct rbuf *b)
{
    char text[HEAR_FACT_MAX + 1];
    uint32_t enterprise = rbuf_u32(b);
    uint16_t len = rbuf_u16(b);
    const uint8_t *p = rbuf_bytes(b, len);
    size_t n = (size_t)snprintf(text, sizeof text, "%u:", enterprise);

    if (!p)
        return;
    if (len > sizeof text - n)
        len = (uint16_t)(sizeof text - n);
    memcpy(text + n, p, len);
    hear_add(&d->e, HEAR_VENDOR_CLASS, text, n + len);
}

static void read_fqdn(struct dhcp6 *d, struct rbuf *b)
{
    struct hear_name name;

    rbuf_skip(b, 1);
    /* Apart from the message: there is no compression in it (RFC 4704 4.2). */
    if (b->bad)
        return;
    *b = rbuf_of(b->data + b->pos, rbuf_left(b));
    if (hear_name_read(b, &name))
        hear_add(&d->e, HEAR_NAME, name.text, name.len);
}

static void read_address(struct dhcp6 *d, struct rbuf *b)
{
    struct addr a = {0};

    hear_read_addr(b, ADDR_V6, &a);
    rbuf_skip(b, 8); /* lifetimes */
    if (d->type == RENEW || d->type == REBIND || d->type == CONFIRM)
        hear_add_addr(&d->e, &a);
    else if (hear_addr_is_host(&a))
        d->e.requested = a;
}

/* A lease inside a lease is passed over, so the depth is two. */
static void read_lease(struct dhcp6 *d, struct rbuf *b)
{
    if (d->in_lease)
        return;
    rbuf_skip(b, 12); /* identity, renewal times */
    d->in_lease = true;
    read_options(d, b);
    d->in_lease = false;
}

static void read_client_option(struct dhcp6 *d, uint16_t option, struct rbuf *body)
{
    switch (option) {
    case OPT_CLIENT_ID:
        hear_add_hex(&d->e, HEAR_CLIENT_ID, body->data, body->len);
        break;
    case OPT_IA_NA:
        read_lease(d, body);
        break;
    case OPT_IA_ADDRESS:
        read_address(d, body);
        break;
    case OPT_REQUESTED:
        read_requested(d, body);
        break;
    case OPT_VENDOR_CLASS:
        read_class(d, body);
        break;
    case OPT_FQDN:
        read_fqdn(d, body);
        break;
    default:
        break;
    }
}

static void read_options(struct dhcp6 *d, struct rbuf *b)
{
    while (rbuf_left(b) > 0) {
        uint16_t option = rbuf_u16(b), len = rbuf_u16(b);
        const uint8_t *p = rbuf_bytes(b, len);
        struct rbuf body = rbuf_of(p, p ? len : 0);

        if (!p)
            return;
        if (!d->server)
            read_client_option(d, option, &body);
        else if (option == OPT_SERVER_ID)
            hear_add_hex(&d->e, HEAR_CLIENT_ID, p, len);
        b->bad |= body.bad;
    }
}

int hear_dhcp6(struct hear_evidence *ret, struct rbuf *b)
{
    struct dhcp6 d = {.type = rbuf_u8(b), .e = {.source = HEAR_DHCP6, .of_sender = true}};

    d.server = d.type == ADVERTISE || d.type == REPLY || d.type == RECONFIGURE;
    if (b->bad)
        return -EBADMSG;
    if (d.type < SOLICIT || d.type == RELEASE || d.type == DECLINE || d.type > INFORMATION_REQUEST)
        return -ENOMSG;
    rbuf_skip(b, 3); /* transaction */
    if (d.server)
        hear_add_text(&d.e, HEAR_ROLE, "dhcpv6-server");
    read_options(&d, b);
    if (b->bad)
        return -EBADMSG;
    *ret = d.e;
    return 0;
}
