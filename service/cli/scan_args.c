/* The options of `muster scan`.
 *
 * Names and meaning are nmap's, so that what fingers know works; scan_refused.c has those that
 * Muster does not do. */
#include "service/cli/scan_args.h"

#include "engine/scan/pings.h"
#include "engine/scan/sample.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define AT(member) .at = offsetof(struct scan_args, member)

/* clang-format off */
const struct option scan_options[] = {
    {OPTION_HEADING, .help = "Targets: addresses, CIDR, ranges such as 10.0.0-3.1-254, names"},
    {OPTION_LIST, "-iL", .arg = "FILE", AT(target_files),
     .help = "Read targets from FILE, - for standard input"},
    {OPTION_LIST, "--exclude", .arg = "TARGET,...", AT(excludes), .help = "Never touch these"},
    {OPTION_LIST, "--excludefile", .arg = "FILE", AT(exclude_files),
     .help = "Never touch what FILE lists"},
    {OPTION_FLAG, "-6", AT(ipv6), .help = "Names stand for their IPv6 addresses"},
    {OPTION_FLAG, "-n", AT(no_names), .help = "Do not ask for the names of addresses"},

    {OPTION_HEADING, .help = "Hosts"},
    {OPTION_BITS, "-sL", AT(ways), .bits = WAY_LIST | WAY_HOSTS_ONLY,
     .help = "List the targets and the names of their addresses; only name servers are asked"},
    {OPTION_BITS, "-sn", .also = "-sP", AT(ways), .bits = WAY_HOSTS_ONLY,
     .help = "Hosts only, no ports"},
    {OPTION_FLAG, "-Pn", .also = "-P0", AT(no_ping), .help = "Take every target as up"},
    {OPTION_TEXT, "-PS", .arg = "PORTS", AT(syn_ports), .attached = true,
     .help = "Ask by TCP SYN: -PS22,443; port 80 when none is named"},
    {OPTION_TEXT, "-PA", .arg = "PORTS", AT(ack_ports), .attached = true,
     .help = "Ask by TCP ACK; port 80 when none is named"},
    {OPTION_TEXT, "-PU", .arg = "PORTS", AT(udp_ports), .attached = true,
     .help = "Ask by UDP with the port's payload; port 40125 when none is named"},
    {OPTION_BITS, "-PE", AT(pings), .bits = SCAN_PING_ECHO, .help = "Ask by ICMP echo"},
    {OPTION_BITS, "-PP", AT(pings), .bits = SCAN_PING_TIMESTAMP, .help = "Ask by ICMP timestamp"},
    {OPTION_BITS, "-PR", AT(pings), .bits = SCAN_PING_ARP,
     .help = "Ask neighbours by ARP or ND, which is done anyway"},
    {OPTION_BITS, "--arp-all", AT(pings), .bits = SCAN_PING_LINK,
     .help = "Ask every target by ARP or ND on the interface of -e, whatever the routes say"},
    {OPTION_FLAG, "--multicast-ping", AT(multicast),
     .help = "Ask all IPv6 neighbours at once; those within the targets that answer are scanned"},
    {OPTION_BITS, "--disable-arp-ping", AT(pings), .bits = SCAN_PING_NO_ARP,
     .help = "ARP and ND only find the way to neighbours; the other questions decide"},
    {OPTION_FLAG, "--traceroute", AT(traceroute),
     .help = "Show the routers on the way to each host; needs raw socket rights"},

    {OPTION_HEADING, .help = "Ports"},
    {OPTION_TEXT, "-p", .arg = "PORTS", AT(ports),
     .help = "22,80,8000-8100, names such as http*, - for all; T: and U: in front of TCP and UDP"},
    {OPTION_FLAG, "-F", AT(fast), .help = "The 100 most frequent ports instead of 1000"},
    {OPTION_NUMBER, "--top-ports", .arg = "N", AT(top_ports), .least = 1, .bits = 65535,
     .help = "The N most frequent ports"},
    {OPTION_LIST, "--exclude-ports", .arg = "PORTS", AT(exclude_ports),
     .help = "Never ask these, in the spelling of -p"},
    {OPTION_BITS, "-sS", AT(ways), .bits = WAY_SYN,
     .help = "TCP SYN scan (default with raw socket rights)"},
    {OPTION_BITS, "-sT", AT(ways), .bits = WAY_CONNECT, .help = "connect() scan (default without)"},
    {OPTION_BITS, "-sU", AT(ways), .bits = WAY_UDP,
     .help = "UDP scan, alone or beside -sS or -sT; needs raw socket rights"},

    {OPTION_HEADING, .help = "Scripts"},
    {OPTION_BITS, "-sV", AT(ways), .bits = WAY_VERSION,
     .help = "Find out what runs on open ports, by the scripts of category version"},
    {OPTION_NUMBER, "--version-intensity", .arg = "0-9", AT(version_intensity), .bits = 9,
     .help = "How rare a service -sV asks for: 0 for few questions, 9 for all; 7 is usual"},
    {OPTION_BITS, "--version-light", AT(ways), .bits = WAY_VERSION_LIGHT,
     .help = "The same as --version-intensity 2"},
    {OPTION_BITS, "--version-all", AT(ways), .bits = WAY_VERSION_ALL,
     .help = "The same as --version-intensity 9"},
    {OPTION_BITS, "-sC", AT(ways), .bits = WAY_DEFAULT_SCRIPTS,
     .help = "Run the scripts of category default"},
    {OPTION_LIST, "--script", .arg = "EXPR", AT(scripts),
     .help = "Run scripts: names, categories, files, directories, and/or/not expressions"},
    {OPTION_LIST, "--script-args", .arg = "K=V,...", AT(script_args),
     .help = "Arguments of scripts"},
    {OPTION_TEXT, "--script-args-file", .arg = "FILE", AT(script_args_file),
     .help = "Arguments of scripts from FILE"},
    {OPTION_TEXT, "--script-help", .arg = "EXPR", AT(script_help),
     .help = "Tell what the selected scripts do, and end"},
    {OPTION_SPAN, "--script-timeout", .arg = "TIME", AT(script_timeout),
     .help = "End a script after TIME"},
    {OPTION_FLAG, "--script-trace", AT(script_trace), .help = "Show what scripts send and receive"},
    {OPTION_TEXT, "--script-scratch", .arg = "DIR", AT(script_scratch),
     .help = "Let scripts write files below DIR; nowhere without"},
    {OPTION_LIST, "--datadir", .arg = "DIR", AT(datadirs),
     .help = "Look for scripts/, nselib/ and data files in DIR first; repeatable"},

    {OPTION_HEADING, .help = "Timing; TIME is 30 (seconds), 500ms, 5m or 1h"},
    {OPTION_TEXT, "-T", .arg = "0-5", AT(timing),
     .help = "Template from slow and shy (0) to fast (5); 3 is usual"},
    {OPTION_RATE, "--min-rate", .arg = "N", AT(min_rate),
     .help = "Send no slower than N packets a second"},
    {OPTION_RATE, "--max-rate", .arg = "N", AT(max_rate),
     .help = "Send no faster than N packets a second"},
    {OPTION_NUMBER, "--max-retries", .arg = "N", AT(max_retries), .bits = 50,
     .help = "Repeat an unanswered probe at most N times (6 are the limit)"},
    {OPTION_SPAN, "--host-timeout", .arg = "TIME", AT(host_timeout),
     .help = "Give up on a host after TIME"},
    {OPTION_TEXT, "-e", .arg = "INTERFACE", AT(interface), .help = "Send by this interface"},

    {OPTION_HEADING, .help = "Large scans"},
    {OPTION_NUMBER, "--sample", .arg = "N", AT(sample), .bits = SAMPLE_MAX,
     .help = "Ask N addresses of each IPv4 /24 first, and all of it as soon as one answers"},
    {OPTION_FLAG, "--estimate", AT(estimate),
     .help = "Tell how many probes and how much time it takes, and end"},
    {OPTION_TEXT, "--state", .arg = "FILE", AT(state),
     .help = "Keep account in FILE of what is done, for --resume"},
    {OPTION_TEXT, "--resume", .arg = "FILE", AT(resume),
     .help = "Go on where the scan that kept account in FILE was interrupted"},

    {OPTION_HEADING, .help = "Output; FILE is - for standard output; %T, %D and such are the time"},
    {OPTION_TEXT, "-oN", .arg = "FILE", AT(text),
     .help = "Text, as on the screen, with the command line at its head"},
    {OPTION_TEXT, "-oX", .arg = "FILE", AT(xml), .help = "nmap's XML"},
    {OPTION_TEXT, "-oG", .arg = "FILE", AT(grep), .help = "nmap's lines to grep"},
    {OPTION_TEXT, "-oA", .arg = "NAME", AT(all),
     .help = "These three: NAME.nmap, NAME.xml and NAME.gnmap"},
    {OPTION_TEXT, "-oJ", .arg = "FILE", AT(json),
     .help = "JSON lines, each as soon as it is known"},
    {OPTION_FLAG, "--open", AT(open_only),
     .help = "List only ports that are or may be open, and hosts that have one"},
    {OPTION_FLAG, "--reason", AT(reason), .help = "Say why a host or port is in its state"},
    {OPTION_COUNT, "-v", .also = "--verbose", AT(verbose),
     .help = "Say more: open ports as they are found, hosts that are down; -vv: reasons"},
    {OPTION_SPAN, "--stats-every", .arg = "TIME", AT(stats_every),
     .help = "Tell every TIME how far the scan is; on a terminal that is shown anyway"},
    {OPTION_COUNT, "-d", .also = "--debug", AT(debug),
     .help = "Show what scripts log, and why they fail"},
    {OPTION_HELP, "--help", .also = "-h", .help = "This text"},
    OPTION_END,
};
/* clang-format on */

