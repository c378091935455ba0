-- A contact's balances.
create type api.contact_credits as (
  id uuid,
  hubspot_id text,
  student_id text,
  email text,
  firstname text,
  lastname text,
  sj_credits integer,
  cs_credits integer,
  sjmini_credits integer,
  mock_discussion_token integer,
  shared_mock_credits integer,
  replayed boolean
);
comment on type api.contact_credits is
  'A contact and its balances, each in whole bookings. replayed: this answer was given before, or '
  'the contact was here already; nothing was added now. Null where nothing was asked for.';
