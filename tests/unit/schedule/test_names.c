/* Names of hosts, against a name server in the same loop, on a clock that stands still. */
#include "service/schedule/names.h"

#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define TURNS 2000

static struct world {
    struct loop *loop;
    struct names *names;
    struct io io;
    char servers[64];
    char label;     /* the name is "<label>.test" */
    uint8_t error;  /* the answer's RCODE instead; 2: SERVFAIL, 3: no such name */
    unsigned asked; /* questions that came */
} w;

static void on_question(struct io *io, uint32_t events)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    uint8_t p[600];
    const uint8_t record[] = {0xc0, 12,  0,   12,  0,   1, 0, 0, 0, 60, 0, 8, 1, (uint8_t)w.label,
                              4,    't', 'e', 's', 't', 0};
    ssize_t n = recvfrom(io->fd, p, 512, 0, (struct sockaddr *)&from, &from_len);
    size_t len = 12;

    (void)events;
    assert_true(n > 16);
    w.asked++;
    while (p[len])
        len += p[len] + 1u;
    len += 5;
    memset(p + 6, 0, 6);
    p[2] = 0x81;
    p[3] = 0x80 | w.error;
    if (!w.error) {
        p[7] = 1;
        memcpy(p + len, record, sizeof record);
        len += sizeof record;
    }
    sendto(io->fd, p, len, 0, (struct sockaddr *)&from, from_len);
}

static int setup(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;

    (void)state;
    memset(&w, 0, sizeof w);
    w.label = 'a';
    w.io.ready = on_question;
    assert_int_equal(loop_new(&w.loop, NULL), 0);
    loop_fake_clock(w.loop, 1000000 * USEC_PER_SEC);
    w.io.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w.io.fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(w.io.fd, (struct sockaddr *)&sin, &len), 0);
    assert_int_equal(io_want(w.loop, &w.io, EPOLLIN), 0);
    snprintf(w.servers, sizeof w.servers, "127.0.0.1:%u", ntohs(sin.sin_port));
    assert_int_equal(names_new(&w.names, w.loop), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    w.names = names_free(w.names);
    io_remove(w.loop, &w.io);
    close(w.io.fd);
    w.loop = loop_free(w.loop);
    return 0;
}

static struct addr host(unsigned n)
{
    return addr_v4(0xc0000200 + n);
}

static void want(unsigned n)
{
    struct addr a = host(n);

    names_want(w.names, w.servers, &a, 3600 * USEC_PER_SEC);
}

static const char *known(unsigned n)
{
    struct addr a = host(n);
    const char *name = names_of(w.names, w.servers, &a);

    return name ? name : "-";
}

/* Until so many questions were asked and answered. */
static void wait_asked(unsigned n)
{
    for (int i = 0; i < TURNS && w.asked < n; i++)
        loop_turn(w.loop, 5 * USEC_PER_MSEC);
    assert_int_equal(w.asked, n);
    for (int i = 0; i < 10; i++)
        loop_turn(w.loop, USEC_PER_MSEC);
}

static void a_name_is_known_when_it_came_and_not_asked_again(void **state)
{
    struct addr a = host(1);

    (void)state;
    want(1);
    want(1);
    assert_true(names_expected(w.names, w.servers, &a));
    assert_string_equal(known(1), "-");
    wait_asked(1);
    assert_string_equal(known(1), "a.test");
    assert_false(names_expected(w.names, w.servers, &a));
    want(1);
    wait_asked(1);
    assert_null(names_of(w.names, "192.0.2.99", &a)); /* another resolver knows nothing */
}

static void a_name_is_asked_again_when_it_is_old_and_stays_known_meanwhile(void **state)
{
    (void)state;
    want(1);
    wait_asked(1);
    w.label = 'b';
    loop_fake_advance(w.loop, 3600 * USEC_PER_SEC);
    want(1);
    assert_string_equal(known(1), "a.test");
    wait_asked(2);
    assert_string_equal(known(1), "b.test");
}

static void servers_that_fail_change_no_name(void **state)
{
    (void)state;
    want(1);
    wait_asked(1);
    w.error = 2;
    loop_fake_advance(w.loop, 3600 * USEC_PER_SEC);
    want(1);
    for (int i = 0; i < 200; i++)
        loop_turn(w.loop, USEC_PER_MSEC);
    assert_true(w.asked > 1);
    assert_string_equal(known(1), "a.test");
}

static void an_address_without_a_name_is_remembered_as_such(void **state)
{
    (void)state;
    w.error = 3;
    want(1);
    wait_asked(1);
    assert_string_equal(known(1), "");
    want(1);
    wait_asked(1);
}

static void a_name_that_is_taken_back_is_asked_for_once_more(void **state)
{
    struct addr a = host(1);

    (void)state;
    want(1);
    wait_asked(1);
    w.error = 3;
    loop_fake_advance(w.loop, 3600 * USEC_PER_SEC);
    want(1);
    wait_asked(2);
    assert_string_equal(known(1), "");
    want(1);
    assert_true(names_expected(w.names, w.servers, &a));
    wait_asked(3);
    want(1);
    wait_asked(3);
    assert_string_equal(known(1), "");
}

static void servers_that_do_not_answer_are_left_alone_for_a_while(void **state)
{
    struct addr a = host(100);
    unsigned asked;

    (void)state;
    w.error = 2;
    for (unsigned n = 1; n < 250; n++)
        want(n);
    for (int i = 0; i < 300; i++)
        loop_turn(w.loop, USEC_PER_MSEC);
    asked = w.asked;
    assert_true(asked <= 4 * 2 * NAMES_AT_A_TIME); /* tries of those that were under way */
    want(251);
    assert_false(names_expected(w.names, w.servers, &a));
    for (int i = 0; i < 50; i++)
        loop_turn(w.loop, USEC_PER_MSEC);
    assert_int_equal(w.asked, asked);
    w.error = 0;
    loop_fake_advance(w.loop, NAMES_REST);
    want(251);
    wait_asked(asked + 1);
    assert_string_equal(known(251), "a.test");
    want(100); /* was never asked */
    wait_asked(asked + 2);
    assert_string_equal(known(100), "a.test");
}

static void it_may_end_while_names_are_asked(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 100; n++)
        want(n);
    w.names = names_free(w.names);
    loop_turn(w.loop, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_name_is_known_when_it_came_and_not_asked_again, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_name_is_asked_again_when_it_is_old_and_stays_known_meanwhile,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(servers_that_fail_change_no_name, setup, teardown),
    cmocka_unit_test_setup_teardown(an_address_without_a_name_is_remembered_as_such, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_name_that_is_taken_back_is_asked_for_once_more, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(servers_that_do_not_answer_are_left_alone_for_a_while, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(it_may_end_while_names_are_asked, setup, teardown),
};

TEST_MAIN(tests)
