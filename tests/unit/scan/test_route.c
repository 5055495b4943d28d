/* What messages of rtnetlink say of interfaces, a VLAN among them: kernels without VLAN devices
 * cannot show it in tests/netns.  The messages have the attributes, in the order, that Linux 6.1
 * gives such an interface (net/core/rtnetlink.c, net/8021q/vlan_netlink.c). */
#include "engine/scan/route.h"
#include "tests/support/main.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct message {
    union {
        struct nlmsghdr head;
        uint8_t bytes[1024];
    } u;
};

static void begin(struct message *m, uint16_t type, unsigned short hardware, int index,
                  unsigned flags)
{
    struct ifinfomsg info = {.ifi_type = hardware, .ifi_index = index, .ifi_flags = flags};

    memset(m, 0, sizeof *m);
    m->u.head.nlmsg_type = type;
    m->u.head.nlmsg_len = NLMSG_LENGTH(sizeof info);
    memcpy(NLMSG_DATA(&m->u.head), &info, sizeof info);
}

/* Where the attribute's header went. */
static size_t put(struct message *m, uint16_t type, const void *data, size_t len)
{
    size_t at = NLMSG_ALIGN(m->u.head.nlmsg_len);
    struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};

    assert_true(at + RTA_SPACE(len) <= sizeof m->u.bytes);
    memcpy(m->u.bytes + at, &a, sizeof a);
    if (len)
        memcpy(m->u.bytes + at + sizeof a, data, len);
    m->u.head.nlmsg_len = (uint32_t)(at + RTA_SPACE(len));
    return at;
}

static void put_u32(struct message *m, uint16_t type, uint32_t v)
{
    put(m, type, &v, sizeof v);
}

/* What was put since belongs into the attribute at `at`. */
static void nest_end(struct message *m, size_t at)
{
    uint16_t len = (uint16_t)(m->u.head.nlmsg_len - at);

    memcpy(m->u.bytes + at, &len, sizeof len);
}

/* eth0.7 on interface 2, tagged with 802.1Q. */
static void make_vlan(struct message *m)
{
    static const uint8_t mac[] = {2, 0x77, 0, 0, 0, 11}, all[] = {255, 255, 255, 255, 255, 255};
    static const uint16_t id = 7;
    static const uint8_t protocol[] = {0x81, 0x00};
    size_t info, data;

    begin(m, RTM_NEWLINK, ARPHRD_ETHER, 9,
          IFF_UP | IFF_RUNNING | IFF_BROADCAST | IFF_MULTICAST | IFF_LOWER_UP);
    put(m, IFLA_IFNAME, "eth0.7", sizeof "eth0.7");
    put_u32(m, IFLA_TXQLEN, 1000);
    put(m, IFLA_OPERSTATE, "\6", 1);
    put_u32(m, IFLA_MTU, 1500);
    put(m, IFLA_ADDRESS, mac, sizeof mac);
    put(m, IFLA_BROADCAST, all, sizeof all);
    info = put(m, IFLA_LINKINFO, NULL, 0);
    put(m, IFLA_INFO_KIND, "vlan", sizeof "vlan");
    data = put(m, IFLA_INFO_DATA, NULL, 0);
    put(m, IFLA_VLAN_PROTOCOL, protocol, sizeof protocol);
    put(m, IFLA_VLAN_ID, &id, sizeof id);
    nest_end(m, data);
    nest_end(m, info);
    put_u32(m, IFLA_LINK, 2);
}

static void a_vlan_is_an_interface_with_neighbours(void **state)
{
    static const struct mac mac = {{2, 0x77, 0, 0, 0, 11}};
    struct iface got;
    struct message m;

    (void)state;
    make_vlan(&m);
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), 0);
    assert_int_equal(got.index, 9);
    assert_string_equal(got.name, "eth0.7");
    assert_true(got.up && got.running && got.ethernet && !got.loopback);
    assert_memory_equal(&got.mac, &mac, sizeof mac);
}

/* The link below it is down: the kernel takes RUNNING from the VLAN as well. */
static void a_vlan_without_its_cable_is_up_and_not_running(void **state)
{
    struct iface got;
    struct message m;

    (void)state;
    begin(&m, RTM_NEWLINK, ARPHRD_ETHER, 9, IFF_UP | IFF_BROADCAST);
    put(&m, IFLA_IFNAME, "eth0.7", sizeof "eth0.7");
    put_u32(&m, IFLA_LINK, 2);
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), 0);
    assert_true(got.up && !got.running);
}

static void other_hardware_has_no_mac_addresses(void **state)
{
    struct iface got;
    struct message m;

    (void)state;
    begin(&m, RTM_NEWLINK, ARPHRD_NONE, 4, IFF_UP | IFF_RUNNING | IFF_POINTOPOINT);
    put(&m, IFLA_IFNAME, "wg0", sizeof "wg0");
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), 0);
    assert_true(!got.ethernet && !got.loopback);
    begin(&m, RTM_NEWLINK, ARPHRD_LOOPBACK, 1, IFF_UP | IFF_RUNNING | IFF_LOOPBACK);
    put(&m, IFLA_ADDRESS, "\0\0\0\0\0\0", 6);
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), 0);
    assert_true(got.loopback && !got.ethernet);
    assert_string_equal(got.name, "");
}

static void what_is_no_message_of_a_link_is_refused_and_leaves_the_result_alone(void **state)
{
    struct iface got, before;
    struct message m;

    (void)state;
    memset(&got, 0x5a, sizeof got);
    before = got;
    make_vlan(&m);
    for (size_t cut = 0; cut < m.u.head.nlmsg_len; cut++)
        assert_int_equal(route_iface_read(&m, cut, &got), -EBADMSG);
    m.u.head.nlmsg_type = RTM_NEWADDR;
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), -EBADMSG);
    m.u.head.nlmsg_type = RTM_NEWLINK;
    m.u.head.nlmsg_len = NLMSG_LENGTH(4);
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), -EBADMSG);
    assert_memory_equal(&got, &before, sizeof got);
}

/* A name without an end would be read beyond its attribute. */
static void a_name_without_an_end_is_left_out(void **state)
{
    struct iface got;
    struct message m;

    (void)state;
    begin(&m, RTM_NEWLINK, ARPHRD_ETHER, 9, IFF_UP);
    put(&m, IFLA_IFNAME, "eth0.777", 8);
    assert_int_equal(route_iface_read(&m, m.u.head.nlmsg_len, &got), 0);
    assert_string_equal(got.name, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_vlan_is_an_interface_with_neighbours),
    cmocka_unit_test(a_vlan_without_its_cable_is_up_and_not_running),
    cmocka_unit_test(other_hardware_has_no_mac_addresses),
    cmocka_unit_test(what_is_no_message_of_a_link_is_refused_and_leaves_the_result_alone),
    cmocka_unit_test(a_name_without_an_end_is_left_out),
};

TEST_MAIN(tests)