void scan_args_init(struct scan_args *a)
{
    *a = (struct scan_args){.max_retries = SCAN_RETRIES_DEFAULT,
                            .version_intensity = VERSION_INTENSITY_USUAL};
}

int scan_args_intensity(const struct scan_args *a)
{
    if (a->ways & WAY_VERSION_ALL)
        return 9;
    return a->ways & WAY_VERSION_LIGHT ? 2 : (int)a->version_intensity;
}

int scan_args_timing(const struct scan_args *a, struct err *e)
{
    static const char *const words[] = {"paranoid", "sneaky",     "polite",
                                        "normal",   "aggressive", "insane"};

    if (!a->timing)
        return 3;
    if (a->timing[0] >= '0' && a->timing[0] <= '5' && !a->timing[1])
        return a->timing[0] - '0';
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(a->timing, words[i]) == 0)
            return (int)i;
    return err_set(e, -EINVAL, "-T %s: expected 0 to 5", a->timing);
}

static bool is_stdout(const char *file)
{
    return file && strcmp(file, "-") == 0;
}

static const char *hosts_only(const struct scan_args *a)
{
    return a->ways & WAY_LIST ? "-sL" : "-sn";
}

static int check_ports(const struct scan_args *a, struct err *e)
{
    int ways = (a->ports ? 1 : 0) + (a->fast ? 1 : 0) + (a->top_ports ? 1 : 0);

    if (ways > 1)
        return err_set(e, -EINVAL, "-p, -F and --top-ports exclude each other; give one");
    if (ways > 0 && (a->ways & WAY_HOSTS_ONLY))
        return err_set(e, -EINVAL, "%s looks at no ports; leave out -p, -F and --top-ports",
                       hosts_only(a));
    if (a->exclude_ports.n && (a->ways & WAY_HOSTS_ONLY))
        return err_set(e, -EINVAL, "%s looks at no ports; leave out --exclude-ports",
                       hosts_only(a));
    return 0;
}

