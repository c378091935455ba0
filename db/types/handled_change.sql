-- What became of a row of the outbox that somebody retried or discarded by hand.
create type hubspot_sync.handled_change as (
  id bigint,
  table_name text,
  record uuid,
  name text,
  outcome text
);
comment on type hubspot_sync.handled_change is
  'outcome: retried or discarded; else why it was left as it is: leased (a worker has it), held '
  '(a second send, which must wait until the first can no longer arrive), sent, unknown (no such '
  'row).';
