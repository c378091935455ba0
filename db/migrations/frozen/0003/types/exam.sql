-- An exam as every function of api answers it.
create type api.exam as (
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
  seats_taken integer,
  seats_left integer,
  status text,
  is_active boolean,
  scheduled_activation_at timestamptz,
  deleted_at timestamptz
);
comment on type api.exam is
  'An exam. mock_exam_id: its HubSpot id. seats_taken: as of the answer, more than capacity when '
  'overbooked. seats_left: at least 0. status: available, limited (3 seats or fewer) or full, '
  'by the seats alone. is_active: may be booked until it starts. scheduled_activation_at: when '
  'it will become active. deleted_at: null unless deleted.';
