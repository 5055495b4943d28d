/* What one overheard frame tells about one device: addresses, and facts as text.
 *
 * A value without pointers: bounded, copied and compared as it is.  Facts that find no more room
 * are left out; a peer can make it no larger. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/wire.h"

#define HEAR_ADDRS_MAX 4
#define HEAR_FACTS_MAX 32
#define HEAR_FACT_MAX  255  /* bytes of one fact */
#define HEAR_TEXT_MAX  2048 /* bytes of all facts, each with its NUL */

enum hear_source {
    HEAR_ARP,
    HEAR_ND,
    HEAR_RA,
    HEAR_DHCP,
    HEAR_DHCP6,
    HEAR_MDNS,
    HEAR_LLDP,
    HEAR_CDP,
    HEAR_SSDP,
    HEAR_NBNS,
    HEAR_SOURCES
};

enum hear_kind {
    HEAR_NAME,         /* host name, qualified or not */
    HEAR_SERVICE,      /* "_ipp._tcp", "urn:schemas-upnp-org:device:MediaServer:1" */
    HEAR_ROLE,         /* "router", "dhcp-server", "dhcpv6-server", "bridge", "phone", ... */
    HEAR_GROUP,        /* NetBIOS group or CDP VTP domain */
    HEAR_PREFIX,       /* announced by a router: "2001:db8::/64" */
    HEAR_TITLE,        /* a name for people: "Office Printer" */
    HEAR_VENDOR_CLASS, /* DHCP 60; DHCPv6 16 as "311:MSFT 5.0" */
    HEAR_CLIENT_ID,    /* DHCP client identifier or DHCPv6 DUID, hex: "01:02:00:..." */
    HEAR_PARAMETERS,   /* requested options in the client's order: "1,3,6,15" */
    HEAR_VENDOR,       /* who made it, by its own word */
    HEAR_MODEL,
    HEAR_SOFTWARE,
    HEAR_SERIAL,
    HEAR_SYSTEM,     /* LLDP system name, CDP device ID */
    HEAR_CHASSIS,    /* LLDP chassis ID */
    HEAR_PORT,       /* the neighbour's port that this link ends at */
    HEAR_PORT_LABEL, /* its description */
    HEAR_UUID,
    HEAR_LOCATION, /* URL of the UPnP description */
    HEAR_KINDS
};

struct hear_fact {
    uint8_t kind; /* enum hear_kind */
    uint16_t at;  /* where its text starts */
};

struct hear_evidence {
    enum hear_source source;
    /* The frame's own addresses are the subject's: hear_frame() adds them. */
    bool of_sender;
    bool has_mac;
    struct mac mac;
    uint16_t vlan;      /* tag of the frame; 0: none */
    uint16_t port_vlan; /* untagged VLAN of the neighbour's port; 0: not told */
    struct addr addrs[HEAR_ADDRS_MAX];
    uint8_t n_addrs;
    struct addr requested; /* asked for, or probed before use; ADDR_NONE: none */
    struct hear_fact facts[HEAR_FACTS_MAX];
    uint8_t n_facts;
    uint16_t text_len;
    char text[HEAR_TEXT_MAX];
};

/* "arp", "nd", "ra", "dhcp", "dhcpv6", "mdns", "lldp", "cdp", "ssdp", "nbns". */
const char *hear_source_name(enum hear_source s);

/* Adds a fact as printable UTF-8: other bytes become the text \xHH, blanks and NULs at the end go.
 * Empty facts and such that are there already are left out. */
void hear_add(struct hear_evidence *e, enum hear_kind kind, const void *bytes, size_t len);
void hear_add_text(struct hear_evidence *e, enum hear_kind kind, const char *text);
/* As "01:ab:..", cut to what a fact holds. */
void hear_add_hex(struct hear_evidence *e, enum hear_kind kind, const uint8_t *bytes, size_t len);

/* False for what no single host can have: unspecified, loopback, multicast, broadcast. */
bool hear_addr_is_host(const struct addr *a);
/* Left out: no host's address, or there already. */
void hear_add_addr(struct hear_evidence *e, const struct addr *a);
/* In front of the others. */
void hear_add_addr_first(struct hear_evidence *e, const struct addr *a);
/* Left out: zero and group addresses. */
void hear_set_mac(struct hear_evidence *e, const struct mac *mac);

/* The text of the nth fact of a kind; NULL: there are not so many. */
const char *hear_fact_text(const struct hear_evidence *e, enum hear_kind kind, unsigned n);

/* The next address of a message; unchanged where it is cut. */
void hear_read_addr(struct rbuf *b, enum addr_family family, struct addr *ret);
