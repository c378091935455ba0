-- An open or dead row of the outbox, as list_queue shows it.
create type hubspot_sync.queued_change as (
  id bigint,
  table_name text,
  record uuid,
  name text,
  operation text,
  lane text,
  state text,
  attempts integer,
  age interval,
  next_attempt_at timestamptz,
  last_error text
);
comment on type hubspot_sync.queued_change is
  'name: what people call the record: booking_id, student_id or an exam''s HubSpot id. state: see '
  'change_state. attempts: since it was queued, or retried by hand. next_attempt_at: of a leased '
  'one, the end of its lease.';
