/* The ways to ask whether a host is there, as nmap names them. */
#pragma once

#include "engine/model/ports.h"

enum scan_ping {
    SCAN_PING_ARP = 1 << 0, /* neighbours on the link (ND for IPv6); answers alone decide there */
    SCAN_PING_ECHO = 1 << 1,
    SCAN_PING_SYN = 1 << 2,       /* TCP SYN, to port 443 unless others are named */
    SCAN_PING_ACK = 1 << 3,       /* TCP ACK, to port 80 */
    SCAN_PING_CONNECT = 1 << 4,   /* connect() to 80 and 443: no raw rights needed */
    SCAN_PING_NONE = 1 << 5,      /* every target counts as up: -Pn */
    SCAN_PING_TIMESTAMP = 1 << 6, /* ICMP timestamp, IPv4 only */
    SCAN_PING_UDP = 1 << 7,       /* UDP with the port's payload, to port 40125 */
    SCAN_PING_LINK = 1 << 8,      /* ARP and ND for every target: all are behind the same switch,
                                     whatever the routes say.  Needs an interface */
    SCAN_PING_NO_ARP = 1 << 9, /* neighbours are asked like anybody else: ARP only finds the way */
};
#define SCAN_PING_MASK 0x3ffU

struct ping_choice {
    unsigned mask; /* of enum scan_ping; 0: nmap's default for the rights there are */
    struct port_few syn, ack, udp; /* where they go; empty: the usual port */
};
