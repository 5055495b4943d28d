-- nbstat tells a MAC address with its maker: the address alone is evidence of identity.
UPDATE inv.key_path SET path = '$.mac.address' WHERE script = 'nbstat' AND word = 'mac';
