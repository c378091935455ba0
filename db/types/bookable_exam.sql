-- An exam as api.create_booking looked at it, with the credit that pays for it.
create type hubspot_sync.bookable_exam as (
  id uuid,
  hubspot_id text,
  mock_type text,
  exam_date date,
  starts_at timestamptz,
  is_open boolean,
  taken integer,
  capacity integer,
  credit text,
  token_name text,
  shared boolean,
  key_known boolean
);
comment on type hubspot_sync.bookable_exam is
  'An exam, its counter and its row of credit_types, and whether the idempotency key is known: '
  'read in one snapshot, without locks.';
