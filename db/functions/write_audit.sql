-- Writes the audit log for a row of any of the three tables. What only the synchronisation
-- notes for itself (its times, HubSpot's id) is no change of the record.
create or replace function hubspot_sync.write_audit()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = ''
as $$
declare
  v_old jsonb;
  v_new jsonb;
  v_id uuid;
  v_hubspot_id text;
  v_fields text[];
begin
  if tg_op = 'INSERT' then
    v_id := new.id;
    v_hubspot_id := new.hubspot_id;
    v_new := jsonb_strip_nulls(to_jsonb(new)) - '{idempotency_request,idempotency_result}'::text[];
  elsif tg_op = 'DELETE' then
    v_id := old.id;
    v_hubspot_id := old.hubspot_id;
    v_old := jsonb_strip_nulls(to_jsonb(old)) - '{idempotency_request,idempotency_result}'::text[];
  else
    v_id := new.id;
    v_hubspot_id := new.hubspot_id;
    v_old := to_jsonb(old);
    select array_agg(n.key order by n.key), jsonb_object_agg(n.key, v_old -> n.key),
           jsonb_object_agg(n.key, n.value)
      into v_fields, v_old, v_new
      from jsonb_each(to_jsonb(new)) n
     where n.value is distinct from v_old -> n.key
       and n.key <> all ('{updated_at,synced_at,hubspot_last_sync_at,hubspot_id}'::text[]);
    if v_fields is null then
      return null;
    end if;
  end if;
  insert into hubspot_sync.supabase_audit_log
    (table_name, record, hubspot_id, operation, changed_fields, old_values, new_values, actor,
     created_at)
  values
    (tg_table_name, v_id, v_hubspot_id, lower(tg_op), v_fields, v_old, v_new,
     hubspot_sync.actor(), hubspot_sync.clock());
  return null;
end;
$$;

comment on function hubspot_sync.write_audit() is
  'Trigger: writes supabase_audit_log; for an update only the fields that changed.';
revoke execute on function hubspot_sync.write_audit() from public;
