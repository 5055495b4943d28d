/* Probe modules: what a module builds, a fake target answers, and only that module knows the answer
 * again. */
#include "engine/packet/build.h"
#include "engine/scan/probe.h"
#include "tests/support/main.h"

#include <string.h>

#define NOW 123456789012ULL

static const struct mac ours = {{2, 0, 0, 0, 0, 1}}, theirs = {{2, 0, 0, 0, 0, 2}};

static struct probe_ctx ctx = {
    .key = {1, 2}, .sport_base = 61440, .mac = {{2, 0, 0, 0, 0, 1}}, .ether = true};

struct exchange {
    struct probe_target t;
    uint8_t bytes[256];
    struct wbuf frame;
    struct packet sent;
};

static void start(struct exchange *x, const struct probe_module *m, const char *src,
                  const char *dst)
{
    *x = (struct exchange){.t = {.next_hop = theirs, .port = 443, .try = 2, .now = NOW}};
    addr_parse(src, &x->t.src);
    addr_parse(dst, &x->t.addr);
    x->frame = wbuf_of(x->bytes, m->frame_max);
    assert_int_equal(m->build(&ctx, &x->t, &x->frame), 0);
    assert_true(x->frame.len <= m->frame_max);
    assert_int_equal(packet_decode(&x->sent, LINK_ETHERNET, x->bytes, x->frame.len), 0);
}

/* What comes back to `sent` as TCP with these flags. */
static struct packet tcp_answer(const struct packet *sent, uint8_t flags, uint32_t seq,
                                uint32_t ack)
{
    struct packet p = *sent;

    p.ip.src = sent->ip.dst;
    p.ip.dst = sent->ip.src;
    p.tcp = (struct tcp_fields){sent->tcp.dport, sent->tcp.sport, seq, ack, 1000, flags};
    return p;
}

static const char *const pairs[][2] = {{"192.0.2.1", "192.0.2.9"}, {"2001:db8::1", "2001:db8::9"}};

static void a_syn_is_answered_by_syn_ack_or_reset(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct exchange x;
        struct probe_reply r;
        struct packet p;

        start(&x, &probe_syn, pairs[i][0], pairs[i][1]);
        assert_int_equal(x.sent.tcp.flags, TCP_SYN);
        assert_in_range(x.sent.tcp.sport, 61440, 65535);
        p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, x.sent.tcp.seq + 1);
        assert_int_equal(probe_match(&ctx, &p, NOW + 3200, &r), VERDICT_ANSWER);
        assert_int_equal(r.reason, REASON_SYN_ACK);
        assert_int_equal(r.port, 443);
        assert_int_equal(r.try, 2);
        assert_in_range(r.rtt, 3169, 3233);
        assert_true(addr_equal(&r.addr, &x.t.addr));
        p = tcp_answer(&x.sent, TCP_RST | TCP_ACK, 0, x.sent.tcp.seq + 1);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ANSWER);
        assert_int_equal(r.reason, REASON_RESET);
    }
}

static void an_ack_is_answered_by_reset(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct exchange x;
        struct probe_reply r;
        struct packet p;

        start(&x, &probe_ack, pairs[i][0], pairs[i][1]);
        assert_int_equal(x.sent.tcp.flags, TCP_ACK);
        p = tcp_answer(&x.sent, TCP_RST, x.sent.tcp.ack, 0);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ANSWER);
        assert_int_equal(r.kind, PROBE_ACK);
        assert_int_equal(r.reason, REASON_RESET);
    }
}

/* Whoever has not seen the probe cannot answer it: everything the cookie covers is changed once. */
static void a_forged_answer_is_not_ours(void **state)
{
    struct exchange x;
    struct probe_reply r;
    struct packet p;

    (void)state;
    start(&x, &probe_syn, "192.0.2.1", "192.0.2.9");
    for (unsigned bit = 20; bit < 32; bit++) {
        p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, (x.sent.tcp.seq ^ 1U << bit) + 1);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    }
    p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, x.sent.tcp.seq + 1);
    p.tcp.sport = 80;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, x.sent.tcp.seq + 1);
    p.tcp.dport ^= 1;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, x.sent.tcp.seq + 1);
    p.ip.src.b[3] ^= 1;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    p = tcp_answer(&x.sent, TCP_ACK, 99, x.sent.tcp.seq + 1);
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
}

