-- Evidence of identity that was declared and did not arrive, and some that said the same twice:
--   * the GUID of SMB servers (script smb-guid); serial numbers heard by LLDP-MED and multicast DNS; DHCPv6 identifiers under the name that they
--     arrive with; host names of DHCPv6 and LLDP;
--   * a DHCP client id that is only the MAC address (RFC 2132 9.14, type 1) is no evidence beside it.
INSERT INTO inv.key_path(script, path, kind, word) VALUES ('smb-guid', '$.guid', 6, 'guid'), ('smb-guid', '$.name', 8, 'name');
INSERT INTO inv.key_heard VALUES ('dhcpv6-duid', 9), ('dhcpv6-hostname', 8), ('lldp-name', 8), ('lldp-serial', 10), ('mdns-serial', 10);

-- What a key looks like: one spelling, of bounded length; NULL: says nothing.
CREATE OR REPLACE FUNCTION inv.key_text(p_kind int2, p text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p IS NULL OR btrim(p) = '' THEN NULL
    WHEN p_kind IN (7, 8) THEN CASE WHEN lower(btrim(p, ' .')) ~ '^(localhost|unknown|none|<.*>|\(none\)|workgroup)' THEN NULL
                                    ELSE left(lower(btrim(p, ' .')), 255) END
    WHEN p_kind = 9 AND p ~* '^01[0-9a-f]{12}$' THEN NULL
    -- what makers write who write none
    WHEN p_kind IN (3, 6, 10, 11) AND p ~* '^(0+|f+|[0-]+|x+|unknown|none|n/a|default string|to be filled.*|not specified)$' THEN NULL
    WHEN length(p) > 200 THEN encode(sha256(convert_to(p, 'UTF8')), 'hex')
    ELSE btrim(p) END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv FROM PUBLIC;
SELECT ops.grant_roles();
