-- Why something cannot be done, before it is raised or listed.
create type hubspot_sync.refusal as (
  code text,
  message text,
  detail text,
  hint text
);
comment on type hubspot_sync.refusal is
  'The parts of an error. code: its SQLSTATE, null when there is nothing to refuse.';
