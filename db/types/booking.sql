-- A booking as every function of api answers it.
create type api.booking as (
  id uuid,
  booking_id text,
  hubspot_id text,
  is_active text,
  mock_exam_id text,
  mock_type text,
  exam_date date,
  student_id text,
  student_name text,
  student_email text,
  token_used text,
  attendance text,
  attending_location text,
  dominant_hand text,
  created_at timestamptz,
  replayed boolean
);
comment on type api.booking is
  'A booking. is_active: Active, Cancelled or Completed. hubspot_id: null until HubSpot has it. '
  'replayed: this answer was given before, nothing was done now.';
