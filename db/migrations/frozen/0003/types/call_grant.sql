-- Whether a call to HubSpot may be made now, and when to ask again if not.
create type hubspot_sync.call_grant as (
  granted boolean,
  ticket bigint,
  wait interval,
  reason text
);
comment on type hubspot_sync.call_grant is
  'ticket: what to hand to settle_call after the answer. If not granted, wait: when to ask again, '
  'and reason: pause, burst, search, cap (of ours) or daily (HubSpot''s).';
