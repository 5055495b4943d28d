/* Builders and decoder against each other, and the decoder against frames that lie. */
#include "engine/packet/build.h"
#include "engine/packet/decode.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct mac mac_a = {{2, 0, 0, 0, 0, 1}}, mac_b = {{2, 0, 0, 0, 0, 2}};

static struct ip_fields ip_of(const char *src, const char *dst)
{
    struct ip_fields ip = {.ttl = 64, .id = 7};

    assert_int_equal(addr_parse(src, &ip.src), 0);
    assert_int_equal(addr_parse(dst, &ip.dst), 0);
    return ip;
}

/* What an intact checksum adds up to, header and pseudo header included. */
static uint16_t residue(const struct packet *p, const uint8_t *transport, size_t len)
{
    bool pseudo = p->protocol != IP_ICMP;
    uint32_t sum = pseudo ? checksum_pseudo(&p->ip.src, &p->ip.dst, p->protocol, len) : 0;

    return checksum_fold(checksum_add(sum, transport, len));
}

static const struct {
    const char *src, *dst;
    size_t header;
} families[] = {
    {"192.0.2.1", "192.0.2.2", IP4_HEADER_LEN},
    {"2001:db8::1", "2001:db8::2", IP6_HEADER_LEN},
};

static void a_built_syn_is_decoded_as_it_was_given(void **state)
{
    static const uint8_t mss[] = {2, 4, 5, 0xb4};
    static const struct tcp_fields tcp = {61440, 443, 0x11223344, 0, 64240, TCP_SYN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct ip_fields ip = ip_of(families[i].src, families[i].dst);
        bool six = ip.dst.family == ADDR_V6;
        uint8_t frame[128];
        struct wbuf w = wbuf_of(frame, sizeof frame);
        size_t head = ETHER_HEADER_LEN + families[i].header;
        struct packet p;

        ether_build(&w, &mac_b, &mac_a, six ? ETHER_IP6 : ETHER_IP4);
        tcp_build(&w, &ip, &tcp, mss, sizeof mss);
        assert_false(w.bad);
        assert_int_equal(w.len, head + TCP_HEADER_LEN + 4);
        assert_int_equal(packet_decode(&p, LINK_ETHERNET, frame, w.len), 0);
        assert_int_equal(p.layers, PACKET_ETHER | PACKET_IP | PACKET_TCP);
        assert_memory_equal(&p.tcp, &tcp, sizeof tcp);
        assert_true(addr_equal(&p.ip.src, &ip.src));
        assert_true(addr_equal(&p.ip.dst, &ip.dst));
        assert_int_equal(p.ip.ttl, 64);
        assert_int_equal(residue(&p, frame + head, w.len - head), 0);
        if (!six)
            assert_int_equal(checksum_fold(checksum_add(0, frame + 14, 20)), 0);
    }
}

static void a_built_echo_is_decoded_as_it_was_given(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct ip_fields ip = ip_of(families[i].src, families[i].dst);
        struct icmp_fields icmp = {8, 0, 0x12345678};
        uint8_t frame[128];
        struct wbuf w = wbuf_of(frame, sizeof frame);
        struct packet p;

        icmp_build(&w, &ip, &icmp, "odd", 3);
        assert_int_equal(packet_decode(&p, LINK_RAW_IP, frame, w.len), 0);
        assert_int_equal(p.icmp.type, 8);
        assert_int_equal(p.icmp.rest, 0x12345678);
        assert_int_equal(p.payload_len, 3);
        assert_memory_equal(p.payload, "odd", 3);
        assert_int_equal(residue(&p, frame + families[i].header, w.len - families[i].header), 0);
    }
}

static void a_built_datagram_is_decoded_as_it_was_given(void **state)
{
    struct ip_fields ip = ip_of("192.0.2.1", "192.0.2.2");
    static const uint16_t ports[2] = {5353, 53};
    uint8_t frame[64];
    struct wbuf w = wbuf_of(frame, sizeof frame);
    struct packet p;

    (void)state;
    udp_build(&w, &ip, ports, "hello", 5);
    assert_int_equal(packet_decode(&p, LINK_RAW_IP, frame, w.len), 0);
    assert_int_equal(p.layers, PACKET_IP | PACKET_UDP);
    assert_int_equal(p.tcp.dport, 53);
    assert_memory_equal(p.payload, "hello", 5);
    assert_int_equal(residue(&p, frame + 20, w.len - 20), 0);
}