static void an_echo_is_answered_by_its_own_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct probe_module *m = i ? &probe_echo6 : &probe_echo;
        struct exchange x;
        struct probe_reply r;
        struct packet p;

        start(&x, m, pairs[i][0], pairs[i][1]);
        p = x.sent;
        p.ip.src = x.sent.ip.dst;
        p.icmp.type = i ? ICMP6_TYPE_ECHO_REPLY : ICMP_TYPE_ECHO_REPLY;
        assert_int_equal(probe_match(&ctx, &p, NOW + 500, &r), VERDICT_ANSWER);
        assert_int_equal(r.reason, REASON_ECHO_REPLY);
        assert_int_equal(r.rtt, 501);
        assert_int_equal(r.try, 2);
        p.payload_len--;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
        p.payload_len++;
        x.bytes[x.frame.len - 1] ^= 1;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    }
}

static void a_timestamp_is_answered_with_what_it_carried(void **state)
{
    struct exchange x;
    struct probe_reply r;
    struct packet p;

    (void)state;
    start(&x, &probe_timestamp, "192.0.2.1", "192.0.2.9");
    p = x.sent;
    p.ip.src = x.sent.ip.dst;
    p.icmp.type = ICMP_TYPE_TIMESTAMP_REPLY;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ANSWER);
    assert_int_equal(r.reason, REASON_TIMESTAMP_REPLY);
    assert_int_equal(r.try, 2);
    p.ip.src.b[3] ^= 1;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    p.ip.src.b[3] ^= 1;
    p.payload_len = 3;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
}

/* A router's error about the frame, quoting the IP header and 8 bytes. */
static void quote(const struct exchange *x, struct packet *ret, uint8_t *bytes, uint8_t code)
{
    bool six = x->t.addr.family == ADDR_V6;
    struct ip_fields ip = {.ttl = 60, .dst = x->t.src};
    struct icmp_fields icmp = {six ? ICMP6_TYPE_UNREACH : ICMP_TYPE_UNREACH, code, 0};
    struct wbuf w = wbuf_of(bytes, 256);

    addr_parse(six ? "2001:db8::fe" : "192.0.2.254", &ip.src);
    icmp_build(&w, &ip, &icmp, x->bytes + ETHER_HEADER_LEN, (six ? 40 : 20) + 8);
    assert_int_equal(packet_decode(ret, LINK_RAW_IP, bytes, w.len), 0);
}

static void an_icmp_error_is_traced_to_its_probe(void **state)
{
    static const struct {
        const struct probe_module *m;
        int pair;
        uint8_t code;
        enum reason want;
        enum probe_kind kind;
    } cases[] = {
        {&probe_syn, 0, 1, REASON_HOST_UNREACH, PROBE_SYN},
        {&probe_syn, 0, 13, REASON_ADMIN_PROHIBITED, PROBE_SYN},
        {&probe_syn, 1, 1, REASON_ADMIN_PROHIBITED, PROBE_SYN},
        {&probe_ack, 0, 10, REASON_HOST_PROHIBITED, PROBE_ACK},
        {&probe_ack, 1, 3, REASON_HOST_UNREACH, PROBE_ACK},
        {&probe_echo, 0, 0, REASON_NET_UNREACH, PROBE_ECHO},
        {&probe_timestamp, 0, 13, REASON_ADMIN_PROHIBITED, PROBE_TIMESTAMP},
        {&probe_echo6, 1, 0, REASON_NET_UNREACH, PROBE_ECHO6},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange x;
        struct probe_reply r;
        struct packet p;
        uint8_t bytes[256];

        start(&x, cases[i].m, pairs[cases[i].pair][0], pairs[cases[i].pair][1]);
        quote(&x, &p, bytes, cases[i].code);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ERROR);
        assert_int_equal(r.reason, cases[i].want);
        assert_int_equal(r.kind, cases[i].kind);
        assert_true(addr_equal(&r.addr, &x.t.addr));
        assert_false(r.from_target);
        p.quote.word ^= 1U << 30;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    }
}

