-- Puts a change into the outbox, if it changes anything HubSpot should hold.
create or replace function hubspot_sync.enqueue_change(
  p_table text,
  p_record uuid,
  p_operation text,
  p_old jsonb,
  p_new jsonb
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_operation = 'update' then
    insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, new_data)
    select p_table, p_record, 'update', jsonb_object_agg(n.key, p_old -> n.key),
           jsonb_object_agg(n.key, n.value)
      from jsonb_each(p_new) n
     where n.value <> p_old -> n.key
    having count(*) > 0;
  else
    insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, new_data)
    values (p_table, p_record, p_operation, p_old, p_new);
  end if;
end;
$$;

comment on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb) is
  'Adds a row to sync_queue: for an update only the properties that differ, and nothing where '
  'none does. p_operation: insert, update or delete.';
revoke execute on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb)
  from public, anon, authenticated;
