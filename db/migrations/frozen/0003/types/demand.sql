-- What became of a demand that records be read at once.
create type hubspot_sync.demand as (
  state text,
  hubspot_id text,
  records integer,
  read_at timestamptz,
  age double precision,
  signals bigint[]
);
comment on type hubspot_sync.demand is
  'state: queued, fresh, sending (HubSpot has none of it yet) or unknown (nobody has such an id). '
  'hubspot_id: of the record, null of several. records: how many are read again. read_at: when '
  'all of it had last been read, null if some never was; age: seconds since. signals: whose end is '
  'worth waiting for, see watch_signals; none for everything.';
