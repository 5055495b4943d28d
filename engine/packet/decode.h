/* Takes a captured frame apart as far as a scanner needs it: link, network and transport header,
 * and the packet that an ICMP error quotes.
 *
 * Checksums are not looked at: captured frames of this machine's own stack and of offloading cards
 * carry unfinished ones, and the kernel's or the card's word on the others never reaches us. */
#pragma once

#include "engine/packet/packet.h"

enum link_type { LINK_ETHERNET, LINK_RAW_IP };

/* What was found.  A layer is there whole or not at all. */
enum packet_layer {
    PACKET_ETHER = 1 << 0,
    PACKET_ARP = 1 << 1,
    PACKET_IP = 1 << 2,
    PACKET_TCP = 1 << 3,
    PACKET_UDP = 1 << 4,
    PACKET_ICMP = 1 << 5,  /* ICMP or ICMPv6, as ip.src is */
    PACKET_QUOTE = 1 << 6, /* an ICMP error with the start of the packet that caused it */
};

/* The first 8 bytes behind the quoted IP header, all that RFC 792 promises. */
struct packet_quote {
    struct addr src, dst;
    uint8_t protocol;
    uint16_t sport, dport; /* TCP, UDP; ICMP: type << 8 | code, and the checksum */
    uint32_t word;         /* TCP: the sequence number; ICMP echo: id << 16 | sequence */
};

/* Addresses are copied; payload points into the frame. */
struct packet {
    unsigned layers; /* mask of enum packet_layer */
    struct mac ether_src, ether_dst;
    uint16_t vlan; /* 0: none */
    struct arp_fields arp;
    struct ip_fields ip;
    uint8_t protocol;
    struct tcp_fields tcp; /* ports also for UDP */
    struct icmp_fields icmp;
    struct packet_quote quote;
    const uint8_t *payload; /* of TCP, UDP or ICMP; NULL without one of them */
    size_t payload_len;
};

/* 0; -EBADMSG when a header is cut or contradicts itself (then *ret is unchanged). */
int packet_decode(struct packet *ret, enum link_type type, const void *frame, size_t len);
