-- What became of a request to bring a record up to date.
create type api.sync_request as (
  state text,
  hubspot_id text,
  records integer,
  read_at timestamptz
);
comment on type api.sync_request is
  'state: queued (HubSpot is asked at once), fresh (it was read lately), or sending (HubSpot does '
  'not have it yet, and gets it first). hubspot_id: of the record, if it has one. records: how '
  'many are read again. read_at: when all of it had last been read; null if some never was.';
