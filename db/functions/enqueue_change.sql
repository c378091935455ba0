-- Puts a change into the outbox, if it changes anything HubSpot should hold and does not have.
--
-- Where no row of a record is open or dead, its shadow is what HubSpot holds: a property that now
-- has the shadow's value need not be sent. With such a row HubSpot may hold something else, or
-- soon will.
create or replace function hubspot_sync.enqueue_change(
  p_table text,
  p_record uuid,
  p_operation text,
  p_old jsonb,
  p_new jsonb,
  p_lane text default 'bulk'
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lane text := case
    when current_setting('hubspot_sync.lane', true) = 'urgent' then 'urgent' else p_lane end;
begin
  -- A contact that was deleted there is needed again.
  if p_table = 'hubspot_bookings' and p_new ->> '@contact' <> ''
     and p_new ->> '@contact' is distinct from p_old ->> '@contact' then
    perform hubspot_sync.resend_record('hubspot_contact_credits', c.id)
       from hubspot_sync.hubspot_contact_credits c
      where c.hubspot_id = p_new ->> '@contact'
        and c.deleted_at is not null;
  end if;
  -- HubSpot has it no more; a contact that is needed again is made anew.
  if exists (select from hubspot_sync.sync_shadow s
              where s.record = p_record
                and (s.properties ? '@gone'
                     or s.properties ? '@archived' and p_table <> 'hubspot_contact_credits')) then
    return;
  end if;
  if p_operation = 'update' then
    insert into hubspot_sync.sync_queue
      (table_name, record, operation, lane, old_data, new_data)
    select p_table, p_record, 'update', v_lane, jsonb_object_agg(n.key, p_old -> n.key),
           jsonb_object_agg(n.key, n.value)
      from jsonb_each(p_new) n
     where n.value <> p_old -> n.key
    having count(*) > 0
       and (not exists (select from hubspot_sync.sync_shadow s
                         where s.record = p_record
                           and s.properties @> jsonb_object_agg(n.key, n.value))
            or exists (select from hubspot_sync.sync_queue q
                        where q.record = p_record and not q.synced));
  else
    insert into hubspot_sync.sync_queue
      (table_name, record, operation, lane, old_data, new_data)
    values (p_table, p_record, p_operation, v_lane, p_old, p_new);
  end if;
end;
$$;

comment on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb, text) is
  'Adds a row to sync_queue: for an update only the properties that differ, and nothing where '
  'none does, or HubSpot has all of them already; nothing of a record that was deleted there '
  '(exams, bookings), merged or forgotten. p_operation: insert, update or delete. p_lane: '
  'urgent or bulk; whatever an administrator''s login does is urgent.';
revoke execute on function hubspot_sync.enqueue_change(text, uuid, text, jsonb, jsonb, text)
  from public, anon, authenticated;
