-- What is read of HubSpot without being told: polls, comparisons, the import.

insert into hubspot_sync.settings values
  ('poll_overlap', '10 minutes',
   'How much earlier than the last poll began the next one looks; HubSpot''s search is late.'),
  ('poll_recent', '7 days',
   'How long after its day an exam is recent, with its bookings; polls leave out the others.'),
  ('poll_every_min', '5 minutes', 'The interval between polls while webhooks fail.'),
  ('poll_every_max', '1 hour', 'The interval between polls while webhooks arrive.'),
  ('read_after', '100 minutes',
   'In profile thrifty: how long what a webhook told may wait, to be read together with more.');

create sequence hubspot_sync.reconciliation_runs;
create table hubspot_sync.reconciliations (
  run bigint not null,
  table_name text not null,
  everything boolean not null,
  since timestamptz,
  started_at timestamptz not null,
  finished_at timestamptz,
  checked integer not null default 0,
  equal integer not null default 0,
  on_its_way integer not null default 0,
  differing integer not null default 0,
  missing_here integer not null default 0,
  missing_there integer not null default 0,
  taken integer not null default 0,
  compared integer not null default 0,
  queued integer not null default 0,
  sent integer not null default 0,
  conflicts integer not null default 0,
  drift integer not null default 0,
  constraint reconciliations_pkey primary key (run, table_name),
  constraint reconciliations_table_known check (
    table_name in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams')
  )
);
comment on table hubspot_sync.reconciliations is
  'Comparisons of both sides, a row a run and table. everything: of all records, else of those '
  'changed since. From HubSpot: checked, records of its that were read; equal; on_its_way, '
  'differing only in what the outbox holds; differing; missing_here; missing_there, ours that it '
  'does not list; taken, of these three the settled. To HubSpot: compared, records here; queued, '
  'those it lacks or has otherwise; sent, of these. conflicts: decided meanwhile. drift: what is '
  'left when all was done.';
create index reconciliations_started_at on hubspot_sync.reconciliations (started_at);

create table hubspot_sync.reconciliation_findings (
  run bigint not null,
  table_name text not null,
  hubspot_id text not null,
  finding text not null,
  fields text[],
  constraint reconciliation_findings_pkey primary key (run, table_name, hubspot_id),
  constraint reconciliation_findings_run_fkey foreign key (run, table_name)
    references hubspot_sync.reconciliations (run, table_name) on delete cascade,
  constraint reconciliation_findings_known check (
    finding in ('differing', 'missing_here', 'missing_there')
  )
);
comment on table hubspot_sync.reconciliation_findings is
  'What a comparison found: a record that differs, and in which fields (null: it cannot be read); '
  'one of HubSpot''s that is not here; one of ours that HubSpot does not list.';

create table hubspot_sync.reconciliation_seen (
  run bigint not null,
  record uuid not null,
  constraint reconciliation_seen_pkey primary key (run, record)
);
comment on table hubspot_sync.reconciliation_seen is
  'Records of ours that a comparison of everything has met in HubSpot''s listing so far.';
