/* Each UDP payload of our table against the header of its protocol, read as the receiver reads it:
 * versions, types and above all the lengths that a payload carries of itself. */
#include "engine/base/wire.h"
#include "engine/scan/payload.h"
#include "tests/support/main.h"

#include <stdio.h>
#include <string.h>

/* The value of the big-endian field of n bytes at `at`. */
static uint64_t field(const struct rbuf *b, size_t at, size_t n)
{
    uint64_t v = 0;

    assert_true(at + n <= b->len);
    for (size_t i = 0; i < n; i++)
        v = v << 8 | b->data[at + i];
    return v;
}

static bool begins(const struct rbuf *b, const char *text)
{
    return b->len >= strlen(text) && memcmp(b->data, text, strlen(text)) == 0;
}

static bool ends(const struct rbuf *b, const char *text)
{
    size_t n = strlen(text);

    return b->len >= n && memcmp(b->data + b->len - n, text, n) == 0;
}

/* A name of labels at *at, and the type and class behind it; *at moves on. */
static bool question(const struct rbuf *b, size_t *at, unsigned type)
{
    while (field(b, *at, 1))
        *at += 1 + field(b, *at, 1);
    *at += 5;
    return field(b, *at - 4, 2) == type && (field(b, *at - 2, 2) & 0x7fff) == 1;
}

static bool one_question(const struct rbuf *b, unsigned type)
{
    size_t at = 12;

    return field(b, 2, 2) == 0 && field(b, 4, 2) == 1 && field(b, 6, 4) == 0 &&
           field(b, 10, 2) == 0 && question(b, &at, type) && at == b->len;
}

/* RFC 1035 4.1.1: opcode 2, no records. */
static bool dns(const struct rbuf *b)
{
    return b->len == 12 && field(b, 2, 2) == 2 << 11 && field(b, 4, 8) == 0;
}

static bool mdns(const struct rbuf *b)
{
    return field(b, 0, 2) == 0 && one_question(b, 12);
}

static bool llmnr(const struct rbuf *b)
{
    return one_question(b, 1);
}

static bool nbns(const struct rbuf *b)
{
    return one_question(b, 0x21);
}

/* RFC 2131 2, RFC 2132 9.6: a request by Ethernet, the magic, DHCPINFORM, options to their end. */
static bool dhcp(const struct rbuf *b)
{
    size_t at = 240;

    if (field(b, 0, 3) != 0x010106 || field(b, 236, 4) != 0x63825363 ||
        field(b, 240, 3) != 0x350108)
        return false;
    while (field(b, at, 1) != 255)
        at += 2 + field(b, at + 1, 1);
    return at + 1 == b->len;
}

/* RFC 1350 5: opcode 1, two texts. */
static bool tftp(const struct rbuf *b)
{
    size_t name = strnlen((const char *)b->data + 2, b->len - 2);

    return field(b, 0, 2) == 1 && name + 3 < b->len &&
           strcmp((const char *)b->data + 2 + name + 1, "octet") == 0 &&
           b->len == 2 + name + 1 + sizeof "octet";
}

/* The BER element at *at: its tag and where it begins and ends.  False: it does not fit. */
static bool ber(const struct rbuf *b, size_t *at, size_t end, unsigned *tag, size_t *ret_end)
{
    size_t len;

    if (*at + 2 > end)
        return false;
    *tag = (unsigned)field(b, *at, 1);
    len = field(b, *at + 1, 1);
    *at += 2;
    *ret_end = *at + len;
    return len < 128 && *ret_end <= end;
}

/* All elements nest and fill what holds them. */
static bool ber_fits(const struct rbuf *b, size_t at, size_t end)
{
    while (at < end) {
        size_t inner;
        unsigned tag;

        if (!ber(b, &at, end, &tag, &inner))
            return false;
        if (tag & 0x20 && !ber_fits(b, at, inner)) /* constructed */
            return false;
        at = inner;
    }
    return at == end;
}

static bool ber_whole(const struct rbuf *b, unsigned tag)
{
    return field(b, 0, 1) == tag && field(b, 1, 1) == b->len - 2 && ber_fits(b, 0, b->len);
}

/* RFC 4120 5.4.1: AS-REQ is [APPLICATION 10]. */
static bool kerberos(const struct rbuf *b)
{
    return ber_whole(b, 0x6a);
}

/* RFC 3412 6: version 3. */
static bool snmp(const struct rbuf *b)
{
    return ber_whole(b, 0x30) && field(b, 2, 3) == 0x020103;
}

/* RFC 4511 4.5: message 1, SearchRequest is [APPLICATION 3]. */
static bool cldap(const struct rbuf *b)
{
    return ber_whole(b, 0x30) && field(b, 5, 1) == 0x63;
}

