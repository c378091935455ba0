-- Begins a comparison of both sides. One that compares what changed looks at what changed here
-- since the last one that was finished began; what is old is forgotten.
create or replace function hubspot_sync.begin_reconciliation(p_everything boolean default false)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_run bigint := nextval('hubspot_sync.reconciliation_runs');
begin
  delete from hubspot_sync.reconciliations r
   where r.started_at < v_now - hubspot_sync.setting('retention_errors')::interval;
  delete from hubspot_sync.reconciliation_seen s
   where not exists (select from hubspot_sync.reconciliations r
                      where r.run = s.run
                        and r.finished_at is null
                        and r.started_at > v_now - interval '1 day');
  insert into hubspot_sync.reconciliations (run, table_name, everything, since, started_at)
  select v_run, t.name, coalesce(p_everything, false),
         case when not p_everything then (
           select max(o.started_at) from hubspot_sync.reconciliations o
            where o.table_name = t.name and o.finished_at is not null) end, v_now
    from unnest(array['hubspot_mock_exams', 'hubspot_contact_credits', 'hubspot_bookings'])
           t (name);
  return v_run;
end;
$$;

comment on function hubspot_sync.begin_reconciliation(boolean) is
  'Begins a comparison of what changed, or of everything, and answers its number.';
revoke execute on function hubspot_sync.begin_reconciliation(boolean)
  from public, anon, authenticated;
grant execute on function hubspot_sync.begin_reconciliation(boolean) to service_role;
