-- How long until the next poll is due. Cron's minutes are not exact: what is due within a tenth of
-- the interval, a minute at most, is due.
create or replace function hubspot_sync.poll_due()
  returns interval
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_every interval := hubspot_sync.poll_interval(0, 0);
  v_last timestamptz := (select s.last_run_at
                           from hubspot_sync.sync_status s
                          where s.task = 'poll');
begin
  -- A clock that was set back must not keep everybody waiting.
  if v_last is null or v_last > v_now then
    return interval '0';
  end if;
  return greatest(v_last + v_every - least(v_every / 10, interval '1 minute') - v_now, '0');
end;
$$;

comment on function hubspot_sync.poll_due() is
  'How long until the next poll is due; 0: now.';
revoke execute on function hubspot_sync.poll_due() from public, anon, authenticated;
grant execute on function hubspot_sync.poll_due() to service_role;
