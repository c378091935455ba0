-- The one budget of HubSpot calls that all workers draw from.

create table hubspot_sync.hubspot_budget (
  limit_name text not null,
  calls integer not null,
  period interval not null,
  others integer not null default 0,
  remaining integer,
  told_at timestamptz,
  limited_at timestamptz,
  paused_until timestamptz,
  constraint hubspot_budget_pkey primary key (limit_name),
  constraint hubspot_budget_known check (limit_name in ('burst', 'search', 'daily')),
  constraint hubspot_budget_positive check (calls > 0 and period > '0')
);
comment on table hubspot_sync.hubspot_budget is
  'HubSpot''s limits, as its answers tell them: calls in any period; others: those of programs '
  'that use the same account; remaining: of all; both as last told, at told_at; limited_at: the '
  'last 429; paused_until: no call before then.';
insert into hubspot_sync.hubspot_budget (limit_name, calls, period) values
  ('burst', 100, '10 seconds'),
  ('search', 5, '1 second'),
  ('daily', 250000, '1 day');

-- A slot holds one call from its grant until HubSpot cannot count it any more.
create table hubspot_sync.hubspot_slots (
  limit_name text not null,
  slot integer not null,
  free_at timestamptz not null,
  ticket bigint,
  lane text,
  taken_at timestamptz,
  constraint hubspot_slots_pkey primary key (limit_name, slot),
  constraint hubspot_slots_limit_name_fkey foreign key (limit_name)
    references hubspot_sync.hubspot_budget (limit_name),
  constraint hubspot_slots_lane_known check (lane in ('urgent', 'bulk'))
) with (fillfactor = 50);
comment on table hubspot_sync.hubspot_slots is
  'As many as calls were ever open at once: a slot is taken until free_at; ticket: of the call '
  'under way; lane: whose it was.';
create sequence hubspot_sync.hubspot_tickets;

create table hubspot_sync.hubspot_calls (
  day date not null,
  lane text not null,
  calls integer not null default 0,
  rate_limited integer not null default 0,
  constraint hubspot_calls_pkey primary key (day, lane),
  constraint hubspot_calls_lane_known check (lane in ('urgent', 'bulk'))
);
comment on table hubspot_sync.hubspot_calls is
  'Calls per day of the account''s time zone and lane, and how many of them were answered 429.';

insert into hubspot_sync.settings values
  ('urgent_reserve', '2',
   'Calls of a period that bulk leaves to urgent, at most a twentieth of those allowed.'),
  ('daily_call_cap', null,
   'Calls a day after which bulk waits for the next day, while urgent goes on; none: no cap.'),
  ('hubspot_time_zone', 'UTC',
   'The time zone of the HubSpot account: its daily limit starts anew at midnight there.'),
  ('counted_within', '250 milliseconds',
   'How long after a call was sent HubSpot has counted it (an interval); none: once answered.');
