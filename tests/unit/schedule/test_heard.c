/* What listeners hear on its way to the store, on a clock that tests turn. */
#include "service/schedule/heard.h"
#include "service/schedule/heard_said.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const char config_text[] = "zones:\n"
                                  "- name: lab\n"
                                  "  networks: [10.0.0.0/24]\n"
                                  "  excludes: [10.0.0.3]\n";

static struct world {
    struct loop *loop;
    struct heard *heard;
    struct config *config;
    const struct config_zone *zone;
    struct schedule_store store;
    int result;
    unsigned batches, news;
    struct {
        struct addr address;
        bool held;
        size_t n_said;
        char kind[32], key[64]; /* the last one said */
    } rows[1024];
    size_t n_rows, n_last; /* all, and those of the last batch */
    store_sight_cb cb;
    void *user;
    struct store_listener listener;
    size_t n_listeners;
} w;

static int fake_sight(void *user, const struct store_sighting *list, size_t n, store_sight_cb cb,
                      void *cb_user)
{
    (void)user;
    if (w.result < 0)
        return w.result;
    assert_null(w.cb); /* one batch at a time */
    w.batches++;
    for (size_t i = 0; i < n && w.n_rows < 1024; i++, w.n_rows++) {
        assert_string_equal(list[i].zone, "lab");
        w.rows[w.n_rows].address = list[i].address;
        w.rows[w.n_rows].held = list[i].held;
        w.rows[w.n_rows].n_said = list[i].n_said;
        if (list[i].n_said) {
            const struct store_said *last = &list[i].said[list[i].n_said - 1];

            snprintf(w.rows[w.n_rows].kind, 32, "%s", last->kind);
            snprintf(w.rows[w.n_rows].key, 64, "%s", last->key);
        }
    }
    w.n_last = n;
    w.cb = cb;
    w.user = cb_user;
    return 0;
}

static int fake_listeners(void *user, const struct store_listener *list, size_t n)
{
    (void)user;
    w.n_listeners = n;
    if (n)
        w.listener = list[0];
    return 0;
}

static void on_news(void *user)
{
    (void)user;
    w.news++;
}

static void run(void)
{
    for (int i = 0; i < 4; i++)
        loop_turn(w.loop, 0);
}

static void answer(char verdict)
{
    char verdicts[1024];
    store_sight_cb cb = w.cb;

    assert_non_null(cb);
    memset(verdicts, verdict, sizeof verdicts);
    w.cb = NULL;
    cb(w.user, 0, verdicts, w.n_last, NULL);
    run();
}

static int setup(void **state)
{
    struct heard_opts o = {.store = &w.store, .news = on_news};
    struct err e = {0};

    (void)state;
    memset(&w, 0, sizeof w);
    w.store.sight = fake_sight;
    w.store.listeners = fake_listeners;
    assert_int_equal(loop_new(&w.loop, NULL), 0);
    loop_fake_clock(w.loop, 1000000 * USEC_PER_SEC);
    assert_int_equal(heard_new(&w.heard, w.loop, &o), 0);
    if (config_load_data(&w.config, "muster.yaml", config_text, strlen(config_text), NULL, NULL,
                         &e) < 0)
        fail_msg("%s", err_text(&e));
    w.zone = &w.config->zones[0];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    w.heard = heard_free(w.heard);
    run();
    w.loop = loop_free(w.loop);
    w.config = config_free(w.config);
    return 0;
}

static struct sighting arp(uint32_t n)
{
    struct sighting s = {.source = "arp", .interface = "eth0", .has_mac = true, .n_addresses = 1};

    s.addresses[0] = addr_v4(0x0a000000 + n);
    s.mac.b[5] = (uint8_t)n;
    return s;
}

static void hear(const struct sighting *s)
{
    heard_sighting(w.heard, w.zone, s);
    run();
}

