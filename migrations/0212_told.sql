-- Addresses that scripts were told of by another device (nmap.add_targets) are looked at as those that were heard.
COMMENT ON COLUMN report.heard.source IS 'protocol of the latest sighting that was written down; script: a script was told of it by another device';