static void an_arp_request_is_answered_to_us_alone(void **state)
{
    struct exchange x;
    struct probe_reply r;
    struct packet p;

    (void)state;
    start(&x, &probe_arp, "192.0.2.1", "192.0.2.9");
    assert_int_equal(x.sent.arp.operation, ARP_REQUEST);
    p = (struct packet){.layers = PACKET_ETHER | PACKET_ARP};
    p.arp = (struct arp_fields){ARP_REPLY, theirs, ours, x.t.addr, x.t.src};
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ANSWER);
    assert_int_equal(r.reason, REASON_ARP_RESPONSE);
    assert_memory_equal(&r.mac, &theirs, sizeof theirs);
    p.arp.target_mac = theirs;
    assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
}

/* The interface that carries a VLAN hears its frames too, with their tag; the interface of the VLAN
 * itself hears them without. */
static void an_answer_in_a_vlan_is_not_one_of_the_link(void **state)
{
    struct exchange x;
    struct probe_reply r;
    struct packet p;

    (void)state;
    start(&x, &probe_arp, "192.0.2.1", "192.0.2.9");
    p = (struct packet){.layers = PACKET_ETHER | PACKET_ARP};
    p.arp = (struct arp_fields){ARP_REPLY, theirs, ours, x.t.addr, x.t.src};
    for (p.vlan = 0; p.vlan < 2; p.vlan++)
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), p.vlan ? VERDICT_NONE : VERDICT_ANSWER);
    start(&x, &probe_syn, "192.0.2.1", "192.0.2.9");
    p = tcp_answer(&x.sent, TCP_SYN | TCP_ACK, 99, x.sent.tcp.seq + 1);
    for (p.vlan = 0; p.vlan < 2; p.vlan++)
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), p.vlan ? VERDICT_NONE : VERDICT_ANSWER);
}

static void a_neighbour_solicitation_goes_to_the_solicited_node(void **state)
{
    struct exchange x;
    struct addr group;

    (void)state;
    start(&x, &probe_nd, "fe80::1", "fe80::aabb:ccdd");
    addr_parse("ff02::1:ffbb:ccdd", &group);
    assert_true(addr_equal(&x.sent.ip.dst, &group));
    assert_int_equal(x.sent.ip.ttl, 255);
    assert_memory_equal(x.sent.ether_dst.b, "\x33\x33\xff\xbb\xcc\xdd", 6);
    assert_int_equal(x.sent.payload_len, 24);
}

static void an_advertisement_from_beyond_the_link_is_refused(void **state)
{
    struct ip_fields ip = {.ttl = 255};
    struct icmp_fields icmp = {ICMP6_TYPE_NEIGHBOUR_ADVERT, 0, 0x60000000};
    uint8_t body[24] = {0}, bytes[128];
    struct probe_reply r;

    (void)state;
    addr_parse("fe80::2", &ip.src);
    addr_parse("fe80::1", &ip.dst);
    memcpy(body, ip.src.b, 16);
    memcpy(body + 16, "\x02\x01\x02\x00\x00\x00\x00\x02", 8);
    for (int hops = 254; hops <= 255; hops++) {
        struct wbuf w = wbuf_of(bytes, sizeof bytes);
        struct packet p;

        ip.ttl = (uint8_t)hops;
        icmp_build(&w, &ip, &icmp, body, sizeof body);
        assert_int_equal(packet_decode(&p, LINK_RAW_IP, bytes, w.len), 0);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r),
                         hops == 255 ? VERDICT_ANSWER : VERDICT_NONE);
    }
    assert_memory_equal(&r.mac, &theirs, sizeof theirs);
}

/* What comes back to `sent` as UDP. */
static struct packet udp_answer(const struct packet *sent)
{
    struct packet p = *sent;

    p.ip.src = sent->ip.dst;
    p.ip.dst = sent->ip.src;
    p.tcp.sport = sent->tcp.dport;
    p.tcp.dport = sent->tcp.sport;
    return p;
}