/* Two writers would mix their lines. */
static int check_outputs(const struct scan_args *a, struct err *e)
{
    const struct {
        const char *option, *file;
    } each[] = {{"-oN", a->text}, {"-oX", a->xml}, {"-oG", a->grep}, {"-oJ", a->json}};

    if (a->all && (a->text || a->xml || a->grep))
        return err_set(e, -EINVAL, "-oA writes what -oN, -oX and -oG do; leave those out");
    for (size_t i = 0; a->state && i <= ARRAY_LEN(each); i++) {
        const char *name = i < ARRAY_LEN(each) ? each[i].file : a->all;

        if (name && strchr(name, '%'))
            return err_set(e, -EINVAL,
                           "'%s': --resume goes on with the files, so that their names cannot have "
                           "the time in them",
                           name);
    }
    if (is_stdout(a->all))
        return err_set(e, -EINVAL, "-oA writes three files; give it a name for them");
    if (is_stdout(a->xml) + is_stdout(a->text) + is_stdout(a->grep) + is_stdout(a->json) > 1)
        return err_set(e, -EINVAL, "only one of -oN, -oX, -oG and -oJ can go to standard output");
    for (size_t i = 0; i < ARRAY_LEN(each); i++)
        for (size_t k = i + 1; k < ARRAY_LEN(each); k++)
            if (each[i].file && each[k].file && strcmp(each[i].file, each[k].file) == 0)
                return err_set(e, -EINVAL, "%s and %s both write '%s'; name a file for each",
                               each[i].option, each[k].option, each[i].file);
    return 0;
}