static void a_built_arp_request_is_decoded_as_it_was_given(void **state)
{
    struct arp_fields arp = {.operation = ARP_REQUEST, .sender_mac = mac_a};
    uint8_t frame[64];
    struct wbuf w = wbuf_of(frame, sizeof frame);
    struct packet p;

    (void)state;
    addr_parse("192.0.2.1", &arp.sender);
    addr_parse("192.0.2.9", &arp.target);
    ether_build(&w, &mac_b, &mac_a, ETHER_ARP);
    arp_build(&w, &arp);
    wbuf_room(&w, 18); /* Ethernet's padding */
    assert_int_equal(packet_decode(&p, LINK_ETHERNET, frame, w.len), 0);
    assert_int_equal(p.layers, PACKET_ETHER | PACKET_ARP);
    assert_memory_equal(&p.arp.sender_mac, &mac_a, sizeof mac_a);
    assert_true(addr_equal(&p.arp.target, &arp.target));
}

static void an_icmp_error_gives_the_packet_that_caused_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct ip_fields out = ip_of(families[i].src, families[i].dst);
        struct ip_fields back = ip_of(families[i].dst, families[i].src);
        struct icmp_fields unreach = {out.dst.family == ADDR_V6 ? 1 : 3, 1, 0};
        struct tcp_fields tcp = {61440, 443, 0xcafe, 0, 1024, TCP_SYN};
        uint8_t inner[128], frame[256];
        struct wbuf q = wbuf_of(inner, sizeof inner), w = wbuf_of(frame, sizeof frame);
        struct packet p;

        tcp_build(&q, &out, &tcp, NULL, 0);
        icmp_build(&w, &back, &unreach, inner, families[i].header + 8);
        assert_int_equal(packet_decode(&p, LINK_RAW_IP, frame, w.len), 0);
        assert_int_equal(p.layers, PACKET_IP | PACKET_ICMP | PACKET_QUOTE);
        assert_true(addr_equal(&p.quote.dst, &out.dst));
        assert_int_equal(p.quote.sport, 61440);
        assert_int_equal(p.quote.dport, 443);
        assert_int_equal(p.quote.word, 0xcafe);
        /* One byte less: still an ICMP error, but of nobody knows what. */
        assert_int_equal(packet_decode(&p, LINK_RAW_IP, frame, w.len - 1), 0);
        assert_int_equal(p.layers, PACKET_IP | PACKET_ICMP);
    }
}

static void every_cut_of_a_frame_is_refused_and_leaves_the_result_alone(void **state)
{
    struct ip_fields ip = ip_of("192.0.2.1", "192.0.2.2");
    struct tcp_fields tcp = {1, 2, 3, 4, 5, TCP_SYN};
    uint8_t frame[128];
    struct wbuf w = wbuf_of(frame, sizeof frame);
    struct packet p = {.layers = 12345};

    (void)state;
    ether_build(&w, &mac_b, &mac_a, ETHER_IP4);
    tcp_build(&w, &ip, &tcp, NULL, 0);
    for (size_t len = 0; len < w.len; len++) {
        assert_int_equal(packet_decode(&p, LINK_ETHERNET, frame, len), -EBADMSG);
        assert_int_equal(p.layers, 12345);
    }
}

static const struct {
    const char *name;
    size_t at;
    uint8_t value;
    int want;
} lies[] = {
    {"IP version 5", 0, 0x55, -EBADMSG},
    {"IP header of 16 bytes", 0, 0x44, -EBADMSG},
    {"IP header past the end", 0, 0x4f, -EBADMSG},
    {"total length in the TCP header", 3, 30, -EBADMSG},
    {"total length of 0: not cut up yet", 3, 0, 0},
    {"TCP header of 16 bytes", 32, 0x40, -EBADMSG},
    {"TCP options beyond the capture", 32, 0xf0, 0},
};

