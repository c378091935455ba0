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
  set search_path = ''
as $$
declare
  v_old jsonb := p_old;
  v_new jsonb := p_new;
begin
  if p_operation = 'update' then
    select jsonb_object_agg(n.key, p_old -> n.key), jsonb_object_agg(n.key, n.value)
      into v_old, v_new
      from jsonb_each(p_new) n
     where n.value is distinct from p_old -> n.key;
    if v_new is null then
      return;
    end if;
  end if;
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, old_data, new_data, next_attempt_at, created_at)
  values
    (p_table, p_record, p_operation, v_old, v_new, hubspot_sync.clock(), hubspot_sync.clock());
end;
$$;

comment on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb) is
  'Adds a row to sync_queue: for an update only the properties that differ, and nothing where '
  'none does. p_operation: insert, update or delete.';
revoke execute on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb)
  from public;