static int check_ways(const struct scan_args *a, struct err *e)
{
    unsigned port_ways = a->ways & (WAY_HOSTS_ONLY | WAY_SYN | WAY_CONNECT);

    if (port_ways & (port_ways - 1))
        return err_set(e, -EINVAL, "%s, -sS and -sT exclude each other; give one", hosts_only(a));
    if ((a->ways & WAY_HOSTS_ONLY) && (a->ways & WAY_UDP))
        return err_set(e, -EINVAL, "%s looks at no ports; leave out -sU", hosts_only(a));
    if ((a->ways & WAY_HOSTS_ONLY) && (a->ways & WAY_VERSION))
        return err_set(e, -EINVAL, "%s looks at no ports; leave out -sV", hosts_only(a));
    if (a->no_ping &&
        (a->syn_ports || a->ack_ports || a->udp_ports || a->pings & ~(unsigned)SCAN_PING_NO_ARP))
        return err_set(e, -EINVAL, "-Pn asks nobody; leave it out, or the other -P options");
    if (a->pings & SCAN_PING_LINK && !a->interface)
        return err_set(e, -EINVAL, "--arp-all needs the interface: add -e INTERFACE");
    if (a->multicast && (a->estimate || a->state || a->resume || a->no_ping))
        return err_set(e, -EINVAL,
                       "--multicast-ping asks who is there: -Pn, --estimate, --state and --resume "
                       "do not go with it");
    if (a->min_rate > 0 && a->max_rate > 0 && a->min_rate > a->max_rate)
        return err_set(e, -EINVAL, "--min-rate %g is above --max-rate %g", a->min_rate,
                       a->max_rate);
    return 0;
}

static int check_list(const struct scan_args *a, struct err *e)
{
    const char *extra = a->scripts.n || a->ways & WAY_DEFAULT_SCRIPTS ? "scripts"
                        : a->state || a->resume                       ? "--state and --resume"
                        : a->estimate                                 ? "--estimate"
                        : a->multicast                                ? "--multicast-ping"
                        : a->traceroute                               ? "--traceroute"
                                                                      : NULL;

    if (a->ways & WAY_LIST && extra)
        return err_set(e, -EINVAL, "-sL asks none of the targets; leave out %s", extra);
    return 0;
}

/* Scripts that were asked for may need none. */
static int check_targets(const struct scan_args *a, const struct option_list *operands,
                         struct err *e)
{
    if (a->resume && (operands->n || a->state))
        return err_set(e, -EINVAL,
                       "--resume takes targets and options from its file; give it alone");
    if (operands->n || a->target_files.n || a->script_help || a->resume)
        return 0;
    if (!a->scripts.n || a->multicast || a->estimate || a->state)
        return err_set(
            e, -EINVAL,
            "no targets: name at least one address, network or host (muster scan --help)");
    return 0;
}

int scan_args_check(const struct scan_args *a, const struct option_list *operands, struct err *e)
{
    int r = check_ports(a, e);

    if (r == 0)
        r = check_ways(a, e);
    if (r == 0)
        r = scan_args_timing(a, e);
    if (r >= 0)
        r = check_outputs(a, e);
    if (r == 0)
        r = check_list(a, e);
    return r < 0 ? r : check_targets(a, operands, e);
}
