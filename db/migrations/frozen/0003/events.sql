-- The log of events that readers follow, and how far each group of consumers has come.

-- Append-only. Positions are given to committed events alone, from 1 without a gap: whoever holds
-- a position has missed nothing before it, in whatever order transactions committed.
create table hubspot_sync.event_log (
  sequence_number bigint not null,
  aggregate_type text not null,
  aggregate_id uuid not null,
  event_type text not null,
  event_data jsonb not null,
  occurred_at timestamptz not null,
  audit_id bigint not null,
  constraint event_log_pkey primary key (sequence_number),
  constraint event_log_audit_id unique (audit_id),
  constraint event_log_positive check (sequence_number > 0)
);
comment on table hubspot_sync.event_log is
  'What happened, in the order readers get it: positions from 1 without a gap. audit_id: the row '
  'of supabase_audit_log it came from, which may be gone by now.';

create table hubspot_sync.event_groups (
  group_name text not null,
  position bigint not null,
  updated_at timestamptz not null default now(),
  constraint event_groups_pkey primary key (group_name),
  constraint event_groups_position_not_negative check (position >= 0)
);
comment on table hubspot_sync.event_groups is
  'The last position of event_log that each group of consumers has done with.';