static void a_sighting_is_handed_on_in_the_same_moment(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    hear(&s);
    assert_int_equal(w.n_rows, 1);
    assert_true(w.rows[0].held && addr_equal(&w.rows[0].address, &s.addresses[0]));
    answer(SIGHT_NEWS);
    assert_int_equal(w.news, 1);
}

static void addresses_outside_are_said_and_excluded_ones_are_not_even_kept(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    s.addresses[s.n_addresses++] = addr_v4(0x0a000003);
    s.addresses[s.n_addresses++] = addr_v4(0xc0a80001);
    hear(&s);
    assert_int_equal(w.n_rows, 1);
    assert_int_equal(w.rows[0].n_said, 1);
    assert_string_equal(w.rows[0].kind, "address");
    assert_string_equal(w.rows[0].key, "192.168.0.1");
    answer(SIGHT_KNOWN);
    s = arp(3);
    hear(&s);
    assert_int_equal(w.n_rows, 1); /* excluded, and nothing else to say */
    assert_int_equal(w.news, 0);
}

static void tell(uint32_t n)
{
    struct addr a = addr_v4(0x0a000000 + n);

    heard_told(w.heard, w.zone, &a);
}

/* What a script was told of: looked at, but once, and no evidence. */
static void what_a_script_is_told_of_is_asked_for_once(void **state)
{
    (void)state;
    tell(5);
    tell(3);     /* excluded */
    tell(0x105); /* not of the zone */
    run();
    assert_int_equal(w.n_rows, 1);
    assert_int_equal(w.rows[0].address.b[3], 5);
    assert_false(w.rows[0].held);
    assert_int_equal(w.rows[0].n_said, 0);
    answer(SIGHT_NEWS);
    assert_int_equal(w.news, 1);
    loop_fake_advance(w.loop, 1000 * USEC_PER_SEC);
    run();
    assert_int_equal(w.n_rows, 1);
}

/* A script that tells of many leaves room for those who speak. */
static void what_scripts_are_told_of_takes_half_of_the_queue(void **state)
{
    struct sighting s = arp(5);
    unsigned batches = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * HEARD_WAITING; i++)
        tell(10 + i % 100);
    for (unsigned i = 0; i < 10; i++)
        heard_sighting(w.heard, w.zone, &s);
    run();
    for (; w.cb; batches++)
        answer(SIGHT_KNOWN);
    assert_int_equal(batches, HEARD_WAITING / 2 / HEARD_BATCH + 1);
}

static void what_is_wanted_is_a_row_of_its_own_and_not_held(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    s.source = "dhcp";
    s.n_addresses = 0;
    s.requested = addr_v4(0x0a000042);
    s.names[0] = "phone";
    s.n_names = 1;
    hear(&s);
    assert_int_equal(w.n_rows, 1);
    assert_false(w.rows[0].held);
    assert_string_equal(w.rows[0].kind, "dhcp-hostname");
}

static void a_switch_without_an_address_is_kept_by_its_mac(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    s.source = "lldp";
    s.n_addresses = 0;
    s.neighbour_port = "Gi1/0/7";
    hear(&s);
    assert_int_equal(w.n_rows, 1);
    assert_int_equal(w.rows[0].address.family, ADDR_NONE);
    assert_string_equal(w.rows[0].kind, "lldp-port");
}

static void a_silent_address_is_offered_again_later_and_later_then_left(void **state)
{
    static const unsigned after[] = {2, 5, 18, 71};
    struct sighting s = arp(5);

    (void)state;
    hear(&s);
    answer(SIGHT_NEWS);
    for (size_t i = 0; i < ARRAY_LEN(after); i++) {
        loop_fake_advance(w.loop, after[i] * USEC_PER_SEC / 2);
        run();
        assert_int_equal(w.batches, 1 + i);
        loop_fake_advance(w.loop, after[i] * USEC_PER_SEC);
        run();
        assert_int_equal(w.batches, 2 + i);
        answer(SIGHT_NEWS);
    }
    loop_fake_advance(w.loop, 3600 * USEC_PER_SEC);
    run();
    assert_int_equal(w.batches, 1 + ARRAY_LEN(after));
}

