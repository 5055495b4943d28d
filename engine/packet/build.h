/* Writes packets into a wbuf, checksums included.  Nothing is allocated; what does not fit sets
 * `bad`.
 *
 * Each builder below Ethernet writes its IP header too, because lengths and checksums need both. */
#pragma once

#include "engine/base/wire.h"
#include "engine/packet/packet.h"

/* The Internet checksum (RFC 1071): add up with checksum_add(), starting at 0; each piece but the
 * last of even length. */
uint32_t checksum_add(uint32_t sum, const void *data, size_t len);
uint16_t checksum_fold(uint32_t sum);
/* The sum of the pseudo header of TCP, UDP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1). */
uint32_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
                         size_t len);

void ether_build(struct wbuf *w, const struct mac *dst, const struct mac *src, uint16_t type);
void arp_build(struct wbuf *w, const struct arp_fields *arp);
/* options: padded by the caller to a multiple of 4, at most 40 bytes. */
void tcp_build(struct wbuf *w, const struct ip_fields *ip, const struct tcp_fields *tcp,
               const void *options, size_t options_len);
void udp_build(struct wbuf *w, const struct ip_fields *ip, const uint16_t ports[2],
               const void *payload, size_t payload_len);
/* ICMP or ICMPv6, as the addresses are. */
void icmp_build(struct wbuf *w, const struct ip_fields *ip, const struct icmp_fields *icmp,
                const void *payload, size_t payload_len);
