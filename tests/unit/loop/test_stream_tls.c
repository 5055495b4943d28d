/* TLS over streams, against an OpenSSL server in the same process with a certificate made here. */
#include "tests/unit/loop/peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static struct outcome done, got;

struct server {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static int setup(void **state)
{
    (void)state;
    outcome_reset(&done);
    outcome_reset(&got);
    return 0;
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"printer", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static int alpn_pick(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";

    (void)ssl, (void)user;
    return SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof ours - 1, in,
                                 in_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

static struct server server_on(int fd)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = self_signed(key);
    struct server s = {.fd = fd, .ctx = SSL_CTX_new(TLS_server_method())};

    assert_int_equal(SSL_CTX_use_certificate(s.ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s.ctx, key), 1);
    SSL_CTX_set_alpn_select_cb(s.ctx, alpn_pick, NULL);
    SSL_CTX_set_security_level(s.ctx, 0);
    SSL_CTX_set_min_proto_version(s.ctx, TLS1_VERSION);
    X509_free(cert);
    EVP_PKEY_free(key);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    s.ssl = SSL_new(s.ctx);
    SSL_set_fd(s.ssl, fd);
    SSL_set_accept_state(s.ssl);
    return s;
}

static void server_done(struct server *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
    if (s->fd >= 0)
        close(s->fd);
}

static void pump(struct loop *l, struct server *s, const struct outcome *o)
{
    for (int i = 0; i < TURNS && o->calls == 0; i++) {
        ERR_clear_error();
        SSL_do_handshake(s->ssl);
        assert_true(loop_turn(l, PATIENCE / TURNS) >= 0);
    }
    assert_int_equal(o->calls, 1);
}

static const char *const alpn[] = {"h2", "http/1.1"};
static const struct stream_tls_opts probe = {
    .profile = STREAM_TLS_PROBE, .server_name = "printer.example", .alpn = alpn, .n_alpn = 2};

/* A stream after the handshake, and its server. */
static struct stream *secured(struct loop *l, struct server *srv, int max_version)
{
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    *srv = server_on(fd);
    if (max_version)
        SSL_set_max_proto_version(srv->ssl, max_version);
    assert_int_equal(stream_start_tls(s, &probe, PATIENCE, on_done, &done), 0);
    assert_int_equal(done.calls, 0);
    pump(l, srv, &done);
    assert_int_equal(done.status, 0);
    SSL_do_handshake(srv->ssl);
    outcome_reset(&done);
    return s;
}

static void a_probe_talks_to_an_unverified_server_with_name_and_protocols(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);
    const unsigned char *proto;
    unsigned proto_len;
    char buf[16] = "";
    X509 *peer;

    (void)state;
    assert_string_equal(SSL_get_servername(srv.ssl, TLSEXT_NAMETYPE_host_name), "printer.example");
    SSL_get0_alpn_selected(stream_ssl(s), &proto, &proto_len);
    assert_int_equal(proto_len, 8);
    peer = SSL_get1_peer_certificate(stream_ssl(s));
    assert_non_null(peer);
    X509_free(peer);
    assert_int_equal(stream_send(s, "hello", 5, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(SSL_read(srv.ssl, buf, sizeof buf), 5);
    assert_string_equal(buf, "hello");
    stream_free(s);
    assert_int_equal(SSL_read(srv.ssl, buf, sizeof buf), 0); /* close_notify came */
    assert_int_equal(SSL_get_error(srv.ssl, 0), SSL_ERROR_ZERO_RETURN);
    server_done(&srv);
    loop_free(l);
}

static void bytes_that_wait_inside_tls_come_though_the_socket_is_quiet(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);

    (void)state;
    assert_int_equal(SSL_write(srv.ssl, "abc", 3), 3);
    for (int i = 0; i < 3; i++) {
        outcome_reset(&got);
        assert_int_equal(stream_recv(s, 1, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, 1);
        assert_int_equal(got.data[0], "abc"[i]);
    }
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void old_versions_are_spoken_too(void **state)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct loop *l = loop_make();
        struct server srv;
        struct stream *s = secured(l, &srv, versions[i]);

        assert_int_equal(SSL_version(stream_ssl(s)), versions[i]);
        stream_free(s);
        server_done(&srv);
        loop_free(l);
    }
}

static void a_key_update_in_between_does_not_show(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);

