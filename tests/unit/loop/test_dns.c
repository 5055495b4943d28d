/* Names, against a DNS responder in the same loop. */
#include "engine/loop/dns.h"

#include "tests/unit/loop/peer.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Answers "a.test" with 192.0.2.1 and 2001:db8::1, reverse of 192.0.2.1 and 2001:db8::1 with
 * "a.test", of 192.0.2.4 with two names, "fail.test" and the reverse of 192.0.2.3 with SERVFAIL,
 * "silent.test" and the reverse of 192.0.2.5 never, anything else with NXDOMAIN. */
struct responder {
    struct io io;
    struct loop *loop;
    uint16_t port;
    unsigned asked;
};

static size_t question(const uint8_t *packet, size_t len, char *name, uint16_t *type)
{
    size_t at = 12, out = 0;

    while (at < len && packet[at]) {
        memcpy(name + out, packet + at + 1, packet[at]);
        out += packet[at];
        name[out++] = '.';
        at += packet[at] + 1u;
    }
    name[out ? out - 1 : 0] = '\0';
    *type = (uint16_t)(packet[at + 1] << 8 | packet[at + 2]);
    return at + 5;
}

static size_t answer(uint8_t *packet, size_t at, uint16_t type, const void *data, size_t len)
{
    const uint8_t head[] = {0xc0, 12, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0,
                            60,   0,  (uint8_t)len};

    memcpy(packet + at, head, sizeof head);
    memcpy(packet + at + sizeof head, data, len);
    packet[7]++;
    return at + sizeof head + len;
}

static size_t respond(uint8_t *packet, size_t len)
{
    static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    static const char reverse6[] =
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    char name[300];
    uint16_t type;
    size_t at = question(packet, len, name, &type);

    if (strcmp(name, "silent.test") == 0 || strcmp(name, "5.2.0.192.in-addr.arpa") == 0)
        return 0;
    memset(packet + 6, 0, 6);
    packet[2] = 0x81;
    packet[3] = 0x80;
    if (strcmp(name, "fail.test") == 0 || strcmp(name, "3.2.0.192.in-addr.arpa") == 0)
        packet[3] |= 2;
    else if (strcmp(name, "a.test") == 0 && type == 1)
        at = answer(packet, at, 1, "\xc0\0\2\1", 4);
    else if (strcmp(name, "a.test") == 0 && type == 28)
        at = answer(packet, at, 28, six, 16);
    else if (strcmp(name, "1.2.0.192.in-addr.arpa") == 0 || strcmp(name, reverse6) == 0)
        at = answer(packet, at, 12, "\1a\4test", 8);
    else if (strcmp(name, "4.2.0.192.in-addr.arpa") == 0) {
        at = answer(packet, at, 12, "\1z\4test", 8);
        at = answer(packet, at, 12, "\1b\4test", 8);
    } else if (strcmp(name, "a.test") != 0)
        packet[3] |= 3;
    return at;
}

static void responder_ready(struct io *io, uint32_t events)
{
    struct responder *r = CONTAINER_OF(io, struct responder, io);
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    uint8_t packet[600];
    ssize_t n = recvfrom(io->fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
    size_t len;

    (void)events;
    assert_true(n > 16);
    r->asked++;
    len = respond(packet, (size_t)n);
    if (len)
        sendto(io->fd, packet, len, 0, (struct sockaddr *)&from, from_len);
}

static struct responder responder_start(struct loop *l)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    struct responder r = {.loop = l, .io.ready = responder_ready};

    r.io.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r.io.fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(r.io.fd, (struct sockaddr *)&sin, &len), 0);
    r.port = ntohs(sin.sin_port);
    return r;
}

static void responder_stop(struct responder *r)
{
    io_remove(r->loop, &r->io);
    close(r->io.fd);
}

