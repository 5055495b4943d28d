/* Hosts under way, the plan of a scan, and the vendors of MAC addresses. */
#include "engine/scan/hosts.h"
#include "engine/scan/plan.h"
#include "engine/scan/vendor.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void hosts_come_due_in_order_whatever_happens_between(void **state)
{
    struct hosts hs;
    uint64_t random = 1;
    usec_t last = 0;

    (void)state;
    assert_int_equal(hosts_init(&hs, 500), 0);
    for (uint32_t i = 0; i < 500; i++) {
        struct addr a = addr_v4(i);
        struct host *h = hosts_add(&hs, &a);

        random = random * 6364136223846793005ULL + 1;
        hosts_set_due(&hs, h, random >> 40);
    }
    assert_null(hosts_add(&hs, &(struct addr){.family = ADDR_V4}));
    for (uint32_t i = 0; i < 500; i += 3) {
        struct addr a = addr_v4(i);
        struct host *h = hosts_find(&hs, &a);

        if (i % 2)
            hosts_remove(&hs, h);
        else
            hosts_set_ready(&hs, h);
    }
    for (struct host *h; (h = hosts_first_due(&hs)); last = h->due, hosts_set_ready(&hs, h))
        assert_true(h->due >= last);
    assert_int_equal(hs.n_ready, hs.n);
    hosts_done(&hs);
}

static void a_plan_finds_each_address_and_its_way(void **state)
{
    struct plan p = {0};
    struct hop local = {.kind = HOP_LOCAL}, far = {.kind = HOP_GATEWAY, .ifindex = 2};
    struct addr a = addr_v4(10), b = addr_v4(19), c = addr_v4(100), d = addr_v4(100), got;

    (void)state;
    assert_int_equal(plan_add(&p, &a, &b, &far), 0);
    assert_int_equal(plan_add(&p, &c, &d, &local), 0);
    assert_int_equal(plan_add(&p, &a, &a, &far), 0);
    assert_int_equal(p.total, 12);
    assert_int_equal(p.n_hops, 2);
    assert_int_equal(plan_nth(&p, 9, &got)->kind, HOP_GATEWAY);
    assert_int_equal(addr_to_v4(&got), 19);
    assert_int_equal(plan_nth(&p, 10, &got)->kind, HOP_LOCAL);
    assert_int_equal(addr_to_v4(&got), 100);
    assert_int_equal(plan_nth(&p, 11, &got)->ifindex, 2);
    plan_done(&p);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void the_longest_prefix_names_the_vendor(void **state)
{
    char dir[] = "/tmp/muster-vendors-XXXXXX", path[256];
    struct vendors *v = NULL;
    struct mac mac;
    static const struct {
        const char *mac, *want;
    } cases[] = {
        {"00:00:0c:01:02:03", "Large Inc"}, {"70:b3:d5:00:01:02", "Small AG"},
        {"70:b3:d5:00:11:02", "Registrar"}, {"f0:23:b9:1f:01:02", "Medium Ltd"},
        {"02:00:0c:01:02:03", NULL},        {"00:00:0d:01:02:03", NULL},
    };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(vendors_load(&v, dir, NULL), -ENOENT);
    write_file(dir, "oui.txt",
               "OUI/MA-L\r\n00-00-0C   (hex)\t\tLarge Inc\r\n"
               "00000C     (base 16)\t\tLarge Inc \r\n\t\t\t\tStreet\r\n\r\n"
               "70B3D5     (base 16)\t\tRegistrar\r\n");
    write_file(dir, "mam.txt",
               "F0-23-B9   (hex)\t\tMedium Ltd\n100000-1FFFFF     (base 16)\t\tMedium Ltd\n");
    write_file(dir, "oui36.txt",
               "70-B3-D5   (hex)\t\tSmall AG\n000000-000FFF     (base 16)\t\tSmall AG\n");
    assert_int_equal(vendors_load(&v, dir, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got;

        assert_int_equal(mac_parse(cases[i].mac, &mac), 0);
        got = vendors_name(v, &mac);
        if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: %s", cases[i].mac, got ? got : "none");
    }
    assert_null(vendors_name(NULL, &mac));
    vendors_free(v);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"oui.txt", "mam.txt", "oui36.txt"};

        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static const struct CMUnitTest hosts[] = {
    cmocka_unit_test(hosts_come_due_in_order_whatever_happens_between),
    cmocka_unit_test(a_plan_finds_each_address_and_its_way),
    cmocka_unit_test(the_longest_prefix_names_the_vendor),
};

TEST_MAIN(hosts)
