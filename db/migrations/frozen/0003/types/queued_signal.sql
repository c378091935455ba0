-- An open or dead row of the inbox, as list_signals shows it.
create type hubspot_sync.queued_signal as (
  id bigint,
  table_name text,
  hubspot_id text,
  name text,
  kind text,
  lane text,
  state text,
  attempts integer,
  age interval,
  next_attempt_at timestamptz,
  last_error text
);
comment on type hubspot_sync.queued_signal is
  'name: what people call our record: booking_id, student_id or an exam''s HubSpot id; null where '
  'it is not known here. kind: why it is to be read. state: see signal_state. attempts: since it '
  'came, or was retried by hand. next_attempt_at: of a leased one, the end of its lease.';
