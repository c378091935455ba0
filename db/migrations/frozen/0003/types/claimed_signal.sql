-- One record of HubSpot's to read, as claim_signals hands it to a worker.
create type hubspot_sync.claimed_signal as (
  hubspot_id text,
  epoch bigint,
  lane text,
  kinds text[],
  attempts integer,
  record uuid,
  unique_value text,
  links boolean
);
comment on type hubspot_sync.claimed_signal is
  'lane: urgent or bulk. kinds: why it is to be read. attempts: reads of it, this one included. '
  'record, unique_value: our record of that id and its booking_id or student_id, or null. links: '
  'whether a booking''s links are to be read, too.';