static void lengths_that_lie_are_refused_where_they_matter(void **state)
{
    struct ip_fields ip = ip_of("192.0.2.1", "192.0.2.2");
    struct tcp_fields tcp = {1, 2, 3, 4, 5, TCP_SYN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        uint8_t frame[64];
        struct wbuf w = wbuf_of(frame, sizeof frame);
        struct packet p;
        int r;

        tcp_build(&w, &ip, &tcp, NULL, 0);
        frame[lies[i].at] = lies[i].value;
        r = packet_decode(&p, LINK_RAW_IP, frame, w.len);
        if (r != lies[i].want)
            fail_msg("%s: %d", lies[i].name, r);
    }
}

static void a_later_fragment_has_no_transport_header(void **state)
{
    struct ip_fields ip = ip_of("192.0.2.1", "192.0.2.2");
    struct tcp_fields tcp = {1, 2, 3, 4, 5, TCP_SYN};
    uint8_t frame[64];
    struct wbuf w = wbuf_of(frame, sizeof frame);
    struct packet p;

    (void)state;
    tcp_build(&w, &ip, &tcp, NULL, 0);
    frame[7] = 100;
    assert_int_equal(packet_decode(&p, LINK_RAW_IP, frame, w.len), 0);
    assert_int_equal(p.layers, PACKET_IP);
    assert_null(p.payload);
}

static void what_does_not_fit_is_marked_and_not_written(void **state)
{
    struct ip_fields ip = ip_of("192.0.2.1", "192.0.2.2");
    struct tcp_fields tcp = {1, 2, 3, 4, 5, TCP_SYN};
    uint8_t frame[40];

    (void)state;
    for (size_t cap = 0; cap < sizeof frame; cap++) {
        struct wbuf w = wbuf_of(frame, cap);

        tcp_build(&w, &ip, &tcp, NULL, 0);
        assert_true(w.bad);
        assert_true(w.len <= cap);
    }
}

/* IEEE 802.1Q: type 8100, then priority (3 bits), drop eligible (1) and VLAN (12), then the type.
 */
static void behind_a_tag_a_frame_is_what_it_is_without(void **state)
{
    static const struct tcp_fields tcp = {443, 61440, 1, 2, 64240, TCP_SYN | TCP_ACK};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct ip_fields ip = ip_of(families[i].src, families[i].dst);
        bool six = ip.dst.family == ADDR_V6;
        uint8_t plain[128], tagged[132];
        struct wbuf w = wbuf_of(plain, sizeof plain);
        struct packet want, got;

        ether_build(&w, &mac_b, &mac_a, six ? ETHER_IP6 : ETHER_IP4);
        tcp_build(&w, &ip, &tcp, NULL, 0);
        memcpy(tagged, plain, 12);
        memcpy(tagged + 12, "\x81\x00\xe0\x07", 4);
        memcpy(tagged + 16, plain + 12, w.len - 12);
        assert_int_equal(packet_decode(&want, LINK_ETHERNET, plain, w.len), 0);
        assert_int_equal(packet_decode(&got, LINK_ETHERNET, tagged, w.len + 4), 0);
        assert_int_equal(want.vlan, 0);
        assert_int_equal(got.vlan, 7);
        assert_int_equal(got.layers, want.layers);
        assert_memory_equal(&got.tcp, &want.tcp, sizeof got.tcp);
        assert_true(addr_equal(&got.ip.src, &want.ip.src));
        for (size_t cut = 0; cut < w.len + 4; cut++)
            assert_int_equal(packet_decode(&got, LINK_ETHERNET, tagged, cut), -EBADMSG);
    }
}

static const struct CMUnitTest packet[] = {
    cmocka_unit_test(behind_a_tag_a_frame_is_what_it_is_without),
    cmocka_unit_test(a_built_syn_is_decoded_as_it_was_given),
    cmocka_unit_test(a_built_echo_is_decoded_as_it_was_given),
    cmocka_unit_test(a_built_datagram_is_decoded_as_it_was_given),
    cmocka_unit_test(a_built_arp_request_is_decoded_as_it_was_given),
    cmocka_unit_test(an_icmp_error_gives_the_packet_that_caused_it),
    cmocka_unit_test(every_cut_of_a_frame_is_refused_and_leaves_the_result_alone),
    cmocka_unit_test(lengths_that_lie_are_refused_where_they_matter),
    cmocka_unit_test(a_later_fragment_has_no_transport_header),
    cmocka_unit_test(what_does_not_fit_is_marked_and_not_written),
};

TEST_MAIN(packet)
