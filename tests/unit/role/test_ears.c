/* Which interfaces are listened on, where the list of them is the test's own.  None of them exists,
 * so each is told to be down. */
#include "service/role/ears.h"

#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

static struct loop *loop;
static struct ears *ears;
static bool away; /* the kernel does not tell */
static unsigned asked, told, over;

static struct sockaddr_in address = {.sin_family = AF_INET}, mask = {.sin_family = AF_INET};
static char name[] = "muster-none";
static struct ifaddrs only_link = {
    .ifa_name = name,
    .ifa_flags = IFF_UP,
    .ifa_addr = (struct sockaddr *)&address,
    .ifa_netmask = (struct sockaddr *)&mask,
};

/* In place of the C library's. */
int getifaddrs(struct ifaddrs **ret)
{
    asked++;
    if (away) {
        errno = ENOBUFS;
        return -1;
    }
    address.sin_addr.s_addr = inet_addr("192.0.2.1");
    mask.sin_addr.s_addr = inet_addr("255.255.255.0");
    *ret = &only_link;
    return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
    (void)list;
}

static void on_sighting(void *user, uint32_t zone, const struct sighting *s)
{
    (void)user, (void)zone, (void)s;
}

static void on_listener(void *user, const struct ipc_listener *m)
{
    (void)user;
    assert_string_equal(m->interface, name);
    told++;
    over += m->over;
}

static void look(void)
{
    unsigned before = asked;

    loop_fake_advance(loop, EARS_LOOK);
    loop_turn(loop, 0);
    assert_true(asked > before);
}

static int setup(void **state)
{
    static const struct ears_sink sink = {on_sighting, on_listener};
    CLEANUP(addr_set_done) struct addr_set scope = {0};
    struct addr first = addr_v4(0xc0000200), last = addr_v4(0xc00002ff);

    (void)state;
    away = false;
    asked = told = over = 0;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 1000 * USEC_PER_SEC);
    assert_int_equal(ears_new(&ears, loop, &sink, NULL), 0);
    assert_int_equal(addr_set_add(&scope, &first, &last), 0);
    assert_int_equal(ears_zone(ears, 1, &scope, &(struct ipc_listen){0}), 0);
    look();
    assert_int_equal(told, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ears = ears_free(ears);
    loop = loop_free(loop);
    return 0;
}

static void an_interface_that_no_zone_is_on_any_more_is_given_up(void **state)
{
    (void)state;
    ears_zone_drop(ears, 1);
    look();
    assert_int_equal(over, 1);
}

static void without_the_list_of_interfaces_nothing_is_given_up(void **state)
{
    (void)state;
    away = true;
    look();
    look();
    assert_int_equal(over, 0);
    away = false;
    look();
    assert_int_equal(over, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(an_interface_that_no_zone_is_on_any_more_is_given_up, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(without_the_list_of_interfaces_nothing_is_given_up, setup,
                                    teardown),
};

TEST_MAIN(tests)
