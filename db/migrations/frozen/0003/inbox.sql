-- The inbox: what of HubSpot must be read (again), and what reading has told so far.

-- A row asks for one record of HubSpot's to be read; it says nothing of the record's values. A
-- claim stamps all open rows of a record with its epoch, and what was read closes exactly these.
create table hubspot_sync.webhook_inbox (
  id bigint generated always as identity,
  table_name text,
  hubspot_id text,
  kind text not null,
  lane text not null default 'bulk',
  event jsonb,
  event_key text,
  attempts integer not null default 0,
  outdated integer not null default 0,
  last_attempt_at timestamptz,
  next_attempt_at timestamptz not null default now(),
  epoch bigint,
  last_error text,
  history jsonb,
  dead_at timestamptz,
  done_at timestamptz,
  received_at timestamptz not null default now(),
  constraint webhook_inbox_pkey primary key (id),
  constraint webhook_inbox_event_key unique (event_key),
  constraint webhook_inbox_lane_known check (lane in ('urgent', 'bulk')),
  constraint webhook_inbox_table_known check (
    table_name in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams')
  ),
  constraint webhook_inbox_open_is_readable check (
    done_at is not null or table_name is not null and hubspot_id is not null
  ),
  constraint webhook_inbox_history_readable check (jsonb_typeof(history) = 'array')
) with (fillfactor = 70);
comment on table hubspot_sync.webhook_inbox is
  'The inbox: records of HubSpot to be read again, and why. kind: of a webhook event, its last '
  'word (creation, propertyChange, deletion, merge, restore, associationChange, '
  'privacyDeletion), else who asks (poll, reconcile, demand, stale, missing). event_key: what '
  'makes an event the same; event: as it came. outdated: how often in a row HubSpot answered a '
  'state older than the one known. Open until done_at or dead_at.';
create index idx_webhook_inbox_open
  on hubspot_sync.webhook_inbox (table_name, id) where done_at is null and dead_at is null;
create index idx_webhook_inbox_urgent
  on hubspot_sync.webhook_inbox (table_name, id)
  where done_at is null and dead_at is null and lane = 'urgent';
-- The one index that answers «what of this record»; see idx_sync_queue_record.
create index idx_webhook_inbox_record
  on hubspot_sync.webhook_inbox (hubspot_id, id) where done_at is null;
create index idx_webhook_inbox_done
  on hubspot_sync.webhook_inbox (done_at) where done_at is not null;
create index idx_webhook_inbox_edits
  on hubspot_sync.webhook_inbox (hubspot_id) where kind = 'propertyChange';
