-- What became of a row of the inbox that somebody retried or discarded by hand.
create type hubspot_sync.handled_signal as (
  id bigint,
  table_name text,
  hubspot_id text,
  name text,
  outcome text
);
comment on type hubspot_sync.handled_signal is
  'outcome: retried or discarded; else why it was left as it is: leased (a worker has it), done, '
  'unknown (no such row).';