static struct {
    struct outcome o;
    struct addr addrs[8];
    size_t n;
    struct dns *restart; /* ask again from the callback */
    struct dns **free_in_cb;
} got;

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct dns *again = got.restart;

    (void)user;
    got.o.calls++;
    got.o.status = status;
    got.n = n;
    assert_int_equal(n > 0, status == 0);
    for (size_t i = 0; i < n && i < 8; i++)
        got.addrs[i] = addrs[i];
    got.restart = NULL;
    if (again)
        assert_int_equal(dns_lookup(again, "b.test", ADDR_V4, on_addrs, NULL, NULL), 0);
    if (got.free_in_cb)
        *got.free_in_cb = dns_free(*got.free_in_cb);
}

static void on_told(void *user, int status, const struct addr *addrs, size_t n)
{
    (void)addrs, (void)n;
    on_done(user, status);
}

static void on_name(void *user, int status, const char *name)
{
    (void)user;
    got.o.calls++;
    got.o.status = status;
    snprintf(got.o.data, sizeof got.o.data, "%s", name ? name : "");
}

static struct loop *loop;
static struct responder responder;
static struct dns *dns;

static int setup(void **state)
{
    char servers[64];
    struct dns_opts o = {.servers = servers, .timeout = 100 * USEC_PER_MSEC, .tries = 2};

    (void)state;
    memset(&got, 0, sizeof got);
    loop = loop_make();
    responder = responder_start(loop);
    assert_int_equal(io_want(loop, &responder.io, EPOLLIN), 0);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", responder.port);
    assert_int_equal(dns_new(&dns, loop, &o, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dns = dns_free(dns);
    responder_stop(&responder);
    loop = loop_free(loop);
    return 0;
}

static void lookup(const char *name, enum addr_family family)
{
    memset(&got, 0, sizeof got);
    assert_int_equal(dns_lookup(dns, name, family, on_addrs, NULL, NULL), 0);
    assert_int_equal(got.o.calls, 0);
    wait_done(loop, &got.o);
    expect_once(loop, &got.o);
}

static void names_have_addresses_of_the_family_asked_for(void **state)
{
    char text[ADDR_TEXT_MAX];

    (void)state;
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
    assert_int_equal(got.n, 1);
    assert_string_equal(addr_format(&got.addrs[0], text), "192.0.2.1");
    lookup("a.test", ADDR_V6);
    assert_int_equal(got.n, 1);
    assert_string_equal(addr_format(&got.addrs[0], text), "2001:db8::1");
    lookup("a.test", ADDR_NONE);
    assert_int_equal(got.n, 2);
}

static void what_is_not_there_or_broken_has_its_own_status(void **state)
{
    (void)state;
    lookup("b.test", ADDR_V4);
    assert_int_equal(got.o.status, -ENOENT);
    lookup("silent.test", ADDR_V4);
    assert_int_equal(got.o.status, -ETIMEDOUT);
    lookup("fail.test", ADDR_V4);
    assert_int_equal(got.o.status, -EIO);
}

static void a_name_no_server_could_know_is_no_name(void **state)
{
    char label[80];

    (void)state;
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    lookup(label, ADDR_V4);
    assert_int_equal(got.o.status, -ENOENT);
    lookup("", ADDR_V4);
    assert_true(got.o.status < 0);
}

static void numbers_are_answered_without_asking_but_not_at_once(void **state)
{
    (void)state;
    lookup("198.51.100.9", ADDR_NONE);
    assert_int_equal(got.o.status, 0);
    assert_int_equal(got.n, 1);
    lookup("198.51.100.9", ADDR_V6);
    assert_int_equal(got.o.status, -ENOENT);
    lookup("2001:db8::7", ADDR_V6);
    assert_int_equal(got.n, 1);
    assert_int_equal(responder.asked, 0);
}

static void reverse(const char *address)
{
    struct addr a;

    memset(&got, 0, sizeof got);
    assert_int_equal(addr_parse(address, &a), 0);
    assert_int_equal(dns_reverse(dns, &a, on_name, NULL, NULL), 0);
    assert_int_equal(got.o.calls, 0);
    wait_done(loop, &got.o);
}

static void addresses_have_names(void **state)
{
    (void)state;
    reverse("192.0.2.1");
    assert_int_equal(got.o.status, 0);
    assert_string_equal(got.o.data, "a.test");
    reverse("2001:db8::1");
    assert_int_equal(got.o.status, 0);
    assert_string_equal(got.o.data, "a.test");
    reverse("192.0.2.2");
    assert_int_equal(got.o.status, -ENOENT);
    assert_true(responder.asked >= 3);
}

static void of_several_names_it_is_always_the_same(void **state)
{
    (void)state;
    reverse("192.0.2.4");
    assert_string_equal(got.o.data, "b.test");
}

static void a_server_that_fails_is_no_address_without_a_name(void **state)
{
    (void)state;
    reverse("192.0.2.3");
    assert_int_equal(got.o.status, -EIO);
    reverse("192.0.2.5");
    assert_int_equal(got.o.status, -ETIMEDOUT);
}

static void names_of_the_hosts_file_need_no_server(void **state)
{
    (void)state;
    reverse("127.0.0.1");
    if (got.o.status == 0) /* there may be no such file */
        assert_int_equal(responder.asked, 0);
}

static void a_callback_may_ask_again(void **state)
{
    (void)state;
    got.restart = dns;
    assert_int_equal(dns_lookup(dns, "a.test", ADDR_V4, on_addrs, NULL, NULL), 0);
    for (int i = 0; i < TURNS && got.o.calls < 2; i++)
        loop_turn(loop, PATIENCE / TURNS);
    assert_int_equal(got.o.calls, 2);
    assert_int_equal(got.o.status, -ENOENT);
}

static void a_cancelled_lookup_is_told_once_and_its_late_answer_is_dropped(void **state)
{
    struct dns_query *q;

    (void)state;
    assert_int_equal(dns_lookup(dns, "a.test", ADDR_V4, on_addrs, NULL, &q), 0);
    dns_cancel(q);
    dns_cancel(q);
    assert_int_equal(got.o.calls, 0);
    wait_done(loop, &got.o);
    assert_int_equal(got.o.status, -ECANCELED);
    while (responder.asked == 0)
        loop_turn(loop, PATIENCE / TURNS);
    expect_once(loop, &got.o);
    memset(&got, 0, sizeof got);
    assert_int_equal(dns_lookup(dns, "192.0.2.3", ADDR_V4, on_addrs, NULL, &q), 0);
    dns_cancel(q); /* answered, but not told */
    wait_done(loop, &got.o);
    assert_int_equal(got.o.status, -ECANCELED);
}

static void freeing_the_resolver_cancels_what_runs(void **state)
{
    (void)state;
    assert_int_equal(dns_lookup(dns, "silent.test", ADDR_V4, on_addrs, NULL, NULL), 0);
    loop_turn(loop, 0);
    dns = dns_free(dns);
    assert_int_equal(got.o.calls, 0);
    wait_done(loop, &got.o);
    assert_int_equal(got.o.status, -ECANCELED);
    expect_once(loop, &got.o);
}

static void the_resolver_may_be_freed_in_a_callback(void **state)
{
    (void)state;
    got.free_in_cb = &dns;
    assert_int_equal(dns_lookup(dns, "a.test", ADDR_V4, on_addrs, NULL, NULL), 0);
    assert_int_equal(dns_lookup(dns, "silent.test", ADDR_V4, on_addrs, NULL, NULL), 0);
    for (int i = 0; i < TURNS && got.o.calls < 2; i++)
        loop_turn(loop, PATIENCE / TURNS);
    assert_int_equal(got.o.calls, 2);
}

static void a_hundred_lookups_at_once_all_end(void **state)
{
    static const char *const names[] = {"a.test", "b.test", "silent.test", "fail.test",
                                        "192.0.2.1"};

    (void)state;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(dns_lookup(dns, names[i % 5], ADDR_NONE, on_addrs, NULL, NULL), 0);
    for (int i = 0; i < TURNS && got.o.calls < 100; i++)
        loop_turn(loop, PATIENCE / TURNS);
    assert_int_equal(got.o.calls, 100);
}

static void wrong_servers_are_named_in_the_error(void **state)
{
    struct dns_opts o = {.servers = "not-an-address"};
    struct dns *d;
    struct err e = {0};

    (void)state;
    assert_int_equal(dns_new(&d, loop, &o, &e), -EINVAL);
    assert_non_null(strstr(e.text, "'not-an-address'"));
}

/* ---- the system's servers: a file that names 127.0.0.1 (the responder) or 127.0.0.2 (nobody) */

static char directory[64], conf[96];

/* In place of libc's: the file can name no port. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    struct sockaddr_in sin;

    if (to->sa_family == AF_INET && len >= sizeof sin) {
        memcpy(&sin, to, sizeof sin);
        if (sin.sin_port == htons(53) && sin.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
            sin.sin_port = htons(responder.port);
        return (int)syscall(SYS_connect, fd, &sin, sizeof sin);
    }
    return (int)syscall(SYS_connect, fd, to, len);
}

/* As programs do that write it: a new file takes the place of the old one. */
static void write_conf(const char *server)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/new", directory);
    f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "nameserver %s\n", server);
    fclose(f);
    assert_int_equal(rename(path, conf), 0);
}

