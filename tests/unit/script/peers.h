/* Servers on loopback with one behaviour each, in child processes: what the other end of a script's
 * socket may do. */
#pragma once

#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum peer_kind {
    PEER_HELLO,  /* "hello\nworld", closes after 20 ms */
    PEER_CLOSES, /* at once */
    PEER_RESETS, /* at once, with RST */
    PEER_SILENT, /* says nothing */
    PEER_HOLDS,  /* "hello\nworld", stays open */
    PEER_ECHO,
    PEER_BIG,       /* 300,000 bytes, then closes */
    PEER_LINE_FREE, /* sends for ever, without a line end */
    PEER_TLS,       /* TLS: "hello\nworld" in two records, then an end with close_notify */
    PEER_TLS_ECHO,  /* TLS: echo */
    PEER_TLS_BARE,  /* TLS: "x", then an end without close_notify */
    PEER_STARTTLS,  /* one line each way, then TLS echo */
    PEER_UDP_ECHO,
    PEER_KINDS
};

static const char *const peer_names[PEER_KINDS] = {
    "hello",   "closes", "resets",   "silent",   "holds",    "echo",    "big",
    "endless", "tls",    "tls_echo", "tls_bare", "starttls", "udp_echo"};

struct peers {
    int fds[PEER_KINDS];
    uint16_t ports[PEER_KINDS];
    uint16_t closed; /* nobody listens there */
    pid_t pid;
    EVP_PKEY *key;
    X509 *cert;
};

static void peer_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static void peer_wait(int ms)
{
    poll(NULL, 0, ms);
}

static void peer_echo(int fd)
{
    char b[4096];
    ssize_t n;

    while ((n = recv(fd, b, sizeof b, 0)) > 0)
        peer_write(fd, b, (size_t)n);
}

static void peer_flood(int fd, size_t len)
{
    static char x[65536];

    memset(x, 'x', sizeof x);
    while (len > 0) {
        size_t n = len < sizeof x ? len : sizeof x;

        if (send(fd, x, n, MSG_NOSIGNAL) <= 0)
            return;
        len -= n;
    }
}

/* The name that the client asked for goes out first where it did. */
static void peer_tls(struct peers *p, int fd, enum peer_kind kind)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = SSL_new(ctx);
    char b[4096];
    int n;

    SSL_use_certificate(ssl, p->cert);
    SSL_use_PrivateKey(ssl, p->key);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) != 1)
        return;
    if (kind == PEER_TLS) {
        SSL_write(ssl, "hello\n", 6);
        SSL_write(ssl, "world", 5);
        SSL_shutdown(ssl);
    } else if (kind == PEER_TLS_BARE) {
        SSL_write(ssl, "x", 1);
    } else {
        while ((n = SSL_read(ssl, b, sizeof b)) > 0) {
            const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

            if (n == 4 && memcmp(b, "sni?", 4) == 0)
                SSL_write(ssl, name ? name : "none", name ? (int)strlen(name) : 4);
            else
                SSL_write(ssl, b, n);
        }
    }
}

static void peer_serve(struct peers *p, int fd, enum peer_kind kind)
{
    char b[64];

    switch (kind) {
    case PEER_HELLO:
    case PEER_HOLDS:
        peer_write(fd, "hello\nworld", 11);
        peer_wait(kind == PEER_HELLO ? 20 : 20000);
        break;
    case PEER_SILENT:
        peer_wait(20000);
        break;
    case PEER_RESETS:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        break;
    case PEER_ECHO:
        peer_echo(fd);
        break;
    case PEER_BIG:
        peer_flood(fd, 300000);
        break;
    case PEER_LINE_FREE:
        peer_flood(fd, (size_t)1 << 40);
        break;
    case PEER_STARTTLS:
        if (recv(fd, b, sizeof b, 0) > 0)
            peer_write(fd, "go\n", 3);
        peer_tls(p, fd, PEER_TLS_ECHO);
        break;
    case PEER_TLS:
    case PEER_TLS_ECHO:
    case PEER_TLS_BARE:
        peer_tls(p, fd, kind);
        break;
    default:
        break;
    }
}

static void peer_udp(int fd)
{
    char b[65536];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(fd, b, sizeof b, 0, (struct sockaddr *)&from, &len);

    if (n >= 0)
        sendto(fd, b, (size_t)n, 0, (struct sockaddr *)&from, len);
}

static void peer_accept(struct peers *p, enum peer_kind kind)
{
    int fd = accept(p->fds[kind], NULL, NULL);

    if (fd < 0)
        return;
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer_serve(p, fd, kind);
        _exit(0);
    }
    close(fd);
}

static void peers_run(struct peers *p)
{
    struct pollfd fds[PEER_KINDS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < PEER_KINDS; i++)
        fds[i] = (struct pollfd){.fd = p->fds[i], .events = POLLIN};
    while (poll(fds, PEER_KINDS, -1) > 0)
        for (int i = 0; i < PEER_KINDS; i++)
            if (fds[i].revents && i == PEER_UDP_ECHO)
                peer_udp(fds[i].fd);
            else if (fds[i].revents)
                peer_accept(p, (enum peer_kind)i);
    _exit(0);
}

static uint16_t peer_listen(int type, int *ret_fd)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    if (type == SOCK_STREAM && ret_fd)
        assert_int_equal(listen(fd, 256), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    if (ret_fd)
        *ret_fd = fd;
    else
        close(fd);
    return ntohs(sa.sin_port);
}

static X509 *peer_cert(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer.test", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    return x;
}

static void peers_open(struct peers *p)
{
    p->key = EVP_EC_gen("prime256v1");
    assert_non_null(p->key);
    p->cert = peer_cert(p->key);
    for (int i = 0; i < PEER_KINDS; i++)
        p->ports[i] = peer_listen(i == PEER_UDP_ECHO ? SOCK_DGRAM : SOCK_STREAM, &p->fds[i]);
    p->closed = peer_listen(SOCK_STREAM, NULL);
    fflush(NULL);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        peers_run(p);
    for (int i = 0; i < PEER_KINDS; i++)
        close(p->fds[i]);
}

static void peers_close(struct peers *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}
