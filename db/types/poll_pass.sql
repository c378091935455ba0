-- Where a search for what changed in HubSpot begins, or goes on.
create type hubspot_sync.poll_pass as (
  since timestamptz,
  until timestamptz,
  after text,
  recent_from date,
  started_at timestamptz
);
comment on type hubspot_sync.poll_pass is
  'By HubSpot''s clock: changed at since (null: ever) or later, and at until or before (null: not '
  'known before its first answer). after: records with higher ids are still to come; null: all. '
  'recent_from: exams and bookings of this day and later count as recent. started_at: now, by '
  'our clock.';
