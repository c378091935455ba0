-- Before the booking core is removed: refuses while anything would be lost that HubSpot does not
-- have, and counts aloud the histories that go. Bookings, contacts and exams stay.
do $$
declare
  v_unknown bigint := (select count(*) from hubspot_sync.hubspot_bookings
                        where hubspot_id is null)
                    + (select count(*) from hubspot_sync.hubspot_contact_credits
                        where hubspot_id is null);
  v_open bigint := (select count(*) from hubspot_sync.sync_queue where not synced);
  v_table text;
  v_rows bigint;
begin
  if v_unknown + v_open > 0 then
    raise exception 'cannot downgrade: % records have no HubSpot id, % changes are not sent yet',
      v_unknown, v_open
      using errcode = '55000',
            hint = 'Run «glue drain --once» until nothing is pending, then downgrade again.';
  end if;
  foreach v_table in array array[
    'supabase_audit_log', 'credit_ledger', 'sync_conflicts', 'sync_errors', 'event_log'
  ] loop
    execute format('select count(*) from hubspot_sync.%I', v_table) into v_rows;
    if v_rows > 0 then
      raise notice 'removing % rows of %', v_rows, v_table;
    end if;
  end loop;
end
$$;
