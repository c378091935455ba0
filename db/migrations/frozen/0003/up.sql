-- The tables of the booking core: seats, credits, history, outbox, analytics' bookkeeping.

-- The one counter of an exam. Narrow, and no foreign key points to it: the row every booking
-- of an exam must update is then never share-locked by anyone.
create table hubspot_sync.exam_seats (
  exam uuid not null,
  capacity integer not null,
  taken integer not null default 0,
  is_open boolean not null,
  constraint exam_seats_pkey primary key (exam),
  constraint exam_seats_exam_fkey foreign key (exam)
    references hubspot_sync.hubspot_mock_exams (id) on delete cascade,
  constraint exam_seats_capacity_not_negative check (capacity >= 0),
  constraint exam_seats_taken_not_negative check (taken >= 0)
) with (fillfactor = 50);
comment on table hubspot_sync.exam_seats is
  'Seats of an exam: capacity, taken (bookings Active or Completed), is_open (may be booked).';

create table hubspot_sync.credit_types (
  mock_type text not null,
  credit text not null,
  token_name text not null,
  shared boolean not null,
  constraint credit_types_pkey primary key (mock_type),
  constraint credit_types_credit_known check (
    credit in ('sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token')
  ),
  constraint credit_types_token_name unique (token_name)
);
comment on table hubspot_sync.credit_types is
  'Which balance pays for a mock type, its name in token_used, and whether shared credits may.';
insert into hubspot_sync.credit_types values
  ('Situational Judgment', 'sj_credits', 'Situational Judgment Token', true),
  ('Clinical Skills', 'cs_credits', 'Clinical Skills Token', true),
  ('Mini-mock', 'sjmini_credits', 'Mini-mock Token', false),
  ('Mock Discussion', 'mock_discussion_token', 'Mock Discussion Token', false);

create table hubspot_sync.admin_users (
  email text not null,
  created_at timestamptz not null default now(),
  constraint admin_users_pkey primary key (email),
  constraint admin_users_email_lower check (email = lower(trim(email)) and email like '%_@_%')
);
comment on table hubspot_sync.admin_users is
  'Administrators, by the lower-cased email of their login.';

create table hubspot_sync.settings (
  key text not null,
  value text,
  description text not null,
  constraint settings_pkey primary key (key)
);
comment on table hubspot_sync.settings is 'Rules of the business and of the sync, as data.';
insert into hubspot_sync.settings values
  ('time_zone', 'UTC', 'The business''s time zone: when an exam starts, which day it is.'),
  ('cancellation_cutoff', null,
   'How long before the start a booking may still be cancelled (an interval); none: always.'),
  ('profile', 'fast',
   'fast: everything is sent as it comes; thrifty: by itself only what is urgent, the rest when'
   ' «glue push» runs.'),
  ('notes', 'on',
   'on: what the audit log has on bookings and contacts goes to HubSpot as notes on the contact;'
   ' off: it does not, nor later what was written meanwhile.'),
  ('notes_every', '1 minute', 'How often notes are written; in profile thrifty, by «glue push».'),
  ('max_sync_attempts', '3', 'Sends of a change before it becomes a dead letter.'),
  ('backoff_base', '10 seconds', 'Wait after the first failed send; doubled each time.'),
  ('backoff_max', '1 hour', 'Longest wait between two sends of a change.'),
  ('longest_request', '60 seconds',
   'How long HubSpot may still apply a request whose answer never came.'),
  ('stream_length', '100000', 'How many of the newest events the Redis stream keeps, about.'),
  ('hubspot_source_id', null,
   'Who we are in HubSpot''s property history (sourceId of our app); none: learnt from a write.'),
  ('deletions_a_day', '100',
   'Exams and bookings deleted in HubSpot within a day before a person must say it was meant.'),
  ('retention_inbox', '7 days',
   'How long a webhook event is remembered that was dealt with; HubSpot repeats one for a day.'),
  ('retention_queue', '7 days', 'How long a change that was sent is kept in sync_queue.'),
  ('retention_errors', '30 days', 'How long an error that was healed is kept in sync_errors.'),
  ('platform_schemas',
   'auth, cron, extensions, graphql, graphql_public, net, pgbouncer, pgsodium, pgsodium_masks,'
   ' realtime, storage, supabase_functions, supabase_migrations, vault',
   'Schemas the platform keeps safe itself: api.find_unprotected leaves them out.');

