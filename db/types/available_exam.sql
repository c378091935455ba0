-- An exam a student may book now.
create type api.available_exam as (
  id uuid,
  mock_exam_id text,
  mock_exam_name text,
  mock_type text,
  mock_set text,
  exam_date date,
  start_time text,
  end_time text,
  starts_at timestamptz,
  location text,
  capacity integer,
  seats_left integer,
  status text
);
comment on type api.available_exam is
  'A bookable exam. seats_left: as of the answer, at least 0. status: available, limited (3 '
  'seats or fewer) or full.';
