/* Packets as values: what the builders take (build.h) and the decoder gives (decode.h).  Numbers
 * are in host order. */
#pragma once

#include "engine/base/addr.h"

#define ETHER_HEADER_LEN 14
#define IP4_HEADER_LEN   20
#define IP6_HEADER_LEN   40
#define TCP_HEADER_LEN   20
#define UDP_HEADER_LEN   8
#define ICMP_HEADER_LEN  8
#define ARP_LEN          28

enum ether_type { ETHER_IP4 = 0x0800, ETHER_ARP = 0x0806, ETHER_VLAN = 0x8100, ETHER_IP6 = 0x86dd };

enum ip_protocol { IP_ICMP = 1, IP_TCP = 6, IP_UDP = 17, IP_ICMP6 = 58 };

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

enum icmp_type {
    ICMP_TYPE_ECHO_REPLY = 0,
    ICMP_TYPE_UNREACH = 3,
    ICMP_TYPE_ECHO = 8,
    ICMP_TYPE_TIME_EXCEEDED = 11,
    ICMP_TYPE_TIMESTAMP = 13,
    ICMP_TYPE_TIMESTAMP_REPLY = 14,
};

enum icmp6_type {
    ICMP6_TYPE_UNREACH = 1,
    ICMP6_TYPE_TOO_BIG = 2,
    ICMP6_TYPE_TIME_EXCEEDED = 3,
    ICMP6_TYPE_PARAMETER = 4,
    ICMP6_TYPE_ECHO = 128,
    ICMP6_TYPE_ECHO_REPLY = 129,
    ICMP6_TYPE_NEIGHBOUR_SOLICIT = 135,
    ICMP6_TYPE_NEIGHBOUR_ADVERT = 136,
};

/* Addresses may be IPv4 or IPv6; both of one family. */
struct ip_fields {
    struct addr src, dst;
    uint8_t ttl;
    uint16_t id; /* IPv4 only */
};

struct tcp_fields {
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags; /* mask of enum tcp_flag */
};

struct icmp_fields {
    uint8_t type, code;
    uint32_t rest; /* the second word of the header: id << 16 | sequence for echo */
};

struct arp_fields {
    uint16_t operation; /* enum arp_operation */
    struct mac sender_mac, target_mac;
    struct addr sender, target; /* IPv4 */
};
