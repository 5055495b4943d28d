/* A sighting: what a device said about itself on the link, unasked.  Weaker than a finding (nobody
 * verified it), but at once: it names what is worth a targeted probe.
 *
 * Strings are borrowed for the length of the call a sighting is passed in.  They are printable
 * UTF-8, whatever the device sent, and bounded (255 bytes each). */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/buf.h"
#include "engine/base/time.h"

#define SIGHTING_ADDRESSES_MAX 4
#define SIGHTING_NAMES_MAX     8
#define SIGHTING_LIST_MAX      16
#define SIGHTING_TEXT_MAX      255 /* bytes of one string */

struct sighting {
    const char *source;    /* "arp", "nd", "ra", "dhcp", "dhcpv6", "mdns", "lldp", "cdp", "ssdp",
                              "nbns"; "multicast": it answered one of ours */
    const char *interface; /* where it was heard */
    usec_t time;           /* wall */
    uint16_t vlan;         /* tag of the frame; 0: untagged */

    /* Who: at least a MAC or one address.  addresses[0] is what it speaks from or holds, the others
     * are what it says it has as well. */
    bool has_mac;
    struct mac mac;
    struct addr addresses[SIGHTING_ADDRESSES_MAX];
    size_t n_addresses;
    struct addr requested; /* wanted, not held (yet); ADDR_NONE: none */

    const char *names[SIGHTING_NAMES_MAX]; /* host names */
    size_t n_names;
    const char *services[SIGHTING_LIST_MAX]; /* "_ipp._tcp", "urn:schemas-upnp-org:..." */
    size_t n_services;
    const char *roles[SIGHTING_LIST_MAX]; /* "router", "bridge", "dhcp-server", "telephone" ... */
    size_t n_roles;
    const char *prefixes[SIGHTING_NAMES_MAX]; /* announced by a router */
    size_t n_prefixes;

    /* NULL: not told. */
    const char *title;        /* a name for people */
    const char *group;        /* NetBIOS workgroup, VTP domain */
    const char *vendor_class; /* of DHCP */
    const char *client_id;    /* DHCP client identifier, DUID: hex */
    const char *parameters;   /* the DHCP options it asks for, in its order: "1,3,6" */
    const char *vendor, *model, *software, *serial;
    const char *uuid;     /* of UPnP */
    const char *location; /* URL of the UPnP description */

    /* LLDP, CDP: the sender is the neighbour at the other end of this link. */
    const char *neighbour_system;  /* its name */
    const char *neighbour_chassis; /* its chassis ID */
    const char *neighbour_port;    /* the port of it that this link ends at */
    const char *neighbour_port_label;
    uint16_t neighbour_vlan; /* untagged VLAN of that port; 0: not told */
};

/* One JSON object, no newline; facts that were not told are left out.  Failure is buf.failed. */
void sighting_json(struct buf *out, const struct sighting *s);

/* Sets the counts from what the lists hold up to the first empty place (ADDR_NONE, NULL). */
void sighting_count(struct sighting *s);

/* What the sighting says, time and interface left out: equal texts say the same.  Failure is
 * buf.failed. */
void sighting_content(struct buf *out, const struct sighting *s);
