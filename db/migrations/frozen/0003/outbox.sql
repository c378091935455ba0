-- The outbox and what belongs to it: what HubSpot has, what failed, what is paused.

-- A row is open until it is synced or dead. A claim stamps the open rows it covers with its epoch
-- and moves their next_attempt_at to the end of its lease.
create table hubspot_sync.sync_queue (
  id bigint generated always as identity,
  table_name text not null,
  record uuid not null,
  operation text not null,
  lane text not null default 'bulk',
  old_data jsonb,
  new_data jsonb,
  synced boolean not null default false,
  sync_attempts integer not null default 0,
  last_sync_attempt timestamptz,
  next_attempt_at timestamptz not null default now(),
  epoch bigint,
  unanswered boolean not null default false,
  last_error text,
  history jsonb,
  dead_at timestamptz,
  synced_at timestamptz,
  created_at timestamptz not null default now(),
  constraint sync_queue_pkey primary key (id),
  constraint sync_queue_operation_known check (
    operation in ('insert', 'update', 'delete', 'resend')
  ),
  constraint sync_queue_lane_known check (lane in ('urgent', 'bulk')),
  constraint sync_queue_table_known check (
    table_name in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams',
                   'sync_notes')
  ),
  -- What a claim or a failure of many rows could not read in one of them would stop all.
  constraint sync_queue_data_readable check (
    jsonb_typeof(old_data) = 'object'
    and jsonb_typeof(new_data) = 'object'
    and jsonb_typeof(history) = 'array'
  ),
  constraint sync_queue_attempts_counted check (sync_attempts between 0 and 1000000000),
  constraint sync_queue_times_real check (
    least(next_attempt_at, last_sync_attempt, dead_at, synced_at, created_at)
      > '2000-01-01 00:00+00'
    and greatest(next_attempt_at, last_sync_attempt, dead_at, synced_at, created_at)
      < '9999-01-01 00:00+00'
  )
) with (fillfactor = 70);
comment on table hubspot_sync.sync_queue is
  'The outbox: changes HubSpot does not have yet, written in the transaction that made them. '
  'lane: urgent goes before bulk; history: what happened to it, [{at, attempt, error}].';
create index idx_sync_queue_open
  on hubspot_sync.sync_queue (table_name, id) where not synced and dead_at is null;
create index idx_sync_queue_urgent
  on hubspot_sync.sync_queue (table_name, id)
  where not synced and dead_at is null and lane = 'urgent';
-- The one index that answers «what of this record»: such lookups say «not synced» and neither
-- the table nor «dead_at is null», lest the planner, who knows the queue as nearly empty, reads
-- all open rows for each record.
create index idx_sync_queue_record on hubspot_sync.sync_queue (record, id) where not synced;
create sequence hubspot_sync.sync_epochs;

-- The last value of every property that HubSpot is known to hold. Where no row of sync_queue is
-- open for a record, HubSpot holds exactly this.
create table hubspot_sync.sync_shadow (
  record uuid not null,
  table_name text not null,
  properties jsonb not null,
  version timestamptz,
  acknowledged timestamptz,
  read_version timestamptz,
  read_at timestamptz,
  seen jsonb,
  let_be text[] not null default '{}',
  written jsonb,
  updated_at timestamptz not null default now(),
  constraint sync_shadow_pkey primary key (record),
  constraint sync_shadow_properties_readable check (jsonb_typeof(properties) = 'object')
);
comment on table hubspot_sync.sync_shadow is
  'What HubSpot holds of each record, as far as it was acknowledged or read: properties and the '
  'links @contact and @exam. By HubSpot''s clock, its modified date: version, of the newest state '
  'known; acknowledged, of our last write; read_version, of the newest state read. read_at: by '
  'our clock, when that was. seen: of each balance, the moment of the last entry of its history '
  'that was taken into account. Marks among the properties: @archived, HubSpot deleted it; @gone, '
  'merged or forgotten, HubSpot never has it again; @given_up, nobody wants it made. let_be: '
  'fields whose difference somebody accepted. written: balances we wrote, [{credit, value, at}], '
  'while our id in HubSpot''s history is not known.';

create index idx_sync_shadow_archived
  on hubspot_sync.sync_shadow (updated_at) where properties ? '@archived';

-- Which side's value counts where nothing else decides.
create table hubspot_sync.field_owners (
  table_name text not null,
  field text not null,
  owner text not null,
  constraint field_owners_pkey primary key (table_name, field),
  constraint field_owners_owner_known check (owner in ('postgres', 'hubspot', 'request', 'sum'))
);
comment on table hubspot_sync.field_owners is
  'What becomes of an edit in HubSpot: hubspot, it counts; postgres, it is overwritten; request, '
  'it is done by the booking functions, or overwritten where they refuse; sum, what it added is '
  'added here. A field that is not named: the later edit counts.';