static void an_address_that_answered_is_not_offered_again(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    hear(&s);
    answer(SIGHT_NEWS);
    loop_fake_advance(w.loop, 2 * USEC_PER_SEC);
    run();
    answer(SIGHT_KNOWN);
    loop_fake_advance(w.loop, 3600 * USEC_PER_SEC);
    run();
    assert_int_equal(w.batches, 2);
}

static void a_flood_waits_in_bounds_and_goes_in_batches(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3 * HEARD_WAITING; i++) {
        struct sighting s = arp(10 + i % 200);

        heard_sighting(w.heard, w.zone, &s);
    }
    run();
    for (unsigned i = 0; i < HEARD_WAITING / HEARD_BATCH; i++) {
        assert_int_equal(w.n_last, HEARD_BATCH);
        answer(SIGHT_KNOWN);
    }
    assert_null(w.cb);
    assert_int_equal(w.batches, HEARD_WAITING / HEARD_BATCH);
}

static void a_store_that_takes_nothing_is_tried_again(void **state)
{
    struct sighting s = arp(5);

    (void)state;
    w.result = -ENOTCONN;
    hear(&s);
    assert_int_equal(w.n_rows, 0);
    w.result = 0;
    loop_fake_advance(w.loop, 2 * USEC_PER_SEC);
    run();
    assert_int_equal(w.n_rows, 1);
}

static void listeners_are_known_until_they_end(void **state)
{
    struct ipc_listener m = {.interface = "eth0", .why = "the interface is down", .drops = 7};
    CLEANUP(buf_done) struct buf text = {0};

    (void)state;
    heard_listener(w.heard, &m);
    loop_fake_advance(w.loop, 0);
    run();
    assert_int_equal(w.n_listeners, 1);
    assert_false(w.listener.up);
    assert_int_equal(w.listener.drops, 7);
    heard_status(w.heard, &text);
    assert_string_equal(text.data, ", listening on eth0 (down)");
    m.over = true;
    heard_listener(w.heard, &m);
    loop_fake_advance(w.loop, 0);
    run();
    assert_int_equal(w.n_listeners, 0);
}

static void everything_that_a_sighting_says_has_a_kind(void **state)
{
    static struct heard_said said;
    struct sighting s = arp(5);
    const char **texts = (const char **)(void *)&s.title;

    (void)state;
    s.source = "cdp";
    for (size_t i = 0; i < SIGHTING_NAMES_MAX; i++)
        s.names[i] = s.prefixes[i] = "x";
    for (size_t i = 0; i < SIGHTING_LIST_MAX; i++)
        s.services[i] = s.roles[i] = "x";
    for (size_t i = 0; i < 15; i++)
        texts[i] = "x";
    s.vlan = s.neighbour_vlan = 7;
    sighting_count(&s);
    heard_said(&said, &s);
    assert_int_equal(said.n, 8 + 8 + 16 + 16 + 15 + 2);
    for (size_t i = 0; i < said.n; i++)
        assert_true(*said.list[i].kind && *said.list[i].key);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    T(a_sighting_is_handed_on_in_the_same_moment),
    T(addresses_outside_are_said_and_excluded_ones_are_not_even_kept),
    T(what_a_script_is_told_of_is_asked_for_once),
    T(what_scripts_are_told_of_takes_half_of_the_queue),
    T(what_is_wanted_is_a_row_of_its_own_and_not_held),
    T(a_switch_without_an_address_is_kept_by_its_mac),
    T(a_silent_address_is_offered_again_later_and_later_then_left),
    T(an_address_that_answered_is_not_offered_again),
    T(a_flood_waits_in_bounds_and_goes_in_batches),
    T(a_store_that_takes_nothing_is_tried_again),
    T(listeners_are_known_until_they_end),
    T(everything_that_a_sighting_says_has_a_kind),
};

TEST_MAIN(tests)