static int setup_system(void **state)
{
    struct dns_opts o = {.conf = conf, .timeout = 100 * USEC_PER_MSEC, .tries = 2};

    (void)state;
    snprintf(directory, sizeof directory, "/tmp/muster-dns-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(conf, sizeof conf, "%s/resolv.conf", directory);
    loop = loop_make();
    responder = responder_start(loop);
    assert_int_equal(io_want(loop, &responder.io, EPOLLIN), 0);
    assert_int_equal(dns_new(&dns, loop, &o, NULL), 0);
    return 0;
}

static int teardown_system(void **state)
{
    unlink(conf);
    rmdir(directory);
    return teardown(state);
}

static void servers_that_the_system_names_later_are_asked(void **state)
{
    (void)state;
    write_conf("127.0.0.2");
    lookup("a.test", ADDR_V4);
    assert_true(got.o.status < 0);
    write_conf("127.0.0.1");
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
    write_conf("127.0.0.2");
    reverse("192.0.2.1");
    assert_true(got.o.status < 0);
    write_conf("127.0.0.1");
    reverse("192.0.2.1");
    assert_int_equal(got.o.status, 0);
}

/* As a worker is told that may not open the system's file any more. */
static void servers_are_told_by_another_file(void **state)
{
    struct addr asked[4], first = addr_v4(0x7f000002), second = addr_v4(INADDR_LOOPBACK);
    char other[128];

    (void)state;
    write_conf("127.0.0.1");
    snprintf(other, sizeof other, "%s/other", directory);
    assert_int_equal(rename(conf, other), 0);
    write_conf("127.0.0.2\nnameserver 127.0.0.3");
    assert_int_equal(dns_servers(dns, asked, 4), 2);
    assert_true(addr_equal(&asked[0], &first));
    assert_int_equal(dns_servers(dns, asked, 1), 1);
    loop_turn(loop, 0); /* the former channel has to be gone */
    assert_int_equal(dns_set_conf(dns, other), 0);
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
    assert_int_equal(dns_servers(dns, asked, 4), 1);
    assert_true(addr_equal(&asked[0], &second));
    assert_int_equal(unlink(other), 0);
}

static void servers_that_were_given_stay(void **state)
{
    struct addr asked[4], given = addr_v4(INADDR_LOOPBACK);

    (void)state;
    assert_int_equal(dns_set_conf(dns, "/dev/null"), 0);
    assert_int_equal(dns_servers(dns, asked, 4), 1);
    assert_true(addr_equal(&asked[0], &given));
}

static void a_file_of_servers_that_is_gone_or_cannot_be_read_changes_nothing(void **state)
{
    (void)state;
    write_conf("127.0.0.1");
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
    assert_int_equal(unlink(conf), 0);
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
    assert_int_equal(symlink("resolv.conf", conf), 0);
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
}

static void lookups_under_way_end_by_the_servers_that_they_asked(void **state)
{
    static struct outcome silent;

    (void)state;
    outcome_reset(&silent);
    write_conf("127.0.0.1");
    lookup("a.test", ADDR_V4);
    assert_int_equal(dns_lookup(dns, "silent.test", ADDR_V4, on_told, &silent, NULL), 0);
    write_conf("127.0.0.2");
    lookup("a.test", ADDR_V4);
    assert_true(got.o.status < 0);
    wait_done(loop, &silent);
    assert_int_equal(silent.status, -ETIMEDOUT);
    write_conf("127.0.0.1");
    lookup("a.test", ADDR_V4);
    assert_int_equal(got.o.status, 0);
}

static void freeing_the_resolver_cancels_also_what_asks_former_servers(void **state)
{
    static struct outcome silent;

    (void)state;
    outcome_reset(&silent);
    write_conf("127.0.0.1");
    lookup("a.test", ADDR_V4);
    assert_int_equal(dns_lookup(dns, "silent.test", ADDR_V4, on_told, &silent, NULL), 0);
    write_conf("127.0.0.2");
    assert_int_equal(dns_lookup(dns, "a.test", ADDR_V4, on_told, &silent, NULL), 0);
    dns = dns_free(dns);
    for (int i = 0; i < TURNS && silent.calls < 2; i++)
        loop_turn(loop, 0);
    assert_int_equal(silent.calls, 2);
    assert_int_equal(silent.status, -ECANCELED);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(names_have_addresses_of_the_family_asked_for, setup, teardown),
    cmocka_unit_test_setup_teardown(what_is_not_there_or_broken_has_its_own_status, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_name_no_server_could_know_is_no_name, setup, teardown),
    cmocka_unit_test_setup_teardown(numbers_are_answered_without_asking_but_not_at_once, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(addresses_have_names, setup, teardown),
    cmocka_unit_test_setup_teardown(of_several_names_it_is_always_the_same, setup, teardown),
    cmocka_unit_test_setup_teardown(a_server_that_fails_is_no_address_without_a_name, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(names_of_the_hosts_file_need_no_server, setup, teardown),
    cmocka_unit_test_setup_teardown(a_callback_may_ask_again, setup, teardown),
    cmocka_unit_test_setup_teardown(a_cancelled_lookup_is_told_once_and_its_late_answer_is_dropped,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(freeing_the_resolver_cancels_what_runs, setup, teardown),
    cmocka_unit_test_setup_teardown(the_resolver_may_be_freed_in_a_callback, setup, teardown),
    cmocka_unit_test_setup_teardown(a_hundred_lookups_at_once_all_end, setup, teardown),
    cmocka_unit_test_setup_teardown(wrong_servers_are_named_in_the_error, setup, teardown),
    cmocka_unit_test_setup_teardown(servers_that_the_system_names_later_are_asked, setup_system,
                                    teardown_system),
    cmocka_unit_test_setup_teardown(
        a_file_of_servers_that_is_gone_or_cannot_be_read_changes_nothing, setup_system,
        teardown_system),
    cmocka_unit_test_setup_teardown(lookups_under_way_end_by_the_servers_that_they_asked,
                                    setup_system, teardown_system),
    cmocka_unit_test_setup_teardown(freeing_the_resolver_cancels_also_what_asks_former_servers,
                                    setup_system, teardown_system),
    cmocka_unit_test_setup_teardown(servers_are_told_by_another_file, setup_system,
                                    teardown_system),
    cmocka_unit_test_setup_teardown(servers_that_were_given_stay, setup, teardown),
};

TEST_MAIN(tests)
