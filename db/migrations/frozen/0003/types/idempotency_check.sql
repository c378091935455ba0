-- What is known of an idempotency key.
create type api.idempotency_check as (
  found boolean,
  booking_id text,
  id uuid,
  hubspot_id text,
  is_active text,
  student_id text,
  mock_exam_id text,
  created_at timestamptz
);
comment on type api.idempotency_check is 'The booking made under an idempotency key.';