insert into hubspot_sync.field_owners values
  ('hubspot_bookings', 'booking_id', 'postgres'),
  ('hubspot_bookings', 'student_id', 'postgres'),
  ('hubspot_bookings', 'student_name', 'postgres'),
  ('hubspot_bookings', 'student_email', 'postgres'),
  ('hubspot_bookings', 'mock_exam_id', 'postgres'),
  ('hubspot_bookings', 'mock_type', 'postgres'),
  ('hubspot_bookings', 'exam_date', 'postgres'),
  ('hubspot_bookings', 'token_used', 'postgres'),
  ('hubspot_bookings', 'idempotency_key', 'postgres'),
  ('hubspot_bookings', '@contact', 'postgres'),
  ('hubspot_bookings', '@exam', 'postgres'),
  ('hubspot_bookings', 'is_active', 'request'),
  ('hubspot_bookings', 'attendance', 'request'),
  ('hubspot_contact_credits', 'sj_credits', 'sum'),
  ('hubspot_contact_credits', 'cs_credits', 'sum'),
  ('hubspot_contact_credits', 'sjmini_credits', 'sum'),
  ('hubspot_contact_credits', 'mock_discussion_token', 'sum'),
  ('hubspot_contact_credits', 'shared_mock_credits', 'sum'),
  ('hubspot_mock_exams', 'total_bookings', 'postgres'),
  ('hubspot_contact_credits', 'student_id', 'hubspot'),
  ('hubspot_contact_credits', 'email', 'hubspot'),
  ('hubspot_contact_credits', 'firstname', 'hubspot'),
  ('hubspot_contact_credits', 'lastname', 'hubspot'),
  ('hubspot_mock_exams', 'mock_exam_name', 'hubspot'),
  ('hubspot_mock_exams', 'mock_type', 'hubspot'),
  ('hubspot_mock_exams', 'mock_set', 'hubspot'),
  ('hubspot_mock_exams', 'exam_date', 'hubspot'),
  ('hubspot_mock_exams', 'start_time', 'hubspot'),
  ('hubspot_mock_exams', 'end_time', 'hubspot'),
  ('hubspot_mock_exams', 'location', 'hubspot'),
  ('hubspot_mock_exams', 'capacity', 'hubspot'),
  ('hubspot_mock_exams', 'is_active', 'hubspot'),
  ('hubspot_mock_exams', 'scheduled_activation_at', 'hubspot');

create table hubspot_sync.sync_pauses (
  scope text not null,
  reason text not null,
  paused_by text not null,
  paused_at timestamptz not null default now(),
  until timestamptz,
  constraint sync_pauses_pkey primary key (scope)
);
comment on table hubspot_sync.sync_pauses is
  'What is not sent for now: scope is a table or «*» for all; until: when it goes on by itself, '
  'null: when somebody resumes it.';

create table hubspot_sync.sync_errors (
  id bigint generated always as identity,
  direction text not null,
  entity text not null,
  record uuid,
  hubspot_id text,
  error_message text not null,
  retry_count integer not null default 0,
  created_at timestamptz not null default now(),
  resolved_at timestamptz,
  constraint sync_errors_pkey primary key (id),
  constraint sync_errors_direction_known check (
    direction in ('hubspot_to_supabase', 'supabase_to_hubspot')
  )
);
comment on table hubspot_sync.sync_errors is
  'What could not be synchronised, in either direction, and when it was healed.';
create unique index sync_errors_one_open
  on hubspot_sync.sync_errors (direction, entity, record, hubspot_id) nulls not distinct
  where resolved_at is null;
create index sync_errors_created_at on hubspot_sync.sync_errors (created_at);

create table hubspot_sync.sync_conflicts (
  id bigint generated always as identity,
  entity text not null,
  record uuid not null,
  field text not null,
  postgres_value text,
  hubspot_value text,
  decision text not null,
  created_at timestamptz not null default now(),
  constraint sync_conflicts_pkey primary key (id)
);
comment on table hubspot_sync.sync_conflicts is
  'Where two truths met, or one was unreadable: both values and what was decided.';
create index sync_conflicts_record on hubspot_sync.sync_conflicts (record);

create table hubspot_sync.sync_status (
  task text not null,
  last_run_at timestamptz not null,
  state jsonb not null default '{}',
  constraint sync_status_pkey primary key (task),
  constraint sync_status_state_readable check (jsonb_typeof(state) = 'object')
);
comment on table hubspot_sync.sync_status is
  'One row per task of the glue: when it ran last and what it must remember.';