/* RFC 5531 9: CALL, RPC version 2, the program, procedure 0, no credentials. */
static bool rpc(const struct rbuf *b, unsigned program, unsigned version)
{
    return b->len == 40 && field(b, 4, 4) == 0 && field(b, 8, 4) == 2 &&
           field(b, 12, 4) == program && field(b, 16, 4) == version && field(b, 20, 4) == 0 &&
           field(b, 24, 8) == 0 && field(b, 32, 8) == 0;
}

static bool rpcbind(const struct rbuf *b)
{
    return rpc(b, 100000, 2);
}

static bool nfs(const struct rbuf *b)
{
    return rpc(b, 100003, 3);
}

/* RFC 5905 7.3: version 4, mode 3. */
static bool ntp(const struct rbuf *b)
{
    return b->len == 48 && (field(b, 0, 1) & 0x3f) == (4 << 3 | 3);
}

/* Version 1, opcode Query, the length of the rest. */
static bool xdmcp(const struct rbuf *b)
{
    return field(b, 0, 4) == 0x10002 && field(b, 4, 2) == b->len - 6;
}

/* RFC 2608 8: version 2, SrvRqst, the length of all. */
static bool svrloc(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x0201 && field(b, 2, 3) == b->len &&
           16 + field(b, 12, 2) + 2 + 2 < b->len;
}

/* RFC 9000 14.1, 15, 17.2: long header, a version that is never used, 1200 bytes. */
static bool quic(const struct rbuf *b)
{
    return b->len == 1200 && field(b, 0, 1) & 0x80 && (field(b, 1, 4) & 0x0f0f0f0f) == 0x0a0a0a0a &&
           field(b, 5, 1) <= 20 && field(b, 6 + field(b, 5, 1), 1) <= 20;
}

static bool isakmp_at(const struct rbuf *b, size_t at)
{
    return field(b, at + 8, 8) == 0 && field(b, at + 16, 3) == 0x011002 &&
           field(b, at + 24, 4) == b->len - at && field(b, at + 30, 2) == b->len - at - 28;
}

/* RFC 2408 3.1: no cookie of the responder, SA first, version 1.0, main mode, lengths. */
static bool isakmp(const struct rbuf *b)
{
    return isakmp_at(b, 0);
}

static bool nat_t(const struct rbuf *b)
{
    return field(b, 0, 4) == 0 && isakmp_at(b, 4);
}

/* RFC 2453 3.9.1: request, one entry of family 0 and metric 16. */
static bool rip(const struct rbuf *b)
{
    return b->len == 24 && field(b, 0, 1) == 1 && field(b, 4, 2) == 0 && field(b, 20, 4) == 16;
}

/* ASF 2.0 3.2.4: RMCP 1.0, class ASF, IANA number 4542, presence ping, no data. */
static bool asf(const struct rbuf *b)
{
    return b->len == 12 && field(b, 0, 4) == 0x0600ff06 && field(b, 4, 4) == 4542 &&
           field(b, 8, 1) == 0x80 && field(b, 11, 1) == 0;
}

/* RFC 6347 4.1, 4.2.2: handshake record in epoch 0, ClientHello in one fragment, no cookie. */
static bool dtls(const struct rbuf *b)
{
    size_t body = b->len - 25;

    return field(b, 0, 1) == 22 && field(b, 3, 8) == 0 && field(b, 11, 2) == b->len - 13 &&
           field(b, 13, 1) == 1 && field(b, 14, 3) == body && field(b, 19, 3) == 0 &&
           field(b, 22, 3) == body && field(b, 25, 2) == 0xfefd && field(b, 59, 2) == 0;
}

/* Opcode 7 of key 0; session; no acknowledgements; packet 0. */
static bool openvpn(const struct rbuf *b)
{
    return b->len == 14 && field(b, 0, 1) == 7 << 3 && field(b, 9, 5) == 0;
}

static bool sql_browser(const struct rbuf *b)
{
    return b->len == 1 && b->data[0] == 3;
}

/* RFC 2865 3, 5: Access-Request, the length, attributes to the end: name, CHAP, identifier. */
static bool radius(const struct rbuf *b)
{
    static const unsigned want[] = {1, 3, 32};
    size_t at = 20, n = 0;

    if (field(b, 0, 1) != 1 || field(b, 2, 2) != b->len)
        return false;
    for (; at < b->len; at += field(b, at + 1, 1), n++)
        if (n >= ARRAY_LEN(want) || field(b, at, 1) != want[n] || field(b, at + 1, 1) < 3 ||
            (want[n] == 3 && field(b, at + 1, 1) != 19))
            return false;
    return at == b->len && n == ARRAY_LEN(want);
}

