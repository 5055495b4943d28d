/* Options of nmap's that `muster scan` does not take, each with the reason or with what to give
 * instead: silence about a wish that is not served would be a wrong inventory.  Those whose wish is
 * served anyway are taken, since people's command lines have them. */
#include "service/cli/scan_args.h"

#define REFUSED(name_, help_)                                                                      \
    {                                                                                              \
        OPTION_REFUSED, name_, .help = help_                                                       \
    }
#define SERVED(name_, help_)                                                                       \
    {                                                                                              \
        OPTION_SERVED, name_, .help = help_                                                        \
    }
#define HONEST   "not supported: every packet of Muster is accountable"
#define MEASURED "the pace follows from what is measured; --max-rate, --min-rate and -T bound it"
#define STREAMS  "there are no groups of hosts, each is told as it is through; leave it out"
#define NO_OS    "detection of operating systems is not supported yet"
#define RESOLVER "names are asked for where /etc/resolv.conf says; leave it out"
#define NO_STYLE "the XML names no stylesheet"

/* clang-format off */
const struct option scan_refused[] = {
    /* targets and hosts */
    REFUSED("-iR", "random targets are not supported; name the targets"),
    REFUSED("-R", "names of all hosts that are up are asked for unless -n is given; leave it out"),
    REFUSED("--dns-servers", RESOLVER),
    SERVED("--system-dns", "the hosts file and the name servers of /etc/resolv.conf are asked"),
    REFUSED("--resolve-all", "of a name the first address is scanned; name the others"),
    SERVED("--unique", "no address is scanned twice"),
    REFUSED("-PN", "is spelled -Pn"),
    REFUSED("-PM", "netmask requests are not supported; use -PE or -PP"),
    REFUSED("-PY", "SCTP is not supported; use -PS, -PA, -PU, -PE or -PP"),
    REFUSED("-PO", "IP protocol pings are not supported; use -PS, -PA or -PE"),
    REFUSED("--discovery-ignore-rst", "a reset shows that a host is there; use -PE, -PP or -PU"),

    /* ports */
    REFUSED("-sA", "ACK scan is not supported; use -sS or -sT"),
    REFUSED("-sF", "FIN scan is not supported; use -sS or -sT"),
    REFUSED("-sN", "NULL scan is not supported; use -sS or -sT"),
    REFUSED("-sX", "Xmas scan is not supported; use -sS or -sT"),
    REFUSED("-sW", "window scan is not supported; use -sS or -sT"),
    REFUSED("-sM", "Maimon scan is not supported; use -sS or -sT"),
    REFUSED("-sY", "SCTP scan is not supported; use -sS or -sT"),
    REFUSED("-sZ", "SCTP scan is not supported; use -sS or -sT"),
    REFUSED("-sI", "idle scan is not supported: every packet of Muster is accountable"),
    REFUSED("-sO", "IP protocol scan is not supported; use -sS or -sT"),
    REFUSED("-b", "scanning through an FTP server is not supported; use -sT"),
    REFUSED("--scanflags", "is not supported; use -sS or -sT"),
    REFUSED("-r", "ports are asked in an order of Muster's own; leave it out"),
    REFUSED("--port-ratio", "is not supported; use --top-ports"),

    /* services, systems, scripts */
    REFUSED("--allports", "printers get no payloads, because they print what they are sent"),
    REFUSED("--version-trace", "use --script-trace: services are found out by scripts"),
    REFUSED("--servicedb", "is not supported; --datadir names a directory of such files"),
    REFUSED("--versiondb", "is not supported; services are found out by scripts"),
    REFUSED("-O", NO_OS),
    REFUSED("--osscan-limit", NO_OS),
    REFUSED("--osscan-guess", NO_OS),
    REFUSED("--fuzzy", NO_OS),
    REFUSED("--max-os-tries", NO_OS),
    REFUSED("-A", "of -O -sV -sC --traceroute, for which it stands, give -sVC --traceroute"),
    REFUSED("--script-updatedb",
            "not needed without a script.db; one of nmap's is renewed by nmap"),

    /* timing */
    REFUSED("--min-hostgroup", STREAMS),
    REFUSED("--max-hostgroup", STREAMS),
    REFUSED("--min-parallelism", MEASURED),
    REFUSED("--max-parallelism", MEASURED),
    REFUSED("-M", MEASURED),
    REFUSED("--min-rtt-timeout", MEASURED),
    REFUSED("--max-rtt-timeout", MEASURED),
    REFUSED("--initial-rtt-timeout", MEASURED),
    REFUSED("--scan-delay", MEASURED),
    REFUSED("--max-scan-delay", MEASURED),
    REFUSED("--defeat-rst-ratelimit", MEASURED),
    REFUSED("--defeat-icmp-ratelimit", MEASURED),

    /* packets */
    REFUSED("-S", "sending from a foreign address is not supported"),
    REFUSED("-D", "decoys are not supported: every packet of Muster is accountable"),
    REFUSED("-f", "fragmented probes are not supported: every packet of Muster is accountable"),
    REFUSED("--mtu", "fragmented probes are not supported: every packet of Muster is accountable"),
    REFUSED("-g", "source ports tell Muster's probes apart and cannot be chosen"),
    REFUSED("--source-port", "source ports tell Muster's probes apart and cannot be chosen"),
    REFUSED("--data", HONEST),
    REFUSED("--data-string", HONEST),
    REFUSED("--data-length", HONEST),
    REFUSED("--ip-options", HONEST),
    REFUSED("--ttl", HONEST),
    REFUSED("--spoof-mac", HONEST),
    REFUSED("--badsum", HONEST),
    REFUSED("--proxies", "connections go straight to the targets; use another sensor instead"),
    REFUSED("--send-eth", "how packets are sent follows from the route; leave it out"),
    REFUSED("--send-ip", "how packets are sent follows from the route; leave it out"),
    REFUSED("--privileged", "Muster sees itself what it may do; leave it out"),
    REFUSED("--unprivileged", "use -sT, which needs no raw sockets"),

    /* output */
    REFUSED("-oS", "is not written; use -oN"),
    REFUSED("--append-output", "files are written anew; --state and --resume go on with a scan"),
    REFUSED("--stylesheet", NO_STYLE),
    REFUSED("--webxml", NO_STYLE),
    SERVED("--no-stylesheet", "the XML names none"),
    SERVED("--noninteractive", "no keys are read"),
    REFUSED("--packet-trace", "use --script-trace for what scripts send, tcpdump for the rest"),
    REFUSED("--iflist", "ip address and ip route tell it"),
    REFUSED("-V", "muster --version tells it"),
    REFUSED("--version", "muster --version tells it"),
    OPTION_END,
};
/* clang-format on */