static void a_datagram_is_answered_by_one_to_its_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct exchange x;
        struct probe_reply r;
        struct packet p;

        start(&x, &probe_udp, pairs[i][0], pairs[i][1]);
        assert_int_equal(x.sent.layers & PACKET_UDP, PACKET_UDP);
        assert_int_equal(x.sent.payload_len, 0);
        /* Our own probe, seen on loopback, is no answer. */
        assert_int_equal(probe_match(&ctx, &x.sent, NOW, &r), VERDICT_NONE);
        p = udp_answer(&x.sent);
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ANSWER);
        assert_int_equal(r.kind, PROBE_UDP);
        assert_int_equal(r.reason, REASON_UDP_RESPONSE);
        assert_int_equal(r.port, 443);
        assert_int_equal(r.try, 2);
        p.tcp.dport ^= 1;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
    }
}

static void an_icmp_error_about_a_datagram_needs_its_ports_and_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        bool six = i == 1;
        struct exchange x;
        struct probe_reply r;
        struct packet p = {.layers = PACKET_IP | PACKET_ICMP | PACKET_QUOTE,
                           .protocol = six ? IP_ICMP6 : IP_ICMP};

        start(&x, &probe_udp, pairs[i][0], pairs[i][1]);
        p.icmp = six ? (struct icmp_fields){ICMP6_TYPE_UNREACH, 4, 0}
                     : (struct icmp_fields){ICMP_TYPE_UNREACH, 3, 0};
        p.ip.src = x.t.addr;
        p.ip.dst = x.t.src;
        p.quote = (struct packet_quote){x.t.src,          x.t.addr,         IP_UDP,
                                        x.sent.tcp.sport, x.sent.tcp.dport, 8U << 16};
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ERROR);
        assert_int_equal(r.reason, REASON_PORT_UNREACH);
        assert_true(r.from_target);
        p.quote.word = 9U << 16;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_NONE);
        p.quote.word = 8U << 16;
        p.ip.src = x.t.src;
        assert_int_equal(probe_match(&ctx, &p, NOW, &r), VERDICT_ERROR);
        assert_false(r.from_target);
    }
}

static void the_joint_filter_names_our_ports(void **state)
{
    struct buf out = {0};

    (void)state;
    probe_filter(&out, 1U << PROBE_ARP | 1U << PROBE_SYN, 28672);
    assert_non_null(strstr(out.data, "(arp and arp[6:2] == 2) or ("));
    assert_non_null(strstr(out.data, "dst portrange 28672-32767"));
    assert_null(strstr(out.data, "PORTS"));
    buf_done(&out);
}

static void a_cookie_has_its_try_and_age_across_the_wrap_of_time(void **state)
{
    struct siphash_key key = {5, 6};
    struct cookie_of of = {.port = 80, .kind = PROBE_SYN};

    (void)state;
    addr_parse("192.0.2.9", &of.addr);
    for (usec_t now = 0; now < 9000000; now += 999983) {
        for (unsigned try = 0; try <= COOKIE_TRY_MAX; try++) {
            struct cookie c = cookie_make(&key, &of, try, now);
            unsigned got;
            usec_t age;

            assert_true(cookie_check(&key, &of, c, now + 3000000, &got, &age));
            assert_int_equal(got, try);
            assert_in_range(age, 3000000 - 32, 3000000 + 32);
        }
    }
}

static const struct CMUnitTest probe[] = {
    cmocka_unit_test(a_syn_is_answered_by_syn_ack_or_reset),
    cmocka_unit_test(an_ack_is_answered_by_reset),
    cmocka_unit_test(a_forged_answer_is_not_ours),
    cmocka_unit_test(an_echo_is_answered_by_its_own_payload),
    cmocka_unit_test(a_timestamp_is_answered_with_what_it_carried),
    cmocka_unit_test(an_icmp_error_is_traced_to_its_probe),
    cmocka_unit_test(an_arp_request_is_answered_to_us_alone),
    cmocka_unit_test(an_answer_in_a_vlan_is_not_one_of_the_link),
    cmocka_unit_test(a_neighbour_solicitation_goes_to_the_solicited_node),
    cmocka_unit_test(an_advertisement_from_beyond_the_link_is_refused),
    cmocka_unit_test(a_datagram_is_answered_by_one_to_its_port),
    cmocka_unit_test(an_icmp_error_about_a_datagram_needs_its_ports_and_length),
    cmocka_unit_test(the_joint_filter_names_our_ports),
    cmocka_unit_test(a_cookie_has_its_try_and_age_across_the_wrap_of_time),
};

TEST_MAIN(probe)