    (void)state;
    assert_int_equal(SSL_key_update(srv.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(srv.ssl, "new key", 7), 7);
    assert_int_equal(stream_recv(s, 100, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, 7);
    assert_int_equal(stream_send(s, "and back", 8, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(SSL_read(srv.ssl, got.data, sizeof got.data), 8);
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void megabytes_go_both_ways_at_once(void **state)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);
    CLEANUP(freep) char *data = malloc(SIZE);
    static char sink[65536];
    size_t sent = 0, in = 0, out = 0;

    (void)state;
    memset(data, 'x', SIZE);
    SSL_set_mode(srv.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    assert_int_equal(stream_send(s, data, SIZE, PATIENCE, on_done, &done), 0);
    while (out < SIZE || in < SIZE) {
        int n = SSL_read(srv.ssl, sink, sizeof sink);

        out += n > 0 ? (size_t)n : 0;
        n = sent < SIZE ? SSL_write(srv.ssl, data + sent, (int)(SIZE - sent)) : 0;
        sent += n > 0 ? (size_t)n : 0;
        outcome_reset(&got);
        if (in < SIZE) {
            int r = stream_recv(s, 65536, PATIENCE, on_data, &got);

            assert_true(r == 0 || r == -EBUSY);
        }
        for (int i = 0; i < 3; i++)
            assert_true(loop_turn(l, 0) >= 0);
        in += got.calls && got.status > 0 ? (size_t)got.status : 0;
    }
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void a_bare_end_is_the_end_of_the_stream_for_a_probe(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);

    (void)state;
    close(srv.fd);
    srv.fd = -1;
    for (int i = 0; i < 2; i++) {
        outcome_reset(&got);
        assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, -ENODATA);
    }
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void a_reset_under_tls_is_told_and_raises_no_sigpipe(void **state)
{
    struct loop *l = loop_make();
    struct server srv;
    struct stream *s = secured(l, &srv, 0);

    (void)state;
    close_with_reset(srv.fd);
    srv.fd = -1;
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, -ECONNRESET);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPIPE);
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void a_server_without_tls_fails_the_handshake_with_a_reason(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_start_tls(s, &probe, PATIENCE, on_done, &done), 0);
    assert_true(write(fd, "SSH-2.0-OpenSSH_9.2p1\r\n", 23) == 23);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPROTO);
    assert_true(strncmp(stream_error_text(s), "TLS: ", 5) == 0);
    assert_false(stream_connected(s));
    assert_null(stream_ssl(s));
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_server_that_closes_during_the_handshake_has_ended(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(stream_start_tls(s, &probe, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -ENODATA);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_silent_server_times_the_handshake_out(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    loop_fake_clock(l, 0);
    assert_int_equal(stream_start_tls(s, &probe, USEC_PER_SEC, on_done, &done), 0);
    assert_int_equal(stream_recv(s, 1, PATIENCE, on_data, &got), -EBUSY);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &got), -EBUSY);
    loop_fake_advance(l, USEC_PER_SEC);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ETIMEDOUT);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void the_verifying_profile_refuses_a_self_signed_certificate(void **state)
{
    struct stream_tls_opts verify = {.profile = STREAM_TLS_VERIFY,
                                     .server_name = "printer.example"};
    struct stream_tls_opts nameless = {.profile = STREAM_TLS_VERIFY};
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);
    struct server srv = server_on(fd);

    (void)state;
    assert_int_equal(stream_start_tls(s, &nameless, PATIENCE, on_done, &done), -EINVAL);
    assert_int_equal(stream_start_tls(s, &verify, PATIENCE, on_done, &done), 0);
    pump(l, &srv, &done);
    assert_int_equal(done.status, -EPROTO);
    assert_string_equal(stream_error_text(s), "certificate: self-signed certificate");
    stream_free(s);
    server_done(&srv);
    loop_free(l);
}

static void a_freed_stream_cancels_its_handshake(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_start_tls(s, &probe, PATIENCE, on_done, &done), 0);
    loop_turn(l, 0);
    stream_free(s);
    wait_done(l, &done);
    assert_int_equal(done.status, -ECANCELED);
    expect_once(l, &done);
    close(fd);
    loop_free(l);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(a_probe_talks_to_an_unverified_server_with_name_and_protocols, setup),
    cmocka_unit_test_setup(bytes_that_wait_inside_tls_come_though_the_socket_is_quiet, setup),
    cmocka_unit_test_setup(old_versions_are_spoken_too, setup),
    cmocka_unit_test_setup(a_key_update_in_between_does_not_show, setup),
    cmocka_unit_test_setup(megabytes_go_both_ways_at_once, setup),
    cmocka_unit_test_setup(a_bare_end_is_the_end_of_the_stream_for_a_probe, setup),
    cmocka_unit_test_setup(a_reset_under_tls_is_told_and_raises_no_sigpipe, setup),
    cmocka_unit_test_setup(a_server_without_tls_fails_the_handshake_with_a_reason, setup),
    cmocka_unit_test_setup(a_server_that_closes_during_the_handshake_has_ended, setup),
    cmocka_unit_test_setup(a_silent_server_times_the_handshake_out, setup),
    cmocka_unit_test_setup(the_verifying_profile_refuses_a_self_signed_certificate, setup),
    cmocka_unit_test_setup(a_freed_stream_cancels_its_handshake, setup),
};

TEST_MAIN(tests)