/* RFC 2661 3.1, 4.1: control, with length and sequence, version 2; AVPs to the end. */
static bool l2tp(const struct rbuf *b)
{
    size_t at = 12;

    while (at < b->len && (field(b, at, 2) & 0x3ff) >= 6)
        at += field(b, at, 2) & 0x3ff;
    return field(b, 0, 2) == 0xc802 && field(b, 2, 2) == b->len && at == b->len;
}

static bool ssdp(const struct rbuf *b)
{
    return begins(b, "M-SEARCH * HTTP/1.1\r\n") && ends(b, "\r\n\r\n");
}

/* TS 29.060 6: version 1, protocol GTP, sequence number there; the length without 8 bytes. */
static bool gtp(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x3201 && field(b, 2, 2) == b->len - 8;
}

static bool mgcp(const struct rbuf *b)
{
    return begins(b, "AUEP 1 ") && ends(b, " MGCP 1.0\r\n\r\n");
}

static bool ard(const struct rbuf *b)
{
    return b->len == 4 && field(b, 0, 4) == 0x00140000;
}

/* RFC 8489 5: binding request, length of attributes, magic cookie. */
static bool stun(const struct rbuf *b)
{
    return field(b, 0, 2) == 1 && field(b, 2, 2) == b->len - 20 && field(b, 4, 4) == 0x2112a442;
}

/* KNX 03_08_02: header of 6, version 1.0, DESCRIPTION_REQUEST, the length of all; an endpoint of 8
 * bytes by UDP over IPv4. */
static bool knx(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x0610 && field(b, 2, 2) == 0x0203 && field(b, 4, 2) == b->len &&
           field(b, 6, 2) == 0x0801 && b->len == 14;
}

static bool wsd(const struct rbuf *b)
{
    return begins(b, "<?xml version=\"1.0\"?>") && ends(b, "</e:Envelope>");
}

static bool sip(const struct rbuf *b)
{
    return begins(b, "OPTIONS sip:") && ends(b, "Content-Length: 0\r\n\r\n");
}

static bool nat_pmp(const struct rbuf *b)
{
    return b->len == 2 && field(b, 0, 2) == 0;
}

/* RFC 7252 3: version 1, confirmable, no token, GET; Uri-Path twice. */
static bool coap(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x4001 && field(b, 4, 1) == 0xbb && field(b, 16, 1) == 4 &&
           b->len == 21;
}

static bool dht(const struct rbuf *b)
{
    return begins(b, "d1:ad2:id20:") && ends(b, "e1:q4:ping1:t2:mu1:y1:qe") &&
           b->len == 12 + 20 + 24;
}

/* OpenAFS rx.h: 28 bytes, type 13, from the client and the last one. */
static bool afs(const struct rbuf *b)
{
    return b->len == 28 && field(b, 20, 2) == 0x0d05;
}

/* JSON, each byte XOR the one before, the first XOR 171. */
static bool kasa(const struct rbuf *b)
{
    static const char want[] = "{\"system\":{\"get_sysinfo\":{}}}";
    uint8_t key = 171;

    if (b->len != sizeof want - 1)
        return false;
    for (size_t i = 0; i < b->len; i++) {
        if ((b->data[i] ^ key) != want[i])
            return false;
        key = b->data[i];
    }
    return true;
}

/* DCE 1.1, 12.6: version 4, request, idempotent, little-endian, the endpoint mapper's interface
 * version 3, operation 2 (ept_lookup), the length of the body; in it at most one entry. */
static bool profinet(const struct rbuf *b)
{
    return field(b, 0, 5) == 0x0400200010 && field(b, 24, 8) == 0x0883afe11f5dc911 &&
           field(b, 32, 8) == 0x91a408002b14a0fa && field(b, 60, 4) == 0x03000000 &&
           field(b, 68, 2) == 0x0200 && (size_t)field(b, 74, 1) + 80 == b->len &&
           field(b, b->len - 4, 4) == 0x01000000;
}

static bool ubiquiti(const struct rbuf *b)
{
    return b->len == 4 && field(b, 0, 1) == 1 && field(b, 2, 2) == 0;
}

/* protocol.txt: request, sequence 0 of 1 datagram, reserved; then a command. */
static bool memcached(const struct rbuf *b)
{
    return field(b, 2, 6) == 0x000000010000 && ends(b, "\r\n");
}

/* Time, the magic of offline messages, our number. */
static bool raknet(const struct rbuf *b)
{
    return field(b, 0, 1) == 1 && b->len == 33 && field(b, 9, 8) == 0x00ffff00fefefefe &&
           field(b, 17, 8) == 0xfdfdfdfd12345678;
}

/* The flag of control packets, and the length of all. */
static bool quake(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x8000 && field(b, 2, 2) == b->len && field(b, 4, 1) == 2;
}

