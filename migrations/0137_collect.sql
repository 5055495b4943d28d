-- Values that nothing refers to are looked for by reading the facts and the ledger once for each table of values: the planner expects to find none,
-- and would read the ledger again for each one that it finds.
ALTER FUNCTION ops.collect_values(int4, int4) SET enable_nestloop = off;
