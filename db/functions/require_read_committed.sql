-- Stops a writer in a transaction whose snapshot is older than the locks it waits for.
create or replace function hubspot_sync.require_read_committed()
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'isolation level % is not supported, read committed is',
      current_setting('transaction_isolation')
      using errcode = 'MBISO', hint = 'Begin the transaction without an isolation level.';
  end if;
end;
$$;

comment on function hubspot_sync.require_read_committed() is
  'Raises MBISO in a transaction of another isolation level than read committed.';
revoke execute on function hubspot_sync.require_read_committed() from public, anon, authenticated;