-- Append-only: no one is granted update or delete, and a trigger refuses both.
create table hubspot_sync.credit_ledger (
  id bigint generated always as identity,
  contact uuid not null,
  credit text not null,
  delta integer not null,
  balance_before integer not null,
  balance_after integer not null,
  booking uuid,
  reason text not null,
  actor text not null,
  note text,
  idempotency_key text,
  idempotency_request jsonb,
  idempotency_result jsonb,
  created_at timestamptz not null default now(),
  constraint credit_ledger_pkey primary key (id),
  constraint credit_ledger_contact_fkey foreign key (contact)
    references hubspot_sync.hubspot_contact_credits (id),
  constraint credit_ledger_delta_not_zero check (delta <> 0),
  constraint credit_ledger_adds_up check (balance_after = balance_before + delta),
  constraint credit_ledger_not_negative check (balance_after >= 0),
  constraint credit_ledger_reason_known check (
    reason in ('opening', 'booking', 'refund', 'grant', 'adjustment', 'hubspot', 'merge')
  )
);
comment on table hubspot_sync.credit_ledger is
  'Every change of a balance, whoever made it; the sum of deltas is the balance. note: the reason '
  'in a person''s words; idempotency_…: the request of a grant or adjustment, to answer it again.';
create unique index credit_ledger_idempotency_key
  on hubspot_sync.credit_ledger (idempotency_key) where idempotency_key is not null;
create index credit_ledger_contact on hubspot_sync.credit_ledger (contact, credit);
create unique index credit_ledger_once_per_booking
  on hubspot_sync.credit_ledger (booking, reason) where booking is not null;

create table hubspot_sync.supabase_audit_log (
  id bigint generated always as identity,
  table_name text not null,
  record uuid not null,
  hubspot_id text,
  operation text not null,
  changed_fields text[],
  old_values jsonb,
  new_values jsonb,
  actor text not null,
  event_type text,
  reason text,
  created_at timestamptz not null default now(),
  to_note boolean not null default false,
  note uuid,
  hubspot_sent_at timestamptz,
  constraint supabase_audit_log_pkey primary key (id),
  constraint audit_event_type_known check (
    event_type in ('created', 'cancelled', 'completed', 'modified', 'moved', 'attended',
                   'no_show', 'deleted')
  )
);
comment on table hubspot_sync.supabase_audit_log is
  'Who changed which field of which record from what to what, and why (reason); event_type: for '
  'a booking, what that was in a word; to_note: HubSpot is to be told in a note; note: the one of '
  'sync_notes that tells it; hubspot_sent_at: when HubSpot had it.';
create index idx_audit_record on hubspot_sync.supabase_audit_log (record);
create index idx_audit_event
  on hubspot_sync.supabase_audit_log (event_type, created_at) where event_type is not null;
create index idx_audit_pending
  on hubspot_sync.supabase_audit_log (id) where to_note;

alter table hubspot_sync.hubspot_mock_exams add column deleted_at timestamptz;
alter table hubspot_sync.hubspot_contact_credits
  add column deleted_at timestamptz,
  add column merged_into uuid,
  add constraint contacts_merged_into_fkey foreign key (merged_into)
    references hubspot_sync.hubspot_contact_credits (id) not valid;
alter table hubspot_sync.hubspot_contact_credits validate constraint contacts_merged_into_fkey;
create index idx_contacts_merged_into
  on hubspot_sync.hubspot_contact_credits (merged_into) where merged_into is not null;
alter table hubspot_sync.hubspot_bookings add column deleted_at timestamptz;
create index idx_exams_scheduled
  on hubspot_sync.hubspot_mock_exams (scheduled_activation_at)
  where scheduled_activation_at is not null;
create index idx_contacts_lower_email on hubspot_sync.hubspot_contact_credits (lower(email));
-- Old bookings that break a unique rule, which the rules' own partial indexes leave out.
create index idx_bookings_exempt_id on hubspot_sync.hubspot_bookings (booking_id) where exempt;
create index idx_bookings_exempt_student
  on hubspot_sync.hubspot_bookings (student_id) where exempt and is_active = 'Active';

comment on table hubspot_sync.hubspot_mock_exams is
  'Mock exams, born in HubSpot. is_active in any spelling of yes; starts_at follows from exam_date '
  'and start_time; total_bookings is the figure for HubSpot, exam_seats has the exact one; '
  'deleted_at: gone for good, unless api.upsert_exam brings it back.';
comment on table hubspot_sync.hubspot_contact_credits is
  'Students and their balances. A person is a student_id with an email. deleted_at: deleted in '
  'HubSpot; merged_into: HubSpot made one of the two, and the other has the balances.';
comment on table hubspot_sync.hubspot_bookings is
  'Bookings. is_active is the status: Active, Cancelled, Completed. mock_exam_id and contact_id '
  'are HubSpot''s ids, exam and contact ours. exempt: old data that breaks a rule and was kept. '
  'deleted_at: deleted in HubSpot.';
