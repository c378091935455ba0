-- What a contact has to pay for a mock type.
create type api.credit_check as (
  contact_id uuid,
  student_id text,
  mock_type text,
  specific integer,
  shared integer,
  available integer,
  can_book boolean,
  token_name text
);
comment on type api.credit_check is
  'specific: credits of the type itself. shared: shared ones, 0 where they do not pay for it. '
  'available: both. token_name: what a booking would spend now, null when nothing is there.';
