-- The view of sampled networks is a report like the others.
COMMENT ON VIEW report.sampling IS 'networks of which a pass asked only a sample when it last visited them, because nobody is known there';
COMMENT ON COLUMN report.sampling.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.sampling.first_address IS 'first address of the network';
COMMENT ON COLUMN report.sampling.last_address IS 'last address of the network';
COMMENT ON COLUMN report.sampling.pass IS 'name of the pass';
COMMENT ON COLUMN report.sampling.kind IS 'kind of the pass: presence or ports';
COMMENT ON COLUMN report.sampling.at IS 'when the sample was asked; nobody answered, else all would have been asked';
COMMENT ON COLUMN report.sampling.asked IS 'addresses in the sample; about the others nothing is claimed';
COMMENT ON COLUMN report.sampling.last_complete IS 'when all addresses of the network were last asked; empty: never';

INSERT INTO report.catalog(name, title, question, category) VALUES
  ('sampling', 'Sampled networks', 'Of which networks was only a sample asked, and when were they last asked in full?', 'coverage');
