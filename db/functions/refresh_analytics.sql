-- Recomputes the analytics, if anything they are made of may have changed.
--
-- Every change of a source writes an audit row. The audit log's last id is remembered, read
-- before the refresh; while a transaction that may still commit an earlier one is open, nothing
-- is remembered, and the next call refreshes again.
create or replace function hubspot_sync.refresh_analytics(p_force boolean default false)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_last bigint;
  v_busy boolean;
  v_today date := (v_now at time zone hubspot_sync.setting('time_zone'))::date;
begin
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.refresh_analytics', 0));
  select case when s.is_called then s.last_value else 0 end
    into v_last
    from hubspot_sync.supabase_audit_log_id_seq s;
  if not p_force and exists (
       select from hubspot_sync.sync_status t
        where t.task = 'refresh_analytics'
          and (t.state ->> 'last_audit_id')::bigint = v_last
          and (t.state ->> 'day')::date = v_today) then
    return false;
  end if;
  v_busy := exists (
    select from pg_catalog.pg_locks l
     where l.relation = 'hubspot_sync.supabase_audit_log'::regclass
       and l.mode = 'RowExclusiveLock'
       and l.pid <> pg_backend_pid()
       and l.database = (select d.oid from pg_catalog.pg_database d
                          where d.datname = current_database()));
  refresh materialized view concurrently hubspot_sync.booking_analytics;
  insert into hubspot_sync.sync_status (task, last_run_at, state)
  values ('refresh_analytics', v_now, jsonb_build_object(
            'last_audit_id', case when not v_busy then v_last end, 'day', v_today))
  on conflict (task) do update
     set last_run_at = excluded.last_run_at, state = excluded.state;
  return true;
end;
$$;

comment on function hubspot_sync.refresh_analytics(boolean) is
  'Refreshes booking_analytics without blocking its readers and answers true; answers false, '
  'having done nothing, when no booking, exam or contact changed since. p_force: refresh anyway. '
  'sync_status keeps when it ran.';
revoke execute on function hubspot_sync.refresh_analytics(boolean) from public, anon, authenticated;
grant execute on function hubspot_sync.refresh_analytics(boolean) to service_role;