static bool out_of_band(const struct rbuf *b)
{
    return field(b, 0, 4) == 0xffffffff;
}

/* Volume 2, 2-3: ListIdentity has no data. */
static bool enip(const struct rbuf *b)
{
    return b->len == 24 && field(b, 0, 4) == 0x63000000;
}

/* Annex J: BVLC original unicast with its length; NPDU version 1; Who-Is. */
static bool bacnet(const struct rbuf *b)
{
    return field(b, 0, 2) == 0x810a && field(b, 2, 2) == b->len && field(b, 4, 2) == 0x0100 &&
           field(b, 6, 2) == 0x1008;
}

static bool mumble(const struct rbuf *b)
{
    return b->len == 12 && field(b, 0, 4) == 0;
}

static bool anything(const struct rbuf *b)
{
    return b->len > 0;
}

static const struct {
    uint16_t port;
    const char *name;
    bool (*holds)(const struct rbuf *b);
} services[] = {
    {7, "echo", anything},
    {53, "DNS", dns},
    {67, "DHCP", dhcp},
    {69, "TFTP", tftp},
    {88, "Kerberos", kerberos},
    {111, "rpcbind", rpcbind},
    {123, "NTP", ntp},
    {137, "NetBIOS names", nbns},
    {161, "SNMP", snmp},
    {177, "XDMCP", xdmcp},
    {389, "CLDAP", cldap},
    {427, "SLP", svrloc},
    {443, "QUIC", quic},
    {500, "IKE", isakmp},
    {520, "RIP", rip},
    {623, "IPMI", asf},
    {853, "DTLS (DNS)", dtls},
    {1194, "OpenVPN", openvpn},
    {1434, "SQL Server browser", sql_browser},
    {1645, "RADIUS, the old port", radius},
    {1701, "L2TP", l2tp},
    {1812, "RADIUS", radius},
    {1900, "SSDP", ssdp},
    {2049, "NFS", nfs},
    {2152, "GTP", gtp},
    {2427, "MGCP", mgcp},
    {3283, "Apple Remote Desktop", ard},
    {3478, "STUN", stun},
    {3671, "KNXnet/IP", knx},
    {3702, "WS-Discovery", wsd},
    {4500, "IKE behind NAT", nat_t},
    {5060, "SIP", sip},
    {5351, "NAT-PMP", nat_pmp},
    {5353, "mDNS", mdns},
    {5355, "LLMNR", llmnr},
    {5683, "CoAP", coap},
    {6881, "BitTorrent DHT", dht},
    {7001, "AFS", afs},
    {9999, "TP-Link Kasa", kasa},
    {10001, "Ubiquiti", ubiquiti},
    {11211, "memcached", memcached},
    {19132, "RakNet", raknet},
    {26000, "Quake", quake},
    {27015, "Source", out_of_band},
    {27960, "Quake III", out_of_band},
    {34964, "PROFINET", profinet},
    {44818, "EtherNet/IP", enip},
    {47808, "BACnet", bacnet},
    {64738, "Mumble", mumble},
};

static struct payloads *ours(void)
{
    struct payloads *p = NULL;
    struct err e = {0};

    if (payloads_load(&p, MUSTER_SOURCE_DIR "/nselib/data/payloads", &e) < 0)
        fail_msg("%s", err_text(&e));
    return p;
}

static void each_payload_is_a_message_of_its_protocol(void **state)
{
    CLEANUP(payloads_freep) struct payloads *p = ours();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        size_t len;
        const uint8_t *data = payloads_get(p, services[i].port, &len);
        struct rbuf b = rbuf_of(data, len);

        if (!data)
            fail_msg("%s: port %u has no payload", services[i].name, services[i].port);
        if (!services[i].holds(&b))
            fail_msg("%s: the payload of port %u is none", services[i].name, services[i].port);
    }
}

/* A payload that is new in the file wants its check in the table above. */
static void every_payload_of_the_file_is_checked(void **state)
{
    CLEANUP(payloads_freep) struct payloads *p = ours();
    const uint8_t *checked[ARRAY_LEN(services)];
    size_t len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        checked[i] = payloads_get(p, services[i].port, &len);
    for (unsigned port = 1; port < 65536; port++) {
        const uint8_t *data = payloads_get(p, (uint16_t)port, &len);
        bool found = !data;

        for (size_t i = 0; i < ARRAY_LEN(services) && !found; i++)
            found = checked[i] == data;
        if (!found)
            fail_msg("the payload of port %u is not checked", port);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_payload_is_a_message_of_its_protocol),
    cmocka_unit_test(every_payload_of_the_file_is_checked),
};

TEST_MAIN(tests)
