-- Removes the booking core. Bookings, contacts and exams stay; histories are counted aloud.
do $$
declare
  v_unknown bigint := (select count(*) from hubspot_sync.hubspot_bookings
                        where hubspot_id is null)
                    + (select count(*) from hubspot_sync.hubspot_contact_credits
                        where hubspot_id is null);
  v_open bigint := (select count(*) from hubspot_sync.sync_queue where not synced);
  v_table text;
  v_rows bigint;
  v_function regprocedure;
begin
  if v_unknown + v_open > 0 then
    raise exception 'cannot downgrade: % records have no HubSpot id, % changes are not sent yet',
      v_unknown, v_open
      using errcode = '55000',
            hint = 'Run «glue drain --once» until nothing is pending, then downgrade again.';
  end if;
  foreach v_table in array array[
    'supabase_audit_log', 'credit_ledger', 'sync_conflicts', 'sync_errors'
  ] loop
    execute format('select count(*) from hubspot_sync.%I', v_table) into v_rows;
    if v_rows > 0 then
      raise notice 'removing % rows of %', v_rows, v_table;
    end if;
  end loop;

  for v_function in
    select oid::regprocedure from pg_catalog.pg_proc
     where pronamespace = 'hubspot_sync'::regnamespace
  loop
    execute format('drop function if exists %s cascade', v_function);
  end loop;
end
$$;

drop schema api cascade;
drop materialized view hubspot_sync.booking_analytics;
drop view hubspot_sync.booking_events;
drop type hubspot_sync.claimed_change;
drop table
  hubspot_sync.exam_seats, hubspot_sync.credit_types, hubspot_sync.settings,
  hubspot_sync.credit_ledger, hubspot_sync.supabase_audit_log,
  hubspot_sync.sync_queue, hubspot_sync.sync_errors, hubspot_sync.sync_conflicts,
  hubspot_sync.sync_status;
drop sequence hubspot_sync.sync_epochs;

do $$
declare
  v_table text;
begin
  for v_table in
    select relname from pg_catalog.pg_class
     where relnamespace = 'hubspot_sync'::regnamespace and relkind = 'r'
  loop
    execute format('drop policy deny_direct_access on hubspot_sync.%I', v_table);
  end loop;
end
$$;
revoke usage on schema hubspot_sync from service_role;
